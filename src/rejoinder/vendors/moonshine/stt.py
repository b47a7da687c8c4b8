"""Streaming transcription by Moonshine: one model and one worker thread for all participants of a process.

Moonshine reads whole utterances, so a stream keeps the audio since the last commit and decodes it again:
every
``PARTIAL_EVERY_S`` of new audio for a partial result, and at once for a flush. What an earlier decode gave is
verified instead of decoded anew, which makes a flush shortly after a partial cheap.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import structlog

from rejoinder.agent.base import STT_RATE, Recognition, Samples
from rejoinder.vendors.moonshine.model import Decoded, Moonshine
from rejoinder.vendors.moonshine.segment import CUT_AFTER_S, cut_point, trim

log = structlog.get_logger(__name__)

PARTIAL_EVERY_S = 0.6
"""New audio after which the open utterance is decoded for a partial result."""
RETRY_PAD_S = 0.3
"""Silence put before a short utterance that gave no text, for a second attempt."""
RETRY_UP_TO_S = 3.0
"""Longer audio without text is noise, and not worth a second attempt."""


def decode_speech(
    model: Moonshine, samples: Samples, guess: Sequence[int] = (), stop: Callable[[], bool] = lambda: False
) -> Decoded:
    """Decode trimmed speech; what is short and gave no text gets a second attempt. See :meth:`Moonshine.decode`."""
    decoded = model.decode(samples, guess, stop)
    if decoded.complete and not decoded.tokens and len(samples) < RETRY_UP_TO_S * STT_RATE:
        decoded = model.decode(np.pad(samples, (int(RETRY_PAD_S * STT_RATE), 0)), (), stop)
    return decoded


def read_speech(model: Moonshine, samples: Samples) -> str:
    """The text of a whole stretch of audio, speech or not, up to 20 s.

    It is read at once, which takes a little longer than in parts and pays: 53 s of speech without any pause had 4 % of
    its words wrong in parts of 18 s, and 24 % when those were read in halves.
    """
    speech = trim(samples)
    return model.text(decode_speech(model, speech).tokens) if len(speech) else ""


@dataclass(slots=True, eq=False)
class Utterance:
    """Audio since the last commit. The event loop appends; everything else is the worker's."""

    audio: tuple[int, Samples] = field(default_factory=lambda: (0, np.zeros(4 * STT_RATE, np.float32)))
    """Index of the first sample kept, and the buffer."""
    pushed: int = 0
    """Samples pushed so far."""
    dead: bool = False
    """Committed or closed: nobody wants results."""

    settled: str = ""
    """Text of the parts already cut off."""
    settled_to: int = 0
    """Samples those parts cover; the event loop may drop them."""
    tokens: list[int] = field(default_factory=list)
    """What the last decode made of the open part."""
    text: str = ""
    """Its text."""
    decoded_to: int = 0
    """Samples that text covers; 0 while there is none."""

    def append(self, samples: Samples) -> None:
        """Add audio (event loop)."""
        base, buffer = self.audio
        if self.pushed - base + len(samples) > len(buffer):
            keep = buffer[self.settled_to - base : self.pushed - base]
            base = self.settled_to
            buffer = np.zeros(2 * (len(keep) + len(samples)) + STT_RATE, np.float32)
            buffer[: len(keep)] = keep
            self.audio = (base, buffer)  # a worker that reads the old buffer still finds all it needs
        buffer[self.pushed - base : self.pushed - base + len(samples)] = samples
        self.pushed += len(samples)

    def read(self, start: int, end: int) -> Samples:
        """Audio from ``start`` to ``end`` (worker)."""
        base, buffer = self.audio
        return buffer[start - base : end - base]

    @property
    def whole_text(self) -> str:
        """Text of all that was decoded."""
        return f"{self.settled} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class _Flush:
    """A request for a final result about the first ``upto`` samples."""

    stream: MoonshineStream
    utterance: Utterance
    upto: int


@dataclass(frozen=True, slots=True)
class _Partial:
    """A request for a partial result, about the audio there was when it was begun."""

    stream: MoonshineStream
    utterance: Utterance
    upto: int


