"""Deterministic doubles of the agent's contracts. Latencies are seconds on the event loop's clock.

They pass the same contract tests as the real vendors (``tests/contract/test_speech.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np

from rejoinder.agent.base import STT_RATE, Message, Recognition, Samples


class FakeTranscriber:
    """Understands ``texts[n]`` as each stream's n-th utterance (the last one again when they run out).

    A flush is answered after ``latency_s``. With ``partial_every_s`` a partial comes for each such stretch of
    audio, with as many words as ``words_per_s`` allows.
    """

    name = "fake"

    def __init__(
        self,
        texts: Sequence[str] = ("hello",),
        latency_s: float = 0.0,
        partial_every_s: float | None = None,
        words_per_s: float = 3.0,
    ) -> None:
        self.texts = list(texts)
        self.latency_s = latency_s
        self.partial_every_s = partial_every_s
        self.words_per_s = words_per_s
        self.streams: list[FakeStream] = []

    def open(self, deliver: Callable[[Recognition], None]) -> FakeStream:
        stream = FakeStream(self, deliver)
        self.streams.append(stream)
        return stream


class FakeStream:
    """A stream of :class:`FakeTranscriber`; ``flushes`` and ``commits`` count the calls."""

    def __init__(self, owner: FakeTranscriber, deliver: Callable[[Recognition], None]) -> None:
        self.owner, self.deliver = owner, deliver
        self.heard_s = self.partial_at = 0.0
        self.flushes = self.commits = 0
        self.closed = False
        self._timers: list[asyncio.TimerHandle] = []

    def push(self, samples: Samples) -> None:
        if self.closed:
            return
        self.heard_s += len(samples) / STT_RATE
        every = self.owner.partial_every_s
        if every is not None and self.heard_s - self.partial_at >= every:
            self.partial_at = self.heard_s
            self._answer(int(self.heard_s * self.owner.words_per_s), final=False)

    def flush(self) -> None:
        self.flushes += 1
        self._answer(None, final=True)

    def commit(self) -> None:
        self.commits += 1
        self.heard_s = self.partial_at = 0.0
        self._forget()

    def close(self) -> None:
        self.closed = True
        self._forget()

    def _answer(self, words: int | None, *, final: bool) -> None:
        if self.closed:
            return
        text = self.owner.texts[min(self.commits, len(self.owner.texts) - 1)]
        result = Recognition(" ".join(text.split()[:words]), self.heard_s, final)
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(self.owner.latency_s, self.deliver, result))

    def _forget(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


class FakeLanguageModel:
    """Answers ``answer`` (or what it returns for the messages) word by word; ``error`` is raised instead."""

    name = "fake"

    def __init__(
        self,
        answer: str | Callable[[Sequence[Message]], str] = "Yes, of course.",
        first_token_s: float = 0.0,
        token_s: float = 0.0,
        error: Exception | None = None,
    ) -> None:
        self.answer, self.first_token_s, self.token_s, self.error = answer, first_token_s, token_s, error
        self.asked: list[list[Message]] = []
        self.warmed: list[list[Message]] = []
        self.cancelled = 0

    async def stream(self, messages: Sequence[Message], *, max_tokens: int = 200) -> AsyncIterator[str]:
        self.asked.append(list(messages))
        done = False
        try:
            await asyncio.sleep(self.first_token_s)
            if self.error is not None:
                raise self.error
            text = self.answer if isinstance(self.answer, str) else self.answer(messages)
            for number, word in enumerate(text.split()[:max_tokens]):
                if number:
                    await asyncio.sleep(self.token_s)
                yield word if number == 0 else " " + word
            done = True
        finally:
            self.cancelled += not done

    async def warm(self, messages: Sequence[Message]) -> None:
        self.warmed.append(list(messages))


class FakeVoice:
    """Says each word as ``word_s`` of a tone of ``hz``, in chunks of 100 ms.

    The first chunk comes after ``first_audio_s``.
    """

    name = "fake"
    sample_rate = 24_000

    def __init__(self, first_audio_s: float = 0.0, word_s: float = 0.3, hz: float = 440.0, level: float = 0.5) -> None:
        self.first_audio_s, self.word_s, self.hz, self.level = first_audio_s, word_s, hz, level
        self.said: list[str] = []

    async def speak(self, text: str) -> AsyncIterator[Samples]:
        self.said.append(text)
        await asyncio.sleep(self.first_audio_s)
        length = round(len(text.split()) * self.word_s * self.sample_rate)
        times = np.arange(length) / self.sample_rate
        tone = (self.level * np.sin(2 * np.pi * self.hz * times)).astype(np.float32)
        chunk = self.sample_rate // 10
        for start in range(0, length, chunk):
            yield tone[start : start + chunk]


class FakeTurnModel:
    """Says ``probabilities`` one after the other (the last one again), each after ``latency_s``."""

    def __init__(self, probabilities: Sequence[float] = (1.0,), latency_s: float = 0.0) -> None:
        self.probabilities, self.latency_s = list(probabilities), latency_s
        self.asked: list[float] = []

    async def score(self, samples: Samples) -> float:
        self.asked.append(len(samples) / STT_RATE)
        answer = self.probabilities[min(len(self.asked), len(self.probabilities)) - 1]
        await asyncio.sleep(self.latency_s)
        return answer


class EnergyScorer:
    """Probability 1 for windows whose RMS is at least ``floor``, otherwise 0; scored inside ``push``."""

    window = 512

    def __init__(self, floor: float = 0.01) -> None:
        self.floor = floor

    def open(self, deliver: Callable[[float], None]) -> EnergyTrack:
        return EnergyTrack(self, deliver)


class EnergyTrack:
    """A track of :class:`EnergyScorer`."""

    def __init__(self, owner: EnergyScorer, deliver: Callable[[float], None]) -> None:
        self.owner, self.deliver = owner, deliver
        self.rest: Samples = np.zeros(0, np.float32)
        self.urgent = self.closed = False

    def push(self, samples: Samples) -> None:
        self.rest = np.concatenate((self.rest, samples))
        while len(self.rest) >= self.owner.window and not self.closed:
            window, self.rest = self.rest[: self.owner.window], self.rest[self.owner.window :]
            self.deliver(float(np.sqrt(np.mean(np.square(window))) >= self.owner.floor))

    def close(self) -> None:
        self.closed = True
