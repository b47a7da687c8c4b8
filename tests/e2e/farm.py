"""Worker processes on one database, for the tests of the engine."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text

from rejoinder.engine.base import Job
from rejoinder.engine.dbos_engine import DbosEngine, prepare
from rejoinder.storage.database import Database, database_url
from rejoinder.storage.tables import metadata, ownership, workers

WORKER = Path(__file__).with_name("engine_worker.py")


class Farm:
    """The submitting side of an installation, and its workers. Times are seconds."""

    def __init__(self, url: str | None, out: Path, **options: Any) -> None:
        self.out = out
        self.db = Database(database_url(url, out))
        self.engine = DbosEngine(self.db)
        self.options = {
            "url": self.db.url,
            "out": str(out),
            "capacity": 4,
            "beat_s": 0.5,
            "lease_s": 3.0,
            "drain_s": 0.3,
            **options,
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    async def __aenter__(self) -> Farm:
        async with self.db.begin() as connection:
            await connection.run_sync(lambda sync: metadata.create_all(sync, tables=[ownership, workers]))
        await prepare(self.db)
        return self

    async def __aexit__(self, *exception: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        await self.engine.close()
        await self.db.close()

    def command(self, **options: Any) -> list[str]:
        """What starts a worker."""
        return [sys.executable, str(WORKER), json.dumps({**self.options, **options})]

    async def worker(self, **options: Any) -> int:
        """Start a worker, wait until it works. Its process id."""
        process = await asyncio.to_thread(subprocess.Popen, self.command(**options))
        self.processes.append(process)
        await self.until(lambda: process.pid in self.workers().values(), 15)
        return process.pid

    def workers(self) -> dict[str, int]:
        """Worker ids and process ids of all workers there ever were."""
        return {line["worker"]: line["pid"] for line in self.lines("workers")}

    def lines(self, name: str) -> list[dict[str, Any]]:
        """What was written to a file."""
        path = self.out / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    async def submit(self, *jobs: Job) -> None:
        """Submit in one transaction."""
        async with self.db.begin() as connection:
            for job in jobs:
                await self.engine.submit(job, connection)

    async def bots(self, count: int) -> list[str]:
        """Submit bots and wait until all are attended."""
        names = [f"b{number}" for number in range(count)]
        await self.submit(*(Job("bot", name) for name in names))
        await self.until(lambda: all(self.where(name) for name in names), 10)
        return names

    def where(self, bot: str) -> int | None:
        """The process that attended the bot last."""
        seen = self.lines(f"bot-{bot}")
        return self.workers().get(seen[-1]["worker"]) if seen else None

    def of(self, pid: int, bots: list[str]) -> list[str]:
        """Which of the bots this process attended last."""
        return [bot for bot in bots if self.where(bot) == pid]

    async def end(self, bots: list[str]) -> None:
        """Let the bots leave; wait until they are settled, each exactly once."""
        for bot in bots:
            (self.out / f"end-{bot}").touch()
        await self.until(lambda: {line["bot"] for line in self.lines("settled")} >= set(bots), 10)
        settled = [line["bot"] for line in self.lines("settled")]
        assert sorted(settled) == sorted(set(settled))

    def overlap(self, bots: list[str]) -> float:
        """The longest time for which two were in a meeting as the same bot; below zero: never."""
        worst = float("-inf")
        for bot in bots:
            stays: dict[tuple[str, int], list[float]] = defaultdict(list)
            for line in self.lines(f"bot-{bot}"):
                stays[(line["worker"], line["epoch"])].append(line["t"])
            spans = sorted((min(times), max(times)) for times in stays.values())
            for (_, end), (start, _) in itertools.pairwise(spans):
                worst = max(worst, end - start)
        return worst

    def overlap_after_freeze(self, bots: list[str], pid: int) -> float:
        """How long a process went on as a bot after it thawed, while another one had taken over."""
        worst = float("-inf")
        for bot in bots:
            lines = self.lines(f"bot-{bot}")
            taken = min(line["t"] for line in lines if line["epoch"] > 1)
            thawed = [line["t"] for line in lines if line["t"] > taken and self.workers()[line["worker"]] == pid]
            worst = max(worst, max(thawed) - min(thawed) if thawed else 0.0)
        return worst

    def epochs(self, bot: str) -> set[int]:
        """Under which epochs a bot was attended."""
        return {line["epoch"] for line in self.lines(f"bot-{bot}")}

    async def living(self) -> set[str]:
        """The ids of the workers that count as alive."""
        async with self.db.read() as connection:
            return set((await connection.execute(text("SELECT id FROM workers WHERE NOT dead"))).scalars())

    async def until(self, true: Callable[[], object], within_s: float) -> float:
        """Wait until something is true; how long it took."""
        start = time.monotonic()
        while not true():
            assert time.monotonic() - start < within_s, "it did not happen in time"
            await asyncio.sleep(0.03)
        return time.monotonic() - start

    @staticmethod
    def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> float:
        """Send a signal; when."""
        os.kill(pid, number)
        return time.time()
