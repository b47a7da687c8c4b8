"""livekit-agents as a subject: its ``AgentSession`` and native Silero, in-memory audio, mock services.

Fast settings and where they are documented (``livekit.agents.voice.turn`` and ``livekit.agents.inference.vad``):

* ``turn_detection "vad"``, ``endpointing min_delay 0``: a turn ends with the VAD, no delay after it.
* ``VAD(min_silence_duration 0.2)``: the same silence as the others; ``min_speech_duration`` stays at its 0.05.
* ``interruption min_duration 0.05`` instead of 0.5 s: pauses with the first window after the VAD's start of speech (0
  would pause without any speech, for silence has a duration of 0 too). ``tuned`` takes 0.2 s.
* ``false_interruption_timeout 0.1`` instead of 2.0 s: it runs from the VAD's end of speech, 0.2 s after the sound, so
  that the transcript (0.15 s) has been seen by then.
* ``preemptive_generation`` on (default), ``preemptive_tts`` on; ``aec_warmup_duration`` off (default 3 s).

``default`` keeps livekit's own: local turn detector v1-mini, VAD 0.25 s, endpointing 0.3/2.5 s, 0.5 s to interrupt,
2 s to resume; only the warm-up is off, for it would ignore every sound of the bench.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import (
    NOT_GIVEN,
    Agent,
    AgentSession,
    APIConnectOptions,
    inference,
    llm,
    stt,
    tts,
    vad,
)
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities

from bench.live_loop.clips import RATE as RATE_IN
from bench.live_loop.clips import Pcm
from bench.live_loop.device import RATE as RATE_OUT
from bench.live_loop.mic import CHUNK, Utterance
from bench.live_loop.services import until, voice_samples
from bench.live_loop.subject import Seat, main

CONNECT = APIConnectOptions()
MIN_SILENCE_S = 0.2
MIN_DURATION_S = {"fast": 0.05, "tuned": 0.2}
FALSE_TIMEOUT_S = 0.1


class Ear(AudioInput):
    """In-memory input."""

    def __init__(self) -> None:
        super().__init__(label="bench")
        self._chunks: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    def push(self, chunk: Pcm) -> None:
        self._chunks.put_nowait(rtc.AudioFrame(chunk.tobytes(), RATE_IN, 1, CHUNK))

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._chunks.get()


class Mouth(AudioOutput):
    """In-memory output: takes audio as fast as it comes, plays it in real time, pauses and clears at once."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(label="bench", capabilities=AudioOutputCapabilities(pause=True), sample_rate=RATE_OUT)
        self._seat = seat
        self._timer: asyncio.TimerHandle | None = None
        self._open = False
        self._flushed = False
        self._interrupted = False
        self._played_before = 0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        now = time.perf_counter()
        device = self._seat.device
        if not self._open:
            device.advance(now)
            self._open, self._flushed, self._interrupted = True, False, False
            self._played_before = device.played
            self.on_playback_started(created_at=time.time())
        if not self._interrupted:
            device.play(np.frombuffer(frame.data, dtype=np.int16), now)

    def flush(self) -> None:
        super().flush()
        if self._open:
            self._flushed = True
            self._arm()

    def clear_buffer(self) -> None:
        self._seat.device.clear(time.perf_counter())
        if self._open:
            self._interrupted = True
            if self._flushed:
                self._finish()

    def pause(self) -> None:
        super().pause()
        self._seat.device.pause(time.perf_counter())
        if self._timer is not None:
            self._timer.cancel()

    def resume(self) -> None:
        super().resume()
        self._seat.device.resume(time.perf_counter())
        if self._open and self._flushed:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        left = self._seat.device.queued_s(time.perf_counter())
        if left <= 0 or self._interrupted:
            self._finish()
        elif not self._seat.device.paused:
            self._timer = asyncio.get_running_loop().call_later(left, self._arm)

    def _finish(self) -> None:
        if not self._open:
            return
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
        position = (self._seat.device.played - self._played_before) / RATE_OUT
        self.on_playback_finished(playback_position=position, interrupted=self._interrupted)


class SttStream(stt.RecognizeStream):
    """Swallows audio; the harness's clock says when text comes."""

    async def _run(self) -> None:
        async for _ in self._input_ch:
            pass

    def tell(self, text: str, final: bool) -> None:
        if text:
            kind = stt.SpeechEventType.FINAL_TRANSCRIPT if final else stt.SpeechEventType.INTERIM_TRANSCRIPT
            data = stt.SpeechData(language="en", text=text, confidence=1.0)
            self._event_ch.send_nowait(stt.SpeechEvent(type=kind, alternatives=[data]))


