"""API keys: made, kept as hashes, recognised, removed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import event, text

from rejoinder.errors import InvalidRequest, NotAuthorised, NotFound, Unavailable
from rejoinder.storage.database import Database, database_url
from rejoinder.storage.keys import Keys
from rejoinder.storage.migrate import upgrade


def run(folder: Path, use: Callable[[Database], Awaitable[None]]) -> None:
    async def main() -> None:
        database = Database(database_url(None, folder))
        try:
            await upgrade(database)
            await use(database)
        finally:
            await database.close()

    asyncio.run(main())


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        token = await Keys(database).create("laptop", "acme")
        assert token.startswith("rj_")
        assert len(token) == 3 + 43
        (key,) = await Keys(database).list()
        assert (key.name, key.account, key.sha256) == ("laptop", "acme", hashlib.sha256(token.encode()).hexdigest())
        async with database.read() as connection:
            stored = repr((await connection.execute(text("SELECT * FROM keys"))).all())
        assert token[3:] not in stored

    run(tmp_path, use)


def test_each_key_has_its_account(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        keys = Keys(database)
        one, two = await keys.create("one", "a"), await keys.create("two")
        assert [await keys.authenticate(token) for token in (one, two)] == ["a", "default"]
        assert [key.name for key in await keys.list()] == ["one", "two"]

    run(tmp_path, use)


def test_what_is_no_key(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        keys = Keys(database, SecretStr("the-key"))
        token = await keys.create("one")
        (key,) = await keys.list()
        nonsense = (
            "",
            "rj_",
            "nonsense",
            "rj_" + "A" * 43,
            "\udcff",
            "x" * 10**6,
            token[:-1],
            token + " ",
            "' OR 1=1 --",
        )
        for wrong in (*nonsense, key.sha256, token.upper(), "THE-KEY"):
            with pytest.raises(NotAuthorised, match=r"^Invalid token\.$"):
                await keys.authenticate(wrong)

    run(tmp_path, use)


def test_the_key_of_the_settings(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        assert await Keys(database, SecretStr("the-key")).authenticate("the-key") == "default"
        with pytest.raises(NotAuthorised):
            await Keys(database).authenticate("the-key")

    run(tmp_path, use)


def test_another_process_makes_and_removes_keys(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        other = Database(database.url)
        server, cli = Keys(database), Keys(other)
        token = await cli.create("new")
        assert await server.authenticate(token) == "default"
        await cli.remove("new")
        with pytest.raises(NotAuthorised):
            await server.authenticate(token)
        with pytest.raises(NotFound, match='no key "new"'):
            await cli.remove("new")
        await other.close()

    run(tmp_path, use)


def test_names(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        keys = Keys(database)
        await keys.create("one")
        wrong = {("one", "a"): "already", (" ", "a"): "empty", ("n" * 201, "a"): "200", ("a\nb", "a"): "printable"}
        for (name, account), words in wrong.items():
            with pytest.raises(InvalidRequest, match=words) as caught:
                await keys.create(name, account)
            assert caught.value.field == "name"
        with pytest.raises(InvalidRequest, match="account") as caught:
            await keys.create("two", "")
        assert caught.value.field == "account"
        assert [key.name for key in await keys.list()] == ["one"]

    run(tmp_path, use)


def test_one_name_asked_for_twice_at_once(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        keys = Keys(database)
        made = await asyncio.gather(*(keys.create("one") for _ in range(5)), return_exceptions=True)
        assert sorted(type(each).__name__ for each in made) == ["InvalidRequest"] * 4 + ["str"]

    run(tmp_path, use)


def test_a_request_costs_one_indexed_look_up(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        keys = Keys(database)
        token = await keys.create("one")
        statements: list[str] = []
        event.listen(
            database.engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(str(given[2]))
        )
        await keys.authenticate(token)
        (statement,) = statements
        async with database.read() as connection:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("x",))
            assert "SEARCH keys USING INDEX" in str(plan.all())

    run(tmp_path, use)


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    async def main() -> None:
        database = Database(database_url("postgresql://u:the-password@127.0.0.1:1/x", tmp_path))
        keys = Keys(database, SecretStr("the-key"))
        for call in (keys.create("a"), keys.remove("a"), keys.list(), keys.authenticate("a")):
            with pytest.raises(Unavailable) as caught:
                await call
            assert "the-password" not in str(caught.value)
        assert await keys.authenticate("the-key") == "default"
        await database.close()

    asyncio.run(main())


def test_a_key_may_have_a_dialect(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        keys = Keys(database)
        plain, spoken = await keys.create("plain"), await keys.create("theirs", "acme", "attendee")
        assert [await keys.dialect(token) for token in (plain, spoken, "none")] == [None, "attendee", None]
        assert [key.dialect for key in await keys.list()] == [None, "attendee"]
        with pytest.raises(InvalidRequest, match="dialect"):
            await keys.create("other", dialect="recall")

    run(tmp_path, use)
