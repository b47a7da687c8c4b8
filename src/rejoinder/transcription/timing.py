"""When each word of an utterance was said, estimated from its sound level. Pure.

Moonshine gives text without times. What is known is the level of the sound and, roughly, how long a word takes to
say. Pauses are matched with the boundaries between words so that the lengths in between fit best; between two such
anchors, time is shared out in proportion. Measured on connected speech of a synthetic voice whose true word times are
known (``tests/contract/test_transcription.py``): half of the words within 70 ms, nine of ten within 200 ms.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rejoinder.agent.base import STT_RATE, Samples
from rejoinder.core.transcript import Word

FRAME_S = 0.01
"""Seconds of audio per level."""
_FRAME = int(STT_RATE * FRAME_S)

FAINT = 0.05
"""Level, relative to the loud parts of the utterance, below which nothing is said (-26 dB: see :mod:`agent.hush`)."""
OVER_NOISE = 3.0
"""Level, relative to the quietest parts, that is no background noise."""
LEAST_FAINT = 1e-3
"""RMS below which nothing is said in any case (-60 dBFS)."""
PAUSE_S = 0.05
"""Shorter faint stretches are stops inside words ("t", "k")."""
LEAST_SOUND_S = 0.03
"""A shorter sound between two pauses is a click."""
MOST_PAUSES = 24
"""Of an utterance; the longest are used. Bounds the work."""

LETTER_S, SYLLABLE_S, CLOSING_S = 0.065, 0.04, 0.12
"""How long a word takes: per letter, per group of vowels, and more at the end of a clause, where speakers slow down.
Least squares over 200 words of read speech; only the proportions matter."""
DIGIT_LETTERS = 4.5
"""Letters of a spoken digit ("seven")."""
SPREAD_S = 0.13
"""Standard deviation of a word's true length around that."""
NO_BOUNDARY = 3.0
"""Cost of a pause of 200 ms inside a word, as negative log likelihood; in proportion to its length, and capped."""
NO_CLAUSE = 1.2
"""Cost of a pause where no clause ends, likewise."""

_VOWELS = re.compile(r"[aeiouy]+")
_PLAIN = re.compile(r"[^a-z0-9]+")

Levels = npt.NDArray[np.float32]


def levels(samples: Samples) -> Levels:
    """RMS of each full 10 ms of 16 kHz audio."""
    count = len(samples) // _FRAME
    frames = samples[: count * _FRAME].reshape(count, _FRAME)
    found: Levels = np.sqrt(np.einsum("ij,ij->i", frames, frames) / _FRAME)
    return found


