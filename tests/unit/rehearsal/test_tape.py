"""Judging what reached an ear."""

from __future__ import annotations

import numpy as np
import pytest

from rejoinder.media.frame import MEETING_RATE
from rejoinder.rehearsal.check import word_error_rate
from rejoinder.rehearsal.person import audible
from rejoinder.rehearsal.tape import Tape

BLOCK = MEETING_RATE // 100


def tape(loud: list[tuple[float, float]], length: float = 2.0) -> Tape:
    made = Tape()
    for number in range(round(length * 100)):
        at = number / 100
        level = 8000 if any(begin <= at < end for begin, end in loud) else 0
        made.add(np.full(BLOCK, level, np.int16), at + 0.01)
    return made


def test_sounds_and_silences() -> None:
    made = tape([(0.5, 0.8), (1.2, 1.5)])
    assert made.first_sound(0) == pytest.approx(0.5)
    assert made.first_sound(0.9) == pytest.approx(1.2)
    assert made.last_sound(0) == pytest.approx(1.5)
    assert made.longest_silence(0, 2) == pytest.approx(0.4)
    assert made.first_sound(1.6) is None


def test_laying_out_keeps_pauses_in_the_arrival() -> None:
    made = Tape()
    for arrived in (0.11, 0.12, 0.52):
        made.add(np.full(BLOCK, 5, np.int16), arrived)
    line = made.laid_out(0.0, MEETING_RATE)
    assert np.flatnonzero(line)[0] == round(0.1 * MEETING_RATE)
    assert int(np.count_nonzero(line)) == 3 * BLOCK
    assert line[round(0.515 * MEETING_RATE)] == 5


def test_the_audible_part_of_a_clip() -> None:
    clip = np.zeros(MEETING_RATE, np.int16)
    clip[12_000:24_000] = 9000
    assert audible(clip) == (12_000, 24_000)


@pytest.mark.parametrize(
    ("said", "heard", "rate"),
    [
        ("It is on Friday.", "it is on friday", 0.0),
        ("seven days", "7 days", 0.0),
        ("one two three four", "one two four", 0.25),
        ("one two", "one two three", 0.5),
        ("", "", 0.0),
        ("", "noise", 1.0),
    ],
)
def test_word_error_rate(said: str, heard: str, rate: float) -> None:
    assert word_error_rate(said, heard) == rate
