"""The one database: SQLite (a file, WAL) or PostgreSQL, by its URL."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from rejoinder.errors import InvalidRequest

BUSY_S = 15.0
"""How long a writer waits for another one's transaction in SQLite."""
POOL = 10
POOL_OVERFLOW = 10


def database_url(setting: str | None, data_dir: Path) -> str:
    """The SQLAlchemy URL for an operator's setting; None: a SQLite file in ``data_dir``. Raises InvalidRequest.

    ``postgresql://`` (or ``postgres://``) and ``sqlite:///path`` are taken, with any driver named or none.
    """
    if setting is None:
        return f"sqlite+aiosqlite:///{data_dir / 'rejoinder.db'}"
    try:
        url = make_url(setting.replace("postgres://", "postgresql://", 1))
    except ArgumentError:
        raise InvalidRequest("database_url: expected postgresql://user@host/name", field="database_url") from None
    dialect = url.get_backend_name()
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
    if dialect not in drivers or (dialect == "sqlite" and url.database in (None, "", ":memory:")):
        raise InvalidRequest("database_url: expected postgresql://host/name or sqlite:///path", field="database_url")
    return url.set(drivername=drivers[dialect]).render_as_string(hide_password=False)


class Database:
    """An async SQLAlchemy engine and the few things that differ between the two databases.

    Belongs to the event loop it is first used on.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.sqlite = make_url(url).get_backend_name() == "sqlite"
        if self.sqlite:
            Path(make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.engine = create_async_engine(url, pool_size=POOL, max_overflow=POOL_OVERFLOW, hide_parameters=True)
            _prepare_sqlite(self.engine)
        else:
            # A connection that died with a restarted server must not fail the next request.
            self.engine = create_async_engine(
                url,
                hide_parameters=True,  # errors must not carry users' URLs and texts into logs
                pool_pre_ping=True,
                pool_size=POOL,
                max_overflow=POOL_OVERFLOW,
                pool_timeout=10,
                connect_args={"connect_timeout": 5},
            )
        self.now_sql = (
            "(julianday('now')-2440587.5)*86400.0" if self.sqlite else "extract(epoch from clock_timestamp())"
        )
        """The database's own time as Unix seconds."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction for writing: committed at the end of the block, rolled back if it raises."""
        async with self.engine.connect() as connection:
            async with connection.begin():
                if self.sqlite:
                    # Taking the write lock at the start waits for others; taking it later may fail at once.
                    await connection.execute(text("BEGIN IMMEDIATE"))
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading."""
        async with self.engine.connect() as connection:
            yield connection

    async def check(self) -> None:
        """Raises if the database does not answer."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        # The driver must not begin transactions by itself: begin() does, with the lock it needs.
        connection.isolation_level = None
        cursor: sqlite3.Cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # an acknowledged create survives a power cut, not only a crash of ours
            "foreign_keys=ON",
            f"busy_timeout={int(BUSY_S * 1000)}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
