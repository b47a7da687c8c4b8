"""A bot's comings and goings: the lobby, lost connections, and the end of the server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from rejoinder.core.bot import BotConfig, BotStatus
from rejoinder.rehearsal import Person
from rejoinder.room import seat as seats
from seed_server import running
from sound import pitch, sounds, tone
from stage import Stage, readies


async def at_the_door(stage: Stage, room: str, **body: Any) -> tuple[Person, str, str]:
    """A host, a bot in the lobby, and its participant id."""
    host = await stage.person("Ada", room, lobby=True)
    bot = await stage.create(room, **body)
    await stage.until_status(bot, "InWaitingRoom")
    return host, bot, await host.until_knock("Robin")


def test_admitted(stage: Stage) -> None:
    async def scene() -> None:
        urls = {"socket_connection_url": stage.seed.control_url, "live_audio_required": stage.seed.audio_url}
        host, bot, knocking = await at_the_door(stage, "admit", **urls)
        assert not host.others
        assert bot not in stage.seed.control_sockets, "connected before anyone let it in"
        await host.send(type="admit", participant=knocking)
        await stage.until_status(bot, "InMeeting")
        await stage.seed.wait(lambda seen: bot in seen.control_sockets and bot in seen.audio_sockets)
        assert not host.waiting
        assert host.find("Robin").id == knocking

    stage.play(scene())


@pytest.mark.parametrize(
    ("word", "status"), [({"type": "deny"}, "Denied"), ({"type": "end"}, "Done")], ids=["denied", "ended"]
)
def test_turned_away_at_the_door(stage: Stage, word: dict[str, str], status: str) -> None:
    async def scene() -> None:
        host, bot, knocking = await at_the_door(stage, f"door-{word['type']}")
        message = {**word, "participant": knocking} if word["type"] == "deny" else word
        await host.send(**message)
        assert "host" in (await stage.until_status(bot, status))["message"]

    stage.play(scene())


@pytest.mark.parametrize(
    ("word", "status"), [({"type": "remove"}, "Stopped"), ({"type": "end"}, "Done")], ids=["removed", "ended"]
)
def test_sent_out_of_the_meeting(stage: Stage, word: dict[str, str], status: str) -> None:
    async def scene() -> None:
        room = f"out-{word['type']}"
        host = await stage.person("Ada", room)
        bot = await stage.connected_bot(room)
        stage.seed.closed.clear()
        message = {**word, "participant": host.find("Robin").id} if word["type"] == "remove" else word
        await host.send(**message)
        assert "host" in (await stage.until_status(bot, status))["message"]
        await stage.seed.wait(lambda seen: len(seen.closed) == 2)
        assert sorted(stage.seed.closed) == [("audio", 1000), ("control", 1000)]

    stage.play(scene())


def test_nobody_opens(stage: Stage) -> None:
    async def scene() -> None:
        host, bot, _ = await at_the_door(stage, "patience", automatic_leave={"waiting_room_timeout": 0.7})
        found = await stage.until_status(bot, "NotAllowed")
        assert found["message"] == "Failed: Not admitted to meeting"
        await host.until(lambda: not host.waiting, 10, "the bot to stop knocking")

    stage.play(scene())


def test_removed_by_its_owner_while_it_waits_or_connects(stage: Stage) -> None:
    async def scene() -> None:
        host, bot, _ = await at_the_door(stage, "impatience")
        await stage.remove(bot)
        await stage.until_status(bot, "Done")
        await host.until(lambda: not host.waiting, 10, "the bot to stop knocking")
        config = BotConfig(meeting_link=stage.link("hasty"))
        hurried = []
        with capture_logs() as logs:
            for pause in (0.0, 0.0, 0.001, 0.002, 0.004, 0.008, 0.016):
                hasty = (await stage.server.bots.create(config, "someone")).bot
                await asyncio.sleep(pause)
                await stage.server.bots.remove(hasty.id, "someone")
                hurried.append(hasty.id)
            for ident in hurried:
                async with asyncio.timeout(10):
                    while (await stage.server.bots.get(ident, "someone")).status is not BotStatus.DONE:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
        # Bots that are there together may still write to one that has just left.
        heard = [entry for entry in logs if entry.get("code") != "unknown_participant"]
        assert [entry for entry in heard if entry["log_level"] in ("error", "warning")] == []
        await host.until(lambda: stage.server.hub.rooms() == ["impatience"], 10, "the hasty bots to be gone")
        assert stage.media_tasks("seat") == []

    stage.play(scene())


def test_the_users_server_dies_and_comes_back(stage: Stage) -> None:
    async def scene() -> None:
        ada = await stage.person("Ada", "comeback")
        async with running(welcome=None) as first:
            bot = await stage.connected_bot("comeback", first)
            port = first.port
        await asyncio.sleep(0.5)
        async with running(welcome=None, port=port) as second:
            await second.wait(lambda seen: len(readies(seen)) == 2)
            assert second.first["control", bot] == second.first["audio", bot] == "text"
            await second.send(bot, {"command": "sendmsg", "bot_id": bot, "message": "back again"})
            await ada.until(lambda: any(chat.text == "back again" for chat in ada.chats), 10, "the chat")
            await second.wait(lambda seen: seen.frames)
            await stage.until_status(bot, "InMeeting")
            await stage.remove(bot)
            await second.wait(lambda seen: len(seen.closed) == 2)
            assert sorted(second.closed) == [("audio", 1000), ("control", 1000)]

    stage.play(scene())


def cut_off(stage: Stage, room: str, participant: str) -> None:
    """The server loses a participant's signalling socket."""
    stage.server.hub._rooms[room].outboxes[participant].close(1011, "lost", drop=True)


