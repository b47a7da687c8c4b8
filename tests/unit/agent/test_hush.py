"""Silence by level."""

from __future__ import annotations

import numpy as np

from rejoinder.agent.hush import HUSH_S, Hush


def feed(hush: Hush, level: float, seconds: float) -> list[bool]:
    changes = []
    for _ in range(round(seconds * 50)):
        change = hush.hear(np.full(320, level, np.float32))
        if change is not None:
            changes.append(change)
    return changes


def test_silence_is_noticed_once_and_speech_ends_it() -> None:
    hush = Hush()
    assert feed(hush, 0.2, 1.0) == []
    assert feed(hush, 0.001, HUSH_S - 0.02) == []
    assert feed(hush, 0.001, 1.0) == [True]
    assert feed(hush, 0.2, 0.5) == [False]
    assert feed(hush, 0.001, 0.5) == [True]


def test_a_stop_inside_a_word_is_no_silence() -> None:
    hush = Hush()
    feed(hush, 0.2, 0.5)
    assert feed(hush, 0.001, 0.06) == []
    assert feed(hush, 0.2, 0.2) == []


def test_a_noisy_room_never_counts_as_silent() -> None:
    hush = Hush()
    feed(hush, 0.2, 0.5)
    assert feed(hush, 0.02, 2.0) == []


def test_after_a_shout_normal_speech_is_not_faint_for_long() -> None:
    hush = Hush()
    feed(hush, 0.9, 0.2)
    assert feed(hush, 0.1, 1.0) == []


def test_nothing_is_nothing() -> None:
    assert Hush().hear(np.zeros(0, np.float32)) is None
