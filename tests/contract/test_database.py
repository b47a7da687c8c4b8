"""Both databases: made by the migrations as the tables say, and written by several processes at once."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, insert, text

from rejoinder.errors import RejoinderError, Unavailable
from rejoinder.storage.database import Database, database_url
from rejoinder.storage.migrate import VERSION_TABLE, current, head, upgrade
from rejoinder.storage.tables import metadata, workers
from servers import Postgres

PROCESSES = 3
WRITES = 30

Urls = Callable[[], str]
Result = TypeVar("Result")


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Urls:
    """Each call gives the URL of a new, empty database."""
    if request.param == "sqlite":
        numbers = iter(range(100))
        return lambda: database_url(f"sqlite:///{tmp_path / f'{next(numbers)}.db'}", tmp_path)
    server: Postgres = request.getfixturevalue("postgres")
    return lambda: database_url(server.url(), tmp_path)


def with_database(url: str, use: Callable[[Database], Awaitable[Result]]) -> Result:
    async def main() -> Result:
        database = Database(url)
        try:
            return await use(database)
        finally:
            await database.close()

    return asyncio.run(main())


def test_the_migrations_make_what_the_tables_say(urls: Urls) -> None:
    async def migrated(database: Database) -> object:
        await upgrade(database)
        async with database.begin() as connection:
            # What others keep in the same database is not ours to judge.
            await connection.execute(text("CREATE TABLE dbos_migrations (version INTEGER)"))
            assert await connection.run_sync(_differences) == []
            await connection.execute(text("DROP TABLE dbos_migrations"))
            await connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
            return await connection.run_sync(_shape)

    async def created(database: Database) -> object:
        async with database.begin() as connection:
            await connection.run_sync(metadata.create_all)
            return await connection.run_sync(_shape)

    # Alembic's comparison knows nothing of the names of constraints, of cascades and of the numbering of rows.
    assert with_database(urls(), migrated) == with_database(urls(), created)


def test_the_comparison_sees_a_difference(urls: Urls) -> None:
    async def changed(database: Database) -> list[object]:
        await upgrade(database)
        async with database.begin() as connection:
            await connection.execute(text("DROP INDEX ix_ownership_owner"))
            return await connection.run_sync(_differences)

    assert len(with_database(urls(), changed)) == 1


def test_upgrading_again_changes_nothing(urls: Urls) -> None:
    async def twice(database: Database) -> None:
        assert await current(database) is None
        await upgrade(database)
        assert await current(database) == head()
        async with database.begin() as connection:
            row = {"id": "w", "host": "h", "capacity": 1, "seen": 1.5}
            await connection.execute(insert(workers).values(row))
            before = await connection.run_sync(_shape)
        await upgrade(database)
        async with database.read() as connection:
            assert (await connection.execute(workers.select())).one().seen == 1.5
            assert await connection.run_sync(_shape) == before
            if database.sqlite:  # the upgrade turns it off on its own connection
                assert (await connection.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1

    with_database(urls(), twice)


def test_a_newer_database_is_refused_and_left_alone(urls: Urls) -> None:
    async def newer(database: Database) -> None:
        await upgrade(database)
        async with database.begin() as connection:
            await connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
        with pytest.raises(RejoinderError, match=r"newer rejoinder.*9999"):
            await upgrade(database)
        assert await current(database) == "9999"

    with_database(urls(), newer)


def test_a_failed_upgrade_leaves_the_database_as_it_was(urls: Urls) -> None:
    async def blocked(database: Database) -> None:
        async with database.begin() as connection:
            await connection.execute(text("CREATE TABLE summaries (x INTEGER)"))
        with pytest.raises(Unavailable, match="summaries"):
            await upgrade(database)
        assert await current(database) is None
        async with database.begin() as connection:
            await connection.execute(text("DROP TABLE summaries"))
        await upgrade(database)
        assert await current(database) == head()

    with_database(urls(), blocked)


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    async def away(database: Database) -> None:
        for call in (upgrade, current):
            with pytest.raises(Unavailable, match="database"):
                await call(database)

    with_database(database_url("postgresql://u:the-password@127.0.0.1:1/x", tmp_path), away)


def test_a_new_file_that_another_process_is_just_opening(tmp_path: Path) -> None:
    async def meanwhile(database: Database) -> str | None:
        with contextlib.closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # without WAL yet: our turning it on is refused at once
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(upgrade(database))
                assert await asyncio.wait([waiting], timeout=0.2) == (set(), {waiting})
                other.execute("COMMIT")
        return await current(database)

    assert with_database(database_url(f"sqlite:///{tmp_path / 'new.db'}", tmp_path), meanwhile) == head()


WRITER = """
import asyncio, sys
from sqlalchemy import insert, text, update
from rejoinder.storage.database import Database
from rejoinder.storage.migrate import upgrade
from rejoinder.storage.tables import ownership, workers

async def main(url, name, writes):
    database = Database(url)
    await upgrade(database)
    async with database.begin() as connection:
        await connection.execute(insert(workers).values(id=name, host=name, capacity=1, seen=0.0))
        await connection.execute(
            text("INSERT INTO ownership (bot_id, epoch, done) VALUES ('b', 0, :no) ON CONFLICT DO NOTHING"),
            {"no": False},
        )

    async def write():
        async with database.begin() as connection:
            await connection.execute(update(ownership).values(epoch=ownership.c.epoch + 1))
            await connection.execute(update(workers).where(workers.c.id == name).values(seen=workers.c.seen + 1))

    async def read():
        async with database.read() as connection:
            await connection.execute(ownership.select())

    for _ in range(0, writes, 3):
        await asyncio.gather(write(), read(), write(), read(), write())
    await database.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def test_processes_upgrade_and_write_at_once(urls: Urls) -> None:
    url = urls()
    started = [
        subprocess.Popen([sys.executable, "-c", WRITER, url, f"w{n}", str(WRITES)], stderr=subprocess.PIPE)
        for n in range(PROCESSES)
    ]
    complaints = [process.communicate(timeout=60)[1].decode() for process in started]
    assert [process.returncode for process in started] == [0] * PROCESSES, complaints

    async def counts(database: Database) -> tuple[int, list[float]]:
        async with database.read() as connection:
            epoch = (await connection.execute(text("SELECT epoch FROM ownership"))).scalar_one()
            return epoch, [row.seen for row in await connection.execute(workers.select())]

    assert with_database(url, counts) == (PROCESSES * WRITES, [float(WRITES)] * PROCESSES)


def _differences(connection: Connection) -> list[object]:
    def ours(name: str | None, kind: str, parents: object) -> bool:
        return kind != "table" or name in metadata.tables

    context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": True})
    return list(compare_metadata(context, metadata))


def _shape(connection: Connection) -> object:
    """Everything the database itself knows of its tables, without the order of constraints."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars()
        # A column that was added later stands on the line of the one before it.
        texts = [re.sub(r", (?=[a-z_]+ [A-Z])", "\n", sql) for sql in rows]
        return sorted(sorted(line.strip().rstrip(",") for line in sql.splitlines() if line.strip()) for sql in texts)
    columns = connection.execute(
        text(
            "SELECT table_name, ordinal_position, column_name, data_type, character_maximum_length, is_nullable,"
            " column_default FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
        )
    )
    indexes = connection.execute(text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"))
    constraints = connection.execute(
        text(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace ORDER BY 1"
        )
    )
    return [[tuple(row) for row in rows] for rows in (columns, indexes, constraints)]
