"""An ideal loudspeaker: plays what it has as time passes, sample-exact, and remembers when it was heard.

Event-driven: nothing runs while it plays. Samples carry where they come from (see ``services.voice_samples``), so that
the record says *which* words of *which* reply were heard when.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

RATE = 24_000
"""Hz of what the mock voice says."""

WORDS = 64
"""Words a reply can have: a *mark* is ``WORDS * reply + word``."""
REPLY_STEP = 1_200
WORD_STEP = 16

FRAME_S = 0.020
"""Audio leaves in frames of this length, as in any call: what is being played when it is stopped plays to its end."""

MERGE_S = 0.004
"""Gaps shorter than this between two pieces of the same reply are the writer's jitter, not silence."""

Pcm = npt.NDArray[np.int16]


def mark_of(sample: int) -> int:
    """The mark that a sample's height stands for; -1 for silence."""
    value = abs(sample) + WORD_STEP // 2
    if value < REPLY_STEP:
        return -1
    return WORDS * (value // REPLY_STEP - 1) + value % REPLY_STEP // WORD_STEP


@dataclass(slots=True)
class Span:
    """A stretch of audible bot speech: from when to when (seconds of the shared clock), first and last mark."""

    start: float
    end: float
    first: int
    last: int


@dataclass(slots=True)
class Device:
    """``play``, ``pause``, ``resume``, ``clear``; all take the present time."""

    rate: int = RATE
    _queue: deque[Pcm] = field(default_factory=deque)
    _offset: int = 0
    _head: float = 0.0
    """When the sample at ``_offset`` of the head of the queue is played."""
    _begun: float = 0.0
    """When the present run of frames began."""
    paused: bool = False
    played: int = 0
    """Samples heard so far."""
    spans: list[Span] = field(default_factory=list)

    def play(self, samples: Pcm, now: float) -> None:
        """Queue audio; it starts at once when nothing else is playing."""
        self.advance(now)
        if not self._queue:
            self._head = self._begun = now
            self._offset = 0
        if len(samples):
            self._queue.append(samples)

    def pause(self, now: float) -> None:
        """Fall silent after the present frame, keep what is queued."""
        if not self.paused:
            self._finish_frame(now)
            self.paused = True

    def resume(self, now: float) -> None:
        """Go on with what is queued."""
        if self.paused:
            self.paused = False
            self._head = self._begun = max(now, self._head)

    def clear(self, now: float) -> None:
        """Fall silent after the present frame, forget what is queued."""
        if not self.paused:
            self._finish_frame(now)
        self._queue.clear()
        self._offset = 0

    def queued_s(self, now: float) -> float:
        """Seconds of audio still to be heard."""
        self.advance(now)
        return (sum(len(piece) for piece in self._queue) - self._offset) / self.rate

    def audible_for(self, now: float) -> float:
        """Seconds for which the bot has been heard without a break, 0 when it is silent."""
        self.advance(now)
        if not self.spans or self.paused or not self._queue:
            return 0.0
        start = self.spans[-1].start
        for span in reversed(self.spans):
            if start - span.end > MERGE_S:
                break
            start = span.start
        return now - start

    def advance(self, now: float) -> None:
        """Play everything up to ``now``."""
        if self.paused:
            return
        while self._queue and self._head < now:
            piece = self._queue[0]
            count = min(len(piece) - self._offset, round((now - self._head) * self.rate))
            if count <= 0:
                return
            self._heard(piece[self._offset : self._offset + count], self._head)
            self._head += count / self.rate
            self._offset += count
            if self._offset >= len(piece):
                self._queue.popleft()
                self._offset = 0

    def _finish_frame(self, now: float) -> None:
        self.advance(now)
        if self._queue:
            self.advance(self._begun + math.ceil((now - self._begun) / FRAME_S - 1e-6) * FRAME_S)

    def _heard(self, piece: Pcm, start: float) -> None:
        self.played += len(piece)
        edge = min(len(piece) // 2, self.rate // 100)
        first, last = mark_of(int(piece[edge])), mark_of(int(piece[-1 - edge]))
        count = len(piece)
        if first < 0 or last < 0:  # silence, or speech that begins or ends within the piece
            loud = np.flatnonzero(piece)
            if not len(loud):
                return
            count = int(loud[-1]) + 1
            first = last = self._mark_at_edge(piece, loud, start)
        end = start + count / self.rate
        before = self.spans[-1] if self.spans else None
        if before is not None and start - before.end <= MERGE_S and before.last // WORDS == first // WORDS:
            before.end, before.last = end, last
        else:
            self.spans.append(Span(start, end, first, last))

    def _mark_at_edge(self, piece: Pcm, loud: npt.NDArray[np.intp], start: float) -> int:
        """The mark of a piece that is partly silent; a fade after speech belongs to that speech."""
        if self.spans and start - self.spans[-1].end <= MERGE_S and loud[0] == 0:
            return self.spans[-1].last
        return mark_of(int(np.median(np.abs(piece[loud]))))
