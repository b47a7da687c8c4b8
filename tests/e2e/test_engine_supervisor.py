"""Real child processes: restarted, ended, and gone with their parent. And the lock of a data directory."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from rejoinder.engine.supervisor import Supervisor, lock_data_dir
from rejoinder.errors import Unavailable
from rejoinder.media.loop import new_event_loop

CHILD = """
import os, signal, sys, time
from rejoinder.engine.supervisor import announce, watch_parent
watch_parent()
announce(f"w{os.getpid()}")
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "sickly" in sys.argv:
    sys.exit(3)
time.sleep(60)
"""

PARENT = """
import asyncio, json, sys
from pathlib import Path
from rejoinder.engine.supervisor import Supervisor, lock_data_dir

async def main():
    lock = lock_data_dir(Path(sys.argv[1]))
    async def died(ids): pass
    children = Supervisor([sys.executable, "-c", sys.argv[2]], 2, died, pass_fds=[lock.fd])
    await children.start()
    while None in children.alive.values() or len(children.alive) < 2:
        await asyncio.sleep(0.02)
    print(json.dumps(list(children.alive)), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def run(scene: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(scene)


def child(*words: str) -> list[str]:
    return [sys.executable, "-c", CHILD, *words]


async def until(true: Callable[[], object], within_s: float = 10.0) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_dead_child_is_told_of_by_name_replaced_and_all_end_on_stop() -> None:
    async def scene() -> None:
        told: list[str] = []
        failed = False

        async def died(ids: list[str]) -> None:
            nonlocal failed
            if not failed:
                failed = True
                raise OSError("the database is away")
            told.extend(ids)

        supervisor = Supervisor(child(), 2, died)
        await supervisor.start()
        await until(lambda: len(supervisor.alive) == 2 and None not in supervisor.alive.values())
        victim, name = next(iter(supervisor.alive.items()))
        assert name == f"w{victim}"
        os.kill(victim, signal.SIGKILL)
        await until(lambda: told == [name])
        await until(lambda: len(supervisor.alive) == 2 and None not in supervisor.alive.values())
        assert victim not in supervisor.alive
        pids = list(supervisor.alive)
        started = time.monotonic()
        await supervisor.stop(5.0)
        assert time.monotonic() - started < 3.0
        assert all(gone(pid) for pid in pids)

    run(scene())


def test_a_child_that_ignores_the_request_to_end_is_killed_after_the_drain_time() -> None:
    async def scene() -> None:
        async def died(ids: list[str]) -> None: ...

        supervisor = Supervisor(child("stubborn"), 1, died)
        await supervisor.start()
        await until(lambda: None not in (supervisor.alive or {0: None}).values())
        await asyncio.sleep(0.2)
        (pid,) = supervisor.alive
        await supervisor.stop(0.5)
        assert gone(pid)

    run(scene())


def test_a_child_that_dies_at_its_start_is_not_restarted_in_a_hurry() -> None:
    async def scene() -> None:
        told: list[str] = []

        async def died(ids: list[str]) -> None:
            told.extend(ids)

        supervisor = Supervisor(child("sickly"), 1, died)
        await supervisor.start()
        await until(lambda: len(told) == 2)
        await asyncio.sleep(0.3)
        assert len(told) == 2, "the second early death is followed by a pause of half a second"
        started = time.monotonic()
        await supervisor.stop(5.0)
        assert time.monotonic() - started < 2.0

    run(scene())


def test_children_die_with_their_parent_and_only_then_is_the_data_dir_free(tmp_path: Path) -> None:
    async def scene() -> None:
        command = [sys.executable, "-c", PARENT, str(tmp_path), CHILD]
        parent = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        assert parent.stdout is not None
        pids = json.loads(await parent.stdout.readline())
        with pytest.raises(Unavailable, match=f"in use by another server .process {parent.pid}"):
            lock_data_dir(tmp_path, wait_s=0.0)
        parent.kill()
        await parent.wait()
        started = time.monotonic()
        lock_data_dir(tmp_path).close()
        assert time.monotonic() - started < 2.0
        assert all(gone(pid) for pid in pids)

    run(scene())


def test_the_data_dir_stays_taken_while_a_child_that_inherited_it_lives(tmp_path: Path) -> None:
    with lock_data_dir(tmp_path) as lock:
        heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock.fd])
    with pytest.raises(Unavailable):
        lock_data_dir(tmp_path, wait_s=0.1)
    heir.communicate(b"\n")
    lock_data_dir(tmp_path).close()
