"""Whisper's log-mel spectrogram, checked against numbers that follow from its definition."""

from __future__ import annotations

import numpy as np
import pytest

from rejoinder.vendors.smart_turn.features import _FILTERS, BANDS, SAMPLES, log_mel


def test_shape_and_range() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLES).astype(np.float32)
    mel = log_mel(noise)
    assert mel.shape == (80, 800)
    assert mel.dtype == np.float32
    assert mel.max() - mel.min() <= 2.0 + 1e-6, "clipped to 8 decades below the maximum, a quarter each"


@pytest.mark.parametrize(("hertz", "band"), [(250, 6), (1000, 26), (3000, 55)])
def test_a_tone_is_in_its_band(hertz: float, band: int) -> None:
    # Band centres: 45.245 mel / 81 steps; below 1 kHz a mel is 200/3 Hz, above 27 mels are a factor of 6.4.
    tone = np.sin(2 * np.pi * hertz * np.arange(SAMPLES) / 16_000).astype(np.float32)
    assert abs(int(log_mel(tone)[:, 400].argmax()) - band) <= 1


def test_triangles_have_equal_area() -> None:
    assert _FILTERS.shape == (BANDS, 201)
    areas = _FILTERS[40:].sum(axis=1) * 40.0  # bins are 40 Hz apart; the low, narrow triangles are too coarse
    np.testing.assert_allclose(areas, 1.0, rtol=0.12)


def test_short_audio_counts_as_preceded_by_silence() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    padded = np.concatenate((np.zeros(SAMPLES - 16_000, np.float32), sound))
    np.testing.assert_array_equal(log_mel(sound), log_mel(padded))


def test_level_does_not_matter() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, SAMPLES).astype(np.float32)
    np.testing.assert_allclose(log_mel(sound), log_mel(sound * 0.25), atol=1e-3)
