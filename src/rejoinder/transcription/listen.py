"""A recorded track becomes words: find the speech, have each stretch read, place its words in time.

Runs where it may take its time (a process of its own): nothing here knows an event loop. Memory does not grow with the
length of a track.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np

from rejoinder.agent.base import STT_RATE, Samples
from rejoinder.core.transcript import Word
from rejoinder.transcription.spans import Span, Spans
from rejoinder.transcription.timing import levels, place, sounds

Recognise = Callable[[Samples], str]
"""Gives the text of a stretch of speech of up to 20 s."""

REPORT_S = 30.0
"""Seconds of audio after which progress is told."""


class Score(Protocol):
    """A voice activity model that is asked at once."""

    window: int
    """Samples per probability."""

    def __call__(self, samples: Samples) -> list[float]:
        """Take the track's next audio, of any length; the probabilities of the windows that are full now."""
        ...


class Listener:
    """Reads one track. ``progress`` is told seconds of this track."""

    def __init__(self, score: Score, recognise: Recognise, progress: Callable[[float], None]) -> None:
        self._score = score
        self._recognise = recognise
        self._progress = progress
        self._spans = Spans()
        self._kept: list[Samples] = []
        self._kept_from = 0
        """Position of the first sample kept."""
        self._end = 0
        """Samples heard in all."""

    def hear(self, blocks: Iterable[Samples]) -> Iterator[tuple[Word, ...]]:
        """The words of each stretch of speech, in order."""
        told = 0
        for block in blocks:
            self._kept.append(block)
            self._end += len(block)
            for probability in self._score(block):
                if (span := self._spans.window(probability)) is not None:
                    yield from self._words(span)
            self._forget()
            if self._end - told >= REPORT_S * STT_RATE:
                self._progress(self._end / STT_RATE)
                told = self._end
        if (span := self._spans.end()) is not None:
            yield from self._words(span)
        self._progress(self._end / STT_RATE)

    def _words(self, span: Span) -> Iterator[tuple[Word, ...]]:
        start = span.start * self._score.window
        whole = np.concatenate(self._kept)
        self._kept = [whole]
        samples = whole[start - self._kept_from : span.end * self._score.window - self._kept_from]
        if words := place(self._recognise(samples), sounds(levels(samples)), start / STT_RATE):
            yield words

    def _forget(self) -> None:
        """Drop the blocks no span can need any more."""
        needed = self._spans.needed_from * self._score.window
        while self._kept and self._kept_from + len(self._kept[0]) <= needed:
            self._kept_from += len(self._kept.pop(0))
