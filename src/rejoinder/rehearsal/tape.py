"""What reached one listener's ear, on the listener's clock."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from rejoinder.media.frame import MEETING_RATE, Pcm

LOUD = 0.01
"""RMS of a 10 ms block (of full scale) above which something is heard: -40 dBFS, 25 dB under normal speech."""
BLOCK = MEETING_RATE // 100


@dataclass(slots=True)
class Tape:
    """48 kHz blocks with the time each arrived (its last sample), in seconds on one clock."""

    times: list[float] = field(default_factory=list)
    blocks: list[Pcm] = field(default_factory=list)

    def add(self, pcm: Pcm, arrived: float) -> None:
        """Append a block."""
        self.times.append(arrived)
        self.blocks.append(pcm)

    def loud_times(self, since: float, until: float = float("inf")) -> list[tuple[float, float]]:
        """(begin, end) of each 10 ms stretch that can be heard."""
        found = []
        for arrived, block in zip(self.times, self.blocks, strict=True):
            if not since <= arrived <= until:
                continue
            for start in range(0, len(block), BLOCK):
                part = block[start : start + BLOCK].astype(np.float32) / 32768
                if len(part) and float(np.sqrt(np.mean(part * part))) >= LOUD:
                    begin = arrived - (len(block) - start) / MEETING_RATE
                    found.append((begin, begin + len(part) / MEETING_RATE))
        return found

    def first_sound(self, since: float, until: float = float("inf")) -> float | None:
        """When something was first heard after ``since``."""
        loud = self.loud_times(since, until)
        return loud[0][0] if loud else None

    def last_sound(self, since: float, until: float = float("inf")) -> float | None:
        """When something was last heard in a span of time."""
        loud = self.loud_times(since, until)
        return loud[-1][1] if loud else None

    def longest_silence(self, since: float, until: float) -> float:
        """Seconds of the longest stretch without sound between two sounds of a span."""
        loud = self.loud_times(since, until)
        return max((after[0] - before[1] for before, after in itertools.pairwise(loud)), default=0.0)

    def samples(self, since: float, until: float = float("inf")) -> Pcm:
        """The blocks that arrived in a span, joined."""
        parts = [block for at, block in zip(self.times, self.blocks, strict=True) if since <= at <= until]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def laid_out(self, start: float, length: int) -> Pcm:
        """The tape on a time line that begins at ``start`` and has ``length`` samples.

        Blocks follow each other where they were contiguous; a pause in their arrival is kept as silence.
        """
        line = np.zeros(length, np.int16)
        position = -1
        for arrived, block in zip(self.times, self.blocks, strict=True):
            due = round((arrived - start) * MEETING_RATE) - len(block)
            if position < 0 or abs(due - position) > MEETING_RATE // 10:
                position = due
            if position >= 0 and position + len(block) <= length:
                line[position : position + len(block)] = block
            position += len(block)
        return line
