"""What benches of the whole service borrow from the tests: webhook receiver, PostgreSQL, a person who watches bots."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from rejoinder.storage.database import Database, database_url

_TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(_TESTS), str(_TESTS / "e2e")]

from hooks import Hooks, receiving  # noqa: E402
from servers import Postgres, postgres_bin  # noqa: E402
from witness import Presence, Witness  # noqa: E402

__all__ = ["Hooks", "Presence", "Witness", "databases", "opened", "owner_pid", "receiving"]


@contextmanager
def opened(kind: str) -> Iterator[str | None]:
    """The URL of an empty database; None: SQLite."""
    if kind == "sqlite":
        yield None
        return
    with Postgres(durable=True) as server:
        yield server.url()


def databases() -> list[str]:
    """The kinds this computer has."""
    return ["sqlite", *(["postgres"] if postgres_bin() is not None else [])]


async def owner_pid(url: str | None, data: Path, bot: str) -> int | None:
    """The process that has a bot now, as the database says; None: nobody."""
    database = Database(database_url(url, data))
    try:
        async with database.read() as connection:
            found = text("SELECT owner FROM ownership WHERE bot_id = :bot")
            owner = (await connection.execute(found, {"bot": bot})).scalar()
    finally:
        await database.close()
    return int(owner.split("-")[-2]) if owner else None
