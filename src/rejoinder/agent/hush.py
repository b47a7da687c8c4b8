"""Hears that a speaker stopped, by level alone.

A voice activity model needs about 90 ms after the last sound to be sure of silence. Work that may be thrown away need
not wait for it: transcription can start on the level's word, which is wrong inside some words and right at the end.
"""

from __future__ import annotations

import math

import numpy as np

from rejoinder.agent.base import STT_RATE, Samples

HUSH_S = 0.08
"""Seconds of faintness that count as a pause: longer than most stops inside words (a "t" closes for 50 to 80 ms)."""
FAINT = 0.05
"""Level, relative to the utterance's loudest, below which nothing is being said: -26 dB, under unstressed endings."""
LOUD = 0.12
"""Level above which the speaker goes on; the gap to ``FAINT`` keeps a fading vowel from counting twice."""
FADE_PER_S = 0.7
"""How the loudest level fades, so that one shout does not make the rest of an utterance faint."""


class Hush:
    """Fed with an utterance's audio, says when it falls silent and when it goes on."""

    def __init__(self) -> None:
        self._loudest = 0.0
        self._faint_s = 0.0
        self.hushed = False
        """Whether the speaker is silent now."""

    def hear(self, samples: Samples) -> bool | None:
        """True: just fell silent. False: just went on. None: no change."""
        seconds = len(samples) / STT_RATE
        if not seconds:
            return None
        level = math.sqrt(float(np.dot(samples, samples)) / len(samples))
        self._loudest = max(self._loudest * FADE_PER_S**seconds, level)
        if level < FAINT * self._loudest:
            self._faint_s += seconds
            if not self.hushed and self._faint_s >= HUSH_S - 1e-6:
                self.hushed = True
                return True
        elif self.hushed:
            if level > LOUD * self._loudest:
                self.hushed = False
                self._faint_s = 0.0
                return False
        else:
            self._faint_s = 0.0
        return None
