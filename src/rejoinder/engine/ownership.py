"""That a bot is never twice in a meeting: a heartbeat per worker process, a fencing epoch per bot.

The rules are in :mod:`rejoinder.engine.lease`; here are the statements, the timers and the tasks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from rejoinder.engine.lease import Lease
from rejoinder.engine.rows import reason
from rejoinder.errors import Fenced
from rejoinder.storage.database import Database
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)
T = TypeVar("T")

LOOK_S = 0.2
"""How often the self-fence looks at the clock."""
SURELY_S = 10.0
"""How long a cancelled run may still write that a stay is over or that the bot is let go."""
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Seconds of a clock that never jumps and goes on while the machine sleeps."""
    return time.clock_gettime(CLOCK)


class Stay(Enum):
    """How an attempt to attend ended."""

    OVER = "over"
    """The stay is over, and that is written down."""
    BEFORE = "before"
    """It was over before."""
    CANCELLED = "cancelled"
    """It was cancelled before anybody took it up."""
    UNKNOWN = "unknown"
    """There is no such bot (any more)."""
    ELSEWHERE = "elsewhere"
    """Another worker has it, or is to have it."""


class _Why(Enum):
    FENCED = "fenced"
    CUT_OFF = "cut off"
    RELEASE = "release"


@dataclass(slots=True)
class _Run:
    bot: str
    epoch: int
    task: asyncio.Task[None]
    why: _Why | None = None


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """How a worker process presents itself."""

    id: str
    host: str
    capacity: int
    beat_s: float
    lease_s: float


