"""A person's microphone: a room that is never digitally silent, into which clips are spoken at known times."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.live_loop.clips import RATE, Clip, Pcm

CHUNK = 320
"""Samples per chunk: 20 ms."""
CHUNK_S = CHUNK / RATE


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something said: when its first and one past its last speech sample passed the microphone."""

    clip: Clip
    started: float
    onset: float
    end: float


class Mic:
    """Gives a chunk for every 20 ms; ``say`` begins a clip at the next chunk, a random part of a chunk later."""

    def __init__(self, seed: int, room_db: float, on_utterance: Callable[[Utterance], None]) -> None:
        self._random = np.random.default_rng(seed)
        room = self._random.standard_normal(RATE) * 32767 * 10 ** (room_db / 20)
        self._room = room.astype(np.int16)
        self._place = 0
        self._pending: Pcm | None = None
        self._clip: Clip | None = None
        self._lead = 0
        self._on_utterance = on_utterance
        self.utterances: list[Utterance] = []

    @property
    def busy(self) -> bool:
        """A clip is being spoken."""
        return self._pending is not None

    def say(self, clip: Clip) -> None:
        """Speak ``clip`` from the next chunk on."""
        self._lead = int(self._random.integers(0, 512))
        self._pending = np.concatenate([np.zeros(self._lead, dtype=np.int16), clip.samples])
        self._clip = clip

    def next_chunk(self, due: float) -> Pcm:
        """The 20 ms that end at ``due``."""
        chunk = self._room[self._place : self._place + CHUNK]
        self._place = (self._place + CHUNK) % (RATE - RATE % CHUNK)
        if self._pending is None:
            return chunk
        if self._clip is not None:
            self._begin(self._clip, due)
            self._clip = None
        piece = self._pending[:CHUNK]
        self._pending = self._pending[CHUNK:] if len(self._pending) > CHUNK else None
        out = chunk.copy()
        out[: len(piece)] += piece
        return out

    def _begin(self, clip: Clip, due: float) -> None:
        started = due - CHUNK_S + self._lead / RATE
        utterance = Utterance(clip, started, started + clip.onset / RATE, started + clip.end / RATE)
        self.utterances.append(utterance)
        self._on_utterance(utterance)


class Ears:
    """The mock transcriber's timing: interim words and the final, each ``latency`` seconds after it was said.

    ``deliver(text, final, utterance)`` is called on the loop. A clip without words gives one empty final.
    """

    def __init__(self, latency: float, deliver: Callable[[str, bool, Utterance], None]) -> None:
        self._latency = latency
        self._deliver = deliver

    def heard(self, utterance: Utterance, call_later: Callable[..., object]) -> None:
        """Schedule what a transcriber will say of an utterance."""
        now = time.perf_counter()
        for after, text in utterance.clip.words()[:-1]:
            due = utterance.started + after + self._latency
            call_later(max(0.0, due - now), self._deliver, text, False, utterance)
        due = utterance.end + self._latency
        call_later(max(0.0, due - now), self._deliver, utterance.clip.text, True, utterance)
