"""Durable work with DBOS: SQLite for one process, PostgreSQL for many hosts. This is the side that submits and repairs.

One workflow row of DBOS per bot, one per attempt of a job; an attempt that is to be repeated writes the next one, with
its delay, and ends. So nothing holds a worker's slot while it waits. Only DBOS's public calls are used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypedDict

import structlog
from dbos import DBOS, DBOSClient, EnqueueOptions, WorkflowSerializationFormat, WorkflowStatus
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from rejoinder.engine import retry, rows
from rejoinder.engine.base import BOT, Engine, Job
from rejoinder.storage.database import Database

log = structlog.get_logger(__name__)

VERSION = "1"
"""DBOS's application version. Its default is a hash of the code, and rows of other versions are not seen."""
BOTS, JOBS, HEAVY = "bots", "jobs", "heavy"
"""The queues."""
BOT_WORKFLOW, JOB_WORKFLOW = "bot", "job"
HEAVY_KINDS = frozenset({"transcribe", "summarise"})
_WAITING = ["DELAYED", "ENQUEUED"]


class Attempt(TypedDict):
    """What is written down of one attempt of a job."""

    kind: str
    id: str
    args: dict[str, Any]
    attempt: int
    failures: int
    """Failures in a row before this attempt."""
    deaths: int
    """Workers that died under this job in a row."""


def workflow_id(kind: str, id: str, attempt: int = 0) -> str:
    """The id of an attempt's row; ``~`` occurs in no kind and no id."""
    return f"{kind}:{id}~{attempt}" if attempt else f"{kind}:{id}"


def dbos_url(database: Database) -> str:
    """The same database for DBOS, which works with threads."""
    url = make_url(database.url)
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)


async def prepare(database: Database) -> None:
    """Create or migrate DBOS's own tables. Several processes may do so at once."""
    await database.check()  # in SQLite this also switches the file to WAL, which DBOS does not
    await asyncio.to_thread(DBOS.migrate, dbos_url(database))


