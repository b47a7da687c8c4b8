from __future__ import annotations

from typing import get_args

import pytest

from rejoinder.core.outcome import Outcome, Reason, pause_before_retry


@pytest.mark.parametrize("reason", get_args(Reason))
def test_every_reason_has_an_end(reason: Reason) -> None:
    outcome = Outcome(reason, "why")
    assert (pause_before_retry(reason, 1) is not None) == outcome.retryable
    assert pause_before_retry(reason, 100) is None
    assert outcome.ended in ("left", "denied", "lobby_timeout", "ended", "removed", "lost")


def test_what_people_decided_is_not_asked_again() -> None:
    for reason in ("denied", "removed", "ended", "host_ended", "captcha", "wall", "login_required", "left"):
        assert pause_before_retry(reason, 1) is None


def test_a_late_host_is_waited_for_ten_minutes() -> None:
    pauses = [pause_before_retry("not_started", tries) for tries in range(1, 60)]
    assert sum(pause for pause in pauses if pause is not None) == 600


def test_a_free_account_is_waited_for_two_minutes() -> None:
    pauses = [pause_before_retry("login_busy", tries) for tries in range(1, 60)]
    assert sum(pause for pause in pauses if pause is not None) == 120


def test_no_try_is_no_retry() -> None:
    assert pause_before_retry("crashed", 0) is None
