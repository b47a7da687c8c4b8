"""Bots of an installation from before the table of attributes are found by them after the upgrade."""

from __future__ import annotations

import asyncio
from typing import Any

from alembic.operations import Operations
from sqlalchemy import Connection, func, select

from rejoinder.control.reading import Reading
from rejoinder.control.service import ListQuery
from rejoinder.core.bot import Bot, BotConfig
from rejoinder.storage import migrate
from rejoinder.storage import tables as t
from rejoinder.storage.database import Database
from rejoinder.storage.rows import bot_row

BEFORE = "0002"
BOTS = 2300
"""More than the upgrade takes at a time."""


def made_before(connection: Connection) -> None:
    """The tables of the version before."""
    scripts = migrate._scripts()

    def steps(revision: Any, context: object) -> Any:
        return scripts._upgrade_revs(BEFORE, revision)

    migrate._context(connection, fn=steps).run_migrations(op=Operations(migrate._context(connection)))


def bot(number: int) -> dict[str, Any]:
    attributes = {"n": number, "half": number / 2, "all": "yes"} if number else {}
    config = BotConfig("http://room/x", custom_attributes=attributes)
    at = 1000.0 + number
    return {**bot_row(Bot(f"bot-{number:04}", "acme", config, at, updated_at=at)), "told": {}}


def test_older_bots_are_found_by_their_attributes(url: str) -> None:
    async def scene() -> None:
        database = Database(url)
        async with database.begin() as connection:
            await connection.run_sync(made_before)
            await connection.execute(t.bots.insert(), [bot(number) for number in range(BOTS)])
        assert await migrate.current(database) == BEFORE
        await migrate.upgrade(database)
        reading = Reading(database)

        async def found(**attributes: Any) -> list[str]:
            return [each.id for each in (await reading.list("acme", ListQuery(attributes=attributes, limit=3))).bots]

        assert await found(n=1500) == await found(n=1500.0, all="yes") == await found(half=750) == ["bot-1500"]
        assert await found(half=0.5) == ["bot-0001"]
        assert await found(all="yes") == ["bot-2299", "bot-2298", "bot-2297"]
        assert await found(n=0) == []
        async with database.read() as connection:
            count = select(func.count()).select_from(t.attributes)
            assert (await connection.execute(count)).scalar_one() == 3 * (BOTS - 1)
        await database.close()

    asyncio.run(scene())