class DbosEngine(Engine):
    """Takes work for the workers and brings back what dead workers held.

    ``heavy``: the job kinds of which a worker runs one at a time. Must be the same in all processes.
    """

    def __init__(self, database: Database, heavy: Collection[str] = HEAVY_KINDS) -> None:
        self._db = database
        self._heavy = frozenset(heavy)
        self._client = DBOSClient(
            system_database_url=dbos_url(database),
            lazy=True,
            retry_connection_errors=False,
        )

    async def submit(self, job: Job, connection: AsyncConnection) -> None:
        """See ``Engine``. ``connection`` must belong to the database this engine works with."""
        delay_s = None if job.not_before is None else job.not_before - time.time()
        if job.kind == BOT:
            await rows.open_row(connection, job.id)
            await self._enqueue(connection, BOT_WORKFLOW, workflow_id(BOT, job.id), BOTS, delay_s, job.id)
            return
        first = Attempt(kind=job.kind, id=job.id, args=job.args, attempt=0, failures=0, deaths=0)
        await self.submit_attempt(first, delay_s, connection)

    async def submit_attempt(self, attempt: Attempt, delay_s: float | None, connection: AsyncConnection) -> None:
        """Write down an attempt of a job."""
        kind = attempt["kind"]
        queue = HEAVY if kind in self._heavy else JOBS
        row = workflow_id(kind, attempt["id"], attempt["attempt"])
        await self._enqueue(connection, JOB_WORKFLOW, row, queue, delay_s, attempt)

    async def _enqueue(
        self, connection: AsyncConnection, workflow: str, row: str, queue: str, delay_s: float | None, arg: object
    ) -> None:
        options: EnqueueOptions = {
            "workflow_name": workflow,
            "queue_name": queue,
            "workflow_id": row,
            "app_version": VERSION,
            "serialization_type": WorkflowSerializationFormat.PORTABLE,
        }
        if delay_s is not None and delay_s > 0:
            options["delay_seconds"] = delay_s
        await connection.run_sync(lambda sync: self._client.enqueue_in_transaction(sync, options, arg))

    async def reschedule(self, kind: str, id: str, not_before: float) -> bool:
        """See ``Engine``."""
        waiting = [row for row in await self._rows(kind, id, _WAITING) if row.status == "DELAYED"]
        if not waiting:
            return False
        row = waiting[-1].workflow_id
        await self._client.set_workflow_delay_async(row, delay_seconds=max(0.0, not_before - time.time()))
        # The delay of a row that began in between is not touched.
        after = await self._list(workflow_ids=[row], status="DELAYED")
        return bool(after)

    async def cancel(self, kind: str, id: str) -> bool:
        """See ``Engine``."""
        if kind == BOT:
            async with self._db.begin() as connection:
                if not await rows.cancel_row(connection, id):
                    return False
        waiting = [row.workflow_id for row in await self._rows(kind, id, _WAITING)]
        if waiting:
            await self._client.cancel_workflows_async(waiting)
        return kind == BOT or bool(waiting)

    async def forget(self, kind: str, id: str) -> None:
        """See ``Engine``."""
        if kind == BOT:
            async with self._db.begin() as connection:
                await rows.delete_row(connection, id)
        found = [row.workflow_id for row in await self._rows(kind, id)]
        if found:
            await self._client.delete_workflows_async(found)

    async def close(self) -> None:
        """Let go of the connections (not of the Database)."""
        await asyncio.to_thread(self._client.destroy)

    async def retire(self, *, host: str | None = None, worker_ids: Collection[str] = ()) -> int:
        """Take these workers, or all of a host, for dead at once, and bring back what they held. Gives how much.

        Only for processes that are certainly gone: their leases are not waited for. May be repeated.
        """
        async with self._db.begin() as connection:
            dead = await rows.mark_dead(connection, host, worker_ids)
        if not dead:
            return 0
        async with self._alone():
            brought = await self.recover(dead)
        async with self._db.begin() as connection:
            await rows.remove_dead(connection, self._db, dead)
        return brought

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        # Two that list the same rows and bring them back one after the other would take a bot from its new worker's
        # queue place; harmless (it is owned), but a place is lost. SQLite has one writer, which DBOS needs to be here.
        if self._db.sqlite:
            yield
        else:
            async with self._db.begin() as connection:
                await rows.lock(connection)
                yield

    async def recover(self, worker_ids: Collection[str]) -> int:
        """Let others do what these dead workers were doing. Gives how many rows. May be repeated."""
        if not worker_ids:
            return 0
        held = await self._list(status="PENDING", executor_id=sorted(worker_ids), load_input=True)
        for row in held:
            await self._again(row, died=True)
        if held:
            log.info("work of dead workers brought back", workers=sorted(worker_ids), rows=len(held))
        return len(held)

    async def give_back(self, worker_id: str, row_ids: Collection[str] | None) -> None:
        """Let others do these rows (of bots and attempts), as far as this worker still has them; None: all it has."""
        which = {} if row_ids is None else {"workflow_ids": sorted(row_ids)}
        held = await self._list(status="PENDING", executor_id=[worker_id], load_input=True, **which)
        for row in held:
            await self._again(row, died=False)

    async def _again(self, row: WorkflowStatus, died: bool) -> None:
        if row.name != JOB_WORKFLOW:
            # Twice by mistake does no harm: ownership lets one of the two wait.
            await self._client.resume_workflows_async([row.workflow_id], queue_name=BOTS)
            return
        # A new row rather than the old one once more: its id is fixed, so it can be made only once, whoever else
        # brings the work of the same worker back at the same time.
        assert row.input is not None
        old: Attempt = row.input["args"][0]
        deaths = old["deaths"] + 1 if died else old["deaths"]
        if deaths >= retry.DEATHS:
            log.error("job lost: workers die under it", kind=old["kind"], job=old["id"], deaths=deaths)
        else:
            new = Attempt(
                kind=old["kind"],
                id=old["id"],
                args=old["args"],
                attempt=old["attempt"] + 1,
                failures=old["failures"],
                deaths=deaths,
            )
            async with self._db.begin() as connection:
                await self.submit_attempt(new, None, connection)
        await self._client.cancel_workflows_async([row.workflow_id])

    async def reap(self, lease_s: float) -> int:
        """Declare workers dead whose lease has run out, and bring back what they held. Gives how much.

        Called now and then by every worker; in PostgreSQL one of them does it.
        """
        async with self._db.begin() as connection:
            if not await rows.elect(connection, self._db, lease_s):
                return 0
            dead = await rows.declare_dead(connection, self._db, lease_s)
        if not dead:
            return 0
        async with self._alone():
            brought = await self.recover(dead)
        async with self._db.begin() as connection:
            # Kept for a while: a worker that was only frozen finds its row, and what it takes by mistake in the
            # moment before it notices is still found here.
            await rows.remove_dead(connection, self._db, dead, older_s=10 * lease_s)
        return brought

    async def tidy(self, older_s: float, most: int = 500) -> int:
        """Delete what is kept of jobs that were over ``older_s`` ago; bots are kept until they are forgotten."""
        before = datetime.fromtimestamp(time.time() - older_s, UTC).isoformat()
        old = [row.workflow_id for row in await self._list(name=JOB_WORKFLOW, completed_before=before, limit=most)]
        await self.delete_rows(old)
        return len(old)

    async def delete_rows(self, row_ids: Iterable[str]) -> None:
        """Delete rows of attempts."""
        if ids := list(row_ids):
            await self._client.delete_workflows_async(ids)

    async def _rows(self, kind: str, id: str, status: list[str] | None = None) -> list[WorkflowStatus]:
        first = await self._list(workflow_ids=[workflow_id(kind, id)], status=status)
        if kind == BOT:
            return first
        return first + await self._list(workflow_id_prefix=f"{workflow_id(kind, id)}~", status=status)

    async def _list(self, *, load_input: bool = False, **filters: Any) -> list[WorkflowStatus]:
        return await self._client.list_workflows_async(load_input=load_input, load_output=False, **filters)
