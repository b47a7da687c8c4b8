"""The hibari voice: small enough that a clause is spoken in some 10 ms on one thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import structlog

from rejoinder.agent.base import Samples
from rejoinder.errors import ModelCorrupt, ProviderError
from rejoinder.vendors.hibari.text import speakable
from rejoinder.vendors.inference import missing

log = structlog.get_logger(__name__)

RATE = 24_000
"""Hz, given by the model."""
GAIN = 2.2
"""hibari speaks at -25 dBFS RMS; this brings it to the usual -18, its peaks to about -3."""
KNEE, CEILING = 0.5, 10 ** (-3 / 20)
"""Up to the knee the gain is linear; above, peaks are bent to stay under -3 dBFS."""

SILENT = 1e-3
"""RMS (before the gain) below which a frame is silence."""
LEAD_S = 0.01
"""Silence kept before the first sound; hibari itself starts with about 300 ms, which a listener would
wait."""
PAUSE_S = 0.35
"""Longest silence after a sentence; hibari ends with about 500 ms."""
BREATH_S = 0.12
"""Longest silence after a clause that is no sentence."""
_FRAME = RATE // 200


def trimmed(samples: Samples, pause_s: float) -> Samples:
    """``samples`` (24 kHz) with ``LEAD_S`` of silence before the first sound and at most ``pause_s`` after
    the last."""
    count = len(samples) // _FRAME
    frames = samples[: count * _FRAME].reshape(count, _FRAME)
    sounding = np.flatnonzero(np.einsum("ij,ij->i", frames, frames) >= SILENT**2 * _FRAME)
    if not len(sounding):
        return samples[:0]
    start = max(0, int(sounding[0]) * _FRAME - int(LEAD_S * RATE))
    end = (int(sounding[-1]) + 1) * _FRAME + int(pause_s * RATE)
    return samples[start:end]


def levelled(samples: Samples) -> Samples:
    """``samples`` at speaking level, never above ``CEILING``: the same gain always, so that chunks fit
    together."""
    loud = samples * np.float32(GAIN)
    size = np.abs(loud)
    over = size > KNEE
    if over.any():
        room = CEILING - KNEE
        loud[over] = np.sign(loud[over]) * (KNEE + room * np.tanh((size[over] - KNEE) / room))
    return loud


class HibariVoice:
    """The :class:`~rejoinder.agent.base.Voice` of a process, with one worker thread.

    Loading takes about half a second: construct it in a thread. Raises :class:`~rejoinder.errors.ModelError`.
    """

    name = "hibari"
    sample_rate = RATE

    def __init__(self) -> None:
        try:
            from hibari import Hibari
        except ImportError:
            raise missing("hibari-tts") from None
        try:
            self._hibari: Any = Hibari(threads=1)
        except Exception as error:
            raise ModelCorrupt(f"The voice hibari cannot be loaded: {error}") from error
        self._hibari("Ready, when you are.")  # the first call loads the pronunciation and takes 0.3 s
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="hibari")

    async def speak(self, text: str) -> AsyncIterator[Samples]:
        """Yield ``text`` sentence by sentence; see :class:`~rejoinder.agent.base.Voice`.

        Text with nothing to pronounce yields nothing.
        """
        loop = asyncio.get_running_loop()
        spoken = speakable(text)
        try:
            parts = await loop.run_in_executor(self._worker, self._phonemes, spoken) if spoken else []
            for phonemes in parts:
                samples = await loop.run_in_executor(self._worker, self._synthesise, phonemes)
                if len(samples):
                    yield samples
        except (RuntimeError, ValueError, KeyError, IndexError) as error:
            raise ProviderError(f"The voice hibari failed: {error}", provider=self.name) from error

    def _phonemes(self, text: str) -> list[str]:
        parts: list[str] = self._hibari.phonemize(text)
        return [part for part in parts if any(character.isalpha() for character in part)]

    def _synthesise(self, phonemes: str) -> Samples:
        samples: Samples = self._hibari.from_phonemes(phonemes, seed=0)
        sentence = phonemes.rstrip("\"'”’) ").endswith((".", "!", "?", "…"))
        return levelled(trimmed(samples, PAUSE_S if sentence else BREATH_S))

    def close(self) -> None:
        """Stop the worker thread."""
        self._worker.shutdown(wait=True, cancel_futures=True)
