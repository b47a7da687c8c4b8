"""The verbs and the ledger on a real SQLite file, with an engine that only notes what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rejoinder.control.bots import Bots
from rejoinder.control.cleaning import Cleaner
from rejoinder.control.ledger import Fence, Ledger
from rejoinder.control.shipping import Spool
from rejoinder.core.bot import BotConfig
from rejoinder.engine.base import Job
from rejoinder.errors import InvalidRequest
from rejoinder.settings import Settings
from rejoinder.storage import tables as t
from rejoinder.storage.blobs import open_blobs
from rejoinder.storage.database import Database, database_url
from rejoinder.storage.links import Links
from rejoinder.storage.outbox import SqlOutbox

LINK = "http://127.0.0.1:8080/room/standup"
HOOK = "https://example.com/hook"
WORKER = "w1"


class NotingEngine:
    """Takes jobs and does nothing."""

    def __init__(self) -> None:
        self.jobs: dict[tuple[str, str], Job] = {}

    async def submit(self, job: Job, connection: AsyncConnection) -> None:
        self.jobs.setdefault((job.kind, job.id), job)

    async def reschedule(self, kind: str, id: str, not_before: float) -> bool:
        return (kind, id) in self.jobs

    async def cancel(self, kind: str, id: str) -> bool:
        return self.jobs.pop((kind, id), None) is not None

    async def forget(self, kind: str, id: str) -> None:
        self.jobs.pop((kind, id), None)

    async def close(self) -> None:
        pass

    def kinds(self) -> list[str]:
        return sorted(kind for kind, _ in self.jobs)


class House:
    """Everything in a folder. Use as ``async with``."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(data_dir=folder, **settings)
        self.database = Database(database_url(None, folder))
        self.engine = NotingEngine()
        self.blobs = open_blobs(self.settings)
        self.ledger = Ledger(self.database, self.engine, self.settings)
        self.spool = Spool(folder / "spool", self.blobs, shared=False)
        self.cleaner = Cleaner(self.database, self.engine, self.ledger, self.blobs, self.settings, folder / "spool")
        self.outbox = SqlOutbox(self.database)
        self.bots = Bots(
            self.database,
            self.engine,
            self.ledger,
            self.blobs,
            Links(b"secret"),
            _known,
            lambda: frozenset({"meetstream"}),
            self.cleaner,
            self.settings,
        )

    async def __aenter__(self) -> House:
        async with self.database.begin() as connection:
            await connection.run_sync(t.metadata.create_all)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.database.close()

    async def bot(self, account: str = "acme", **config: Any) -> str:
        """A bot, owned by the test's worker."""
        created = await self.bots.create(BotConfig(LINK, **config), account)
        await self.own(created.bot.id)
        return created.bot.id

    async def own(self, bot_id: str, owner: str = WORKER, epoch: int = 1) -> Fence:
        """Make a worker the bot's owner, as the engine does."""
        async with self.database.begin() as connection:
            await connection.execute(t.ownership.delete().where(t.ownership.c.bot_id == bot_id))
            await connection.execute(t.ownership.insert().values(bot_id=bot_id, owner=owner, epoch=epoch, done=False))
        return Fence(owner, epoch)

    async def events(self, bot_id: str) -> list[str]:
        """The webhooks of a bot, in order."""
        return [delivery.event for delivery in await self.outbox.list(bot_id)]

    async def rows(self) -> int:
        """How many rows all tables together have, but for keys."""
        async with self.database.read() as connection:
            counts = [
                (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                for table in t.metadata.sorted_tables
            ]
        return sum(counts)


def _known(link: str) -> None:
    if "/room/" not in link:
        raise InvalidRequest("meeting_link is not a meeting known here", field="meeting_link")


def play(scene: Coroutine[Any, Any, None]) -> None:
    """Run a test's scene."""
    asyncio.run(asyncio.wait_for(scene, 20))
