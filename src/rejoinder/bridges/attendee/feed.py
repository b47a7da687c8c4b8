"""A participant's or everyone's audio in chunks of one length, at the rate a user's server asked for. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rejoinder.bridges.attendee.mix import quiet
from rejoinder.bridges.attendee.realtime import CHUNK_S
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.media.resample import Resampler

HELD_S = 0.002
"""What a resampler may hold back (about 1 ms)."""
TAIL = MEETING_RATE // 2
"""Samples of silence that are still sent after a participant's last sound: half a second, so that a voice activity
detector at the other end hears the end of a word. Speech pauses inside a sentence are shorter."""
CONTIGUOUS = MEETING_RATE * 40 // 1000
"""A block further away from the one before it begins a new stretch."""


class Chunk(NamedTuple):
    """Samples at the feed's rate, and the place of the first on the timeline (samples at 48 kHz)."""

    at: int
    pcm: Pcm


class Chunks:
    """Blocks of any length at 48 kHz to chunks of :data:`CHUNK_S` at ``rate`` Hz; keeps the resampler's state."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._size = round(CHUNK_S * rate)
        self._resampler = Resampler(MEETING_RATE, rate)
        self._waiting: Pcm = np.zeros(0, np.int16)
        self._fresh = True
        self._end = 0

    def push(self, at: int, pcm: Pcm) -> list[Chunk]:
        """Audio whose first sample is at ``at``. Gives the chunks that are complete."""
        if not self._fresh and abs(at - self._end) > CONTIGUOUS:
            self.restart()
        ready = self._resampler.push(pcm)
        if self._fresh:
            # What it holds back is put in front as silence, so that 20 ms in are 20 ms out from the first on.
            lacking = max(0, min(round(len(pcm) * self._rate / MEETING_RATE) - len(ready), round(HELD_S * self._rate)))
            ready = np.concatenate([np.zeros(lacking, np.int16), ready])
            self._fresh = False
        begin = at - len(self._waiting) * MEETING_RATE // self._rate
        self._end = at + len(pcm)
        whole = np.concatenate([self._waiting, ready]) if len(self._waiting) else ready
        count = len(whole) // self._size
        self._waiting = whole[count * self._size :]
        return [
            Chunk(begin + number * self._size * MEETING_RATE // self._rate, whole[number * self._size :][: self._size])
            for number in range(count)
        ]

    def restart(self) -> None:
        """What comes next does not follow what came last; an incomplete chunk is at most 20 ms of silence."""
        self._resampler = Resampler(MEETING_RATE, self._rate)
        self._waiting = np.zeros(0, np.int16)
        self._fresh = True


class VoiceFeed:
    """One participant's audio while there is sound in it, and :data:`TAIL` of silence after it."""

    def __init__(self, rate: int) -> None:
        self._chunks = Chunks(rate)
        self._until: int | None = None

    def push(self, at: int, pcm: Pcm) -> list[Chunk]:
        """A block and its place. Gives what is to be sent."""
        if not quiet(pcm):
            self._until = at + len(pcm) + TAIL
        elif self._until is None:
            return []
        elif at >= self._until:
            self._until = None
            self._chunks.restart()
            return []
        return self._chunks.push(at, pcm)
