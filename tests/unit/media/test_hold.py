"""When the bot is silent."""

from __future__ import annotations

import numpy as np
import pytest

from rejoinder.media.hold import Hold, rms


def flat(level: int) -> np.ndarray:
    return np.full(960, level, np.int16)


def test_rms() -> None:
    assert rms(flat(-500)) == pytest.approx(500)
    assert rms(np.array([300, -400], np.int16)) == pytest.approx(353.55, abs=0.01)
    assert rms(flat(-32768)) == pytest.approx(32768)
    assert rms(np.zeros(0, np.int16)) == 0


def test_it_is_silent_for_as_long_as_it_was_told() -> None:
    hold = Hold()
    assert not hold.on(5.0)
    hold.pause(5.0, 2.0)
    assert hold.on(5.0)
    assert hold.on(6.999)
    assert not hold.on(7.0)


def test_a_second_pause_never_shortens_the_first() -> None:
    hold = Hold()
    hold.pause(0.0, 2.0)
    hold.pause(0.5, 0.1)
    assert hold.on(1.9)
    hold.pause(1.9, 1.0)
    assert hold.on(2.8)
    assert not hold.on(2.9)


def test_each_loud_frame_makes_it_silent_for_another_800_ms() -> None:
    hold = Hold(threshold=500.0)
    hold.heard(1.0, flat(500))
    assert not hold.on(1.0), "the threshold itself is not above it"
    hold.heard(1.0, flat(501))
    assert hold.on(1.79)
    hold.heard(1.5, flat(-900))
    hold.heard(1.7, flat(10))
    assert hold.on(2.29)
    assert not hold.on(2.3)


def test_without_a_threshold_nothing_is_loud() -> None:
    hold = Hold()
    hold.heard(0.0, flat(32767))
    assert not hold.on(0.0)


def test_clearing_ends_the_pause_that_was_asked_for_but_not_the_peoples() -> None:
    hold = Hold(threshold=100.0)
    hold.pause(0.0, 5.0)
    hold.forget()
    assert not hold.on(0.1)
    hold.heard(0.2, flat(200))
    hold.pause(0.2, 5.0)
    hold.forget()
    assert hold.on(0.9)
    assert not hold.on(1.0)
