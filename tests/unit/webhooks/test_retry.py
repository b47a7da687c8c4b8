"""What becomes of a webhook after an attempt."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.core.records import Delivery
from rejoinder.webhooks.retry import Delivered, GiveUp, Outcome, Refused, TryAgain, judge, settled, wait_s

NOW = 1000.0


def delivery(attempts: int = 1, retries: int = 0, id: int = 7) -> Delivery:
    return Delivery(id, "b1", "https://x.example/h", "bot.done", b"{}", retries, 0.0, attempts=attempts)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_delivered(status: int) -> None:
    assert judge(delivery(), Outcome(status), NOW) == Delivered()


FAILURES = [Outcome(500, "the receiver answered 500"), Outcome(302), Outcome(404), Outcome(error="no answer")]


@pytest.mark.parametrize("outcome", FAILURES)
def test_one_attempt_by_default(outcome: Outcome) -> None:
    assert isinstance(judge(delivery(), outcome, NOW), GiveUp)


@pytest.mark.parametrize("outcome", FAILURES)
def test_so_many_retries_as_were_asked_for(outcome: Outcome) -> None:
    verdicts = [judge(delivery(attempts, 2), outcome, NOW) for attempts in (1, 2, 3, 4)]
    assert [type(verdict) for verdict in verdicts] == [TryAgain, TryAgain, GiveUp, GiveUp]


def test_what_is_final() -> None:
    assert judge(delivery(1, 20), Outcome(410, "gone"), NOW) == GiveUp("gone")
    refused = Outcome(error="the address is a private address", refused=True)
    assert judge(delivery(1, 20), refused, NOW) == Refused("the address is a private address")


def test_the_waits() -> None:
    full = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    for attempts, most in enumerate(full, start=1):
        waits = {wait_s(id, attempts) for id in range(200)}
        assert max(waits) <= most
        assert min(waits) >= most * 0.75
        assert max(waits) - min(waits) > most * 0.2  # those that failed together come back apart
    assert wait_s(7, 3) == wait_s(7, 3)


@given(st.integers(1, 2**62), st.integers(1, 10_000))
def test_no_wait_is_longer_than_a_minute(id: int, attempts: int) -> None:
    assert 0.75 <= wait_s(id, attempts) <= 60


def test_what_is_kept() -> None:
    pending = delivery(2, 5)
    assert settled(pending, Outcome(204), NOW) == replace(
        pending, status="delivered", last_status=204, delivered_at=NOW
    )
    again = settled(pending, Outcome(503, "the receiver answered 503: busy"), NOW)
    assert again == replace(
        pending, last_status=503, last_error="the receiver answered 503: busy", next_at=NOW + wait_s(7, 2)
    )
    assert settled(again, Outcome(200), NOW).last_error is None
    lost = settled(delivery(), Outcome(418), NOW)
    assert (lost.status, lost.last_error) == ("failed", "the receiver answered 418")
    refused = settled(delivery(1, 9), Outcome(error="x" * 5000, refused=True), NOW)
    assert refused.status == "refused"
    assert len(refused.last_error or "") == 500
