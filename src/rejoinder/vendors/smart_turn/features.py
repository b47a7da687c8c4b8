"""The log-mel spectrogram Whisper models read: 8 s of 16 kHz audio as 80 bands x 800 frames of 10 ms.

After A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), section 2.2,
with the mel scale of M. Slaney's Auditory Toolbox (1998): linear below 1 kHz, logarithmic above.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rejoinder.agent.base import STT_RATE, Samples

SAMPLES = 8 * STT_RATE
"""Length of what is looked at."""
FFT = 400
HOP = 160
BANDS = 80


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Slaney's mels in hertz: 200/3 Hz each up to 15 (1 kHz), then 27 of them for a factor of 6.4."""
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * 6.4 ** ((mel - 15.0) / 27.0))


def _filters() -> npt.NDArray[np.float32]:
    """Weights of each FFT bin in each band, 80 x 201: triangles of equal area."""
    top = 15.0 + 27.0 * np.log(STT_RATE / 2 / 1000.0) / np.log(6.4)
    edges = _hertz(np.linspace(0.0, top, BANDS + 2))[:, np.newaxis]
    bins = np.linspace(0.0, STT_RATE / 2, FFT // 2 + 1)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.clip(np.minimum(rising, falling), 0.0, None)
    return (triangles * 2.0 / (edges[2:] - edges[:-2])).astype(np.float32)


_FILTERS = _filters()
_HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)).astype(np.float32)


def log_mel(samples: Samples) -> npt.NDArray[np.float32]:
    """Features of the last 8 s of ``samples``, shape (80, 800); shorter audio counts as preceded by silence.

    The waveform is brought to zero mean and unit variance first.
    """
    wave = np.zeros(SAMPLES, np.float32)
    recent = samples[-SAMPLES:]
    wave[SAMPLES - len(recent) :] = recent
    wave = (wave - wave.mean()) / np.sqrt(wave.var() + np.float32(1e-7))
    padded = np.pad(wave, FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP][: SAMPLES // HOP]
    spectrum = np.fft.rfft(frames * _HANN, axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel = np.log10(np.maximum(_FILTERS @ power.T, 1e-10))
    mel = (np.maximum(mel, mel.max() - 8.0) + 4.0) / 4.0
    features: npt.NDArray[np.float32] = mel.astype(np.float32)
    return features
