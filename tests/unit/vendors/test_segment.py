"""Trimming and cutting of utterances."""

from __future__ import annotations

import numpy as np
import pytest

from rejoinder.agent.base import STT_RATE, Samples
from rejoinder.vendors.moonshine.segment import CUT_ANYWHERE_S, LEAD_S, TRAIL_S, cut_point, trim


def sound(seconds: float, level: float = 0.1) -> Samples:
    times = np.arange(round(seconds * STT_RATE)) / STT_RATE
    return (level * np.sin(2 * np.pi * 200 * times)).astype(np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * STT_RATE), np.float32)


def test_silence_around_speech_is_trimmed() -> None:
    samples = np.concatenate((silence(1), sound(0.5), silence(1)))
    assert len(trim(samples)) / STT_RATE == pytest.approx(LEAD_S + 0.5 + TRAIL_S, abs=0.03)


def test_speech_without_silence_is_whole() -> None:
    assert len(trim(sound(1))) == STT_RATE


@pytest.mark.parametrize("samples", [silence(0), silence(0.005), silence(2), sound(2, 1e-4), sound(0.1)])
def test_less_than_a_word_is_nothing(samples: Samples) -> None:
    assert len(trim(samples)) == 0


def test_short_utterances_are_not_cut() -> None:
    assert cut_point(np.concatenate((sound(5), silence(0.5), sound(3)))) is None


def test_a_long_one_is_cut_in_its_pause() -> None:
    at = cut_point(np.concatenate((sound(6), silence(0.4), sound(4))))
    assert at is not None
    assert 6.0 < at / STT_RATE < 6.4


def test_one_without_a_pause_is_cut_only_when_very_long() -> None:
    assert cut_point(sound(CUT_ANYWHERE_S - 1)) is None
    samples = sound(CUT_ANYWHERE_S + 1)
    samples[8 * STT_RATE : 8 * STT_RATE + 4000] *= 0.5
    at = cut_point(samples)
    assert at is not None
    assert 8.0 <= at / STT_RATE <= 8.25


def test_the_end_is_never_cut_off() -> None:
    assert cut_point(np.concatenate((sound(9.2), silence(0.3)))) is None