def test_a_bot_that_loses_the_room_comes_back_and_speaks(stage: Stage) -> None:
    async def scene() -> None:
        ada = await stage.person("Ada", "again")
        bot = await stage.connected_bot("again")
        before = ada.find("Robin")
        greetings = len(stage.seed.control_messages)
        cut_off(stage, "again", before.id)
        await ada.until(lambda: [who.name for who in ada.others if who.id != before.id] == ["Robin"], 10, "the bot")
        robin = ada.find("Robin")
        await ada.until(lambda: len(ada.tapes[robin.id].blocks) > 20, 10, "the bot's audio")
        await stage.until_status(bot, "InMeeting")
        since = ada.now
        await stage.speak(bot, tone(800.0, 0.3, 16_000), 16_000)
        await asyncio.sleep(1.0)
        heard = ada.tapes[robin.id].samples(since)
        assert sounds(heard)
        assert pitch(heard) == pytest.approx(800.0, abs=12)
        assert len(stage.seed.control_messages) == greetings, "the user's sockets must not notice"

    stage.play(scene())


def test_a_bot_that_comes_back_to_a_lobby_need_not_knock_again_and_stays(stage: Stage) -> None:
    async def scene() -> None:
        host, bot, first = await at_the_door(stage, "twice", automatic_leave={"waiting_room_timeout": 2.0})
        await host.send(type="admit", participant=first)
        await stage.until_status(bot, "InMeeting")
        cut_off(stage, "twice", first)
        await host.until(lambda: not host.others, 10, "the bot to be lost")
        await host.until(lambda: [seen.name for seen in host.others] == ["Robin"], 10, "the bot to be back")
        await asyncio.sleep(2.3)
        await stage.until_status(bot, "InMeeting")
        await stage.remove(bot)
        await stage.until_status(bot, "Done")

    stage.play(scene())


@pytest.mark.parametrize("refusal", ["handshake", "at once"])
def test_a_bot_that_cannot_come_back_fails_in_time(stage: Stage, monkeypatch: pytest.MonkeyPatch, refusal: str) -> None:
    """The room refuses the websocket, or takes it and hangs up at once."""
    monkeypatch.setattr(seats, "RECONNECT_DELAYS_S", (0.05, 0.05, 0.1))
    tries: list[str] = []

    async def refuse(websocket: Any, room: str) -> None:
        tries.append(room)
        if refusal == "at once":
            await websocket.accept()
        await websocket.close(1013, "room_full")

    async def scene() -> None:
        room = f"lost-{refusal.replace(' ', '-')}"
        ada = await stage.person("Ada", room)
        bot = await stage.connected_bot(room)
        monkeypatch.setattr(stage.server.hub, "serve", refuse)
        stage.seed.closed.clear()
        cut_off(stage, room, ada.find("Robin").id)
        found = await stage.until_status(bot, "Failed")
        assert "connection" in found["message"]
        assert len(tries) == 3
        await stage.seed.wait(lambda seen: len(seen.closed) == 2)
        assert sorted(stage.seed.closed) == [("audio", 1000), ("control", 1000)]

    stage.play(scene())
