"""Everyone's audio as one stream while the meeting goes on, at most 60 ms behind it. Pure.

Times and places are samples at 48 kHz on one timeline. A block is put where its stream goes on, or, after a gap, where
it was heard: its arrival less its length. A frame of 20 ms is given out once all who are speaking have passed its end,
but no later than :data:`HOLD` after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm
from rejoinder.recording.mix import Mixer

HOLD = MEETING_RATE * 40 // 1000
"""How late a block may be and still be mixed in; with the 20 ms of a frame that makes 60 ms."""
ACTIVE = 3 * FRAME_SAMPLES
"""A stream from which nothing came for longer is not waited for."""
EARLY = FRAME_SAMPLES
"""A stream this far ahead of its arrival (after a burst, or by a fast clock) loses its next quiet block."""
AHEAD = MEETING_RATE * 300 // 1000
"""A stream this far ahead loses its next block, whatever is in it."""
WINDOW = MEETING_RATE // 2
MOST_BEHIND = 10 * MEETING_RATE
"""After a standstill of the process that was longer, the time before it is left out."""
SILENT_PEAK = 16
"""Samples no larger (-66 dB of full scale) are what codecs make of a muted microphone, not sound."""


class Frame(NamedTuple):
    """20 ms and the place of their first sample."""

    at: int
    pcm: Pcm


@dataclass(slots=True)
class Stream:
    """Where one participant's blocks belong on the timeline."""

    end: int = -(2**62)
    arrived: int = -(2**62)

    def place(self, now: int, length: int, quiet: bool, front: int) -> int | None:
        """The place of a block whose last sample arrives at ``now``; None: it is to be dropped.

        What lies before ``front`` was given out: nothing is put there, so that no sound loses its beginning.
        """
        natural = now - length
        late = natural - self.end
        self.arrived = now
        if -late >= AHEAD or (quiet and -late >= EARLY):
            return None
        at = max(front, natural if late > HOLD or (quiet and late > 0) else self.end)
        self.end = at + length
        return at


class LiveMix:
    """Sums the streams of a meeting that began to be heard at ``start``."""

    def __init__(self, start: int) -> None:
        self._mixer = Mixer(WINDOW)
        self._mixer.front = start
        self._streams: dict[str, Stream] = {}

    def add(self, participant: str, now: int, pcm: Pcm) -> int | None:
        """A block that arrives at ``now``; its place, or None if it was dropped."""
        stream = self._streams.get(participant)
        if stream is None:
            stream = self._streams[participant] = Stream()
        at = stream.place(now, len(pcm), quiet(pcm), self._mixer.front)
        if at is not None:
            self._mixer.add(at, pcm)
        return at

    def left(self, participant: str) -> None:
        """Someone left; what they said last still counts."""
        self._streams.pop(participant, None)

    def take(self, now: int) -> list[Frame]:
        """The frames that are complete at ``now``, in order, without a gap."""
        until = now
        for stream in self._streams.values():
            if now - stream.arrived <= ACTIVE:
                until = min(until, stream.end)
        until = max(until, now - HOLD)
        if until - self._mixer.front > MOST_BEHIND:
            self._mixer.take(until - until % FRAME_SAMPLES - FRAME_SAMPLES)
        frames: list[Frame] = []
        while self._mixer.front + FRAME_SAMPLES <= until:
            at = self._mixer.front
            frames.append(Frame(at, self._mixer.take(at + FRAME_SAMPLES)))
        return frames


def quiet(pcm: Pcm) -> bool:
    """Whether a block is silence."""
    return not len(pcm) or max(int(pcm.max()), -int(pcm.min())) <= SILENT_PEAK


SILENCE: Pcm = np.zeros(FRAME_SAMPLES, np.int16)
