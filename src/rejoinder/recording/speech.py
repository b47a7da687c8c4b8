"""Whether somebody speaks, by level alone.

For the speaker timeline and for "nobody has spoken for a while": it needs no model, so it runs for every participant of
every bot. Whoever needs to know what is speech and what is a slammed door asks the voice activity model instead.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm

FRAME_S = FRAME_SAMPLES / MEETING_RATE
ABOVE_FLOOR_DB = 10.0
"""Speech stands out of the room's noise by this much."""
LEAST_DB = -52.0
"""Quieter than this (dB of full scale, RMS of 20 ms) is never speech."""
FLOOR_DB = (-75.0, -35.0)
"""The range of the noise floor. Its upper end keeps a person who never pauses from becoming the noise."""
RISE_DB = 0.03
"""How fast the floor follows a rising level, per frame of 20 ms: 1.5 dB a second; it falls ten times in a second."""
FALL = 0.2
FRAMES_ON = 4
"""Loud frames (less the quiet ones between) that make speech: 80 ms, which a click does not have."""
FRAMES_OFF = 25
"""Frames without sound that end it: 0.5 s, longer than the pauses inside a sentence."""
_SILENT_DB = -96.0


class Change(NamedTuple):
    """Speech began or ended, at a frame of the timeline."""

    speaking: bool
    frame: int


class Activity:
    """Frames of 20 ms in, changes out. ``speaking`` is the present state."""

    def __init__(self) -> None:
        self._floor = -60.0
        self._frame = 0
        self._score = 0
        self._began = 0
        self._loud = 0
        """The frame behind the last loud one."""
        self.speaking = False

    def hear(self, frame: int, level: float) -> Change | None:
        """The level (dB) of one frame. Frames come in order; those missing between were silent."""
        if frame < self._frame:
            return None
        change = self.silence(frame)
        self._frame = frame + 1
        if not self.is_loud(level):
            self._score = max(0, self._score - 1)
            self._adapt(level)
            return change or self._end()
        self._adapt(level)
        if not self._score:
            self._began = frame
        self._score = min(FRAMES_ON, self._score + 1)
        if self._score == FRAMES_ON or self.speaking:
            self._loud = frame + 1
        if self.speaking or self._score < FRAMES_ON:
            return change
        self.speaking = True
        return Change(True, self._began)

    def silence(self, until: int) -> Change | None:
        """Nothing was heard before frame ``until``."""
        if until <= self._frame:
            return None
        self._score = max(0, self._score - (until - self._frame))
        self._frame = until
        return self._end()

    def is_loud(self, level: float) -> bool:
        """Whether a level stands out of the noise."""
        return level > max(LEAST_DB, self._floor + ABOVE_FLOOR_DB)

    def _end(self) -> Change | None:
        if not self.speaking or self._frame - self._loud < FRAMES_OFF:
            return None
        self.speaking = False
        return Change(False, self._loud)

    def _adapt(self, level: float) -> None:
        level = min(max(level, FLOOR_DB[0]), FLOOR_DB[1])
        self._floor += FALL * (level - self._floor) if level < self._floor else min(RISE_DB, level - self._floor)


def level_db(pcm: Pcm) -> float:
    """RMS of some samples in dB of full scale."""
    if not len(pcm):
        return _SILENT_DB
    samples = pcm.astype(np.float32)
    power = float(np.dot(samples, samples)) / len(pcm)
    return max(_SILENT_DB, 10.0 * float(np.log10(power / 32768.0**2))) if power > 0 else _SILENT_DB
