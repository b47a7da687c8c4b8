"""Everyone's audio as one, without wrapping or hard clipping."""

from __future__ import annotations

import numpy as np

from rejoinder.media.frame import MEETING_RATE, Pcm

WINDOW_S = 4.0
"""How much of the timeline is open to be mixed into."""
KNEE = 24_576
"""Three quarters of full scale. Below it the mix is the exact sum; above, it bends towards full scale."""
_FULL = 32_767


class Mixer:
    """Sums audio at places on a timeline (samples) and gives it out in order."""

    def __init__(self, window: int = round(WINDOW_S * MEETING_RATE)) -> None:
        self._sum = np.zeros(window, np.int32)
        self.front = 0
        """What lies before this place was given out."""

    @property
    def room(self) -> int:
        """The first place behind the window."""
        return self.front + len(self._sum)

    def add(self, at: int, pcm: Pcm) -> None:
        """Mix in audio. What was given out already, or lies behind the window, is left out."""
        begin, end = max(at, self.front), min(at + len(pcm), self.room)
        if begin < end:
            self._sum[begin - self.front : end - self.front] += pcm[begin - at : end - at]

    def take(self, until: int) -> Pcm:
        """The mix from the front to ``until``; the window moves on."""
        count = until - self.front
        if count <= 0:
            return np.zeros(0, np.int16)
        inside = min(count, len(self._sum))
        mixed = np.zeros(count, np.int16)
        mixed[:inside] = soft_clip(self._sum[:inside])
        rest = len(self._sum) - inside
        self._sum[:rest] = self._sum[inside:]
        self._sum[rest:] = 0
        self.front = until
        return mixed


def soft_clip(total: np.ndarray[tuple[int], np.dtype[np.int32]]) -> Pcm:
    """int32 sums as int16: unchanged up to :data:`KNEE`, then bent (tanh) so that full scale is never passed."""
    if not len(total):
        return np.zeros(0, np.int16)
    if max(int(total.max()), -int(total.min())) <= KNEE:
        return total.astype(np.int16)
    size = np.abs(total.astype(np.float64))
    room = _FULL - KNEE
    bent = np.where(size <= KNEE, size, KNEE + room * np.tanh((size - KNEE) / room))
    return np.asarray(np.copysign(bent, total), np.float64).astype(np.int16)
