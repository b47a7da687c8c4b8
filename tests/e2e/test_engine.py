"""Bots and jobs on real worker processes that are killed, frozen, cut off and told to end."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm import Farm
from rejoinder.engine.base import Job
from rejoinder.engine.supervisor import Supervisor
from servers import Postgres
from wire import Wire


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    """Of an empty database; None: SQLite."""
    if request.param == "sqlite":
        return None
    server: Postgres = request.getfixturevalue("postgres")
    return server.url()


def test_a_killed_workers_bots_and_jobs_go_on_elsewhere_at_once(url: str | None, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Farm(url, tmp_path, lease_s=30.0, capacity=8) as farm:

            async def died(ids: list[str]) -> None:
                await farm.engine.retire(worker_ids=ids)

            supervisor = Supervisor(farm.command(), 2, died)
            await supervisor.start()
            await farm.until(lambda: len(farm.workers()) == 2, 15)
            bots = await farm.bots(4)
            await farm.submit(Job("toy", "j0", {"name": "j0", "first_takes": 60}))
            await farm.until(lambda: farm.lines("job-j0"), 5)
            victim = farm.workers()[farm.lines("job-j0")[0]["worker"]]
            moving = farm.of(victim, bots)
            farm.kill(victim)
            # The lease is 30 s: without the supervisor's word this would take as long.
            took = await farm.until(lambda: not farm.of(victim, bots), 8)
            print(f"MEASURED: kill -9 under a supervisor: {len(moving)} bots elsewhere after {took:.2f} s")
            assert all(farm.epochs(bot) == {1, 2} for bot in moving)
            assert all(farm.epochs(bot) == {1} for bot in bots if bot not in moving)
            assert farm.overlap(bots) < 0
            await farm.until(lambda: len(farm.lines("job-j0")) == 2, 3)
            await farm.until(lambda: len(farm.workers()) == 3, 10)  # and the place is filled
            await farm.end(bots)
            await supervisor.stop(3.0)
            assert not await farm.living()

    asyncio.run(scene())


def test_a_frozen_worker_that_thaws_lets_go(url: str | None, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Farm(url, tmp_path) as farm:
            frozen = await farm.worker()
            bots = await farm.bots(2)
            await farm.worker()
            farm.kill(frozen, signal.SIGSTOP)
            took = await farm.until(lambda: not farm.of(frozen, bots), 12)
            print(f"MEASURED: host lost, lease 3 s: bots elsewhere after {took:.2f} s")
            farm.kill(frozen, signal.SIGCONT)
            await asyncio.sleep(1.5)
            # Told by when the frozen one last wrote, after it thawed.
            assert farm.overlap_after_freeze(bots, frozen) <= 0.5
            assert not farm.of(frozen, bots)
            assert len(await farm.living()) == 2, "the thawed worker did not come back"
            await farm.end(bots)

    asyncio.run(scene())


def test_a_worker_cut_off_from_the_database_leaves_before_another_comes(postgres: Postgres, tmp_path: Path) -> None:
    async def scene() -> None:
        url = postgres.url()
        async with Wire(postgres.port) as wire, Farm(url, tmp_path) as farm:
            through = farm.db.url.replace(f":{postgres.port}/", f":{wire.port}/")
            cut_off = await farm.worker(url=through)
            bots = await farm.bots(2)
            await farm.worker()
            wire.cut()
            took = await farm.until(lambda: not farm.of(cut_off, bots), 12)
            print(f"MEASURED: cut off, lease 3 s: bots elsewhere after {took:.2f} s")
            wire.mend()
            await asyncio.sleep(2.0)
            assert farm.overlap(bots) < 0
            assert not farm.of(cut_off, bots)
            assert len(await farm.living()) == 2
            await farm.end(bots)

    asyncio.run(scene())


def test_bots_stay_while_the_database_is_away(postgres: Postgres, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Farm(postgres.url(), tmp_path, lease_s=20.0) as farm:
            await farm.worker()
            bots = await farm.bots(3)
            postgres.crash()
            await asyncio.sleep(3.0)
            postgres.start()
            await farm.submit(Job("bot", "late"))
            await farm.until(lambda: farm.where("late"), 10)
            for bot in bots:
                assert farm.epochs(bot) == {1}
                times = [line["t"] for line in farm.lines(f"bot-{bot}")]
                assert max(after - before for before, after in itertools.pairwise(times)) < 1.5
            await farm.end([*bots, "late"])

    asyncio.run(scene())


def test_a_draining_worker_gives_its_bots_away_at_once(url: str | None, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Farm(url, tmp_path, lease_s=30.0) as farm:
            leaving = await farm.worker(drain_s=1.0)
            bots = await farm.bots(3)
            await farm.worker()
            told = farm.kill(leaving, signal.SIGTERM)
            (farm.out / "end-b0").touch()
            await farm.until(lambda: not farm.of(leaving, bots[1:]), 8)
            took = max(min(x["t"] for x in farm.lines(f"bot-{bot}") if x["epoch"] == 2) for bot in bots[1:]) - told
            print(f"MEASURED: drain of 1 s: bots elsewhere {took - 1.0:.2f} s after it")
            assert took - 1.0 < 0.9, "they waited for the worker's end"
            assert farm.epochs("b0") == {1}, "a bot that left in time was taken up again"
            assert farm.overlap(bots) < 0
            assert await asyncio.to_thread(farm.processes[0].wait, 10) == 0
            assert len(await farm.living()) == 1
            await farm.end(bots)

    asyncio.run(scene())


def test_what_falls_due_while_no_worker_lives_is_done_once(url: str | None, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Farm(url, tmp_path) as farm:
            first = await farm.worker()
            due = time.time() + 1.5
            await farm.submit(
                Job("bot", "b0", not_before=due),
                Job("toy", "j0", {"name": "j0"}, not_before=due),
            )
            farm.kill(first)
            await asyncio.sleep(max(0.0, due + 0.5 - time.time()))
            assert not farm.lines("bot-b0")
            await farm.worker()
            await farm.until(lambda: farm.where("b0") and farm.lines("job-j0"), 8)
            await asyncio.sleep(1.0)
            assert farm.epochs("b0") == {1}
            assert len(farm.lines("job-j0")) == 1
            await farm.end(["b0"])

    asyncio.run(scene())


def test_a_bot_whose_worker_dies_in_settling_is_settled_elsewhere_and_not_attended_again(
    url: str | None, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with Farm(url, tmp_path, lease_s=30.0) as farm:
            await farm.worker()
            await farm.bots(1)
            (farm.out / "crash-b0").touch()
            (farm.out / "end-b0").touch()
            await farm.until(lambda: not (farm.out / "crash-b0").exists(), 5)
            # What a server does at its start, when it has the lock of the data directory.
            assert await farm.engine.retire(host="toys") == 1
            assert not await farm.living()
            await farm.worker()
            await farm.until(lambda: farm.lines("settled"), 5)
            assert len(farm.lines("settling")) == 2
            assert farm.epochs("b0") == {1}
            await farm.end(["b0"])

    asyncio.run(scene())


def test_thirty_bots_due_in_the_same_second_come_once_each(url: str | None, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Farm(url, tmp_path, capacity=12, lease_s=10.0) as farm:
            await asyncio.gather(*(farm.worker() for _ in range(3)))
            due = time.time() + 1.5
            bots = [f"b{number}" for number in range(30)]
            await farm.submit(*(Job("bot", bot, not_before=due) for bot in bots))
            await farm.until(lambda: all(farm.where(bot) for bot in bots), 15)
            late = sorted(farm.lines(f"bot-{bot}")[0]["t"] - due for bot in bots)
            print(f"MEASURED: 30 due at once: begun {late[0]:.2f} to {late[-1]:.2f} s after their time")
            assert late[0] >= -0.01
            await asyncio.sleep(1.0)
            assert all(farm.epochs(bot) == {1} for bot in bots)
            assert farm.overlap(bots) < 0
            assert max(len(farm.of(pid, bots)) for pid in farm.workers().values()) <= 12
            await farm.end(bots)

    asyncio.run(scene())
