"""Draining an outbox, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from jumploop import run
from rejoinder.core.records import Delivery
from rejoinder.webhooks.courier import CLAIM_S, Courier
from rejoinder.webhooks.retry import Outcome, wait_s

from .outbox import MemoryOutbox, Receiver

A, B = "https://a.example/h", "https://b.example/h"


def now() -> float:
    return asyncio.get_running_loop().time()


def courier(outbox: MemoryOutbox, send: Callable[[Delivery], Awaitable[Outcome]]) -> Courier:
    return Courier(outbox, send, clock=now)


async def over() -> bool:
    return False


def drain(outbox: MemoryOutbox, receiver: Receiver, live: Callable[[], Awaitable[bool]] = over) -> float:
    """Seconds until all is sent."""

    async def scene() -> float:
        began = now()
        await courier(outbox, receiver.send).run("b1", live)
        return now() - began

    return run(scene())


def test_an_empty_outbox() -> None:
    assert drain(MemoryOutbox(), Receiver()) == 0


def test_everything_is_sent_once_and_in_order() -> None:
    outbox, receiver = MemoryOutbox(), Receiver(takes_s=0.5)
    ids = [outbox.add(A) for _ in range(25)]
    assert drain(outbox, receiver) == 12.5
    assert receiver.sent == ids
    assert receiver.most_at_once == 1
    assert {(row.status, row.attempts) for row in outbox.rows.values()} == {("delivered", 1)}


def test_another_bots_webhooks_are_left_alone() -> None:
    outbox, receiver = MemoryOutbox(), Receiver()
    outbox.add(A, bot_id="b2")
    drain(outbox, receiver)
    assert receiver.sent == []


def test_one_attempt_without_retries() -> None:
    outbox = MemoryOutbox()
    receiver = Receiver(lambda delivery: Outcome(500, "busy") if delivery.id == 1 else Outcome(200))
    outbox.add(A)
    outbox.add(A)
    assert drain(outbox, receiver) == 0
    assert receiver.sent == [1, 2]
    assert outbox.statuses() == ["failed", "delivered"]


def test_those_behind_wait_for_retries() -> None:
    outbox = MemoryOutbox()
    receiver = Receiver(lambda delivery: Outcome(500, "busy") if delivery.attempts < 4 else Outcome(200))
    outbox.add(A, retries=5)
    outbox.add(A, retries=5)
    outbox.add(A, retries=5)
    waits = sum(wait_s(id, attempts) for id in (1, 2, 3) for attempts in (1, 2, 3))
    assert drain(outbox, receiver) == pytest.approx(waits, abs=0.01)
    assert receiver.sent == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]
    assert outbox.statuses() == ["delivered"] * 3


def test_urls_do_not_wait_for_each_other() -> None:
    outbox = MemoryOutbox()

    def answer(delivery: Delivery) -> Outcome:
        return Outcome(error="away") if delivery.url == A else Outcome(200)

    receiver = Receiver(answer, takes_s=1.0)
    for url in (A, B, A, B):
        outbox.add(url, retries=2)
    drain(outbox, receiver)
    assert receiver.sent[:3] == [1, 2, 4]
    assert outbox.statuses() == ["failed", "delivered", "failed", "delivered"]
    assert receiver.most_at_once == 2


def test_a_send_that_raises_does_not_stop_those_behind() -> None:
    outbox = MemoryOutbox()

    def answer(delivery: Delivery) -> Outcome:
        if delivery.id == 1:
            raise RuntimeError("a fault of ours")
        return Outcome(200)

    outbox.add(A)
    outbox.add(A)
    drain(outbox, Receiver(answer))
    assert outbox.statuses() == ["failed", "delivered"]
    assert outbox.rows[1].last_error == "sending failed (RuntimeError)"


def living(seconds: float) -> Callable[[], Awaitable[bool]]:
    async def live() -> bool:
        return now() < 1000.0 + seconds

    return live


def test_it_goes_on_while_the_bot_lives() -> None:
    outbox, receiver = MemoryOutbox(), Receiver()

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(courier(outbox, receiver.send).run("b1", living(60)))
            await asyncio.sleep(30.2)
            outbox.add(A)
            await asyncio.sleep(1.0)  # found by looking each second
            assert receiver.sent == [1]

    run(scene())
    assert outbox.statuses() == ["delivered"]
    assert outbox.reads < 70


def test_waking_sends_at_once() -> None:
    outbox, receiver = MemoryOutbox(), Receiver()

    async def scene() -> None:
        ours = courier(outbox, receiver.send)
        ours.wake("b1")  # nobody there
        async with asyncio.TaskGroup() as group:
            group.create_task(ours.run("b1", living(5)))
            await asyncio.sleep(2.1)
            outbox.add(A)
            ours.wake("b2")
            await asyncio.sleep(0.01)
            assert receiver.sent == []
            ours.wake("b1")
            await asyncio.sleep(0.01)
            assert receiver.sent == [1]

    run(scene())


def test_what_is_added_while_something_is_sent() -> None:
    """Added for a URL that is busy and for one that is not."""
    outbox, receiver = MemoryOutbox(), Receiver(takes_s=5.0)
    outbox.add(A)

    async def scene() -> None:
        ours = courier(outbox, receiver.send)
        async with asyncio.TaskGroup() as group:
            group.create_task(ours.run("b1", over))
            await asyncio.sleep(1.5)
            outbox.add(A)
            outbox.add(B)
            ours.wake("b1")
            await asyncio.sleep(0.01)
            assert receiver.begun == [1, 3]

    run(scene())
    assert receiver.begun == [1, 3, 2]
    assert outbox.statuses() == ["delivered"] * 3


def test_what_was_added_last_is_not_missed() -> None:
    """The bot's last word is added between the look at the outbox and the question whether it lives."""
    outbox, receiver = MemoryOutbox(), Receiver()
    asked = 0

    async def live() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:
            outbox.add(A)
        return asked < 2

    drain(outbox, receiver, live)
    assert receiver.sent == [1]


