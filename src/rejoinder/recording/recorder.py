"""Records a meeting from the bot's first moment in it, so that a crash at any time costs less than a second.

The spool of one stay (docs/architecture.md, "epoch") is a folder of files that only grow:

    meta.jsonl   began_at, who was there, pauses, who spoke when: one JSON object a line
    mix.pcm      everyone and the bot, 48 kHz mono s16le, from the first moment on
    <n>.webm     one person (or the bot itself) as Opus; where nothing was heard, nothing is written

:func:`rejoinder.recording.join.finish` makes of all epochs what users get.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from rejoinder.core.participant import Participant
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.recording.spool import REPORT_S, Disk, Write
from rejoinder.recording.tape import Tape

log = structlog.get_logger(__name__)

POLL_S = 0.05
"""How often the recording thread looks for work. Batches cost less than a wake-up per block, and calling the recorder
stays as cheap as appending to a list."""
QUEUE_BYTES = 16 << 20
"""Audio one recorder may have waiting: 10 s of 16 people."""
CLOSE_S = 20.0
"""A disk that hangs must not keep a bot from ending."""


BOT = Participant("bot", "Bot", is_bot=True)


class Worker:
    """The one thread that encodes, mixes and writes for all recorders of a process. It runs while there are any."""

    def __init__(self, poll_s: float = POLL_S) -> None:
        self._poll_s = poll_s
        self._lock = threading.Lock()
        self._recorders: list[Recorder] = []
        self._thread: threading.Thread | None = None

    def add(self, recorder: Recorder) -> None:
        """Work for a recorder until it is closed."""
        with self._lock:
            self._recorders.append(recorder)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._recorders = [recorder for recorder in self._recorders if not recorder.closed]
                recorders = list(self._recorders)
                if not recorders:
                    self._thread = None
                    return
            for recorder in recorders:
                recorder.work()
            time.sleep(self._poll_s)


_worker = Worker()


class Recorder:
    """The recording of one stay. All but :meth:`close` return at once and never raise.

    ``folder`` is the epoch's own, ``clock`` gives steady seconds, ``began_at`` is the Unix time of now, ``me`` the bot
    as a participant. ``on_problem`` gets a sentence for the bot's log; ``on_speech(participant_id, speaking)`` tells by
    level who speaks (not of the bot itself, and also while paused). Both are called on the event loop on which the
    recorder was made; without one, on the recording thread. ``worker=None`` leaves calling :meth:`work` to the caller.

    Blocks may be of any length and must not be changed after they were given here.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float],
        began_at: float,
        *,
        me: Participant = BOT,
        on_problem: Callable[[str], None] = lambda message: log.error("recording", detail=message),
        on_speech: Callable[[str, bool], None] = lambda participant, speaking: None,
        worker: Worker | None = _worker,
        write: Write = os.pwrite,
    ) -> None:
        self._clock = clock
        self._start = clock()
        self._on_problem = on_problem
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        self._queue: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._given = 0
        self._taken = 0
        """Bytes of audio given by the callers and taken by the thread: each written by one thread only."""
        self._dropped = 0
        self._slow_at: float | None = None
        self._failed = False
        self._closing = False
        self._ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._disk = Disk(folder, self._problem, write)
        self._tape = Tape(self._disk, began_at, me, lambda *change: self._tell(on_speech, *change))
        if worker is not None:
            worker.add(self)

    @property
    def closed(self) -> bool:
        """Whether all is written and the files are closed."""
        return self._ended.done()

    def hear(self, participant_id: str, pcm: Pcm) -> None:
        """A block of one participant has just arrived (48 kHz mono)."""
        self._audio(self._tape.hear, (self._now(), participant_id, pcm), pcm)

    def spoke(self, pcm: Pcm) -> None:
        """A block of the bot's own is being written to the meeting (48 kHz mono)."""
        self._audio(self._tape.spoke, (self._now(), pcm), pcm)

    def joined(self, participant: Participant) -> None:
        """Somebody is in the meeting (also: was there already, or has another name now)."""
        self._queue.append((self._tape.joined, (self._now(), participant)))

    def left(self, participant_id: str) -> None:
        """Somebody left."""
        self._queue.append((self._tape.left, (self._now(), participant_id)))

    def pause(self) -> None:
        """Record silence from now on; the timeline goes on."""
        self._queue.append((self._tape.pause, (self._now(),)))

    def resume(self) -> None:
        """Record again."""
        self._queue.append((self._tape.resume, (self._now(),)))

    def end(self) -> None:
        """Take no more. What was given is still written; :attr:`closed` tells when."""
        if not self._closing:
            self._closing = True
            self._queue.append((self._close, (self._now(),)))

    async def close(self) -> None:
        """Write all that was given and close the files; gives up on a disk that hangs."""
        self.end()
        done, _ = await asyncio.wait([asyncio.wrap_future(self._ended)], timeout=CLOSE_S)
        if not done:
            self._on_problem(f"The recording could not be finished within {CLOSE_S:g} s: the disk does not answer.")

    def work(self) -> None:
        """Do what there is to do; on the recording thread. Never raises."""
        now = self._now()  # before the queue is emptied: what comes meanwhile is not overtaken
        while self._queue:
            task, arguments = self._queue.popleft()
            self._attempt(task, *arguments)
            if isinstance(arguments[-1], np.ndarray):
                self._taken += arguments[-1].nbytes
        if not self.closed:
            self._attempt(self._tape.tick, now)
            self._disk.flush(self._clock())

    def _close(self, at: int) -> None:
        try:
            self._tape.close(at)
        finally:
            self._disk.close(self._clock())
            self._ended.set_result(None)
        if lost := self._disk.lost + self._dropped:
            self._problem(f"The recording is not complete: {lost} bytes could not be written.")

    def _audio(self, task: Callable[..., None], arguments: tuple[Any, ...], pcm: Pcm) -> None:
        if self._closing or not len(pcm):
            return
        if self._given - self._taken + pcm.nbytes <= QUEUE_BYTES:
            self._given += pcm.nbytes
            self._queue.append((task, arguments))
            return
        self._dropped += pcm.nbytes
        now = self._clock()
        if self._slow_at is None or now >= self._slow_at:
            self._slow_at = now + REPORT_S
            self._problem("The recording does not keep up (a slow disk or computer); some of the audio is missing.")

    def _now(self) -> int:
        return round((self._clock() - self._start) * MEETING_RATE)

    def _attempt(self, task: Callable[..., None], *arguments: Any) -> None:
        try:
            task(*arguments)
        except Exception as error:
            if not self._failed:
                self._failed = True
                log.exception("recording failed")
                self._problem(f"The recording has a fault (internal error: {error}); some of it may be missing.")

    def _problem(self, message: str) -> None:
        self._tell(self._on_problem, message)

    def _tell(self, callback: Callable[..., None], *arguments: Any) -> None:
        if self._loop is None:
            callback(*arguments)
            return
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(callback, *arguments)
