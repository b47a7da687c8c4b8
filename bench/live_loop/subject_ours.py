"""rejoinder's own loop as a subject: ``VoiceAgent`` with its Silero, and mock services as ``agent.base`` asks for them.

``fast`` ends turns by the VAD's silence alone (no turn model), as the peers do in their fast settings. The output takes
20 ms frames of 48 kHz as a meeting does; between speech nothing is written (``continuous=False``), as with the peers.
``continuous`` writes silence too, as in the room.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from bench.live_loop.clips import RATE as RATE_IN
from bench.live_loop.device import RATE as RATE_OUT
from bench.live_loop.mic import Utterance
from bench.live_loop.subject import Seat, main
from rejoinder.agent.agent import Services as AgentServices
from rejoinder.agent.agent import VoiceAgent
from rejoinder.agent.base import Message, Recognition, Samples
from rejoinder.agent.decisions import EndTurn
from rejoinder.agent.turn import TurnTuning
from rejoinder.core.bot import AgentConfig
from rejoinder.core.participant import Participant
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.vendors.silero.vad import SileroScorer

MODEL = "REJOINDER_BENCH_SILERO"
"""Environment variable with the folder that holds ``silero_vad.onnx``; set by the parent process."""
PERSON = "person"


class Transcriber:
    """The mock transcriber of one session: the harness's clock says when text comes."""

    name = "mock"

    def __init__(self) -> None:
        self.stream: Stream | None = None
        self.final: str | None = ""
        """The text of the present utterance once the service has it; None while it is still thinking."""

    def open(self, deliver: Callable[[Recognition], None]) -> Stream:
        self.stream = Stream(self, deliver)
        return self.stream

    def tell(self, text: str, final: bool) -> None:
        """The time has come for a transcript."""
        if final:
            self.final = text
        if self.stream is not None:
            self.stream.tell(text, final)


class Stream:
    """One person's transcription; ``heard_s`` says what it covers."""

    def __init__(self, service: Transcriber, deliver: Callable[[Recognition], None]) -> None:
        self._service = service
        self._deliver = deliver
        self._pushed = 0
        self._flushed: int | None = None

    def push(self, samples: Samples) -> None:
        self._pushed += len(samples)

    def flush(self) -> None:
        self._flushed = self._pushed
        if self._service.final is not None:
            asyncio.get_running_loop().call_soon(self._answer)

    def commit(self) -> None:
        self._pushed, self._flushed = 0, None
        if self._service.final is not None:
            self._service.final = ""

    def close(self) -> None:
        self._flushed = None

    def tell(self, text: str, final: bool) -> None:
        if final:
            self._answer()
        else:
            self._deliver(Recognition(text, self._pushed / RATE_IN, final=False))

    def _answer(self) -> None:
        if self._flushed is not None and self._service.final is not None:
            covered, self._flushed = self._flushed, None
            self._deliver(Recognition(self._service.final, covered / RATE_IN, final=True))


class Model:
    """The mock language model."""

    name = "mock"

    def __init__(self, seat: Seat) -> None:
        self._seat = seat

    def stream(self, messages: Sequence[Message], *, max_tokens: int = 200) -> AsyncIterator[str]:
        return self._seat.services.tokens()

    async def warm(self, messages: Sequence[Message]) -> None:
        return


class MockVoice:
    """The mock voice."""

    name = "mock"
    sample_rate = RATE_OUT

    def __init__(self, seat: Seat) -> None:
        self._seat = seat

    async def speak(self, text: str) -> AsyncIterator[Samples]:
        async for samples in self._seat.services.speak(text):
            yield samples.astype(np.float32) / np.float32(32767.0)


class NotingAgent(VoiceAgent):
    """The agent as shipped; notes when it decides that speech is over."""

    seat: Seat

    def _do(self, command: Any) -> None:
        if isinstance(command, EndTurn):
            self.seat.vad_stops.append(time.perf_counter())
        super()._do(command)


class OurSession:
    """One agent with one person in the meeting."""

    def __init__(self, agent: VoiceAgent, transcriber: Transcriber) -> None:
        self._agent = agent
        self._transcriber = transcriber

    async def hear(self, chunk: Pcm) -> None:
        self._agent.hear(PERSON, chunk.astype(np.float32) * np.float32(1 / 32768))

    def transcript(self, text: str, final: bool, utterance: Utterance) -> None:
        self._transcriber.tell(text, final)

    def utterance_began(self) -> None:
        self._transcriber.final = None


class Ours:
    """All agents of the process share one scorer, as in the product."""

    def __init__(self) -> None:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
        self._scorer: SileroScorer | None = None

    def settings(self, variant: str) -> dict[str, Any]:
        tuning = TurnTuning()
        return {
            "turn": "VAD (no turn model)",
            "end_s": tuning.end_s,
            "flush_s": tuning.flush_s,
            "onset_windows": tuning.onset_windows,
            "words_wait_s": tuning.words_wait_s,
            "continuous": variant == "continuous",
        }

    async def open(self, seat: Seat) -> OurSession:
        if self._scorer is None:
            self._scorer = SileroScorer(Path(os.environ[MODEL]))
        transcriber = Transcriber()
        services = AgentServices(self._scorer, transcriber, Model(seat), MockVoice(seat))
        seat.device.rate = MEETING_RATE

        def write(frame: Pcm) -> None:
            seat.device.play(frame, time.perf_counter())

        agent = NotingAgent(AgentConfig(), "Bench", services, write, continuous=seat.variant == "continuous")
        agent.seat = seat
        agent.participant_joined(Participant(PERSON, "Person"))
        return OurSession(agent, transcriber)


if __name__ == "__main__":
    main(Ours, ("onnxruntime", "numpy", "uvloop"))
