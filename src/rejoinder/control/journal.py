"""Between a running bot and the database: takes entries at once, writes them in order, outlives an outage."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from rejoinder.control.ledger import Fence, Ledger
from rejoinder.core.entries import Entry
from rejoinder.errors import Fenced
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)

BATCH = 200
PAUSE_S = 0.5
LONGEST_PAUSE_S = 4.0
MAX_WAITING = 20_000
"""Entries kept while the database is away: hours of a lively meeting. Beyond that the oldest notes would be lost; the
worker has long fenced itself by then."""


class Journal:
    """One bot's entries on their way to the ledger. Create on the loop the database belongs to.

    ``on_fenced`` is called once when another worker turns out to have the bot; what waits is dropped then.
    ``on_written`` is called after each write.
    """

    def __init__(
        self,
        ledger: Ledger,
        bot_id: str,
        fence: Fence,
        on_fenced: Callable[[], None],
        on_written: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger = ledger
        self._bot_id = bot_id
        self._fence = fence
        self._on_fenced = on_fenced
        self._on_written = on_written
        self._waiting: deque[Entry] = deque(maxlen=MAX_WAITING)
        self._loop = asyncio.get_running_loop()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._fenced = False
        self._tasks = Tasks()
        self._tasks.start(self._run(), f"journal {bot_id}")

    def add(self, entry: Entry) -> None:
        """Take an entry; from any thread."""
        self._loop.call_soon_threadsafe(self._take, entry)

    def _take(self, entry: Entry) -> None:
        if self._fenced:
            return
        self._waiting.append(entry)
        self._idle.clear()
        self._work.set()

    async def flushed(self, within_s: float | None = None) -> bool:
        """Wait until everything taken so far is written (or dropped); False if that took longer."""
        await asyncio.sleep(0)  # what other threads have handed over comes first
        try:
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Stop; what was not written is lost."""
        await self._tasks.cancel()

    async def _run(self) -> None:
        pause = PAUSE_S
        while True:
            await self._work.wait()
            batch = [self._waiting[i] for i in range(min(BATCH, len(self._waiting)))]
            if not batch:
                self._work.clear()
                self._idle.set()
                continue
            try:
                await self._ledger.write(self._bot_id, batch, self._fence)
            except Fenced:
                self._fenced = True
                self._waiting.clear()
                self._idle.set()
                self._on_fenced()
                return
            except (SQLAlchemyError, OSError) as error:
                log.warning("the database does not take entries", bot_id=self._bot_id, error=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            pause = PAUSE_S
            for _ in batch:
                self._waiting.popleft()
            self._on_written()
