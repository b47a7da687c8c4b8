"""The outbox on both databases."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from rejoinder.core.records import Delivery
from rejoinder.errors import NotFound
from rejoinder.storage.database import Database
from rejoinder.storage.outbox import AHEAD, SqlOutbox
from rejoinder.storage.tables import metadata
from rejoinder.webhooks.courier import Courier
from rejoinder.webhooks.retry import Outcome

A, B = "https://a.example/h", "https://b.example/h"
NOW = 1788258025.123456
Scene = Callable[["Store"], Awaitable[None]]


class Store:
    """An outbox, and the shortest way to add to it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.outbox = SqlOutbox(database)

    async def add(self, url: str = A, bot_id: str = "b1", retries: int = 0, at: float = NOW) -> int:
        async with self.database.begin() as connection:
            return await self.outbox.add(
                connection,
                bot_id=bot_id,
                account="acme",
                url=url,
                event="bot.done",
                body=b'{"a":"\x00\xff"}',
                retries=retries,
                at=at,
            )

    async def only(self) -> Delivery:
        [found] = await self.outbox.list("b1")
        return found


@pytest.fixture
def play(url: str) -> Callable[[Scene], None]:
    def run(scene: Scene) -> None:
        async def bounded() -> None:
            database = Database(url)
            try:
                async with database.begin() as connection:
                    await connection.run_sync(metadata.create_all)
                async with asyncio.timeout(20):
                    await scene(Store(database))
            finally:
                await database.close()

        asyncio.run(bounded())

    return run


def test_what_is_added_is_pending(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        first, second = await store.add(retries=3), await store.add(B)
        await store.add(bot_id="b2")
        assert second > first
        pending = await store.outbox.pending("b1")
        assert [each.id for each in pending] == [first, second]
        assert pending[0] == Delivery(
            first, "b1", A, "bot.done", b'{"a":"\x00\xff"}', 3, NOW, status="pending", next_at=NOW
        )
        assert list(pending) == list(await store.outbox.list("b1"))

    play(scene)


def test_added_in_the_callers_transaction(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        with contextlib.suppress(RuntimeError):
            async with store.database.begin() as connection:
                await store.outbox.add(
                    connection, bot_id="b1", account="a", url=A, event="e", body=b"", retries=0, at=NOW
                )
                raise RuntimeError
        assert await store.outbox.list("b1") == []
        with pytest.raises(ValueError, match="too large"):
            await store.add("https://" + "x" * 2048)

    play(scene)


def test_a_claim_is_given_once(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        await store.add()
        seen = await store.only()
        claims = await asyncio.gather(*(store.outbox.claim(seen, NOW + 15) for _ in range(5)))
        assert sorted(claims) == [False] * 4 + [True]
        claimed = await store.only()
        assert (claimed.attempts, claimed.next_at, claimed.status) == (1, NOW + 15, "pending")
        assert await store.outbox.claim(claimed, NOW + 30)

    play(scene)


def test_settling(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        await store.add(retries=2)
        await store.outbox.claim(await store.only(), NOW + 15)
        claimed = await store.only()
        await store.outbox.settle(replace(claimed, attempts=7, status="delivered"))
        assert await store.only() == claimed  # somebody else's attempt
        again = replace(claimed, next_at=NOW + 2, last_error="busy", last_status=503)
        await store.outbox.settle(again)
        assert await store.only() == again
        await store.outbox.claim(again, NOW + 17)
        done = replace(again, attempts=2, status="delivered", last_status=200, last_error=None, delivered_at=NOW + 3)
        await store.outbox.settle(done)
        assert await store.only() == done
        assert await store.outbox.pending("b1") == []
        assert not await store.outbox.claim(done, NOW + 60)
        await store.outbox.settle(replace(done, status="failed"))
        assert (await store.only()).status == "delivered"

    play(scene)


def test_sending_again(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        id = await store.add()
        first = await store.only()
        await store.outbox.claim(first, NOW + 15)
        await store.outbox.settle(replace(first, attempts=1, status="failed", last_status=500, last_error="busy"))
        again = await store.outbox.requeue("b1", id, NOW + 100)
        assert (again.status, again.attempts, again.next_at, again.last_status) == ("pending", 0, NOW + 100, 500)
        assert again == await store.only()
        assert not await store.outbox.claim(first, NOW + 200)  # read before it was asked for again
        assert await store.outbox.claim(again, NOW + 200)
        for bot_id, wrong in (("b2", id), ("b1", id + 1)):
            with pytest.raises(NotFound):
                await store.outbox.requeue(bot_id, wrong, NOW)

    play(scene)


def test_a_receiver_that_is_away_hides_no_other(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        ids = [await store.add(A) for _ in range(AHEAD + 5)]
        other = await store.add(B)
        pending = await store.outbox.pending("b1")
        assert [each.id for each in pending] == [*ids[:AHEAD], other]

    play(scene)


def test_two_couriers_on_one_outbox(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        ids = [await store.add((A, B)[number % 2], retries=2, at=0.0) for number in range(AHEAD * 2 + 10)]
        sent: list[tuple[str, int]] = []

        async def send(delivery: Delivery) -> Outcome:
            sent.append((delivery.url, delivery.id))
            return Outcome(200)

        async def over() -> bool:
            return False

        await asyncio.gather(*(Courier(store.outbox, send, poll_s=0.05).run("b1", over) for _ in range(2)))
        for url in (A, B):
            assert [id for where, id in sent if where == url] == [
                id for id in ids if (url == A) == (id % 2 == ids[0] % 2)
            ]
        assert {each.status for each in await store.outbox.list("b1")} == {"delivered"}

    play(scene)
