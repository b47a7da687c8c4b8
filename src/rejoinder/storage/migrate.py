"""Bringing a database to the tables this version knows. DBOS looks after its own."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import structlog
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from rejoinder.errors import RejoinderError, Unavailable
from rejoinder.storage.database import BUSY_S, Database

log = structlog.get_logger(__name__)

VERSION_TABLE = "rejoinder_version"
"""Not Alembic's usual name, which another program in the same database may use."""
LOCK = 0x72656A6F696E
"""The PostgreSQL advisory lock that one upgrade at a time holds ("rejoin")."""
RETRY_S = 0.05


async def upgrade(database: Database) -> None:
    """Bring an empty or older database to this version's tables, all changes or none.

    Any number of processes may call it at once: one does the work, the others wait. Raises RejoinderError if the
    database is of a newer version, and Unavailable if it does not answer.
    """
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            return await _once(database)
        except (DBAPIError, PoolTimeout, OSError) as error:
            # The processes that open a new SQLite file first may be refused at once: turning WAL on does not wait.
            if not (database.sqlite and "locked" in str(error) and time.monotonic() < deadline):
                raise Unavailable(f"The database cannot be brought up to date ({_reason(error)}).") from error
        await asyncio.sleep(RETRY_S)


async def _once(database: Database) -> None:
    async with database.engine.connect() as connection:
        if not database.sqlite:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            await connection.run_sync(_upgrade)
            await connection.commit()
            return
        # A change of a table makes it anew and drops the old one, which must not drop the rows that refer to it.
        # Inside a transaction the switch has no effect.
        await connection.execute(text("PRAGMA foreign_keys=OFF"))
        try:
            await connection.execute(text("BEGIN IMMEDIATE"))
            await connection.run_sync(_upgrade)
            if (await connection.execute(text("PRAGMA foreign_key_check"))).first() is not None:
                raise RejoinderError("The upgrade would leave rows that refer to nothing; the database is as it was.")
            await connection.commit()
        finally:
            await connection.rollback()
            await connection.execute(text("PRAGMA foreign_keys=ON"))


async def current(database: Database) -> str | None:
    """The revision a database is at; None: it has none of our tables."""
    try:
        async with database.read() as connection:
            return await connection.run_sync(lambda sync: _context(sync).get_current_revision())
    except (DBAPIError, PoolTimeout, OSError) as error:
        raise Unavailable(f"The database does not answer ({_reason(error)}).") from error


def head() -> str:
    """The revision of this version's tables."""
    revision = _scripts().get_current_head()
    assert revision is not None, "the package has no migrations"
    return revision


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))


def _context(connection: Connection, **opts: Any) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, **opts})


def _upgrade(connection: Connection) -> None:
    scripts = _scripts()

    def steps(revision: Any, context: MigrationContext) -> Any:
        return scripts._upgrade_revs("head", revision)

    context = _context(connection, fn=steps)
    before = context.get_current_revision()
    if before == scripts.get_current_head():
        return
    try:
        if before is not None:
            scripts.get_revision(before)
    except CommandError:
        raise RejoinderError(
            f"The database was made by a newer rejoinder (revision {before}, known here: up to "
            f"{scripts.get_current_head()}). Install that version, or use another database."
        ) from None
    # Given as an argument: Alembic's global ``op`` would be shared by upgrades of several databases in one process.
    context.run_migrations(op=Operations(context))
    log.info("database upgraded", before=before, now=scripts.get_current_head())


def _reason(error: Exception) -> str:
    # SQLAlchemy's own text holds statements and parameters; the driver's first line does not.
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return (str(cause).splitlines() or [type(cause).__name__])[0][:200]
