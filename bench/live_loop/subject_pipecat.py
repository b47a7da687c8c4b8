"""pipecat-ai as a subject: its pipeline, its aggregators, its Silero, an in-memory transport, mock services.

Fast settings and where they are documented (docstrings of the installed package):

* ``VADParams(confidence 0.5, start_secs 0.064, stop_secs 0.2, min_volume 0)``: ``pipecat.audio.vad.vad_analyzer``; 0.2
  is the recommended stop; loudness smoothing delays the onset, a smaller start shortens it: two windows of speech, as
  few as the other subjects need. ``tuned`` takes a start of 0.1 s.
* user turn start on VAD alone, stop by ``SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0)``: the turn ends with
  the VAD's stop once the transcript is final (``pipecat.turns.user_stop``), no Smart-Turn run in between.
* transcripts marked ``finalized`` and ``ttfs_p99_latency`` at the mock's own figure, so no safety wait.
* ``audio_out_10ms_chunks=2`` (``TransportParams``): 20 ms chunks, half the default.
* ``user_turn_stop_timeout`` 1.0 instead of 5.0 s (``LLMUserAggregatorParams``): sooner over a sound without words.

``default`` keeps pipecat's own: Smart-Turn v3, VAD 0.7/0.2/0.2/0.6, 40 ms chunks, 5 s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams, VADState
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TextAggregationMode, TTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

from bench.live_loop.clips import RATE as RATE_IN
from bench.live_loop.clips import Pcm
from bench.live_loop.device import RATE as RATE_OUT
from bench.live_loop.mic import Utterance
from bench.live_loop.services import until, voice_samples
from bench.live_loop.subject import Seat, main

START_S = {"fast": 0.064, "tuned": 0.1}
FAST_STOP_TIMEOUT_S = 1.0


def vad_params(variant: str) -> dict[str, float]:
    """The fast VAD of a variant."""
    return {"confidence": 0.5, "start_secs": START_S[variant], "stop_secs": 0.2, "min_volume": 0.0}


class Vad(SileroVADAnalyzer):
    """Silero as shipped; notes when it decides that speech is over."""

    def __init__(self, seat: Seat, params: VADParams) -> None:
        super().__init__(sample_rate=RATE_IN, params=params)
        self._seat = seat

    def _run_analyzer(self, buffer: bytes) -> VADState:
        before = self._vad_state
        state = super()._run_analyzer(buffer)
        if state is VADState.QUIET and before in (VADState.STOPPING, VADState.SPEAKING):
            self._seat.vad_stops.append(time.perf_counter())
        return state


class Ear(BaseInputTransport):
    """In-memory input."""

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)


class Mouth(BaseOutputTransport):
    """In-memory output: one chunk at a time, as a blocking loudspeaker takes them."""

    def __init__(self, seat: Seat, params: TransportParams) -> None:
        super().__init__(params)
        self._seat = seat
        self._free = 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        samples = np.frombuffer(frame.audio, dtype=np.int16)
        now = time.perf_counter()
        start = max(now, self._free) if now - self._free < 0.005 else now
        self._seat.device.play(samples, start)
        self._free = start + len(samples) / RATE_OUT
        await until(self._free)
        return True


class Stt(STTService):
    """Transcripts arrive by the harness's clock, whatever is pushed."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(ttfs_p99_latency=seat.profile.stt_s, settings=STTSettings(model="mock", language=None))

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        yield None

    def tell(self, text: str, final: bool) -> None:
        if not text:
            return  # a transcriber sends nothing for a sound without words
        kind = TranscriptionFrame if final else InterimTranscriptionFrame
        frame = kind(text, "person", time_now_iso8601())
        if final:
            frame.finalized = True
        self.create_task(self.push_frame(frame), "transcript")


class Llm(LLMService):
    """The mock model."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(
            settings=LLMSettings(
                model="mock",
                system_instruction=None,
                temperature=None,
                max_tokens=None,
                top_p=None,
                top_k=None,
                frequency_penalty=None,
                presence_penalty=None,
                seed=None,
                filter_incomplete_user_turns=False,
                user_turn_completion_config=None,
            )
        )
        self._seat = seat

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        try:
            await self.push_frame(LLMFullResponseStartFrame())
            async for token in self._seat.services.tokens():
                await self.push_frame(LLMTextFrame(token))
        finally:
            await self.push_frame(LLMFullResponseEndFrame())


class SentenceTts(TTSService):
    """The mock voice for finished pieces of text."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            sample_rate=RATE_OUT,
            settings=TTSSettings(model="mock", voice="mock", language=None),
        )
        self._seat = seat

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        async for samples in self._seat.services.speak(text):
            yield TTSAudioRawFrame(samples.tobytes(), RATE_OUT, 1, context_id=context_id)


