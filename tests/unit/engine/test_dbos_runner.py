"""One runner in this process on SQLite; what many processes do is in tests/e2e/test_engine.py."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rejoinder.engine import retry
from rejoinder.engine.base import Job, Later
from rejoinder.engine.dbos_engine import DbosEngine
from rejoinder.engine.dbos_runner import DbosRunner, RunnerOptions
from rejoinder.errors import Fenced
from rejoinder.storage.database import Database, database_url
from rejoinder.storage.tables import metadata, ownership, workers


class House:
    """A runner and what it was asked to do."""

    def __init__(self, folder: Path, runner: asyncio.Runner) -> None:
        self.run = runner.run
        self.db = Database(database_url(None, folder))
        self.engine = DbosEngine(self.db)
        self.calls: list[dict[str, Any]] = []
        self.threads: set[int] = set()
        self.leave: set[str] = set()
        self.settled: list[str] = []
        self.stays: list[tuple[str, int]] = []
        self.ended: list[str] = []
        options = RunnerOptions("here", 4, beat_s=0.3, lease_s=3.0, poll_s=0.05)
        self.runner = DbosRunner(self.db, self, {"toy": self.toy, "transcribe": self.toy}, options)
        self.now_running = 0
        self.most_running = 0

    async def open(self) -> None:
        async with self.db.begin() as connection:
            await connection.run_sync(lambda sync: metadata.create_all(sync, tables=[ownership, workers]))
        await self.runner.start()

    async def close(self) -> None:
        await self.runner.close()
        await self.engine.close()
        await self.db.close()

    async def attend(self, bot_id: str, epoch: int) -> None:
        self.threads.add(threading.get_ident())
        self.stays.append((bot_id, epoch))
        if bot_id.startswith("refused") and epoch == 1:
            raise Fenced("what was written came from another epoch")
        if bot_id.startswith("broken"):
            raise RuntimeError("the meeting exploded")
        try:
            await self.until(lambda: bot_id in self.leave, 60)
        finally:
            self.ended.append(bot_id)

    async def settle(self, bot_id: str) -> None:
        self.threads.add(threading.get_ident())
        self.settled.append(bot_id)
        if bot_id.startswith("unsettled") and self.settled.count(bot_id) < 2:
            raise RuntimeError("the disk is full")

    async def toy(self, args: dict[str, Any]) -> None:
        self.threads.add(threading.get_ident())
        self.calls.append(args)
        self.now_running += 1
        self.most_running = max(self.most_running, self.now_running)
        try:
            await asyncio.sleep(args.get("takes", 0.0))
        finally:
            self.now_running -= 1
        count = self.count(args["name"])
        if count <= args.get("fail", 0):
            raise RuntimeError("not yet")
        if count <= args.get("later", 0):
            raise Later(0.0)

    def count(self, name: str) -> int:
        return sum(args["name"] == name for args in self.calls)

    async def submit(self, *jobs: Job) -> None:
        async with self.db.begin() as connection:
            for job in jobs:
                await self.engine.submit(job, connection)

    async def until(self, true: Callable[[], object], within_s: float = 8.0) -> None:
        end = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < end, "it did not happen in time"
            await asyncio.sleep(0.02)

    async def kept(self, kind: str, id: str) -> dict[str, str]:
        """What is kept of a job: rows and their statuses."""
        return {row.workflow_id: row.status for row in await self.engine._rows(kind, id)}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retry, "JOB", retry.Retry(first_s=0.05, tries=3))
        patch.setattr(retry, "SETTLE", retry.Retry(first_s=0.05, tries=3))
        with asyncio.Runner() as runner:
            runner.get_loop()
            house = House(tmp_path_factory.mktemp("data"), runner)
            runner.run(house.open())
            yield house
            runner.run(house.close())


def test_a_job_of_one_id_is_done_once_also_after_it_is_over(house: House) -> None:
    async def scene() -> None:
        await house.submit(Job("toy", "once", {"name": "once"}), Job("toy", "once", {"name": "once"}))
        await house.until(lambda: house.count("once"))
        await house.submit(Job("toy", "once", {"name": "once"}))
        await asyncio.sleep(0.4)
        assert house.count("once") == 1

    house.run(scene())


def test_a_job_of_a_transaction_that_fails_is_never_heard_of(house: House) -> None:
    async def scene() -> None:
        async def undone() -> None:
            async with house.db.begin() as connection:
                await house.engine.submit(Job("toy", "never", {"name": "never"}), connection)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await undone()
        assert not await house.kept("toy", "never")

    house.run(scene())


def test_a_handler_may_ask_to_be_run_again_and_leaves_two_rows_at_most(house: House) -> None:
    async def scene() -> None:
        await house.submit(Job("toy", "later", {"name": "later", "later": 4}))
        await house.until(lambda: house.count("later") == 5)
        await asyncio.sleep(0.3)
        assert house.count("later") == 5
        assert set(await house.kept("toy", "later")) == {"toy:later", "toy:later~4"}

    house.run(scene())


def test_a_failing_job_is_tried_again_as_often_as_the_rule_says(house: House) -> None:
    async def scene() -> None:
        await house.submit(
            Job("toy", "fails", {"name": "fails", "fail": 1}), Job("toy", "lost", {"name": "lost", "fail": 99})
        )
        await house.until(lambda: house.count("fails") == 2 and house.count("lost") == 3)
        await asyncio.sleep(1.3)
        assert (house.count("fails"), house.count("lost")) == (2, 3)

    house.run(scene())


def test_heavy_jobs_are_done_one_after_the_other(house: House) -> None:
    async def scene() -> None:
        house.most_running = 0
        await house.submit(*(Job("transcribe", f"h{n}", {"name": f"h{n}", "takes": 0.3}) for n in range(2)))
        await house.until(lambda: house.count("h0") and house.count("h1"))
        assert house.most_running == 1

    house.run(scene())


def test_a_waiting_job_can_be_moved_and_dropped(house: House) -> None:
    async def scene() -> None:
        soon = time.time() + 3600
        await house.submit(
            Job("toy", "moved", {"name": "moved"}, not_before=soon),
            Job("toy", "dropped", {"name": "dropped"}, not_before=soon),
        )
        assert await house.engine.cancel("toy", "dropped")
        assert not await house.engine.cancel("toy", "dropped")
        assert not await house.engine.cancel("toy", "unheard_of")
        assert await house.engine.reschedule("toy", "moved", time.time())
        await house.until(lambda: house.count("moved"))
        await house.until(lambda: house.now_running == 0)
        assert not await house.engine.reschedule("toy", "moved", soon)
        assert not house.count("dropped")
        await house.engine.forget("toy", "moved")
        assert not await house.kept("toy", "moved")

    house.run(scene())


def test_a_scheduled_bot_that_is_cancelled_is_neither_attended_nor_settled(house: House) -> None:
    async def scene() -> None:
        await house.submit(Job("bot", "cancelled", not_before=time.time() + 1.0))
        assert await house.engine.cancel("bot", "cancelled")
        assert not await house.engine.cancel("bot", "cancelled")
        await asyncio.sleep(2.2)
        assert not [stay for stay in house.stays if stay[0] == "cancelled"]
        assert "cancelled" not in house.settled

    house.run(scene())


def test_a_bot_is_attended_then_settled_until_that_succeeds_and_cannot_be_cancelled(house: House) -> None:
    async def scene() -> None:
        await house.submit(Job("bot", "unsettled"))
        await house.until(lambda: "unsettled" in house.runner.running)
        assert not await house.engine.cancel("bot", "unsettled")
        assert not house.settled.count("unsettled")
        house.leave.add("unsettled")
        await house.until(lambda: house.settled.count("unsettled") == 2)
        assert house.stays.count(("unsettled", 1)) == 1
        assert "unsettled" not in house.runner.running

    house.run(scene())


def test_an_attend_that_raises_ends_the_stay_and_one_that_was_refused_is_taken_up_again(house: House) -> None:
    async def scene() -> None:
        house.leave.add("refused")
        await house.submit(Job("bot", "broken"), Job("bot", "refused"))
        await house.until(lambda: {"broken", "refused"} <= set(house.settled))
        assert [stay for stay in house.stays if stay[0] == "broken"] == [("broken", 1)]
        assert [stay for stay in house.stays if stay[0] == "refused"] == [("refused", 1), ("refused", 2)]

    house.run(scene())


def test_a_bot_that_is_forgotten_while_it_runs_is_out_with_the_next_heartbeat(house: House) -> None:
    async def scene() -> None:
        await house.submit(Job("bot", "forgotten"))
        await house.until(lambda: "forgotten" in house.runner.running)
        await house.engine.forget("bot", "forgotten")
        await house.until(lambda: "forgotten" in house.ended, 2.0)
        await asyncio.sleep(0.5)
        assert house.stays.count(("forgotten", 1)) == 1
        assert "forgotten" not in house.settled

    house.run(scene())


def test_a_worker_declared_dead_by_mistake_stops_everything_and_takes_it_up_again(house: House) -> None:
    async def scene() -> None:
        await house.submit(Job("bot", "mistaken"), Job("toy", "slow", {"name": "slow", "takes": 1.0}))
        await house.until(lambda: "mistaken" in house.runner.running and house.count("slow"))
        await house.engine.retire(worker_ids=[house.runner.worker_id])
        await house.until(lambda: ("mistaken", 2) in house.stays)
        assert house.ended.count("mistaken") == 1
        await house.until(lambda: house.count("slow") >= 2)  # it may have begun once before this was noticed
        house.leave.add("mistaken")
        await house.until(lambda: "mistaken" in house.settled)

    house.run(scene())


def test_a_bot_that_is_brought_back_while_it_runs_is_attended_once(house: House) -> None:
    async def scene() -> None:
        await house.submit(Job("bot", "twice"))
        await house.until(lambda: "twice" in house.runner.running)
        for _ in range(2):
            await house.engine.recover([house.runner.worker_id])
            await asyncio.sleep(0.5)
        house.leave.add("twice")
        await house.until(lambda: "twice" in house.settled)
        await asyncio.sleep(0.5)
        assert [stay for stay in house.stays if stay[0] == "twice"] == [("twice", 1)]
        assert house.settled.count("twice") == 1
        assert await house.kept("bot", "twice") == {"bot:twice": "SUCCESS"}

    house.run(scene())


def test_a_job_under_which_worker_after_worker_dies_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        monkeypatch.setattr(retry, "DEATHS", 2)
        await house.submit(Job("toy", "deadly", {"name": "deadly", "takes": 60.0}))
        await house.until(lambda: house.count("deadly"))
        await house.engine.recover([house.runner.worker_id])
        await house.until(lambda: house.count("deadly") == 2)
        await house.engine.recover([house.runner.worker_id])
        await asyncio.sleep(1.0)
        rows = await house.kept("toy", "deadly")
        assert set(rows.values()) == {"CANCELLED"}
        assert house.count("deadly") == 2

    house.run(scene())


def test_everything_ran_on_the_loop_that_started_the_runner(house: House) -> None:
    assert house.threads == {threading.get_ident()}
