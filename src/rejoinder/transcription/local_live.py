"""Live transcription by the models the voice agents use, shared by all participants of a process.

The rules are in :mod:`rejoinder.transcription.utterance`; here are the audio, the streams and the one timer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import numpy as np

from rejoinder.agent.base import STT_RATE, Recognition, Samples, SpeechScorer, Transcriber, TranscriptionStream
from rejoinder.transcription.base import LiveResult
from rejoinder.transcription.timing import Meter, place, sounds
from rejoinder.transcription.utterance import Command, Commit, Feed, Flush, Listen, Show, Utterance

NAME = "meetstream_streaming"
"""MeetStream's key for its own live engine."""
GAP_S = 0.5
"""Audio that comes so much later than it should was not delayed: nothing was sent for a while (a muted microphone)."""
FILL_S = 1.0
"""Silence put in for such a gap, at the most: enough to end an utterance."""
FOLLOW = 0.002
"""How fast the clock of a stream follows later arrivals, per block: a delay of one block does not shift words, a
sender's clock that is slow by 100 ppm is followed."""
TICK_S = 0.25
ABSENT_S = 0.7
"""Nothing came for so long: the participant's audio has stopped in the middle of an utterance."""
LAST_WORDS_S = 10.0
"""How long a closed stream waits for its last words."""


class LocalLive:
    """The :class:`~rejoinder.transcription.base.LiveTranscriber` of the local models. Lives on one event loop.

    ``transcriber`` gives interim results at its own pace. Word times are estimates
    (:mod:`rejoinder.transcription.timing`).
    """

    name = NAME

    def __init__(self, scorer: SpeechScorer, transcriber: Transcriber) -> None:
        self._scorer = scorer
        self._transcriber = transcriber
        self._busy: set[LocalStream] = set()
        self._timer: asyncio.TimerHandle | None = None

    def open(self, participant_id: str, name: str, deliver: Callable[[LiveResult], None]) -> LocalStream:
        """See :class:`~rejoinder.transcription.base.LiveTranscriber`."""

        def show(show: Show, words_from: float, meter: Meter) -> None:
            words = place(show.text, sounds(meter.first(show.covered)), words_from)
            deliver(LiveResult(participant_id, name, words, show.new_text, show.final, show.end_of_turn))

        return LocalStream(self._scorer, self._transcriber, show, self._watch)

    def _watch(self, stream: LocalStream, busy: bool) -> None:
        """Look after a stream while an utterance is open: its audio may stop coming."""
        if not busy:
            self._busy.discard(stream)
            return
        self._busy.add(stream)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for stream in list(self._busy):
            stream.tick(now)
        if self._busy:
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)


class LocalStream:
    """One participant; made by :meth:`LocalLive.open`."""

    def __init__(
        self,
        scorer: SpeechScorer,
        transcriber: Transcriber,
        show: Callable[[Show, float, Meter], None],
        watch: Callable[[LocalStream, bool], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._show = show
        self._watch = watch
        self._rules = Utterance(scorer.window)
        self._chunks: deque[Samples] = deque()
        self._first = self._end = 0
        """Positions of the first sample kept, and after the last."""
        self._sent = 0
        self._zero: float | None = None
        """Recording time of sample 0."""
        self._came = 0.0
        self._words_from = 0.0
        self._meter = Meter()
        self._closed = False
        self._released = False
        self._track = scorer.open(self._judged)
        self._transcriber = transcriber
        self._stream: TranscriptionStream | None = None

    def push(self, samples: Samples, at: float) -> None:
        """See :class:`~rejoinder.transcription.base.LiveStream`."""
        if self._closed or not len(samples):
            return
        self._came = self._loop.time()
        zero = at - self._end / STT_RATE
        if self._zero is None:
            self._zero = zero
        elif zero - self._zero > GAP_S:
            self._take(np.zeros(int(min(zero - self._zero, FILL_S) * STT_RATE), np.float32))
            self._zero = at - self._end / STT_RATE
        else:
            self._zero = min(zero, self._zero + FOLLOW * (zero - self._zero))
        self._take(samples)

    def tick(self, now: float) -> None:
        """While an utterance is open: silence for what does not come."""
        if not self._closed and now - self._came >= ABSENT_S:
            self._take(np.zeros(int(TICK_S * STT_RATE), np.float32))

    def close(self) -> None:
        """See :class:`~rejoinder.transcription.base.LiveStream`."""
        if self._closed:
            return
        self._closed = True
        self._perform(self._rules.end(self._end))
        self._track.close()
        if self._rules.open:
            self._loop.call_later(LAST_WORDS_S, self._give_up)
        else:
            self._release()

    def _take(self, samples: Samples) -> None:
        self._chunks.append(samples)
        self._end += len(samples)
        self._track.push(samples)
        needed = min(self._rules.needed_from, self._sent) if self._rules.open else self._rules.needed_from
        while self._chunks and self._first + len(self._chunks[0]) <= needed:
            self._first += len(self._chunks.popleft())

    def _judged(self, score: float) -> None:
        if not self._closed:
            self._perform(self._rules.window(score))

    def _recognised(self, result: Recognition) -> None:
        self._perform(self._rules.recognised(result))
        if self._closed and not self._rules.open:
            self._release()

    def _perform(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Listen):
                self._sent = command.start
                self._meter = Meter()
                self._words_from = (self._zero or 0.0) + command.start / STT_RATE
                if self._stream is None:
                    self._stream = self._transcriber.open(self._recognised)
                self._watch(self, True)
            elif isinstance(command, Show):
                self._show(command, self._words_from, self._meter)
            elif self._stream is not None:
                self._pass_on(command, self._stream)

    def _pass_on(self, command: Feed | Flush | Commit, stream: TranscriptionStream) -> None:
        match command:
            case Feed(to):
                self._feed(to, stream)
            case Flush():
                stream.flush()
            case Commit():
                stream.commit()
                if not self._rules.open:
                    self._watch(self, False)

    def _feed(self, to: int, stream: TranscriptionStream) -> None:
        at = self._first
        for chunk in list(self._chunks):
            begin, end = max(self._sent, at), min(to, at + len(chunk))
            if begin < end:
                part = chunk[begin - at : end - at]
                stream.push(part)
                self._meter.push(part)
            at += len(chunk)
        self._sent = max(self._sent, to)

    def _give_up(self) -> None:
        if not self._released:
            self._perform(self._rules.give_up())
            self._release()

    def _release(self) -> None:
        if not self._released:
            self._released = True
            if self._stream is not None:
                self._stream.close()
            self._watch(self, False)
