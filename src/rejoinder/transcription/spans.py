"""Where somebody speaks in a recording: stretches short enough for a speech model, cut in pauses. Pure.

Fed with one speech probability per window of 32 ms. Thresholds are those of the live agent.
"""

from __future__ import annotations

from dataclasses import dataclass

ONSET, OFFSET = 0.5, 0.35
"""Speech probability that begins speech, and below which it is over (Silero's own defaults)."""
ONSET_WINDOWS = 2
"""Windows in a row at ``ONSET`` that make speech; one alone is often a click."""
PAUSE_WINDOWS = 19
"""Windows of silence (0.6 s) that end a span. Shorter pauses are part of it: words around them help each other."""
BEFORE_WINDOWS, AFTER_WINDOWS = 8, 6
"""Audio kept around the speech (0.26 s and 0.19 s): soft beginnings and endings lie outside of what is detected."""
LONGEST_WINDOWS = 625
"""A span of 20 s is cut wherever that may be: what reads it must hold it whole."""
CUT_FROM_WINDOWS = 312
"""No part shorter than 10 s is cut off: words need their neighbours."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch with speech, in windows from the beginning of the track; ``end`` is exclusive."""

    start: int
    end: int


class Spans:
    """Takes one track's windows in order."""

    def __init__(self) -> None:
        self._at = 0
        """Windows taken."""
        self._run = 0
        """Windows of likely speech in a row, while nobody speaks."""
        self._start: int | None = None
        self._floor = 0
        """Where the span before ends."""
        self._quiet = 0
        """Windows of silence in a row, within a span."""
        self._scores: list[float] = []
        """Of the windows of the open span."""

    @property
    def needed_from(self) -> int:
        """The first window whose audio may still be part of a span."""
        if self._start is not None:
            return self._start
        return max(self._floor, self._at - self._run - BEFORE_WINDOWS)

    def window(self, score: float) -> Span | None:
        """The next window's probability; a span that is complete with it."""
        self._at += 1
        if self._start is None:
            self._run = self._run + 1 if score >= ONSET else 0
            if self._run < ONSET_WINDOWS:
                return None
            self._start = max(self._floor, self._at - self._run - BEFORE_WINDOWS)
            self._scores = [1.0] * (self._at - self._start)
            self._run = self._quiet = 0
            return None
        self._scores.append(score)
        self._quiet = self._quiet + 1 if score < OFFSET else 0
        if self._quiet >= PAUSE_WINDOWS:
            return self._finish(self._at - self._quiet + AFTER_WINDOWS)
        if len(self._scores) >= LONGEST_WINDOWS:
            return self._cut()
        return None

    def end(self) -> Span | None:
        """The track is over; the span that was open."""
        if self._start is None:
            return None
        return self._finish(min(self._at, self._at - self._quiet + AFTER_WINDOWS))

    def _finish(self, end: int) -> Span | None:
        """Close the span; nothing when it was cut in the very pause that ends it."""
        assert self._start is not None
        start, self._start, self._scores = self._start, None, []
        self._floor = max(start, end)
        return Span(start, end) if end > start else None

    def _cut(self) -> Span:
        """Cut in the longest pause; where there is none, at the least likely speech. The rest stays open."""
        assert self._start is not None
        place = _best_cut(self._scores)
        span = Span(self._start, self._start + place)
        self._start = self._floor = span.end
        self._scores = self._scores[place:]
        return span


def _best_cut(scores: list[float]) -> int:
    """The middle of the longest pause after ``CUT_FROM_WINDOWS``, the later one of equals."""
    best, best_length, run = None, 0, 0
    for index in range(CUT_FROM_WINDOWS, len(scores)):
        run = run + 1 if scores[index] < OFFSET else 0
        if run and run >= best_length:
            best, best_length = index + 1 - run // 2, run
    if best is not None:
        return min(best, len(scores) - 1)
    return min(range(CUT_FROM_WINDOWS, len(scores)), key=lambda index: scores[index])
