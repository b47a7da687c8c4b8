"""Every WebRTC engine, in every pairing: sound, picture and end of a connection."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm
from rejoinder.room.aiortc_peer import AiortcEngine
from rejoinder.room.peer import Engine, Peer, PeerEvents
from rejoinder.room.wrtc_peer import WrtcEngine

ENGINES = {"wrtc": WrtcEngine, "aiortc": AiortcEngine}
PAIRS = [(offering, answering) for offering in ENGINES for answering in ENGINES]


class End:
    """One side of a call."""

    def __init__(self, engine: Engine) -> None:
        self.heard: list[Pcm] = []
        self.states: list[str] = []
        self.source = engine.create_source()
        self.other: End | None = None
        self.described = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.peer: Peer = engine.create_peer(
            self.source, PeerEvents(self.heard.append, self._candidate, self.states.append), []
        )

    def _candidate(self, candidate: dict[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._pass_on(candidate))
        self._tasks.add(task)

    async def _pass_on(self, candidate: dict[str, Any]) -> None:
        assert self.other is not None
        await self.other.described.wait()
        await self.other.peer.add_candidate(candidate)


async def call(offering: str, answering: str) -> tuple[End, End]:
    one, two = End(ENGINES[offering]()), End(ENGINES[answering]())
    one.other, two.other = two, one
    answer = await two.peer.answer(await one.peer.offer())
    two.described.set()
    await one.peer.accept(answer)
    one.described.set()
    return one, two


def tone(hz: float, number: int) -> Pcm:
    times = (np.arange(FRAME_SAMPLES) + number * FRAME_SAMPLES) / MEETING_RATE
    return (8000 * np.sin(2 * np.pi * hz * times)).astype(np.int16)


async def talk(one: End, two: End, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    for number in range(int(seconds * 50)):
        one.source.write(tone(440, number))
        two.source.write(tone(1000, number))
        due += 0.02
        await asyncio.sleep(max(0.0, due - loop.time()))


def pitch(blocks: list[Pcm]) -> float:
    samples = np.concatenate(blocks)[-MEETING_RATE // 2 :].astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * MEETING_RATE / len(samples))


@pytest.mark.parametrize(("offering", "answering"), PAIRS)
def test_both_sides_hear_each_other(offering: str, answering: str) -> None:
    async def scenario() -> None:
        one, two = await call(offering, answering)
        await talk(one, two, 2.5)
        for end, hz in ((one, 1000.0), (two, 440.0)):
            assert end.states[-1] == "connected"
            assert all(block.dtype == np.int16 and len(block) in (480, 960) for block in end.heard)
            assert pitch(end.heard) == pytest.approx(hz, abs=4)
        for end in (one, two):
            await end.peer.close()
            end.source.close()

    asyncio.run(asyncio.wait_for(scenario(), 20))


@pytest.mark.parametrize("name", ENGINES)
def test_stats_know_the_way(name: str) -> None:
    async def scenario() -> None:
        one, two = await call(name, "wrtc")
        await talk(one, two, 2.5)
        stats = await one.peer.stats()
        assert stats.round_trip_ms is None or 0 <= stats.round_trip_ms < 500
        for end in (one, two):
            await end.peer.close()
            end.source.close()

    asyncio.run(asyncio.wait_for(scenario(), 20))
