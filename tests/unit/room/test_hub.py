"""Websockets of a room: bounds, slow and silent clients, rooms that come and go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from fastapi import WebSocket

from rejoinder.room import hub as hub_module
from rejoinder.room.hub import RoomHub, check_room_name
from rejoinder.room.wire import MAX_MESSAGE_BYTES


class Socket:
    """The server's end of a websocket whose client is the test."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closed: asyncio.Future[tuple[int, str | None]] = asyncio.get_running_loop().create_future()
        self.stuck = False
        """The client takes no more data."""

    async def accept(self) -> None:
        pass

    async def receive(self) -> dict[str, Any]:
        return await self.incoming.get()

    async def send_text(self, text: str) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        self.received.put_nowait(json.loads(text))

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        self.closed.set_result((code, reason))

    # The client

    def say(self, **message: Any) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def raw(self, data: str | bytes) -> None:
        key = "text" if isinstance(data, str) else "bytes"
        self.incoming.put_nowait({"type": "websocket.receive", key: data})

    def vanish(self) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message of this type; others are skipped."""
        async with asyncio.timeout(5):
            while (message := await self.received.get())["type"] != kind:
                pass
            return message


class House:
    """A hub and the tasks that serve its sockets."""

    def __init__(self, group: asyncio.TaskGroup, **options: Any) -> None:
        self.hub = RoomHub(clock=lambda: 1.0, **options)
        self.group = group

    def open(self, room: str = "standup") -> tuple[Socket, asyncio.Task[None]]:
        socket = Socket()
        return socket, self.group.create_task(self.hub.serve(cast(WebSocket, socket), room))

    async def join(self, name: str, room: str = "standup") -> tuple[Socket, asyncio.Task[None]]:
        socket, task = self.open(room)
        socket.say(type="join", name=name)
        await socket.hear("joined")
        return socket, task


def in_house(test: Callable[[House], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            await test(House(group, **options))

    asyncio.run(run())


async def done(task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(5):
        await task


def test_two_talk_and_the_room_is_forgotten_when_they_have_gone() -> None:
    async def test(house: House) -> None:
        ada, ada_task = await house.join("Ada")
        grace, grace_task = await house.join("Grace")
        assert [p.name for p in house.hub.people("standup")] == ["Ada", "Grace"]
        assert house.hub.rooms() == ["standup"]
        grace.say(type="chat", text="hi")
        assert (await ada.hear("chat"))["text"] == "hi"
        grace.vanish()
        await done(grace_task)
        assert await ada.hear("participant_left") == {"type": "participant_left", "participant": "p2"}
        ada.say(type="leave")
        await done(ada_task)
        assert ada.closed.result() == (1000, "left")
        assert (house.hub.rooms(), house.hub.people("standup")) == ([], [])
        back, task = await house.join("Ada")
        back.say(type="leave")
        await done(task)

    in_house(test)


def test_rooms_do_not_hear_each_other() -> None:
    async def test(house: House) -> None:
        ada, ada_task = await house.join("Ada", "one")
        grace, grace_task = await house.join("Grace", "two")
        ada.say(type="chat", text="for one")
        await ada.hear("chat")
        grace.say(type="chat", text="for two")
        assert (await grace.hear("chat"))["text"] == "for two"
        for socket, task in ((ada, ada_task), (grace, grace_task)):
            socket.vanish()
            await done(task)

    in_house(test)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("{", "invalid_json"),
        (b"\x00", "invalid_json"),
        (b"", "invalid_json"),
        ("x" * (MAX_MESSAGE_BYTES + 1), "too_large"),
        ('{"type":"dance"}', "unknown_type"),
        ('{"type":"join","name":7}', "invalid"),
        ('{"type":"chat","text":"hi"}', "not_joined"),
    ],
)
def test_a_bad_message_is_answered_and_the_socket_stays_open(data: str | bytes, code: str) -> None:
    async def test(house: House) -> None:
        socket, task = house.open()
        socket.raw(data)
        assert (await socket.hear("error"))["code"] == code
        socket.say(type="join", name="Ada")
        await socket.hear("joined")
        socket.say(type="leave")
        await done(task)

    in_house(test)


def test_a_client_that_takes_nothing_is_dropped_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "SEND_WITHIN_S", 0.02)

    async def test(house: House) -> None:
        ada, ada_task = await house.join("Ada")
        stuck, stuck_task = await house.join("Grace")
        stuck.stuck = True
        ada.say(type="chat", text="hello?")
        await ada.hear("chat")
        await done(stuck_task)
        await ada.hear("participant_left")
        ada.say(type="leave")
        await done(ada_task)

    in_house(test)


def test_an_outbox_that_overflows_drops_its_client_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "OUTBOX_BYTES", 20_000)

    async def test(house: House) -> None:
        ada, ada_task = await house.join("Ada")
        slow, slow_task = await house.join("Grace")
        slow.stuck = True
        for _ in range(4):
            ada.say(type="chat", text="x" * 9_000)
            await ada.hear("chat")
        assert (await ada.hear("participant_left"))["participant"] == "p2"
        slow_task.cancel()
        ada.say(type="leave")
        await done(ada_task)

    in_house(test)


def test_the_outbox_says_why_it_closes() -> None:
    async def test(_: House) -> None:
        outbox = hub_module._Outbox()
        for _number in range(hub_module.OUTBOX_MESSAGES):
            assert outbox.put("x")
        assert not outbox.put("x")
        outbox.close(1008, "too slow", drop=True)
        outbox.close(1000, "later")
        assert outbox.put("dropped, not an overflow")
        assert await outbox.take() == (1008, "too slow")

    in_house(test)


def test_who_does_not_join_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "JOIN_WITHIN_S", 0.02)

    async def test(house: House) -> None:
        socket, task = house.open()
        assert (await socket.hear("error"))["code"] == "not_joined"
        await done(task)
        assert socket.closed.result() == (1008, "not_joined")
        joined, joined_task = await house.join("Ada")
        await asyncio.wait([joined_task], timeout=0.05)
        assert not joined_task.done(), "the limit is for those who have not joined"
        joined.vanish()
        await done(joined_task)

    in_house(test)


def test_a_flood_is_slowed_down_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "BURST_MESSAGES", 5.0)
    monkeypatch.setattr(hub_module, "MESSAGES_PER_S", 500.0)

    async def test(house: House) -> None:
        ada, task = await house.join("Ada")
        started = asyncio.get_running_loop().time()
        for number in range(30):
            ada.say(type="chat", text=str(number))
        heard = [(await ada.hear("chat"))["text"] for _ in range(30)]
        assert heard == [str(number) for number in range(30)]
        assert asyncio.get_running_loop().time() - started > 0.03
        ada.vanish()
        await done(task)

    in_house(test)


def test_a_full_room_answers_and_closes() -> None:
    async def test(house: House) -> None:
        ada, ada_task = await house.join("Ada")
        second, task = house.open()
        second.say(type="join", name="Grace")
        assert (await second.hear("error"))["code"] == "room_full"
        await done(task)
        assert second.closed.result() == (1013, "room_full")
        ada.vanish()
        await done(ada_task)

    in_house(test, capacity=1)


@pytest.mark.parametrize(("limit", "code"), [("MAX_ROOMS", "server_full"), ("MAX_CONNECTIONS", "room_full")])
def test_rooms_and_sockets_are_bounded(monkeypatch: pytest.MonkeyPatch, limit: str, code: str) -> None:
    monkeypatch.setattr(hub_module, limit, 1)

    async def test(house: House) -> None:
        ada, ada_task = await house.join("Ada")
        other, task = house.open("other" if limit == "MAX_ROOMS" else "standup")
        assert (await other.hear("error"))["code"] == code
        await done(task)
        assert other.closed.result() == (1013, code)
        ada.vanish()
        await done(ada_task)

    in_house(test)


@pytest.mark.parametrize("name", ["", "Standup", "a b", "a" * 65, "é", "a\n"])
def test_a_bad_room_name(name: str) -> None:
    async def test(house: House) -> None:
        socket, task = house.open(name)
        error = await socket.hear("error")
        assert (error["code"], error["field"]) == ("room_name", "room")
        await done(task)
        assert socket.closed.result() == (1008, "room_name")
        assert house.hub.rooms() == []

    in_house(test)


@pytest.mark.parametrize("name", ["a", "7", "daily-standup", "a" * 64])
def test_good_room_names(name: str) -> None:
    assert check_room_name(name) == name


def test_a_fault_of_ours_closes_the_socket_and_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(house: House) -> None:
        ada, task = await house.join("Ada")
        monkeypatch.setattr(house.hub, "_clock", lambda: 1 / 0)
        ada.say(type="chat", text="hi")
        await done(task)
        assert ada.closed.result() == (1011, "internal error")
        assert house.hub.people("standup") == []

    in_house(test)
