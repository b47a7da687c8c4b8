"""Level and silence of what the voice says."""

from __future__ import annotations

import numpy as np
import pytest

from rejoinder.vendors.hibari.tts import (
    BREATH_S,
    CEILING,
    GAIN,
    KNEE,
    LEAD_S,
    PAUSE_S,
    RATE,
    levelled,
    trimmed,
)


def test_quiet_sound_gets_the_gain_and_nothing_else() -> None:
    quiet = np.linspace(-KNEE / GAIN, KNEE / GAIN, 1001, dtype=np.float32)
    np.testing.assert_allclose(levelled(quiet), quiet * np.float32(GAIN), rtol=1e-6)


def test_peaks_bend_and_never_reach_the_ceiling() -> None:
    loud = levelled(np.linspace(-2, 2, 1001, dtype=np.float32))
    assert float(np.abs(loud).max()) <= CEILING + 1e-6
    assert (np.diff(loud) >= 0).all()


@pytest.mark.parametrize("pause", [BREATH_S, PAUSE_S])
def test_silence_is_shortened_at_both_ends(pause: float) -> None:
    sound = np.full(RATE, 0.1, np.float32)
    silence = np.zeros(RATE // 2, np.float32)
    result = trimmed(np.concatenate((silence, sound, silence)), pause)
    assert len(result) / RATE == pytest.approx(LEAD_S + 1 + pause, abs=0.006)


def test_silence_alone_is_nothing() -> None:
    assert len(trimmed(np.zeros(RATE, np.float32), PAUSE_S)) == 0
