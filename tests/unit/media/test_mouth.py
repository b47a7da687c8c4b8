"""Keeping the meeting's pace."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from jumploop import JumpLoop, run
from rejoinder.media.frame import FRAME_SAMPLES, Pcm
from rejoinder.media.mouth import Mouth


class CoarseLoop(JumpLoop):
    """A clock of whole milliseconds whose timers may come up to one of them early, as uvloop's do."""

    def time(self) -> float:
        return int(super().time() * 1000) / 1000

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        return super().call_at(int(when * 1000) / 1000, callback, *args, context=context)


class Sink:
    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.frames: list[tuple[float, int]] = []

    def __call__(self, pcm: Pcm) -> None:
        self.frames.append((self.loop.time(), int(np.abs(pcm).max())))


def test_a_coarse_clock_does_not_make_it_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = 0
    tick = Mouth._tick

    def counted(self: Mouth) -> None:
        nonlocal ticks
        ticks += 1
        assert ticks < 1000, "the clock spins"
        tick(self)

    monkeypatch.setattr(Mouth, "_tick", counted)

    async def scenario() -> None:
        sink = Sink()
        mouth = Mouth(sink, continuous=True)
        await asyncio.sleep(0.0137)
        mouth.add("a", np.full(20 * FRAME_SAMPLES, 900, np.int16))
        await asyncio.sleep(5)
        mouth.stop()
        assert ticks <= len(sink.frames) + 5
        assert len(sink.frames) == pytest.approx(250, abs=2)

    with asyncio.Runner(loop_factory=CoarseLoop) as runner:
        runner.run(scenario())


@pytest.mark.parametrize(("continuous", "wait"), [(False, 0.0), (True, 0.0063)])
def test_speech_begins_at_once_or_with_the_next_frame_of_a_continuous_stream(continuous: bool, wait: float) -> None:
    async def scenario() -> None:
        sink = Sink()
        mouth = Mouth(sink, continuous=continuous)
        await asyncio.sleep(0.1137)
        spoke = sink.loop.time()
        mouth.add("a", np.full(5 * FRAME_SAMPLES, 900, np.int16))
        await asyncio.sleep(0.5)
        mouth.stop()
        loud = [at for at, level in sink.frames if level]
        assert loud == pytest.approx([spoke + wait + 0.02 * number for number in range(5)], abs=1e-6)

    run(scenario())


def test_a_late_loop_catches_up_by_100_ms_at_most() -> None:
    async def scenario() -> None:
        sink = Sink()
        mouth = Mouth(sink, continuous=False)
        mouth.add("a", np.full(100 * FRAME_SAMPLES, 900, np.int16))
        await asyncio.sleep(0.1)
        before = len(sink.frames)
        sink.loop._jump.now += 1.0  # type: ignore[attr-defined]
        await asyncio.sleep(0.001)
        assert len(sink.frames) - before <= 6
        mouth.stop()

    run(scenario())


def test_without_anything_to_say_a_mouth_that_is_not_continuous_rests() -> None:
    async def scenario() -> None:
        sink = Sink()
        mouth = Mouth(sink, continuous=False)
        mouth.add("a", np.full(FRAME_SAMPLES, 900, np.int16))
        mouth.close_clip("a")
        await asyncio.sleep(1)
        assert len(sink.frames) == 1
        mouth.stop()

    run(scenario())


def test_a_meeting_that_holds_audio_back_lets_go_of_it_and_fades_by_itself() -> None:
    async def cleared(drops: bool) -> list[int]:
        sink = Sink()
        asked: list[int] = []

        def drop() -> bool:
            asked.append(len(sink.frames))
            return drops

        mouth = Mouth(sink, continuous=True)
        mouth.drop = drop
        mouth.add("clip", np.full(20 * FRAME_SAMPLES, 5000, np.int16))
        await asyncio.sleep(0.1)
        mouth.pause()
        mouth.resume()
        assert asked == []
        mouth.clear()
        assert asked == [len(sink.frames)]
        await asyncio.sleep(0.1)
        mouth.stop()
        return [level for _, level in sink.frames[asked[0] :]]

    assert not any(run(cleared(drops=True)))
    assert [level > 0 for level in run(cleared(drops=False))][:2] == [True, False]  # the mouth's own fade
