"""Bots of Attendee's dialect on the database: webhooks, changes, keys, deletion."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import LINK, House, play

from rejoinder.control.reading import cursor_of
from rejoinder.control.service import ListQuery, Place
from rejoinder.core.bot import AttendeeConfig, BotConfig, BotStatus, TriggerWebhook
from rejoinder.core.entries import Came, Chatted, Entry, Noted, Reached, RecordingSet, Spoke, Transcribed, Went
from rejoinder.core.lifecycle import Moment
from rejoinder.core.participant import Participant
from rejoinder.core.records import ChatLine
from rejoinder.core.transcript import Segment, Word
from rejoinder.errors import Conflict, InvalidRequest, NotFound

ADA = Participant("p1", "Ada", is_host=True)
ALL = (
    "bot.state_change",
    "transcript.update",
    "chat_messages.update",
    "participant_events.join_leave",
    "participant_events.speech_start_stop",
)
URL = "https://example.com/one"
LIFE = (Moment.JOINING, Moment.IN_MEETING, Moment.RECORDING)
AFTER = (Moment.UPLOADING, Moment.MANIFEST_COMPLETED, Moment.AUDIO_PROCESSED, Moment.DONE)


def config(*triggers: str, **more: Any) -> BotConfig:
    hooks = (TriggerWebhook(URL, triggers or ALL),)
    attendee = AttendeeConfig(webhooks=hooks, metadata={"a": "b"})
    return BotConfig(LINK, attendee=attendee, callback_retries=2, **more)


def steps(*moments: Moment) -> list[Entry]:
    return [Reached(moment, 1000.0 + place) for place, moment in enumerate(moments)]


async def sent(house: House, bot: str) -> list[dict[str, Any]]:
    deliveries = await house.outbox.list(bot)
    assert all((one.url, one.retries) == (URL, 2) for one in deliveries)
    assert all(orjson.loads(one.body)["trigger"] == one.event for one in deliveries)
    return [orjson.loads(one.body) for one in deliveries]


async def new(house: House, made: BotConfig) -> str:
    return (await house.bots.create(made, "acme")).bot.id


async def ended(house: House, made: BotConfig) -> str:
    bot = await new(house, made)
    await house.ledger.write(bot, [*steps(*LIFE), Reached(Moment.LEAVING, 1010.0, reason="requested")])
    await house.ledger.write(bot, steps(Moment.STOPPED, *AFTER))
    return bot


def test_ids_are_in_attendees_manner(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            ids = {await new(house, config()) for _ in range(5)}
            assert len(ids) == 5
            assert all(re.fullmatch(r"bot_[A-Za-z0-9]{16}", ident) for ident in ids)
            assert len(await new(house, BotConfig(LINK))) == 36

    play(scene())


def test_each_state_is_told_once(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await ended(house, config("bot.state_change"))
            found = [body["data"]["new_state"] for body in await sent(house, bot)]
            assert found == [
                "joining",
                "joined_not_recording",
                "joined_recording",
                "leaving",
                "post_processing",
                "ended",
            ]

    play(scene())


def test_a_bot_taken_up_again_tells_nothing_new(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await new(house, config("bot.state_change"))
            await house.ledger.write(bot, steps(*LIFE))
            count = len(await sent(house, bot))
            await house.ledger.write(bot, [*steps(*LIFE), RecordingSet("on")])
            assert len(await sent(house, bot)) == count

    play(scene())


def test_what_happens_in_the_meeting_is_told(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await new(house, config(*ALL[1:]))
            segment = Segment("p1", "Ada", (Word("Hi.", 1.0, 1.5),))
            entries: list[Entry] = [
                *steps(*LIFE),
                Came(ADA, 1001.0),
                Came(ADA, 1001.5),
                Spoke(ADA, True, 1002.0),
                Spoke(ADA, False, 1003.0),
                Transcribed(segment),
                Chatted(ChatLine("m1", "p1", "Ada", "hi", 1004.0)),
                Chatted(ChatLine("m2", "me", "Robin", "hello", 1005.0, own=True)),
                Noted("recording.paused", 1006.0, ""),
                Went(ADA, 1007.0),
            ]
            await house.ledger.write(bot, entries)
            bodies = await sent(house, bot)
            assert [(body["trigger"], body["data"].get("event_type")) for body in bodies] == [
                ("participant_events.join_leave", "join"),
                ("participant_events.speech_start_stop", "speech_start"),
                ("participant_events.speech_start_stop", "speech_stop"),
                ("transcript.update", None),
                ("chat_messages.update", None),
                ("participant_events.join_leave", "leave"),
            ]
            assert all(body["bot_metadata"] == {"a": "b"} for body in bodies)
            said = bodies[3]["data"]
            assert (said["speaker_is_host"], said["timestamp_ms"]) == (True, 1_002_000)
            events = await house.bots.participant_events(bot, "acme")
            assert [event.event for event in events] == ["join", "speech_start", "speech_stop", "leave"]

    play(scene())


def test_one_live_bot_per_key(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            first = await new(house, config(deduplication_key="k"))
            with pytest.raises(InvalidRequest) as refused:
                await new(house, config(deduplication_key="k"))
            assert refused.value.field == "deduplication_key"
            await house.bots.create(config(deduplication_key="k"), "other")
            await house.ledger.write(first, [*steps(Moment.JOINING, Moment.IN_MEETING, Moment.STOPPED, Moment.DONE)])
            second = await new(house, config(deduplication_key="k"))
            assert second != first
            with pytest.raises(InvalidRequest):
                await new(house, config(deduplication_key="k"))

    play(scene())


def test_a_scheduled_bot_can_be_changed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            at = time.time() + 3600
            bot = await new(house, config(join_at=at, custom_attributes={"x": "z"}))

            def edit(given: BotConfig) -> BotConfig:
                return replace(given, bot_name="New", join_at=at + 60, custom_attributes={"x": "y"})

            changed = await house.bots.change(bot, "acme", edit, early=True)
            found = await house.bots.get(bot, "acme")
            assert (found.config.bot_name, found.config.join_at) == ("New", at + 60)
            assert found.config == changed.config
            assert not (await house.bots.list("acme", ListQuery(attributes={"x": "z"}))).bots, "what was before"
            page = await house.bots.list("acme", ListQuery(attributes={"x": "y"}))
            assert [one.id for one in page.bots] == [bot]
            away = "https://example.com/elsewhere"
            with pytest.raises(InvalidRequest):
                await house.bots.change(bot, "acme", lambda given: replace(given, meeting_link=away), early=True)
            with pytest.raises(NotFound):
                await house.bots.change(bot, "other", edit, early=True)
            inside = await new(house, config())
            with pytest.raises(Conflict):
                await house.bots.change(inside, "acme", edit, early=True)
            assert (await house.bots.change(inside, "acme", lambda one: one, early=False)).id == inside

    play(scene())


def test_deleting_the_data_leaves_the_bot(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await new(house, config())
            with pytest.raises(Conflict):
                await house.bots.erase(bot, "acme")
            await house.ledger.write(bot, [*steps(*LIFE), Came(ADA, 1.0), Noted("socket.lost", 1.0, "wss://x")])
            await house.ledger.write(bot, [Chatted(ChatLine("m1", "p1", "Ada", "secret", 1004.0))])
            await house.ledger.write(bot, steps(Moment.STOPPED, *AFTER))
            await house.blobs.put(f"{bot}/audio.wav", b"RIFF", "audio/wav", "audio.wav")
            gone = await house.bots.erase(bot, "acme")
            assert gone.status is BotStatus.MEDIA_EXPIRED
            assert await house.blobs.list(f"{bot}/") == []
            for read in (house.bots.chats, house.bots.attendances, house.bots.participant_events):
                assert await read(bot, "acme") == []
            bodies = await sent(house, bot)
            assert {body["trigger"] for body in bodies} == {"bot.state_change"}
            assert bodies[-1]["data"]["new_state"] == "data_deleted"
            assert all("socket" not in line.event for line in await house.bots.happenings(bot, "acme"))
            assert "deliver" in house.engine.kinds()

    play(scene())


def test_transcripts_can_be_deleted(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await ended(house, config())
            await house.ledger.write(bot, [Transcribed(Segment("p1", "Ada", (Word("Hi.", 1.0, 1.5),)))])
            assert await house.bots.delete_transcripts(bot, "acme") == 1
            assert await house.bots.live_segments(bot, "acme") == []
            assert await house.bots.delete_transcripts(bot, "acme") == 0

    play(scene())


def test_pages_go_both_ways(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            ids = [await new(house, config(deduplication_key=f"k{number}")) for number in range(5)][::-1]
            first = await house.bots.list("acme", ListQuery(limit=2))
            second = await house.bots.list("acme", ListQuery(limit=2, cursor=first.next_cursor))
            assert [bot.id for bot in (*first.bots, *second.bots)] == ids[:4]
            back = ListQuery(limit=2, cursor=cursor_of(second.bots[0]), backwards=True)
            page = await house.bots.list("acme", back)
            assert [bot.id for bot in page.bots] == ids[:2]
            assert page.next_cursor is None
            only = await house.bots.list("acme", ListQuery(deduplication_key="k3", meeting_link=LINK))
            assert [bot.id for bot in only.bots] == [ids[1]]
            joining = ListQuery(places=(Place(BotStatus.JOINING),))
            assert len((await house.bots.list("acme", joining)).bots) == 5
            assert (await house.bots.list("acme", ListQuery(places=()))).bots == []
            paused = ListQuery(places=(Place(BotStatus.JOINING, "paused"),))
            assert (await house.bots.list("acme", paused)).bots == []

    play(scene())