class MoonshineTranscriber:
    """The :class:`~rejoinder.agent.base.Transcriber` of a process; ``folder`` is the folded Moonshine base
    model.

    Loading takes about a second: construct it in a thread. ``threads``: for the encoder. ``partials``:
    deliver partial results. Raises :class:`~rejoinder.errors.ModelError`.
    """

    name = "moonshine"

    def __init__(self, folder: Path, *, threads: int = 2, partials: bool = True) -> None:
        self.partials = partials
        self._model = Moonshine(folder, threads=threads)
        self._model.decode(np.zeros(4 * STT_RATE, np.float32), guess=(100,) * 8)  # the first run allocates
        self._wake = threading.Condition()
        self._flushes: deque[_Flush] = deque()
        self._partials: dict[Utterance, MoonshineStream] = {}
        self._closed = False
        self._rest_until = 0.0
        self._worker = threading.Thread(target=self._work, name="moonshine", daemon=True)
        self._worker.start()

    def open(
        self, deliver: Callable[[Recognition], None], *, partial_every_s: float = PARTIAL_EVERY_S
    ) -> MoonshineStream:
        """Open a stream; see :class:`~rejoinder.agent.base.Transcriber`."""
        return MoonshineStream(self, deliver, asyncio.get_running_loop(), partial_every_s)

    def paced(self, partial_every_s: float) -> PacedMoonshine:
        """The same transcriber for those who want partial results more often, or less."""
        return PacedMoonshine(self, partial_every_s)

    def close(self) -> None:
        """Stop the worker thread; results still awaited do not come."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._worker.join(timeout=5)

    def _ask(self, stream: MoonshineStream, utterance: Utterance, *, final: bool) -> None:
        """Queue a decode (event loop). A flush replaces a partial that has not begun."""
        with self._wake:
            if final:
                self._partials.pop(utterance, None)
                self._flushes.append(_Flush(stream, utterance, utterance.pushed))
            else:
                self._partials[utterance] = stream
            self._wake.notify()

    def _work(self) -> None:
        while True:
            job = self._next()
            if job is None:
                return
            if job.utterance.dead:
                continue
            final = isinstance(job, _Flush)
            began = time.monotonic()
            try:
                complete = self._decode(job.utterance, job.upto, final=final)
            except Exception:
                log.exception("transcription failed")
                complete = final  # a flush is always answered, with what is known
            if complete:
                result = Recognition(job.utterance.whole_text, job.upto / STT_RATE, final)
                job.stream._post(job.utterance, result)
            if not final:
                now = time.monotonic()
                self._rest_until = now + (now - began)

    def _next(self) -> _Flush | _Partial | None:
        """Wait for work; flushes first. Partials leave half of the time free, however many people speak."""
        with self._wake:
            while not self._closed:
                if self._flushes:
                    return self._flushes.popleft()
                wait = self._rest_until - time.monotonic() if self._partials else None
                if wait is not None and wait <= 0:
                    utterance = next(iter(self._partials))
                    return _Partial(self._partials.pop(utterance), utterance, utterance.pushed)
                self._wake.wait(wait)
        return None

    def _decode(self, utterance: Utterance, upto: int, *, final: bool) -> bool:
        """Bring the text up to ``upto``; False when it gave way to a flush or nobody wants it any more."""
        if utterance.decoded_to == upto:
            return True

        def stop() -> bool:
            return utterance.dead or self._closed or (not final and bool(self._flushes))

        while (cut := cut_point(utterance.read(utterance.settled_to, upto))) is not None:
            text, tokens, complete = self._text(utterance, utterance.settled_to + cut, stop)
            utterance.tokens = tokens
            if not complete:
                return False
            utterance.settled = f"{utterance.settled} {text}".strip()
            utterance.text, utterance.tokens = "", []
            utterance.settled_to += cut
        text, tokens, complete = self._text(utterance, upto, stop)
        utterance.tokens = tokens
        if complete:
            utterance.text, utterance.decoded_to = text, upto
        return complete

    def _text(self, utterance: Utterance, upto: int, stop: Callable[[], bool]) -> tuple[str, list[int], bool]:
        """Text and tokens of the open part up to ``upto``, and whether they are complete."""
        samples = trim(utterance.read(utterance.settled_to, upto))
        if not len(samples):
            return "", [], True
        decoded = decode_speech(self._model, samples, utterance.tokens, stop)
        return self._model.text(decoded.tokens), decoded.tokens, decoded.complete


@dataclass(slots=True)
class PacedMoonshine:
    """A :class:`~rejoinder.agent.base.Transcriber`; made by :meth:`MoonshineTranscriber.paced`."""

    transcriber: MoonshineTranscriber
    partial_every_s: float
    name: str = MoonshineTranscriber.name

    def open(self, deliver: Callable[[Recognition], None]) -> MoonshineStream:
        """Open a stream; see :class:`~rejoinder.agent.base.Transcriber`."""
        return self.transcriber.open(deliver, partial_every_s=self.partial_every_s)


class MoonshineStream:
    """One participant's speech; made by :meth:`MoonshineTranscriber.open`."""

    def __init__(
        self,
        transcriber: MoonshineTranscriber,
        deliver: Callable[[Recognition], None],
        loop: asyncio.AbstractEventLoop,
        partial_every_s: float = PARTIAL_EVERY_S,
    ) -> None:
        self._partial_every = int(partial_every_s * STT_RATE)
        self._transcriber = transcriber
        self._deliver = deliver
        self._loop = loop
        self._utterance = Utterance()
        self._asked_at = 0
        self._closed = False

    def push(self, samples: Samples) -> None:
        """Add 16 kHz audio."""
        if self._closed:
            return
        utterance = self._utterance
        utterance.append(samples)
        if utterance.pushed - self._asked_at >= self._partial_every:
            self._asked_at = utterance.pushed
            long = utterance.pushed - utterance.settled_to > CUT_AFTER_S * STT_RATE
            if self._transcriber.partials or long:  # a long utterance is cut before its flush has to wait for it
                self._transcriber._ask(self, utterance, final=False)

    def flush(self) -> None:
        """Ask for a final result about all that was pushed."""
        if not self._closed:
            self._asked_at = self._utterance.pushed
            self._transcriber._ask(self, self._utterance, final=True)

    def commit(self) -> None:
        """Begin a new utterance."""
        self._utterance.dead = True
        self._utterance = Utterance()
        self._asked_at = 0

    def close(self) -> None:
        """Release the audio; no result comes any more."""
        self.commit()
        self._closed = True

    def _post(self, utterance: Utterance, result: Recognition) -> None:
        """Hand a result to the event loop (worker)."""
        if not result.final and not self._transcriber.partials:
            return
        try:
            self._loop.call_soon_threadsafe(self._receive, utterance, result)
        except RuntimeError:
            utterance.dead = True  # the loop is closed: nobody listens

    def _receive(self, utterance: Utterance, result: Recognition) -> None:
        if not utterance.dead:
            self._deliver(result)
