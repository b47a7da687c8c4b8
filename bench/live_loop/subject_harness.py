"""No loop at all: what the harness itself costs (feeder, microphones, loudspeaker, script)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench.live_loop.clips import Pcm
from bench.live_loop.mic import Utterance
from bench.live_loop.subject import Seat, main


class NoSession:
    """Plays the answer when the transcript is final."""

    def __init__(self, seat: Seat, group: asyncio.AbstractEventLoop) -> None:
        self._seat = seat
        self._loop = group
        self._heard = 0
        self._task: asyncio.Task[None] | None = None

    async def hear(self, chunk: Pcm) -> None:
        self._heard += len(chunk)

    def utterance_began(self) -> None:
        return  # transcripts come by the harness's clock alone

    def transcript(self, text: str, final: bool, utterance: Utterance) -> None:
        if final and text:
            self._task = self._loop.create_task(self._answer())

    async def _answer(self) -> None:
        async for text in self._seat.services.tokens():
            async for samples in self._seat.services.speak(text):
                self._seat.device.play(samples, time.perf_counter())


class NoFramework:
    """The harness alone."""

    def settings(self, variant: str) -> dict[str, Any]:
        return {}

    async def open(self, seat: Seat) -> NoSession:
        return NoSession(seat, asyncio.get_running_loop())


if __name__ == "__main__":
    main(NoFramework, ("numpy",))
