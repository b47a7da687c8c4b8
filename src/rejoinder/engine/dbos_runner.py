"""The worker side of durable work with DBOS: one :class:`DbosRunner` per process.

DBOS polls and runs its workflows in threads of its own. What the product does (attending, settling, jobs) always runs
on the event loop that called :meth:`DbosRunner.start`.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog
from dbos import DBOS, DBOSConfig
from sqlalchemy.ext.asyncio import AsyncConnection

from rejoinder.engine import retry
from rejoinder.engine.base import SETTLE, BotWork, Job, JobHandler, Later
from rejoinder.engine.dbos_engine import (
    BOT_WORKFLOW,
    BOTS,
    HEAVY,
    HEAVY_KINDS,
    JOB_WORKFLOW,
    JOBS,
    VERSION,
    Attempt,
    DbosEngine,
    dbos_url,
    prepare,
    workflow_id,
)
from rejoinder.engine.ownership import Ownership, Stay, WorkerRow
from rejoinder.engine.rows import reason
from rejoinder.errors import InvalidRequest, RejoinderError
from rejoinder.storage.database import Database
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)

HEAVY_POLL_S = 1.0
END_S = 20.0
"""How long what was cancelled may take to end before the process goes on without it."""
TIDY_EVERY_S = 600.0


@dataclass(frozen=True, slots=True)
class RunnerOptions:
    """How a worker works. Raises InvalidRequest.

    ``capacity``: bots at a time. It and ``job_capacity`` are one number for all workers of a database (the last one
    that starts sets it): make hosts larger by more worker processes. ``beat_s`` and ``lease_s``: a database may be
    away for 0.7 x lease - 2 x beat before bots leave, and a host that dies is replaced after about the lease.
    ``poll_s``: how often each queue is asked. ``keep_jobs_s``: how long jobs that are over are remembered.
    """

    host: str
    capacity: int
    beat_s: float = 3.0
    lease_s: float = 45.0
    poll_s: float = 0.25
    job_capacity: int = 200
    heavy: Collection[str] = HEAVY_KINDS
    keep_jobs_s: float = 3 * 86_400.0

    def __post_init__(self) -> None:
        if not 1 <= self.capacity <= 10_000:
            raise InvalidRequest("capacity: expected 1 to 10000 bots", field="capacity")
        if not 0.05 <= self.beat_s <= self.lease_s / 4:
            raise InvalidRequest("beat_s: expected at least 0.05 and at most a quarter of lease_s", field="beat_s")
        if not 0.05 <= self.poll_s <= 60:
            raise InvalidRequest("poll_s: expected 0.05 to 60 seconds", field="poll_s")


class DbosRunner:
    """Runs bots and jobs in this process. DBOS allows one at a time per process.

    ``handlers``: by job kind. A bot's ``settle`` follows in a job of its own, so it takes none of the bots' places.
    """

    def __init__(
        self, database: Database, work: BotWork, handlers: Mapping[str, JobHandler], options: RunnerOptions
    ) -> None:
        if SETTLE in handlers:
            raise InvalidRequest(f"handlers: the kind {SETTLE} is the engine's own", field="handlers")
        self.worker_id = f"{options.host[:50]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.engine = DbosEngine(database, options.heavy)
        """For submitting from this process."""
        self._db = database
        self._work = work
        self._handlers: dict[str, JobHandler] = {**handlers, SETTLE: self._settle}
        self._options = options
        row = WorkerRow(self.worker_id, options.host, options.capacity, options.beat_s, options.lease_s)
        self._ownership = Ownership(database, row, self._end_all)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runs: dict[asyncio.Task[Any], str] = {}
        self._returns: set[str] = set()
        self._tasks = Tasks()
        self._draining = False
        self._drained = False

    @property
    def running(self) -> frozenset[str]:
        """The ids of the bots that are attended now."""
        return self._ownership.running

    async def start(self) -> None:
        """Begin to take work."""
        global _active
        if _active is not None:
            raise RuntimeError("a process can have one runner at a time")
        self._loop = asyncio.get_running_loop()
        _active = self
        try:
            await prepare(self._db)
            # The row comes first: work that is taken up must belong to a worker the others know.
            await self._ownership.start()
            await asyncio.to_thread(self._launch)
        except BaseException:
            _active = None
            raise
        self._tasks.start(self._upkeep(), "engine upkeep")
        log.info("worker started", worker=self.worker_id, capacity=self._options.capacity)

    def _launch(self) -> None:
        # In a thread without an event loop: DBOS would otherwise run its workflows on ours and take over its threads.
        config: DBOSConfig = {
            "name": "rejoinder",
            "system_database_url": dbos_url(self._db),
            "application_version": VERSION,
            "executor_id": self.worker_id,
            "run_migrations": False,
            "sys_db_pool_size": 8,
            "log_level": "ERROR",
        }
        DBOS(config=config)
        DBOS.listen_queues([BOTS, JOBS, HEAVY])
        DBOS.launch()
        for name, concurrency, poll_s in (
            (BOTS, self._options.capacity, self._options.poll_s),
            (JOBS, self._options.job_capacity, self._options.poll_s),
            (HEAVY, 1, max(HEAVY_POLL_S, self._options.poll_s)),
        ):
            DBOS.register_queue(
                name, worker_concurrency=concurrency, polling_interval_sec=poll_s, on_conflict="always_update"
            )

    async def drain(self, within_s: float) -> None:
        """Take nothing new; after ``within_s`` seconds stop what still runs and give it back to the other workers.

        Heartbeats go on until the end. The runner cannot be started again.
        """
        if self._drained:
            return
        self._draining = self._drained = True
        try:
            await self._ownership.draining()
        except Exception as error:
            log.warning("cannot say that this worker drains", error=reason(error))
        # DBOS stops polling at once, and waits for its workflows to end.
        ended = self._tasks.start(self._destroy(within_s + END_S), "engine end")
        if self._runs:
            await asyncio.wait(set(self._runs), timeout=within_s)
        await self._end_all()
        await self._try_return()
        await asyncio.wait({ended})
        # What was taken in the moment polling stopped.
        for task in list(self._runs):
            task.cancel()
        await self._try_return(everything=True)

    async def close(self) -> None:
        """End at once what runs, give it back, sign off."""
        global _active
        if self._loop is not None:
            await self.drain(0.0)
        await self._tasks.cancel()
        await self._ownership.close()
        await self.engine.close()
        if _active is self:
            _active = None

    async def _destroy(self, within_s: float) -> None:
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=max(1, int(within_s)))

    async def _end_all(self) -> None:
        for task in list(self._runs):
            task.cancel()
        if self._runs:
            _, late = await asyncio.wait(set(self._runs), timeout=END_S)
            if late:
                log.error("work does not end", rows=[self._runs[task] for task in late if task in self._runs])

    async def _upkeep(self) -> None:
        options, next_tidy = self._options, 0.0
        while not self._draining:
            await asyncio.sleep(options.beat_s)
            if self._ownership.dead:
                continue
            await self._try_return()
            now = asyncio.get_running_loop().time()
            try:
                await self.engine.reap(options.lease_s)
                if now >= next_tidy:
                    next_tidy = now + TIDY_EVERY_S
                    await self.engine.tidy(options.keep_jobs_s)
            except Exception as error:
                log.warning("engine upkeep failed", error=reason(error))

    async def _try_return(self, everything: bool = False) -> None:
        rows = self._returns - set(self._runs.values())
        try:
            if everything:
                await self.engine.give_back(self.worker_id, None)
            elif rows:
                await self.engine.give_back(self.worker_id, rows)
            self._returns -= rows
        except Exception as error:
            log.warning("cannot give work back", rows=len(rows), error=reason(error))

    async def run_bot(self, bot: str) -> None:
        """The workflow of a bot (called by DBOS, on this loop)."""
        row = workflow_id("bot", bot)
        await self._run(row, self._bot(bot))

    async def run_job(self, attempt: Attempt) -> None:
        """The workflow of one attempt of a job (called by DBOS, on this loop)."""
        await self._run(workflow_id(attempt["kind"], attempt["id"], attempt["attempt"]), self._job(attempt))

    async def _run(self, row: str, work: Coroutine[Any, Any, None]) -> None:
        # CancelledError is the one ending that DBOS does not write down: the row stays ours until it is given back.
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        try:
            if self._draining or self._ownership.dead:
                work.close()
                raise asyncio.CancelledError
            self._runs[task] = row
            await work
        except asyncio.CancelledError:
            self._returns.add(row)
            raise
        finally:
            self._runs.pop(task, None)

    async def _bot(self, bot: str) -> None:
        async def settle_next(connection: AsyncConnection) -> None:
            await self.engine.submit(Job(SETTLE, bot, {"bot_id": bot}), connection)

        stay = await self._ownership.attend(bot, lambda epoch: self._work.attend(bot, epoch), settle_next)
        if stay is Stay.ELSEWHERE:
            raise asyncio.CancelledError

    async def _settle(self, args: dict[str, Any]) -> None:
        await self._work.settle(args["bot_id"])

    async def _job(self, attempt: Attempt) -> None:
        kind, number = attempt["kind"], attempt["attempt"]
        if number >= 2:
            # The first row is kept, so that the same id is not taken once more; the last one is this.
            await self._forget_row(workflow_id(kind, attempt["id"], number - 1))
        try:
            handler = self._handlers.get(kind)
            if handler is None:
                raise InvalidRequest(f"no handler for jobs of kind {kind}", field="kind")
            await handler(attempt["args"])
        except Later as later:
            await self._next(attempt, 0, later.delay_s)
        except Exception as error:
            failures = attempt["failures"] + 1
            pause = (retry.SETTLE if kind == SETTLE else retry.JOB).pause(failures)
            trace = None if isinstance(error, RejoinderError) else error
            said = {"kind": kind, "job": attempt["id"], "failures": failures, "error": reason(error)}
            if pause is None:
                log.error("job lost: it fails for ever", **said, exc_info=trace)
                return
            log.warning("job failed", **said, again_in_s=pause, exc_info=trace)
            await self._next(attempt, failures, pause)

    async def _next(self, attempt: Attempt, failures: int, delay_s: float) -> None:
        following: Attempt = {**attempt, "attempt": attempt["attempt"] + 1, "failures": failures, "deaths": 0}
        pause = 0.5
        while True:
            try:
                async with self._db.begin() as connection:
                    await self.engine.submit_attempt(following, delay_s, connection)
                return
            except Exception as error:
                log.warning(
                    "cannot write the next attempt", kind=attempt["kind"], job=attempt["id"], error=reason(error)
                )
                await asyncio.sleep(pause)
                pause = min(10.0, pause * 2)

    async def _forget_row(self, row: str) -> None:
        try:
            await self.engine.delete_rows([row])
        except Exception as error:
            log.warning("attempt not deleted", row=row, error=reason(error))

    async def here(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``work`` on this runner's loop and wait for it on DBOS's; a cancellation is passed on either way."""
        loop = cast(asyncio.AbstractEventLoop, self._loop)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), loop))


_active: DbosRunner | None = None


def _runner() -> DbosRunner:
    if _active is None:
        raise asyncio.CancelledError
    return _active


@DBOS.workflow(name=BOT_WORKFLOW, max_recovery_attempts=None)
async def _bot_workflow(bot: str) -> None:
    runner = _runner()
    await runner.here(lambda: runner.run_bot(bot))


@DBOS.workflow(name=JOB_WORKFLOW, max_recovery_attempts=None)
async def _job_workflow(attempt: dict[str, Any]) -> None:
    runner = _runner()
    await runner.here(lambda: runner.run_job(cast(Attempt, attempt)))