class Meter:
    """The levels of an utterance that grows."""

    def __init__(self) -> None:
        self._parts: list[Levels] = []
        self._rest = np.zeros(0, np.float32)

    def push(self, samples: Samples) -> None:
        """The next audio."""
        samples = np.concatenate((self._rest, samples))
        full = len(samples) - len(samples) % _FRAME
        self._parts.append(levels(samples[:full]))
        self._rest = samples[full:]

    def first(self, samples: int) -> Levels:
        """The levels of the first ``samples``."""
        self._parts = [np.concatenate(self._parts)] if self._parts else []
        return self._parts[0][: samples // _FRAME] if self._parts else np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Sounds:
    """The voiced stretches of an utterance, in seconds from its first sample, in order and apart."""

    starts: tuple[float, ...]
    ends: tuple[float, ...]

    @property
    def total(self) -> float:
        """Seconds of sound."""
        return sum(self.ends) - sum(self.starts)


def sounds(level: Levels) -> Sounds:
    """Where something is said. Without any sound, the whole stretch is one."""
    whole = Sounds((0.0,), (max(len(level), 1) * FRAME_S,))
    if not len(level):
        return whole
    loud, quiet = np.percentile(level, (95, 5))
    floor = max(LEAST_FAINT, FAINT * loud, min(OVER_NOISE * quiet, loud / 2))
    edges = np.flatnonzero(np.diff(np.concatenate(([False], level >= floor, [False])).astype(np.int8)))
    stretches: list[list[float]] = []
    for start, end in zip(edges[::2] * FRAME_S, edges[1::2] * FRAME_S, strict=True):
        if stretches and start - stretches[-1][1] < PAUSE_S:
            stretches[-1][1] = float(end)
        else:
            stretches.append([float(start), float(end)])
    kept = [stretch for stretch in stretches if stretch[1] - stretch[0] >= LEAST_SOUND_S]
    if not kept:
        return whole
    return Sounds(tuple(start for start, _ in kept), tuple(end for _, end in kept))


def expected_s(word: str) -> float:
    """How long a word takes to say, roughly."""
    plain = _PLAIN.sub("", word.lower())
    digits = sum(character.isdigit() for character in plain)
    letters = len(plain) + digits * (DIGIT_LETTERS - 1) if plain else len(word)
    syllables = len(_VOWELS.findall(plain)) + 1.5 * digits
    return LETTER_S * max(letters, 1) + SYLLABLE_S * syllables + (CLOSING_S if closes(word) else 0.0)


def closes(word: str) -> bool:
    """Whether a clause ends with the word."""
    return word.rstrip("\"'”’)").endswith((".", ",", "?", "!", ":", ";", "…", "—"))


def place(text: str, heard: Sounds, offset: float = 0.0) -> tuple[Word, ...]:
    """The words of ``text`` with their times: in order, apart, within what was heard; ``offset`` seconds are added."""
    said = text.split()
    if not said:
        return ()
    ideal = np.concatenate(([0.0], np.cumsum([expected_s(word) for word in said])))
    starts, ends = np.array(heard.starts), np.array(heard.ends)
    voiced = np.concatenate(([0.0], np.cumsum(ends - starts)))  # position on a time line without pauses
    ideal *= voiced[-1] / ideal[-1]
    anchors = _anchors(said, ideal, voiced, starts[1:] - ends[:-1])
    at = np.interp(ideal, ideal[[word for word, _ in anchors]], voiced[[sound for _, sound in anchors]])
    first = np.clip(np.searchsorted(voiced, at[:-1] + 1e-6, side="right") - 1, 0, len(starts) - 1)
    last = np.clip(np.searchsorted(voiced, at[1:] - 1e-6, side="left") - 1, 0, len(starts) - 1)
    begin = starts[first] + at[:-1] - voiced[first] + offset
    end = starts[last] + at[1:] - voiced[last] + offset
    times = zip(said, begin.tolist(), end.tolist(), strict=True)
    return tuple(Word(word, round(start, 3), round(max(start, stop), 3)) for word, start, stop in times)


Numbers = npt.NDArray[np.float64]


def _anchors(said: Sequence[str], ideal: Numbers, voiced: Numbers, pauses: Numbers) -> list[tuple[int, int]]:
    """Which boundary between words (index of the word after it) lies in which pause (index of the sound after it).

    The likeliest choice, found by dynamic programming over the pauses: ``best[b]`` is the least cost with boundary
    ``b`` in the present pause, over all choices for the pauses before.
    """
    count = len(said)
    used = np.sort(np.argsort(-pauses, kind="stable")[:MOST_PAUSES])
    no_clause = np.array([0.0, *(0.0 if closes(word) else NO_CLAUSE for word in said)])
    skip = np.concatenate(([0.0], np.cumsum(np.minimum(pauses[used] / 0.2, 3.0) * NO_BOUNDARY)))
    length = ideal[None, :] - ideal[:, None]  # [from, to]
    words_between = np.arange(count + 1)[None, :] - np.arange(count + 1)[:, None]
    spread = 2 * SPREAD_S**2 * np.maximum(words_between, 1)
    forbidden = np.where(words_between > 0, 0.0, np.inf)
    origin = np.full(count + 1, np.inf)
    origin[0] = 0.0
    stations = [0, *(int(pause) + 1 for pause in used), len(voiced) - 1]
    bests, backs = [origin], [np.zeros((count + 1, 2), np.int64)]
    for here in range(1, len(stations)):
        best, back = np.full(count + 1, np.inf), np.zeros((count + 1, 2), np.int64)
        for before in range(here):
            real = voiced[stations[here]] - voiced[stations[before]]
            skipped = skip[min(here, len(used) + 1) - 1] - skip[before]
            costs = bests[before][:, None] + (real - length) ** 2 / spread + forbidden + skipped
            least = costs.argmin(axis=0)
            cost = costs[least, np.arange(count + 1)] + (no_clause if here < len(stations) - 1 else 0.0)
            better = cost < best
            best[better] = cost[better]
            back[better] = np.stack((np.full(count + 1, before), least), axis=1)[better]
        bests.append(best)
        backs.append(back)
    chosen = [(count, stations[-1])]
    station, boundary = len(stations) - 1, count
    while station:
        station, boundary = (int(value) for value in backs[station][boundary])
        chosen.append((boundary, stations[station]))
    return chosen[::-1]