class Ownership:
    """One worker's hold on its bots. Belongs to the event loop on which it was started.

    ``on_dead`` is called (as a background task) when the database says this worker was declared dead, after its bots
    were stopped: the owner of this object ends everything else it runs, then calls :meth:`register`.
    """

    def __init__(self, database: Database, row: WorkerRow, on_dead: Callable[[], Awaitable[None]]) -> None:
        # Connections of its own: a heartbeat must not wait for a connection behind the rest of the product.
        self._db = Database(database.url)
        self._row = row
        self._on_dead = on_dead
        self._lease = Lease(row.lease_s)
        self._runs: dict[str, _Run] = {}
        self._one_each: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks = Tasks()
        self._stays = Tasks(on_error=lambda name, error: None)  # their ends are looked at where they are awaited
        self._reviving = False

    @property
    def running(self) -> frozenset[str]:
        """The bots that are attended now."""
        return frozenset(self._runs)

    @property
    def dead(self) -> bool:
        """Whether this worker was declared dead and did not register again yet."""
        return self._lease.dead

    async def start(self) -> None:
        """Register and begin to beat."""
        await self.register()
        self._tasks.start(self._beats(), "heartbeat")
        self._tasks.start(self._guard(), "self-fence")

    async def register(self) -> None:
        """Write this worker's row, living."""
        sent = clock()
        async with self._db.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO workers (id, host, capacity, seen, dead, draining)"
                    f" VALUES (:id, :host, :capacity, {self._db.now_sql}, false, false)"
                    " ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, dead = false"
                ),
                {"id": self._row.id, "host": self._row.host, "capacity": self._row.capacity},
            )
        self._lease.registered(sent)

    async def draining(self) -> None:
        """Say that this worker takes nothing new."""
        async with self._db.begin() as connection:
            await connection.execute(text("UPDATE workers SET draining = true WHERE id = :id"), {"id": self._row.id})

    async def close(self) -> None:
        """Stop beating, remove the worker's row and let go of the database. Bots must have been released before."""
        await self._tasks.cancel()
        await self._stays.cancel()
        try:
            async with asyncio.timeout(5), self._db.begin() as connection:
                await connection.execute(text("DELETE FROM workers WHERE id = :id"), {"id": self._row.id})
        except Exception as error:
            log.warning("worker not signed off", worker=self._row.id, error=reason(error))
        await self._db.close()

    async def attend(
        self,
        bot: str,
        body: Callable[[int], Awaitable[None]],
        also: Callable[[AsyncConnection], Awaitable[None]],
    ) -> Stay:
        """Acquire the bot, run ``body(epoch)``, write down that its stay is over, with ``also`` in that transaction.

        Waits as long as another worker has the bot. Takes it up again after having been cut off from the database.
        Raises CancelledError if it is told to let go while it waits.
        """
        # One that was brought back twice may come twice to this very process.
        lock = self._one_each.setdefault(bot, asyncio.Lock())
        async with lock:
            return await self._attend(bot, body, also)

    async def _attend(
        self,
        bot: str,
        body: Callable[[int], Awaitable[None]],
        also: Callable[[AsyncConnection], Awaitable[None]],
    ) -> Stay:
        while True:
            taken = await self._acquire(bot)
            if isinstance(taken, Stay):
                return taken
            run = _Run(bot, taken, self._stays.start(_quiet(bot, body, taken), f"attend {bot}"))
            self._runs[bot] = run
            try:
                await self._follow(run)
            finally:
                self._lease.ended(bot)
                del self._runs[bot]
            if not run.task.cancelled() and run.task.exception() is None:
                return Stay.OVER if await self._surely(self._finish(run, also)) else Stay.ELSEWHERE
            if run.why is _Why.FENCED:
                return Stay.ELSEWHERE
            if run.why is _Why.RELEASE:
                await self._surely(self._release(run))
                return Stay.ELSEWHERE
            # Cut off, or what it wrote was refused: ask again who owns it.
            await asyncio.sleep(min(1.0, self._row.beat_s))

    async def _follow(self, run: _Run) -> None:
        """Wait for a run's end. A cancellation of ours is passed on, and the end still awaited."""
        while not run.task.done():
            try:
                await asyncio.wait({run.task})
            except asyncio.CancelledError:
                self._stop(run, _Why.RELEASE)
                if run.why is _Why.CUT_OFF:
                    run.why = _Why.RELEASE  # told to let go while it was being stopped: do not ask for the bot again

    async def _acquire(self, bot: str) -> int | Stay:
        while True:
            if self._lease.trusted(clock()):
                try:
                    taken = await self._try_acquire(bot)
                except Exception as error:
                    log.warning("cannot acquire", bot=bot, error=reason(error))
                    taken = None
                if isinstance(taken, Stay):
                    return taken
                if taken is not None:
                    self._lease.took(bot, taken, clock())
                    if self._lease.trusted(clock()):
                        return taken
                    self._lease.ended(bot)
            await asyncio.sleep(min(1.0, self._row.lease_s / 20))

    async def _try_acquire(self, bot: str) -> int | Stay | None:
        living = f"NOT w.dead AND w.seen >= {self._db.now_sql} - :lease"
        async with self._db.begin() as connection:
            epoch: int | None = (
                await connection.execute(
                    text(
                        "UPDATE ownership SET owner = :me, epoch = epoch + 1 WHERE bot_id = :bot AND NOT done"
                        f" AND EXISTS (SELECT 1 FROM workers w WHERE w.id = :me AND {living})"
                        " AND (owner IS NULL OR owner = :me OR NOT EXISTS"
                        f" (SELECT 1 FROM workers w WHERE w.id = ownership.owner AND {living})) RETURNING epoch"
                    ),
                    {"me": self._row.id, "bot": bot, "lease": self._row.lease_s},
                )
            ).scalar()
            if epoch is not None:
                return epoch
            row = (
                await connection.execute(text("SELECT done, epoch FROM ownership WHERE bot_id = :bot"), {"bot": bot})
            ).first()
        if row is None:
            return Stay.UNKNOWN
        if row.done:
            return Stay.BEFORE if row.epoch else Stay.CANCELLED
        return None

    async def _surely(self, writing: Coroutine[Any, Any, T]) -> T:
        """Let a short piece of writing end although we are cancelled, but not for ever."""
        task = self._stays.start(writing, "writing")
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=SURELY_S)
            if not task.done():
                task.cancel()
                raise
        result: T = task.result()
        return result

    async def _finish(self, run: _Run, also: Callable[[AsyncConnection], Awaitable[None]]) -> bool:
        """Write down that the stay is over. False: under this epoch there is nothing to say any more."""
        pause = 0.5
        while True:
            try:
                async with self._db.begin() as connection:
                    # "OR done": the answer to an earlier try may have been lost after its commit.
                    mine = await connection.execute(
                        text(
                            "UPDATE ownership SET owner = NULL, done = true"
                            " WHERE bot_id = :bot AND epoch = :epoch AND (owner = :me OR done) RETURNING 1"
                        ),
                        {"bot": run.bot, "epoch": run.epoch, "me": self._row.id},
                    )
                    over = mine.first() is not None
                    if over:
                        await also(connection)
                return over
            except Exception as error:
                log.warning("cannot write that a stay is over", bot=run.bot, error=reason(error))
                await asyncio.sleep(pause)
                pause = min(5.0, pause * 2)

    async def _release(self, run: _Run) -> None:
        try:
            async with asyncio.timeout(self._row.beat_s + 5), self._db.begin() as connection:
                await connection.execute(
                    text("UPDATE ownership SET owner = NULL WHERE bot_id = :bot AND epoch = :epoch AND owner = :me"),
                    {"bot": run.bot, "epoch": run.epoch, "me": self._row.id},
                )
        except Exception as error:
            # The next owner then waits until this worker's row is gone or its lease has run out.
            log.warning("bot not released", bot=run.bot, error=reason(error))

    def _stop(self, run: _Run | None, why: _Why) -> None:
        if run is not None and run.why is None and run.task.cancel():
            log.info("stopping a bot", bot=run.bot, epoch=run.epoch, reason=why.value)
            run.why = why

    async def _guard(self) -> None:
        # On a timer of its own: the heartbeat may hang in the very call whose failure matters here.
        while True:
            await asyncio.sleep(LOOK_S)
            for bot in self._lease.expired(clock()):
                self._stop(self._runs.get(bot), _Why.CUT_OFF)

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(self._row.beat_s)
            sent = clock()
            try:
                async with asyncio.timeout(max(1.0, self._row.beat_s)):
                    alive, mine = await self._beat()
            except Exception as error:
                log.warning("heartbeat failed", worker=self._row.id, error=reason(error))
                continue
            for bot in self._lease.beat(sent, alive, mine):
                self._stop(self._runs.get(bot), _Why.FENCED)
            if not alive and not self._reviving:
                log.warning("declared dead while alive", worker=self._row.id)
                self._reviving = True
                self._tasks.start(self._revive(), "revive")

    async def _beat(self) -> tuple[bool, dict[str, int]]:
        async with self._db.begin() as connection:
            alive = (
                await connection.execute(
                    text(f"UPDATE workers SET seen = {self._db.now_sql} WHERE id = :me AND NOT dead RETURNING 1"),
                    {"me": self._row.id},
                )
            ).first()
            if alive is None:
                return False, {}
            rows = await connection.execute(
                text("SELECT bot_id, epoch FROM ownership WHERE owner = :me AND NOT done"), {"me": self._row.id}
            )
            return True, {row.bot_id: row.epoch for row in rows}

    async def _revive(self) -> None:
        try:
            await self._on_dead()
            await self.register()
        finally:
            self._reviving = False


async def _quiet(bot: str, body: Callable[[int], Awaitable[None]], epoch: int) -> None:
    """Attend; raises CancelledError if it was told to stop, Fenced if its writing was refused, and nothing else."""
    told = asyncio.current_task()
    assert told is not None
    try:
        await body(epoch)
    except Fenced:
        raise
    except asyncio.CancelledError:
        if told.cancelling():
            raise
        log.error("attending was cancelled from within", bot=bot)
    except Exception:
        log.exception("attending failed", bot=bot)
        # The stay is over all the same, because joining again could fail for ever; unless this was about leaving.
        if told.cancelling():
            raise asyncio.CancelledError from None
