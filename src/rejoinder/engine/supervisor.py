"""Worker processes under one parent: started, restarted, ended; and the lock that keeps a data directory to one server.

A child is told by environment variables how to announce itself and how to end with its parent: it calls
:func:`announce` once it has a worker id, and :func:`watch_parent` first of all.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import structlog

from rejoinder.engine.retry import RESTART, restart_pause
from rejoinder.errors import Unavailable
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)

ANNOUNCE_FD = "REJOINDER_ANNOUNCE_FD"
PARENT_PID = "REJOINDER_PARENT_PID"
LOCK_NAME = "server.lock"
LONGEST_ID = 200
PR_SET_PDEATHSIG = 1


class DataDirLock:
    """Holds a data directory until it is closed and until every process that inherited :attr:`fd` is gone."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    @property
    def fd(self) -> int:
        """Give it to ``Supervisor(pass_fds=...)``: then no new server starts while an old one's child still lives."""
        return self._file.fileno()

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def lock_data_dir(path: Path, wait_s: float = 3.0) -> DataDirLock:
    """Take the data directory for this server alone. Raises Unavailable if another one has it.

    The lock is the kernel's: it cannot be left behind by a crash. ``wait_s``: how long the children of a server that
    was just killed may take to follow it (this call blocks).
    """
    path.mkdir(parents=True, exist_ok=True)
    file = (path / LOCK_NAME).open("a+")
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            file.seek(0)
            holder = file.read(20).strip()
            file.close()
            raise Unavailable(
                f"data_dir: {path} is in use by another server" + (f" (process {holder})" if holder.isdigit() else "")
            ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return DataDirLock(file)


@dataclass(slots=True)
class _Child:
    process: asyncio.subprocess.Process
    worker: str | None = None
    ready: float | None = None
    """When it announced itself."""
    announced: asyncio.Task[None] | None = None


class Supervisor:
    """Keeps ``workers`` processes of ``command`` alive. Belongs to the main thread's event loop.

    ``on_death`` gets the worker ids of a child that is gone, for :meth:`DbosEngine.retire`; it is tried again until it
    succeeds. ``env`` is added to this process's own environment. ``pass_fds`` are inherited by the children.
    """

    def __init__(
        self,
        command: Sequence[str],
        workers: int,
        on_death: Callable[[list[str]], Awaitable[object]],
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._command = list(command)
        self._workers = workers
        self._on_death = on_death
        self._env = dict(env or {})
        self._pass_fds = tuple(pass_fds)
        self._children: dict[int, _Child] = {}
        self._keepers = Tasks()
        self._buriers = Tasks()
        self._stopping = asyncio.Event()

    @property
    def alive(self) -> dict[int, str | None]:
        """The living children: process id and, once it is announced, worker id."""
        return {child.process.pid: child.worker for child in self._children.values()}

    async def start(self) -> None:
        """Start the children (without waiting until they are ready)."""
        for place in range(self._workers):
            self._keepers.start(self._keep(place), f"worker process {place}")

    async def stop(self, drain_s: float) -> None:
        """Ask all children to end (SIGTERM), and kill those that take longer than ``drain_s`` seconds."""
        self._stopping.set()
        for child in list(self._children.values()):
            _signal(child.process, signal.SIGTERM)
        await self._keepers.finish(drain_s)
        for child in list(self._children.values()):
            log.warning("worker process killed: it took too long to end", pid=child.process.pid)
            _signal(child.process, signal.SIGKILL)
            await child.process.wait()
            self._bury(child)
        self._children.clear()
        await self._buriers.finish(10)

    async def _keep(self, place: int) -> None:
        young_deaths = 0
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            try:
                child = await self._spawn()
            except OSError as error:
                log.error("worker process cannot be started", error=str(error))
                await self._pause(RESTART.most_s)
                continue
            self._children[place] = child
            if self._stopping.is_set():
                _signal(child.process, signal.SIGTERM)
            code = await child.process.wait()
            del self._children[place]
            if child.announced is not None:
                # What it wrote before it died may not have been read yet.
                await asyncio.wait({child.announced}, timeout=1.0)
            self._bury(child)
            if self._stopping.is_set():
                return
            worked_s = 0.0 if child.ready is None else loop.time() - child.ready
            pause, young_deaths = restart_pause(worked_s, young_deaths)
            log.error("worker process died", pid=child.process.pid, code=code, worker=child.worker, again_in_s=pause)
            await self._pause(pause)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _spawn(self) -> _Child:
        reader, writer = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,  # never written to: its end says that we are gone
                env={
                    **os.environ,
                    **self._env,
                    ANNOUNCE_FD: str(writer),
                    PARENT_PID: str(os.getpid()),
                },
                pass_fds=(writer, *self._pass_fds),
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        child = _Child(process)
        child.announced = self._buriers.start(self._listen(child, reader), "worker announcement")
        return child

    async def _listen(self, child: _Child, fd: int) -> None:
        stream = asyncio.StreamReader(limit=LONGEST_ID * 4)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(fd, "rb", buffering=0)
        )
        try:
            line = (await stream.readline()).decode(errors="replace").strip()
            child.worker = line[:LONGEST_ID] or None
            child.ready = None if child.worker is None else loop.time()
        except ValueError:
            log.error("worker announcement too long", pid=child.process.pid)
        finally:
            transport.close()

    def _bury(self, child: _Child) -> None:
        if child.worker is not None:
            self._buriers.start(self._mourn(child.worker), f"retire {child.worker}")

    async def _mourn(self, worker: str) -> None:
        pause = 0.5
        while True:
            try:
                await self._on_death([worker])
                return
            except Exception as error:
                log.warning("dead worker not retired", worker=worker, error=str(error) or type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(10.0, pause * 2)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def announce(worker_id: str) -> None:
    """Child side: tell the supervisor this process's worker id, before any work is taken. Nothing without one."""
    fd = os.environ.pop(ANNOUNCE_FD, None)
    if fd is None:
        return
    with contextlib.suppress(OSError), os.fdopen(int(fd), "w") as pipe:
        pipe.write(worker_id + "\n")


def watch_parent() -> None:
    """Child side: end at once (SIGKILL) when the supervisor is gone. Nothing without one.

    The kernel does it on Linux, whatever this process is doing; everywhere a thread waits for the end of stdin.
    """
    parent = os.environ.pop(PARENT_PID, None)
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):
            os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=_wait_for_end_of_stdin, name="parent watch", daemon=True).start()


def _wait_for_end_of_stdin() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    os.kill(os.getpid(), signal.SIGKILL)
