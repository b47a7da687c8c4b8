"""The statements over the tables ``ownership`` and ``workers`` that belong to no single worker."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from rejoinder.storage.database import Database

REAPER_LOCK = 5_710_377_219_004_881
"""The key of the advisory lock that elects one reaper in PostgreSQL. Any number will do, if nobody else uses it."""


def reason(error: BaseException) -> str:
    """An error in one line for the log, without the statement's values: they may be secrets."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).splitlines()
    return f"{type(cause).__name__}: {lines[0][:200]}" if lines else type(cause).__name__


async def open_row(connection: AsyncConnection, bot: str) -> None:
    """Make the bot's ownership row, in the transaction that creates the bot."""
    await connection.execute(
        text("INSERT INTO ownership (bot_id, epoch, done) VALUES (:bot, 0, false) ON CONFLICT (bot_id) DO NOTHING"),
        {"bot": bot},
    )


async def cancel_row(connection: AsyncConnection, bot: str) -> bool:
    """Close a bot that no worker has taken up yet. False: one has, or it is closed already."""
    row = await connection.execute(
        text(
            "UPDATE ownership SET done = true WHERE bot_id = :bot AND epoch = 0 AND owner IS NULL AND NOT done"
            " RETURNING 1"
        ),
        {"bot": bot},
    )
    return row.first() is not None


async def delete_row(connection: AsyncConnection, bot: str) -> None:
    """Forget who owns a bot; whoever attends it is fenced."""
    await connection.execute(text("DELETE FROM ownership WHERE bot_id = :bot"), {"bot": bot})


async def elect(connection: AsyncConnection, database: Database, lease_s: float) -> bool:
    """Whether this transaction may declare workers dead. One at a time may, and nobody right after the database's
    start: nobody could beat while it was down, and all would look dead."""
    if database.sqlite:
        return True
    if not (await connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": REAPER_LOCK})).scalar():
        return False
    up_s = await connection.execute(
        text("SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::double precision")
    )
    return float(up_s.scalar_one()) >= lease_s


async def lock(connection: AsyncConnection) -> None:
    """Wait until nobody else brings work back (PostgreSQL only); until the transaction's end."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": REAPER_LOCK})


async def declare_dead(connection: AsyncConnection, database: Database, lease_s: float) -> list[str]:
    """Mark the workers whose lease has run out. Gives the ids of all the dead."""
    await connection.execute(
        text(f"UPDATE workers SET dead = true WHERE NOT dead AND seen < {database.now_sql} - :lease"),
        {"lease": lease_s},
    )
    return list((await connection.execute(text("SELECT id FROM workers WHERE dead"))).scalars())


async def mark_dead(connection: AsyncConnection, host: str | None, ids: Collection[str]) -> list[str]:
    """Mark the workers of a host, or these, whatever their lease says. Gives the ids."""
    found = set(ids)
    if host is not None:
        found |= set((await connection.execute(text("SELECT id FROM workers WHERE host = :h"), {"h": host})).scalars())
    for worker in found:
        await connection.execute(text("UPDATE workers SET dead = true WHERE id = :id"), {"id": worker})
    return sorted(found)


async def remove_dead(
    connection: AsyncConnection, database: Database, ids: Collection[str], older_s: float = 0.0
) -> None:
    """Delete the rows of these workers, if they are still dead and were last seen ``older_s`` ago or before."""
    for worker in ids:
        await connection.execute(
            text(f"DELETE FROM workers WHERE id = :id AND dead AND seen <= {database.now_sql} - :older"),
            {"id": worker, "older": older_s},
        )
