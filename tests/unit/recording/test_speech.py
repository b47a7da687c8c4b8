"""Who speaks, by level."""

from __future__ import annotations

import numpy as np
import pytest

from rejoinder.recording.speech import Activity, Change, level_db


def told(activity: Activity, levels: list[float], start: int = 0) -> list[tuple[int, Change]]:
    """(frame at which it was told, change)"""
    found = []
    for number, level in enumerate(levels, start):
        change = activity.hear(number, level)
        if change is not None:
            found.append((number, change))
    return found


def test_speech_is_told_after_80_ms_and_over_after_half_a_second() -> None:
    levels = [-65.0] * 50 + [-30.0] * 40 + [-65.0] * 60
    assert told(Activity(), levels) == [(53, Change(True, 50)), (114, Change(False, 90))]


def test_pauses_inside_a_sentence_do_not_end_it() -> None:
    levels = [-65.0] * 50 + ([-30.0] * 10 + [-65.0] * 20) * 5
    assert [change for _, change in told(Activity(), levels)] == [Change(True, 50)]


def test_a_click_is_no_speech() -> None:
    assert told(Activity(), ([-20.0] * 2 + [-65.0] * 30) * 10) == []


def test_a_fan_becomes_the_noise_floor_and_speech_stands_out_of_it() -> None:
    activity = Activity()
    told(activity, [-42.0] * 1500)
    assert not activity.speaking
    assert [change.speaking for _, change in told(activity, [-25.0] * 20, 1500)] == [True]


@pytest.mark.parametrize("level", [-96.0, -58.0])
def test_what_is_hardly_audible_is_no_speech(level: float) -> None:
    assert told(Activity(), [-96.0] * 20 + [level] * 100) == []


def test_speech_ends_also_when_no_audio_comes_any_more() -> None:
    activity = Activity()
    told(activity, [-30.0] * 20)
    assert activity.silence(44) is None
    assert activity.silence(45) == Change(False, 20)
    assert activity.hear(40, -10.0) is None  # that time is over


def test_someone_who_hardly_pauses_stays_a_speaker() -> None:
    activity = Activity()
    changes = told(activity, [-65.0] * 10 + ([-28.0] * 45 + [-60.0] * 5) * 100)
    assert [change.speaking for _, change in changes] == [True]


def test_levels() -> None:
    wave = 32_767 * np.sin(2 * np.pi * 10 * np.arange(960) / 960)
    assert level_db(wave.astype(np.int16)) == pytest.approx(-3.01, abs=0.01)
    assert level_db(np.zeros(960, np.int16)) == -96.0
    assert level_db(np.zeros(0, np.int16)) == -96.0
