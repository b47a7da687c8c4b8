"""Transcription of recordings by the local models, in a process of its own.

An hour of a meeting is minutes of computing. It must not share an interpreter or its threads with live audio, so each
transcription starts a child process with one thread and low priority, and ends it when it is cancelled. The child
ends with its parent.

What the child runs is the vendor's module (see :mod:`rejoinder.vendors.moonshine.batch`); here is what both sides say
to each other. In: one frame (:func:`write_orders`). Out: lines of JSON (:class:`Reports`).
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rejoinder.core.transcript import Segment, Word
from rejoinder.errors import ProviderError
from rejoinder.transcription.base import Progress, TrackAudio

NAME = "meetstream"
"""MeetStream's key for its own engine."""
STALL_S = 900.0
"""A child that reports nothing for so long is stuck (it reports each half minute of audio, which takes it seconds)."""
ENGLISH = frozenset({"", "auto", "multi", "unknown"})
"""Values of the language option, besides those that begin with "en", that the English model may be used for."""
_LENGTH = struct.Struct("!Q")


@dataclass(frozen=True, slots=True)
class Orders:
    """What the child shall do. ``folders``: of the models, by their catalogue names."""

    folders: dict[str, Path]
    tracks: tuple[TrackAudio, ...]


def write_orders(orders: Orders) -> bytes:
    """The frame the child reads. The search path goes first: what reads the tracks must be found there too.

    Raises ProviderError when a track's ``blocks`` cannot be sent to another process.
    """
    try:
        tracks = pickle.dumps(orders.tracks)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ProviderError(f"A recording cannot be handed to the transcriber: {error}", provider=NAME) from error
    body = pickle.dumps((sys.path, orders.folders, tracks))
    return _LENGTH.pack(len(body)) + body


def read_orders(stream: BinaryIO) -> Orders:
    """The other side of :func:`write_orders`. The bytes come from our own parent process."""
    (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
    path, folders, tracks = pickle.loads(stream.read(length))
    sys.path[:] = path
    return Orders(folders, pickle.loads(tracks))


class Reports:
    """What a child says, line by line, and what it amounts to."""

    def __init__(self, tracks: Sequence[TrackAudio]) -> None:
        self._tracks = tracks
        self._done: dict[int, float] = {}
        self.segments: list[Segment] = []
        self.finished = False

    @property
    def seconds(self) -> float:
        """Audio done so far, of all tracks."""
        return sum(self._done.values())

    def take(self, line: bytes) -> None:
        """Take a line. Raises ProviderError when it reports a failure, or is none."""
        try:
            report = json.loads(line)
            if "error" in report:
                raise ProviderError(report["error"], provider=NAME)
            if "words" in report:
                track = self._tracks[report["track"]]
                words = tuple(Word(text, start, end) for text, start, end in report["words"])
                self.segments.append(Segment(track.participant_id, track.name, words))
            elif "seconds" in report:
                self._done[report["track"]] = report["seconds"]
            else:
                self.finished = bool(report["finished"])
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise ProviderError("The transcriber's process answered nonsense.", provider=NAME) from error

    @staticmethod
    def words(track: int, words: Sequence[Word]) -> str:
        """A line: words of a track."""
        return json.dumps({"track": track, "words": [(word.text, word.start, word.end) for word in words]})

    @staticmethod
    def progress(track: int, seconds: float) -> str:
        """A line: how far a track is."""
        return json.dumps({"track": track, "seconds": round(seconds, 1)})

    @staticmethod
    def error(message: str) -> str:
        """A line: why there will be no transcript."""
        return json.dumps({"error": message})

    @staticmethod
    def end() -> str:
        """The last line."""
        return json.dumps({"finished": True})


def unsupported(options: Mapping[str, Any]) -> str | None:
    """Why the local model cannot do what the options ask for; None if it can. It knows English only."""
    for key in ("language", "language_code"):
        value = options.get(key)
        if isinstance(value, str) and value.lower() not in ENGLISH and not value.lower().startswith("en"):
            return f'The built-in transcriber understands English only; {key} is "{value[:20]}".'
    return None


class LocalBatch:
    """The :class:`~rejoinder.transcription.base.BatchTranscriber` of the local models.

    ``module`` is run as the child (``python -m``), ``folders`` are the models it needs.
    """

    name = NAME

    def __init__(self, module: str, folders: Mapping[str, Path]) -> None:
        self._module = module
        self._folders = dict(folders)

    async def transcribe(
        self, tracks: Sequence[TrackAudio], options: Mapping[str, Any], progress: Progress | None = None
    ) -> list[Segment]:
        """See :class:`~rejoinder.transcription.base.BatchTranscriber`. Options: ``language``, which must be English
        or not given. Word times are estimates (:mod:`rejoinder.transcription.timing`)."""
        if (reason := unsupported(options)) is not None:
            raise ProviderError(reason, provider=NAME)
        if not tracks:
            return []
        orders = await asyncio.to_thread(write_orders, Orders(self._folders, tuple(tracks)))
        process = await self._start()
        try:
            reports = Reports(tracks)
            await self._converse(process, orders, reports, progress)
            return reports.segments
        finally:
            await _end(process)

    async def _start(self) -> Process:
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = (sys.executable, "-m", self._module)
        try:
            return await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={**os.environ, **one_thread}
            )
        except OSError as error:
            raise ProviderError(
                f"The transcriber's process cannot be started: {error}", provider=NAME, retryable=True
            ) from error

    async def _converse(self, process: Process, orders: bytes, reports: Reports, progress: Progress | None) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(ConnectionError):  # a child that ended at once is noticed by what it did not say
            process.stdin.write(orders)
            await process.stdin.drain()
        while not reports.finished:
            try:
                async with asyncio.timeout(STALL_S):
                    line = await process.stdout.readline()
            except TimeoutError:
                raise ProviderError("The transcriber's process is stuck.", provider=NAME, retryable=True) from None
            if not line:
                code = await process.wait()
                raise ProviderError(f"The transcriber's process ended ({code}).", provider=NAME, retryable=True)
            before = reports.seconds
            reports.take(line)
            if progress is not None and reports.seconds != before:
                progress(reports.seconds)


async def _end(process: Process) -> None:
    """End the child: it has said all, or nobody wants the rest."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