class TokenTts(TTSService):
    """The mock voice that takes tokens: text by ``run_tts``, audio by its own task, as streaming services do."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(
            text_aggregation_mode=TextAggregationMode.TOKEN,
            push_stop_frames=False,
            sample_rate=RATE_OUT,
            settings=TTSSettings(model="mock", voice="mock", language=None),
        )
        self._seat = seat
        self._texts: dict[str, asyncio.Queue[str | None]] = {}

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        if not self.audio_context_available(context_id):
            await self.create_audio_context(context_id)
            yield TTSStartedFrame(context_id=context_id)
        if context_id not in self._texts:
            self._seat.services.tts_requests.append((time.perf_counter(), text))
            self._texts[context_id] = asyncio.Queue()
            self.create_task(self._answer(context_id, time.perf_counter()), "voice")
        self._texts[context_id].put_nowait(text)
        yield None

    async def flush_audio(self, context_id: str | None = None) -> None:
        if context_id in self._texts:
            self._texts[context_id].put_nowait(None)

    async def _answer(self, context_id: str, asked: float) -> None:
        while (text := await self._texts[context_id].get()) is not None:
            await until(asked + self._seat.profile.tts_first_s)
            if not self.audio_context_available(context_id):
                break
            samples = voice_samples(text, self._seat.profile)
            if len(samples):
                frame = TTSAudioRawFrame(samples.tobytes(), RATE_OUT, 1, context_id=context_id)
                await self.append_to_audio_context(context_id, frame)
        del self._texts[context_id]
        if self.audio_context_available(context_id):
            await self.append_to_audio_context(context_id, TTSStoppedFrame(context_id=context_id))
            await self.remove_audio_context(context_id)


class PipecatSession:
    """One pipeline."""

    def __init__(self, worker: PipelineWorker, ear: Ear, stt: Stt) -> None:
        self._worker = worker
        self._ear = ear
        self._stt = stt

    async def hear(self, chunk: Pcm) -> None:
        await self._ear.push_audio_frame(InputAudioRawFrame(chunk.tobytes(), RATE_IN, 1))

    def utterance_began(self) -> None:
        return  # transcripts come by the harness's clock alone

    def transcript(self, text: str, final: bool, utterance: Utterance) -> None:
        self._stt.tell(text, final)


class Pipecat:
    """One runner for all sessions of the process."""

    def __init__(self) -> None:
        logger.remove()
        self._runner: WorkerRunner | None = None
        self._running: asyncio.Task[None] | None = None

    def settings(self, variant: str) -> dict[str, Any]:
        if variant == "default":
            return {"turn": "default strategies (Smart-Turn v3)", "vad": "defaults", "chunk_ms": 40}
        return {
            "vad": vad_params(variant),
            "turn_start": "VAD",
            "turn_stop": "SpeechTimeout(user_speech_timeout=0), finalized transcripts",
            "chunk_ms": 20,
            "user_turn_stop_timeout_s": FAST_STOP_TIMEOUT_S,
        }

    async def open(self, seat: Seat) -> PipecatSession:
        if self._runner is None:
            self._runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
            self._running = asyncio.get_running_loop().create_task(self._runner.run(auto_end=False))
        fast = seat.variant != "default"
        params = TransportParams(
            audio_in_enabled=True,
            audio_in_sample_rate=RATE_IN,
            audio_out_enabled=True,
            audio_out_sample_rate=RATE_OUT,
            audio_out_10ms_chunks=2 if fast else 4,
            audio_out_end_silence_secs=0,
        )
        vad = Vad(seat, VADParams(**vad_params(seat.variant)) if fast else VADParams())
        turn = LLMUserAggregatorParams(vad_analyzer=vad)
        if fast:
            stop = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)
            turn.user_turn_strategies = UserTurnStrategies(start=[VADUserTurnStartStrategy()], stop=[stop])
            turn.user_turn_stop_timeout = FAST_STOP_TIMEOUT_S
        pair = LLMContextAggregatorPair(LLMContext(), user_params=turn, realtime_service_mode=False)
        ear, stt = Ear(params), Stt(seat)
        tts = TokenTts(seat) if seat.profile.token_tts else SentenceTts(seat)
        pipeline = Pipeline([ear, stt, pair.user(), Llm(seat), tts, Mouth(seat, params), pair.assistant()])
        worker = PipelineWorker(
            pipeline,
            params=PipelineParams(audio_in_sample_rate=RATE_IN, audio_out_sample_rate=RATE_OUT),
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
            check_dangling_tasks=False,
        )
        ready = asyncio.Event()

        @worker.event_handler("on_pipeline_started")
        async def started(_: PipelineWorker, frame: Frame) -> None:
            ready.set()

        await self._runner.add_workers(worker)
        await asyncio.wait_for(ready.wait(), 20)
        return PipecatSession(worker, ear, stt)


if __name__ == "__main__":
    main(Pipecat, ("pipecat-ai", "onnxruntime", "numpy", "uvloop"))
