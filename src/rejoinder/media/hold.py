"""When the bot holds its tongue: for a while because it was told to, or because people are loud."""

from __future__ import annotations

import numpy as np

from rejoinder.media.frame import Pcm

LOUD_S = 0.8
"""How long the bot is silent after the meeting was loud (Attendee's documentation of ``threshold``)."""


class Hold:
    """Pure; times are seconds on any one clock.

    ``threshold``: the RMS of int16 samples above which the meeting is loud; None: it never is.
    """

    def __init__(self, threshold: float | None = None) -> None:
        self._threshold = threshold
        self._told = float("-inf")
        self._loud = float("-inf")

    def pause(self, now: float, duration_s: float) -> None:
        """Be silent for so long. A pause under way becomes longer, never shorter."""
        self._told = max(self._told, now + duration_s)

    def heard(self, now: float, pcm: Pcm) -> None:
        """The meeting sounded like this: every loud stretch makes the silence last :data:`LOUD_S` from then on."""
        if self._threshold is not None and rms(pcm) > self._threshold:
            self._loud = now + LOUD_S

    def forget(self) -> None:
        """What was to be said was cleared, and with it the pause. Loud people are not interrupted all the same."""
        self._told = float("-inf")

    def on(self, now: float) -> bool:
        """Whether the bot is to be silent."""
        return now < max(self._told, self._loud)


def rms(pcm: Pcm) -> float:
    """Root mean square of int16 samples."""
    if not len(pcm):
        return 0.0
    samples = pcm.astype(np.float32)
    return float(np.sqrt(np.dot(samples, samples) / len(samples)))
