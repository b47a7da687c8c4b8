"""Where the speech is in a stretch of audio, and where a long one may be cut. Plain functions over 16 kHz
samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rejoinder.agent.base import STT_RATE, Samples

FRAME = STT_RATE // 100
"""Samples per level measurement (10 ms)."""
QUIETEST = 10 ** (-60 / 20)
"""RMS below which nothing is speech (-60 dBFS)."""
BELOW_PEAK = 10 ** (-30 / 20)
"""A frame 30 dB below the loudest one is silence: soft consonants are within 25 dB of their vowels."""
LEAD_S = 0.15
"""Silence kept before the speech."""
TRAIL_S = 0.06
"""Silence kept after it. Longer silence around a single word makes Moonshine answer nothing (7 of 20 one-word
utterances with 0.5 s before and 0.6 s after, none of 20 when trimmed)."""
LEAST_SPEECH_S = 0.15
"""Less speech than this is no word."""

CUT_AFTER_S = 9.0
"""Longer utterances are cut at a silence: the cost of a decode grows faster than its length."""
CUT_ANYWHERE_S = 14.0
"""Utterances that never pause are cut at their quietest place."""
CUT_FROM_S = 3.0
"""No part shorter than this is cut off: the model needs context."""
CUT_REST_S = 0.6
"""The last moments stay whole: the word may not be over."""
PAUSE_FRAMES = 16
"""Frames (160 ms) whose mean level decides whether there is a pause."""
PAUSE_BELOW_SPEECH = 10 ** (-20 / 20)
"""A pause is 20 dB below the loud parts of the speech."""


def levels(samples: Samples) -> npt.NDArray[np.float64]:
    """RMS of each full 10 ms frame."""
    count = len(samples) // FRAME
    frames = samples[: count * FRAME].reshape(count, FRAME)
    energy: npt.NDArray[np.float64] = np.einsum("ij,ij->i", frames, frames, dtype=np.float64)
    return np.sqrt(energy / FRAME)


def trim(samples: Samples) -> Samples:
    """``samples`` without the silence around the speech; empty when there is too little speech to be a
    word."""
    level = levels(samples)
    if not len(level):
        return samples[:0]
    loud = np.flatnonzero(level >= max(QUIETEST, float(level.max()) * BELOW_PEAK))
    if len(loud) * FRAME < LEAST_SPEECH_S * STT_RATE:
        return samples[:0]
    start = max(0, int(loud[0]) * FRAME - int(LEAD_S * STT_RATE))
    end = (int(loud[-1]) + 1) * FRAME + int(TRAIL_S * STT_RATE)
    return samples[start:end]


def cut_point(samples: Samples) -> int | None:
    """Where to cut an utterance that has become long: the sample in the middle of its best pause, or None.

    Under ``CUT_AFTER_S`` never; from then on at a pause, from ``CUT_ANYWHERE_S`` on at the quietest place.
    """
    if len(samples) < CUT_AFTER_S * STT_RATE:
        return None
    level = levels(samples)
    smooth = np.convolve(level, np.full(PAUSE_FRAMES, 1 / PAUSE_FRAMES), mode="valid")
    first = int(CUT_FROM_S * STT_RATE) // FRAME
    last = len(level) - int(CUT_REST_S * STT_RATE) // FRAME - PAUSE_FRAMES
    quietest = first + int(smooth[first:last].argmin())
    speech = float(np.percentile(level, 90))
    if smooth[quietest] > speech * PAUSE_BELOW_SPEECH and len(samples) < CUT_ANYWHERE_S * STT_RATE:
        return None
    return (quietest + PAUSE_FRAMES // 2) * FRAME