def test_an_attempt_of_a_dead_courier_is_made_again() -> None:
    outbox, receiver = MemoryOutbox(), Receiver()
    outbox.add(A)
    outbox.add(A)
    outbox.rows[1] = replace(outbox.rows[1], attempts=1, next_at=1000.0 + CLAIM_S)
    assert drain(outbox, receiver) == pytest.approx(CLAIM_S)
    assert receiver.sent == [1, 2]
    assert [row.attempts for row in outbox.rows.values()] == [2, 1]


def test_two_couriers_send_nothing_twice() -> None:
    outbox, receiver = MemoryOutbox(), Receiver(takes_s=0.3)
    for url in (A, B) * 5:
        outbox.add(url)

    async def scene() -> None:
        await asyncio.gather(*(courier(outbox, receiver.send).run("b1", over) for _ in range(2)))

    run(scene())
    assert sorted(receiver.sent) == list(range(1, 11))
    assert [id for id in receiver.sent if id % 2] == [1, 3, 5, 7, 9]


@pytest.mark.parametrize("call", ["pending", "claim", "settle"])
def test_a_database_that_is_away_for_a_minute(call: str) -> None:
    outbox, receiver = MemoryOutbox(), Receiver(takes_s=0.1)
    for _ in range(3):
        outbox.add(A)
    outbox.away.add(call)

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(courier(outbox, receiver.send).run("b1", over))
            await asyncio.sleep(60)
            assert receiver.sent == ([1] if call == "settle" else [])
            outbox.away.clear()

    run(scene())
    assert receiver.sent == [1, 2, 3]
    assert outbox.statuses() == ["delivered"] * 3


def test_the_bots_own_state_may_be_unknown_for_a_while() -> None:
    outbox, receiver = MemoryOutbox(), Receiver()
    outbox.add(A)
    asked = 0

    async def live() -> bool:
        nonlocal asked
        asked += 1
        if asked < 5:
            raise OSError("no database")
        return False

    drain(outbox, receiver, live)
    assert receiver.sent == [1]


def test_cancelling_stops_what_is_being_sent() -> None:
    outbox, receiver = MemoryOutbox(), Receiver(takes_s=5.0)
    outbox.add(A)

    async def scene() -> set[Any]:
        ours = courier(outbox, receiver.send)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await ours.run("b1", over)
        assert ours._running == {}
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert run(scene()) == set()
    assert (receiver.begun, receiver.sent) == ([1], [])
    assert outbox.rows[1].status == "pending"
