"""Audio that a user's server sends, on its way to the bot's mouth."""

from __future__ import annotations

import itertools

import numpy as np

from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.media.mouth import Mouth
from rejoinder.media.resample import Resampler


class Inlet:
    """Joins chunks of any length and rate into one stream of 48 kHz audio in which every sample is heard.

    The resampler's state is kept from chunk to chunk, so cuts between chunks are not audible; what it holds back (about
    1 ms) is put in front of the stream as silence, so that a chunk becomes exactly as long as it was, and comes out at
    the end when no more audio follows.
    """

    def __init__(self, mouth: Mouth) -> None:
        self._mouth = mouth
        self._resampler: Resampler | None = None
        self._numbers = itertools.count()
        self._clip = ""
        self._taken = 0
        self._cleared = 0

    def play(self, data: bytes, rate: int) -> None:
        """Say mono s16le audio at ``rate`` Hz after what is queued already."""
        pcm: Pcm = np.frombuffer(data, "<i2").astype(np.int16, copy=False)
        self._taken += round(len(pcm) * MEETING_RATE / rate)
        rest: Pcm | None = None
        if self._resampler is not None and self._resampler.source != rate:
            rest = self._resampler.flush()
            self._resampler = None
        if self._resampler is None:
            self._resampler = Resampler(rate, MEETING_RATE)
            if rest is None:
                self._clip = f"user.{next(self._numbers)}"
            ready = self._resampler.push(pcm)
            held = max(0, round(len(pcm) * MEETING_RATE / rate) - len(ready))
            ready = np.concatenate([np.zeros(held, np.int16), ready])
        else:
            ready = self._resampler.push(pcm)
        if rest is not None:
            ready = np.concatenate([rest, ready])
        self._mouth.add(self._clip, ready, self._tail)

    def clear(self) -> None:
        """Silence the mouth and forget all audio: what comes next is a new stream."""
        self._cleared += self.waiting
        self._mouth.clear()
        self._resampler = None

    @property
    def waiting(self) -> int:
        """Samples at 48 kHz that people are still to be given."""
        return min(self._mouth.playout.waiting, self._taken - self._cleared)

    @property
    def cleared(self) -> int:
        """Samples at 48 kHz that people will never be given."""
        return self._cleared

    @property
    def played(self) -> int:
        """Samples at 48 kHz that people were given, of all that was taken."""
        return self._taken - self._cleared - self.waiting

    def _tail(self) -> Pcm:
        rest = self._resampler.flush() if self._resampler is not None else np.zeros(0, np.int16)
        self._resampler = None
        return rest
