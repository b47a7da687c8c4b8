"""The ruler of the separation bench: what was said and by whom, against what was heard and under which name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rejoinder.agent.base import Samples
from rejoinder.agent.words import words
from rejoinder.core.events import SpeakerLabelled
from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm
from rejoinder.recording.align import Aligner

WHISTLE = 0.012
"""Each voice carries a quiet tone of its own (-38 dBFS), so that a block of sound tells whose it is: waveforms cannot,
after two codecs and jitter buffers that stretch and shorten."""
WHISTLES_HZ = (5_000.0, 6_000.0)
"""Multiples of 50 Hz: whole periods in a block of 20 ms. Speech has little there, codecs keep it."""
AUDIBLE = 200
"""Peak (of 32768) from which a block is one that somebody said."""
CERTAIN = 4.0
"""How many times louder one whistle must be than the other; what is less clear is nobody's."""


@dataclass(frozen=True)
class Script:
    """What one person says: text and sound (48 kHz), from the beginning of the scene."""

    text: str
    pcm: Pcm


@dataclass
class Heard:
    """What came of a scene: sound by name, laid out on the scene's clock as a recording lays it out."""

    tracks: dict[str, Pcm]
    labels: list[SpeakerLabelled] = field(default_factory=list)


class Layout:
    """People's blocks of sound as they arrive, put in their places the way a recording does it."""

    def __init__(self) -> None:
        self._aligners: dict[str, Aligner] = {}
        self._placed: dict[str, list[tuple[int, Pcm]]] = defaultdict(list)

    def hear(self, who: str, at_s: float, pcm: Pcm) -> None:
        """A block of someone arrived ``at_s`` after the scene began."""
        aligner = self._aligners.setdefault(who, Aligner(lambda block: bool(np.abs(block).max(initial=0) < AUDIBLE)))
        self._placed[who] += aligner.push(round(at_s * MEETING_RATE), pcm.copy())

    def tracks(self) -> dict[str, Pcm]:
        """Everything heard, by whom; each begins with the scene."""
        found = {}
        for who, aligner in self._aligners.items():
            self._placed[who] += aligner.flush()
            end = max(0, *(at + len(pcm) for at, pcm in self._placed[who]))
            found[who] = np.zeros(end, np.int16)
            for at, pcm in self._placed[who]:
                since = max(0, -at)
                found[who][at + since : at + len(pcm)] = pcm[since:]
        return found


def chunks(samples: Samples) -> Iterator[Samples]:
    """A track for a transcriber in another process."""
    for start in range(0, len(samples), 16_000):
        yield samples[start : start + 16_000]


def right_words(said: str, heard: str) -> tuple[int, int]:
    """(Words said that are heard, in their order; words said): the longest common subsequence."""
    wanted, found = words(said), words(heard)
    row = [0] * (len(found) + 1)
    for word in wanted:
        before = 0
        for column, other in enumerate(found, 1):
            before, row[column] = row[column], before + 1 if word == other else max(row[column], row[column - 1])
    return row[-1], len(wanted)


def whistled(pcm: Pcm, hz: float) -> Pcm:
    """A clip with a tone, where it is not silent, by which it is known again."""
    tone = 32768 * WHISTLE * np.sin(2 * np.pi * hz * np.arange(len(pcm)) / MEETING_RATE)
    for start in range(0, len(pcm), FRAME_SAMPLES):
        if np.abs(pcm[start : start + FRAME_SAMPLES]).max() < AUDIBLE:
            tone[start : start + FRAME_SAMPLES] = 0.0
    return np.clip(pcm + tone, -32768, 32767).astype(np.int16)


def blocks_by_name(whistles: Mapping[str, float], heard: Mapping[str, Pcm]) -> dict[str, dict[str, int]]:
    """For each person who spoke: audible blocks of 20 ms with their whistle, by the name they were heard under."""
    found: dict[str, dict[str, int]] = {name: defaultdict(int) for name in whistles}
    for label, track in heard.items():
        blocks = track[: len(track) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES).astype(np.float64)
        blocks = blocks[np.abs(blocks).max(axis=1, initial=0.0) >= AUDIBLE]
        levels = {name: _level(blocks, hz) for name, hz in whistles.items()}
        for name, level in levels.items():
            others = np.max([one for other, one in levels.items() if other != name], axis=0)
            if count := int(np.sum(level > CERTAIN * others)):
                found[name][label] += count
    return {name: dict(counts) for name, counts in found.items()}


def share(counts: Mapping[str, int], name: str, unknown: str, said: int) -> dict[str, float]:
    """{right, wrong, unknown, lost}: shares of someone's ``said`` blocks. Where a jitter buffer stretches, a few more
    are heard than were said."""
    heard = sum(counts.values())
    total = max(1, said, heard)
    right, nameless = counts.get(name, 0), counts.get(unknown, 0)
    parts = {"right": right, "wrong": heard - right - nameless, "unknown": nameless, "lost": max(0, said - heard)}
    return {part: round(count / total, 4) for part, count in parts.items()}


def confidences(labels: Sequence[SpeakerLabelled]) -> dict[str, dict[str, float]]:
    """Of the labels told: {source: {mean, told}}."""
    by_source: dict[str, list[float]] = defaultdict(list)
    for label in labels:
        by_source[label.source].append(label.confidence)
    return {
        source: {"mean": round(float(np.mean(values)), 2), "told": len(values)} for source, values in by_source.items()
    }


def _level(blocks: npt.NDArray[np.float64], hz: float) -> npt.NDArray[np.float64]:
    turns = np.exp(-2j * np.pi * hz * np.arange(FRAME_SAMPLES) / MEETING_RATE)
    return np.abs(blocks * np.hanning(FRAME_SAMPLES) @ turns)
