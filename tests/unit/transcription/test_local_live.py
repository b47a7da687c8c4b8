"""Live streams over the fakes: audio in, results out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from fakes import EnergyScorer, FakeTranscriber
from rejoinder.agent.base import STT_RATE, Samples
from rejoinder.transcription import local_live
from rejoinder.transcription.base import LiveResult
from rejoinder.transcription.local_live import LocalLive, LocalStream

BLOCK = 320


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(10):
            return await work()

    return asyncio.run(bounded())


def tone(seconds: float) -> Samples:
    return np.full(int(seconds * STT_RATE), 0.1, np.float32)


def hush(seconds: float) -> Samples:
    return np.zeros(int(seconds * STT_RATE), np.float32)


class Stage:
    """One participant, whose audio comes faster than real time but with the event loop turning."""

    def __init__(self, *texts: str, partial_every_s: float | None = None) -> None:
        self.results: list[LiveResult] = []
        self.transcriber = FakeTranscriber(texts, partial_every_s=partial_every_s)
        self.live = LocalLive(EnergyScorer(), self.transcriber)
        self.stream: LocalStream = self.live.open("p1", "Ada", self.results.append)
        self.at = 0.0

    async def hear(self, samples: Samples, *, at: float | None = None) -> None:
        self.at = self.at if at is None else at
        for start in range(0, len(samples), BLOCK):
            block = samples[start : start + BLOCK]
            self.stream.push(block, self.at)
            self.at += len(block) / STT_RATE
            await asyncio.sleep(0)

    async def settle(self) -> None:
        await asyncio.sleep(0.02)

    @property
    def finals(self) -> list[LiveResult]:
        return [result for result in self.results if result.final]


def test_an_utterance_has_interim_results_and_a_final_one() -> None:
    async def work() -> Stage:
        stage = Stage("hello all of you", partial_every_s=0.4)
        await stage.hear(hush(5))
        await stage.hear(tone(2))
        await stage.hear(hush(1))
        await stage.settle()
        return stage

    stage = run(work)
    assert len(stage.results) >= 3
    assert [result.final for result in stage.results] == [False] * (len(stage.results) - 1) + [True]
    (final,) = stage.finals
    assert (final.participant_id, final.name, final.text, final.end_of_turn) == ("p1", "Ada", "hello all of you", True)
    assert final.words[0].start == pytest.approx(5.0, abs=0.05)
    assert final.words[-1].end == pytest.approx(7.0, abs=0.05)
    segment = final.segment()
    assert segment is not None
    assert segment.speaker == "Ada"


def test_times_are_those_of_the_recording() -> None:
    async def work() -> Stage:
        stage = Stage("one", "two")
        await stage.hear(hush(0.5), at=100.0)
        await stage.hear(tone(1))
        await stage.hear(hush(1))
        await stage.settle()
        await stage.hear(tone(1), at=200.0)  # nothing was sent for 97.5 s
        await stage.hear(hush(1))
        await stage.settle()
        return stage

    stage = run(work)
    assert [result.text for result in stage.finals] == ["one", "two"]
    assert stage.finals[0].words[0].start == pytest.approx(100.5, abs=0.05)
    assert stage.finals[1].words[0].start == pytest.approx(200.0, abs=0.05)


def test_late_blocks_do_not_shift_words() -> None:
    async def work() -> Stage:
        stage = Stage("one", "two")
        for number, delay in enumerate((0.0, 0.05, 0.2, 0.01)):
            await stage.hear(hush(0.1), at=10 + number * 0.1 + delay)
        await stage.hear(tone(1), at=10.4)
        await stage.hear(hush(1))
        await stage.settle()
        return stage

    assert run(work).finals[0].words[0].start == pytest.approx(10.4, abs=0.05)


def test_an_hour_with_a_slow_clock_stays_true() -> None:
    async def work() -> Stage:
        stage = Stage("one")
        for number in range(36_000):  # an hour in blocks of 100 ms, whose clock is slow by 100 ppm
            stage.stream.push(hush(0.1), number * 0.1 * 1.0001)
        stage.at = 3600.36
        await stage.hear(tone(1))
        await stage.hear(hush(1))
        await stage.settle()
        return stage

    assert run(work).finals[0].words[0].start == pytest.approx(3600.36, abs=0.06)


def test_who_is_muted_while_speaking_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_live, "TICK_S", 0.02)
    monkeypatch.setattr(local_live, "ABSENT_S", 0.04)

    async def work() -> Stage:
        stage = Stage("hello")
        await stage.hear(tone(1))
        for _ in range(250):
            if stage.finals:
                break
            await asyncio.sleep(0.02)
        assert not stage.live._busy
        return stage

    assert run(work).finals[0].text == "hello"


def test_who_leaves_is_heard_to_the_end_and_no_further() -> None:
    async def work() -> Stage:
        stage = Stage("goodbye")
        await stage.hear(tone(1))
        stage.stream.close()
        stage.stream.close()
        await stage.settle()
        await stage.hear(tone(2))
        await stage.settle()
        return stage

    stage = run(work)
    assert [result.text for result in stage.results] == ["goodbye"]
    assert stage.transcriber.streams[0].closed
    assert not stage.live._busy


def test_a_transcriber_that_stays_silent_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_live, "LAST_WORDS_S", 0.05)

    async def work() -> Stage:
        stage = Stage("goodbye")
        stage.transcriber.latency_s = 60
        await stage.hear(tone(1))
        stage.stream.close()
        await asyncio.sleep(0.1)
        return stage

    stage = run(work)
    assert stage.results == []
    assert stage.transcriber.streams[0].closed


def test_who_never_speaks_costs_no_stream() -> None:
    async def work() -> Stage:
        stage = Stage("nothing")
        await stage.hear(hush(3))
        assert sum(map(len, stage.stream._chunks)) < STT_RATE
        stage.stream.close()
        return stage

    assert run(work).transcriber.streams == []


def test_long_speech_is_held_only_until_it_is_settled() -> None:
    async def work() -> Stage:
        stage = Stage("a", "b", "c", "d")
        for _ in range(60):
            await stage.hear(tone(1))
            assert sum(map(len, stage.stream._chunks)) < 2 * STT_RATE
            await stage.settle()
        await stage.hear(hush(1))
        await stage.settle()
        return stage

    stage = run(work)
    assert [result.text for result in stage.finals] == ["a", "b", "c", "d"][: len(stage.finals)]
    assert len(stage.finals) >= 3
    assert [result.end_of_turn for result in stage.finals] == [False] * (len(stage.finals) - 1) + [True]
