"""Where on a recording's timeline the audio of one person belongs.

What arrives is a count of samples and a time. The time wanders: packets are late, event loops stall and then deliver a
burst. The count wanders too: the sender's clock is not ours (quartzes differ by up to 100 ppm, 0.36 s in an hour), and
nothing is sent by a muted microphone. The rule that tells these apart is the minimum filter of clock synchronisation
(RFC 5905, section 10): a block can be late but never early, so the block that was *least* late shows where the stream
really is.

    lateness of a block = when its last sample arrived - where on the timeline that sample would be put

* A block is held for :data:`HOLD_S`. If then even the least late of those held is late, the audio between is missing
  (a gap, filled with silence); after a mere stall the burst catches up and nothing is shifted.
* Over :data:`DRIFT_S` the same minimum shows the drift of the two clocks. It is corrected in quiet places by adding or
  taking samples, and in speech, when it has grown to :data:`LOUD_S`, by playing a block 2 % faster or slower.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rejoinder.media.frame import MEETING_RATE, Pcm

HOLD_S = 0.15
"""How long a block waits for later ones to show whether it was merely late. Bursts of 100 ms are common."""
GAP_S = 0.03
"""Lateness beyond the jitter of an event loop."""
DRIFT_S = 5.0
"""Long enough that some block came without delay; at 100 ppm the clocks part by 0.5 ms meanwhile."""
QUIET_S = 0.002
"""Drift that is corrected where nobody speaks."""
LOUD_S = 0.008
"""Drift that is corrected while somebody speaks."""
STRETCH = 50
"""One sample in 50 is added or taken then: a third of a semitone for a moment."""
AHEAD_S = 1.0
"""A stream further ahead of its own arrival than this sends faster than real time; the rest is dropped."""


class Placed(NamedTuple):
    """Samples and the place of the first of them on the timeline."""

    at: int
    pcm: Pcm


class _Held(NamedTuple):
    arrived: int
    begins: int
    """Samples of the stream before this block."""
    pcm: Pcm


class _Least:
    """The least value of those added in the last ``span``."""

    def __init__(self, span: int) -> None:
        self._span = span
        self._values: deque[tuple[int, int]] = deque()  # ascending; each is the least of those after the one before it

    def add(self, at: int, value: int) -> None:
        while self._values and self._values[-1][1] >= value:
            self._values.pop()
        self._values.append((at, value))

    def forget(self, before: int) -> None:
        while self._values and self._values[0][0] < before:
            self._values.popleft()

    def of(self, now: int) -> int:
        self.forget(now - self._span)
        return self._values[0][1]


class Aligner:
    """Puts the blocks of one stream on the timeline, in order, never overlapping. All times in samples.

    ``quiet`` says whether a block may lose or gain samples unnoticed.
    """

    def __init__(self, quiet: Callable[[Pcm], bool], rate: int = MEETING_RATE) -> None:
        self._quiet = quiet
        self._hold = round(HOLD_S * rate)
        self._gap = round(GAP_S * rate)
        self._small = round(QUIET_S * rate)
        self._large = round(LOUD_S * rate)
        self._ahead = round(AHEAD_S * rate)
        self._held: deque[_Held] = deque()
        self._stream = 0
        """Samples that arrived so far."""
        self._shift: int | None = None
        """Place on the timeline less place in the stream."""
        self._recent = _Least(2 * self._hold)
        self._lasting = _Least(round(DRIFT_S * rate))
        self.end = 0
        """Where the next sample goes if nothing is missing."""
        self.arrived = -1
        """When the last block came; -1 if none has."""

    @property
    def waiting(self) -> bool:
        """Whether blocks are held."""
        return bool(self._held)

    def push(self, arrived: int, pcm: Pcm) -> list[Placed]:
        """A block, the last sample of which was heard at ``arrived``. Gives what has its place now."""
        ready = self.due(arrived)
        if not len(pcm):
            return ready
        self._held.append(_Held(arrived, self._stream, pcm))
        self._stream += len(pcm)
        self.arrived = arrived
        offset = arrived - self._stream
        self._recent.add(arrived, offset)
        self._lasting.add(arrived, offset)
        return ready

    def due(self, now: int) -> list[Placed]:
        """Give what was held long enough at ``now``."""
        ready: list[Placed] = []
        while self._held and self._held[0].arrived + self._hold <= now:
            self._place(self._held.popleft(), ready)
        return ready

    def flush(self) -> list[Placed]:
        """Give all that is held: the stream is over."""
        ready: list[Placed] = []
        while self._held:
            self._place(self._held.popleft(), ready)
        return ready

    def _place(self, block: _Held, ready: list[Placed]) -> None:
        self._recent.forget(block.arrived)  # what is left arrived with this block or was held beside it
        least = self._recent.of(block.arrived)
        if self._shift is None:
            self._shift = max(least, self.end - block.begins)
        late = least - self._shift
        if late > self._gap:
            self._lasting.forget(block.arrived)
            self._shift = least
        elif late < -self._ahead:
            self._shift -= len(block.pcm)
            return
        pcm = self._correct(block.pcm, self._lasting.of(self.arrived) - self._shift)
        at = block.begins + self._shift
        if len(pcm) != len(block.pcm):
            self._shift += len(pcm) - len(block.pcm)
        self.end = at + len(pcm)
        if len(pcm):
            ready.append(Placed(at, pcm))

    def _correct(self, pcm: Pcm, drift: int) -> Pcm:
        """A block made longer or shorter towards no drift; positive: the timeline is ahead, samples are wanting."""
        if abs(drift) < self._small:
            return pcm
        if self._quiet(pcm):
            if drift < 0:
                return pcm[: max(0, len(pcm) + drift)]
            return np.concatenate([pcm, pcm[::-1][:drift]])
        if abs(drift) < self._large:
            return pcm
        step = len(pcm) // STRETCH if drift > 0 else -(len(pcm) // STRETCH)
        return _stretched(pcm, len(pcm) + step)


def _stretched(pcm: Pcm, length: int) -> Pcm:
    places = np.arange(length) * (len(pcm) / length)
    return np.asarray(np.interp(places, np.arange(len(pcm)), pcm), np.float64).astype(np.int16)
