"""Retention and deletion: a bot's files, rows and recordings under way, with nothing left behind."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import delete, select, update

from rejoinder.control.ledger import Ledger, tells
from rejoinder.core.bot import Bot
from rejoinder.core.lifecycle import Moment
from rejoinder.engine.base import Engine, Job
from rejoinder.settings import Settings
from rejoinder.storage import tables as t
from rejoinder.storage.blobs import Blobs
from rejoinder.storage.database import Database
from rejoinder.storage.rows import bot_of
from rejoinder.webhooks import payloads

log = structlog.get_logger(__name__)

EXPIRE = "expire"
"""The job that deletes a bot when its time has come."""
HOUR_S = 3600.0


def prefix_of(bot_id: str) -> str:
    """Where a bot's files are in the blob store."""
    return f"{bot_id}/"


def expires_at(bot: Bot, settings: Settings) -> float | None:
    """When a bot that is over is to be deleted; None: never. Pure."""
    hours = bot.config.retention_hours if bot.config.retention_hours is not None else settings.retention_hours
    return None if hours is None else (bot.ended_at or bot.updated_at) + hours * HOUR_S


class Cleaner:
    """Deletes bots, now or when their retention ends. ``spool``: this host's recordings under way."""

    def __init__(
        self, database: Database, engine: Engine, ledger: Ledger, blobs: Blobs, settings: Settings, spool: Path
    ) -> None:
        self._database = database
        self._engine = engine
        self._ledger = ledger
        self._blobs = blobs
        self._settings = settings
        self._spool = spool

    async def schedule(self, bot: Bot) -> None:
        """Decide when a bot that is over is deleted; harmless to repeat."""
        at = expires_at(bot, self._settings)
        if at is None or bot.expires_at is not None:
            return
        async with self._database.begin() as connection:
            await connection.execute(update(t.bots).where(t.bots.c.id == bot.id).values(expires_at=at))
            await self._engine.submit(Job(EXPIRE, bot.id, {"bot_id": bot.id}, at), connection)

    async def expire(self, args: dict[str, Any]) -> None:
        """The job: the bot's time has come."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(t.bots).where(t.bots.c.id == args["bot_id"]))).first()
        if row is not None:
            await self._remove(bot_of(row))

    async def delete(self, bot: Bot) -> int:
        """Remove a bot that is over, and all it left. How many objects were in the stores."""
        count = await self._remove(bot)
        await self._engine.cancel(EXPIRE, bot.id)
        for kind in ("bot", EXPIRE):
            await self._engine.forget(kind, bot.id)
        return count

    async def _remove(self, bot: Bot) -> int:
        """Files first: whoever is interrupted here finds the bot still there, and begins again."""
        count = await self._blobs.delete_prefix(prefix_of(bot.id))
        for folder in (self._spool / bot.id, self._spool.parent / "evidence" / bot.id):
            count += await asyncio.to_thread(remove_folder, folder)
        async with self._database.begin() as connection:
            if tells(bot) and bot.config.callback_url is not None:
                body = payloads.lifecycle(
                    bot,
                    Moment.DATA_DELETED,
                    f"Successfully deleted {count} objects for bot {bot.id}",
                    time.time(),
                    deleted_objects=count,
                )
                await self._ledger.post(
                    connection, bot, bot.config.callback_url, Moment.DATA_DELETED.value, body, time.time()
                )
            gone = await connection.execute(delete(t.bots).where(t.bots.c.id == bot.id))
            await connection.execute(delete(t.ownership).where(t.ownership.c.bot_id == bot.id))
            if gone.rowcount:
                await self._ledger.send_courier(connection, bot.id)
        # What a job that was still at work put there meanwhile.
        await self._blobs.delete_prefix(prefix_of(bot.id))
        log.info("bot deleted", bot_id=bot.id, objects=count)
        return count

    async def forget_deliveries(self, bot_id: str) -> None:
        """A courier of a bot that is gone has come home: its webhooks go, too."""
        async with self._database.begin() as connection:
            there = (await connection.execute(select(t.bots.c.id).where(t.bots.c.id == bot_id))).first()
            if there is None:
                await connection.execute(delete(t.deliveries).where(t.deliveries.c.bot_id == bot_id))

    async def sweep(self) -> None:
        """Remove recordings of bots that are no more from this host's spool."""
        names = await asyncio.to_thread(lambda: [path.name for path in self._spool.glob("*") if path.is_dir()])
        if not names:
            return
        async with self._database.read() as connection:
            known = set((await connection.execute(select(t.bots.c.id).where(t.bots.c.id.in_(names)))).scalars())
        for name in set(names) - known:
            await asyncio.to_thread(remove_folder, self._spool / name)


def remove_folder(folder: Path) -> int:
    """Delete a folder. How many files there were."""
    count = sum(1 for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder, ignore_errors=True)
    return count