class Stt(stt.STT):
    """The mock transcriber."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self.live: SttStream | None = None

    async def _recognize_impl(self, *args: Any, **options: Any) -> stt.SpeechEvent:
        raise NotImplementedError("this transcriber streams")

    def stream(self, *, language: Any = NOT_GIVEN, conn_options: APIConnectOptions = CONNECT) -> SttStream:
        self.live = SttStream(stt=self, conn_options=conn_options)
        return self.live


class LlmStream(llm.LLMStream):
    """One answer of the mock model."""

    def __init__(self, model: Llm, seat: Seat, **options: Any) -> None:
        super().__init__(model, **options)
        self._seat = seat

    async def _run(self) -> None:
        async for token in self._seat.services.tokens():
            delta = llm.ChoiceDelta(role="assistant", content=token)
            self._event_ch.send_nowait(llm.ChatChunk(id="mock", delta=delta))


class Llm(llm.LLM):
    """The mock model."""

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self._seat = seat

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = CONNECT,
        **_: Any,
    ) -> LlmStream:
        return LlmStream(self, self._seat, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class SentenceStream(tts.ChunkedStream):
    """One finished piece of text."""

    def __init__(self, voice: Tts, seat: Seat, text: str, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=voice, input_text=text, conn_options=conn_options)
        self._seat = seat

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(request_id="mock", sample_rate=RATE_OUT, num_channels=1, mime_type="audio/pcm")
        async for samples in self._seat.services.speak(self.input_text):
            output_emitter.push(samples.tobytes())
        output_emitter.flush()


class TokenStream(tts.SynthesizeStream):
    """Text by the token, audio as the tokens come."""

    def __init__(self, voice: Tts, seat: Seat, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=voice, conn_options=conn_options)
        self._seat = seat

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id="mock", sample_rate=RATE_OUT, num_channels=1, mime_type="audio/pcm", stream=True
        )
        asked: float | None = None
        async for token in self._input_ch:
            if not isinstance(token, str):
                continue
            if asked is None:
                asked = time.perf_counter()
                self._seat.services.tts_requests.append((asked, token))
                output_emitter.start_segment(segment_id="mock")
            self._mark_started()
            await until(asked + self._seat.profile.tts_first_s)
            samples = voice_samples(token, self._seat.profile)
            if len(samples):
                output_emitter.push(samples.tobytes())
                output_emitter.flush()
        if asked is not None:
            output_emitter.end_segment()


class Tts(tts.TTS):
    """The mock voice."""

    def __init__(self, seat: Seat) -> None:
        capabilities = tts.TTSCapabilities(streaming=seat.profile.token_tts)
        super().__init__(capabilities=capabilities, sample_rate=RATE_OUT, num_channels=1)
        self._seat = seat

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = CONNECT) -> SentenceStream:
        return SentenceStream(self, self._seat, text, conn_options)

    def stream(self, *, conn_options: APIConnectOptions = CONNECT) -> TokenStream:
        return TokenStream(self, self._seat, conn_options)


class Vad(inference.VAD):
    """Silero as shipped; notes when it decides that speech is over."""

    def __init__(self, seat: Seat, **options: Any) -> None:
        super().__init__(**options)
        self._seat = seat

    def stream(self) -> vad.VADStream:
        stream = super().stream()
        send = stream._event_ch.send_nowait

        def noting(event: vad.VADEvent) -> None:
            if event.type is vad.VADEventType.END_OF_SPEECH:
                self._seat.vad_stops.append(time.perf_counter())
            send(event)

        stream._event_ch.send_nowait = noting
        return stream


class LivekitSession:
    """One ``AgentSession``."""

    def __init__(self, session: AgentSession[None], ear: Ear, transcriber: Stt) -> None:
        self._session = session
        self._ear = ear
        self._stt = transcriber

    async def hear(self, chunk: Pcm) -> None:
        self._ear.push(chunk)

    def utterance_began(self) -> None:
        return  # transcripts come by the harness's clock alone

    def transcript(self, text: str, final: bool, utterance: Utterance) -> None:
        if self._stt.live is None:
            raise RuntimeError("the session opened no transcription stream")
        self._stt.live.tell(text, final)


def turn_handling(variant: str) -> dict[str, Any]:
    """The ``turn_handling`` option of a variant."""
    if variant == "default":
        return {"turn_detection": inference.TurnDetector(version="v1-mini")}
    return {
        "turn_detection": "vad",
        "endpointing": {"mode": "fixed", "min_delay": 0.0, "max_delay": 0.0},
        "interruption": {
            "mode": "vad",
            "min_duration": MIN_DURATION_S[variant],
            "false_interruption_timeout": FALSE_TIMEOUT_S,
        },
        "preemptive_generation": {"enabled": True, "preemptive_tts": True},
    }


class Livekit:
    """livekit-agents without a room."""

    def __init__(self) -> None:
        logging.getLogger("livekit").setLevel(logging.ERROR)
        logging.getLogger("livekit.agents").setLevel(logging.ERROR)

    def settings(self, variant: str) -> dict[str, Any]:
        if variant == "default":
            return {"turn": "v1-mini turn detector", "vad": "defaults", "aec_warmup_s": None}
        return {
            "vad": {"min_silence_duration": MIN_SILENCE_S},
            "turn_handling": turn_handling(variant),
            "aec_warmup_s": None,
        }

    async def open(self, seat: Seat) -> LivekitSession:
        options = {} if seat.variant == "default" else {"min_silence_duration": MIN_SILENCE_S}
        transcriber, ear = Stt(), Ear()
        session: AgentSession[None] = AgentSession(
            stt=transcriber,
            vad=Vad(seat, **options),
            llm=Llm(seat),
            tts=Tts(seat),
            turn_handling=turn_handling(seat.variant),
            aec_warmup_duration=None,
            user_away_timeout=None,
        )
        session.input.audio = ear
        session.output.audio = Mouth(seat)
        await session.start(Agent(instructions="Answer briefly."), record=False)
        return LivekitSession(session, ear, transcriber)


if __name__ == "__main__":
    main(Livekit, ("livekit-agents", "livekit-local-inference", "numpy", "uvloop"))
