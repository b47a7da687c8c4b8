"""What is written of a bot's life, and which webhooks come of it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from house import HOOK, House, play

from rejoinder.control.ledger import Fence
from rejoinder.core.bot import BotStatus, ParticipantWebhook
from rejoinder.core.entries import Answered, Came, Chatted, Noted, Reached, RecordingSet, Transcribed, Went
from rejoinder.core.lifecycle import Moment
from rejoinder.core.participant import Participant
from rejoinder.core.records import ChatLine
from rejoinder.core.transcript import Segment, Word
from rejoinder.errors import Fenced

ADA = Participant("p1", "Ada")
LIFE = (Moment.JOINING, Moment.IN_MEETING, Moment.RECORDING, Moment.LEAVING, Moment.STOPPED)
AFTER = (Moment.UPLOADING, Moment.MANIFEST_COMPLETED, Moment.AUDIO_PROCESSED, Moment.DONE)


def steps(*moments: Moment, at: float = 1000.0) -> list[Reached]:
    return [Reached(moment, at + place) for place, moment in enumerate(moments)]


def test_a_life_from_beginning_to_end(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await house.bot(callback_url=HOOK)
            written = await house.ledger.write(bot, steps(*LIFE, *AFTER))
            assert written is not None
            assert (written.status, written.closed, written.audio_status) == (BotStatus.DONE, True, "Success")
            assert (written.started_at, written.ended_at) == (1001.0, 1004.0)
            assert await house.events(bot) == [
                "bot.joining",
                "bot.inmeeting",
                "bot.recording",
                "bot.leaving",
                "bot.stopped",
                "manifest.completed",
                "audio.processed",
                "bot.done",
            ]
            log = [line.event for line in await house.bots.happenings(bot, "acme")]
            assert log == [moment.value for moment in (*LIFE, *AFTER)]

    play(scene())


def test_a_bot_taken_up_again_tells_only_of_joining_and_that_three_times(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await house.bot(callback_url=HOOK)
            for epoch in range(1, 6):
                fence = await house.own(bot, epoch=epoch)
                taken = await house.ledger.take_up(bot, fence)
                assert taken is not None
                assert taken.epoch == epoch
                await house.ledger.write(bot, steps(*LIFE[:3], at=1000.0 * epoch), fence)
            await house.ledger.write(bot, steps(*LIFE[3:], at=9000.0))
            assert await house.events(bot) == [
                "bot.joining",
                "bot.inmeeting",
                "bot.recording",
                "bot.joining",
                "bot.joining",
                "bot.leaving",
                "bot.stopped",
            ]
            assert (await house.bots.get(bot, "acme")).started_at == 1001.0
            assert len([job for job in house.engine.kinds() if job == "deliver"]) == 5

    play(scene())


def test_what_cannot_happen_is_left_out(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await house.bot(callback_url=HOOK)
            await house.ledger.write(bot, steps(Moment.RECORDING, Moment.AUDIO_PROCESSED, Moment.JOINING))
            assert await house.events(bot) == ["bot.joining"]
            assert (await house.bots.get(bot, "acme")).status is BotStatus.JOINING

    play(scene())


def test_an_old_owner_writes_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await house.bot(callback_url=HOOK)
            fence = await house.own(bot, "new", 2)
            for old in (Fence("old", 1), Fence("old", 2), Fence("new", 1)):
                with pytest.raises(Fenced):
                    await house.ledger.write(bot, steps(Moment.JOINING), old)
                with pytest.raises(Fenced):
                    await house.ledger.take_up(bot, old)
            assert await house.events(bot) == []
            await house.ledger.write(bot, steps(Moment.JOINING), fence)
            assert await house.events(bot) == ["bot.joining"]

    play(scene())


def test_a_bot_that_was_deleted_takes_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            assert await house.ledger.write("gone", steps(Moment.JOINING)) is None

    play(scene())


def test_participants_come_and_go(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            url = "https://example.com/people"
            bot = await house.bot(participant_webhooks=(ParticipantWebhook(url, ("participant_events.leave",)),))
            await house.ledger.write(bot, [*steps(*LIFE[:2]), Came(ADA, 1005.0)])
            # Another worker's bot finds her still there, and then sees her go and come again.
            fence = await house.own(bot, epoch=2)
            await house.ledger.take_up(bot, fence)
            await house.ledger.write(bot, [Came(ADA, 2000.0), Went(ADA, 2010.0), Came(ADA, 2020.0)], fence)
            await house.ledger.write(bot, [Reached(Moment.LEAVING, 2025.0), Reached(Moment.STOPPED, 2030.0)])
            stays = [(stay.joined_at, stay.left_at) for stay in await house.bots.attendances(bot, "acme")]
            assert stays == [(1005.0, 2010.0), (2020.0, 2030.0)]
            (delivery,) = await house.outbox.list(bot)
            body = orjson.loads(delivery.body)
            assert (delivery.url, body["event"]) == (url, "participant_events.leave")
            assert body["data"]["data"]["timestamp"]["relative"] == 1009.0

    play(scene())


def test_notes_chats_turns_segments(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await house.bot()
            segment = Segment("p1", "Ada", (Word("Hello,", 0.5, 0.8, 0.9), Word("all.", 0.9, 1.2)))
            line = ChatLine("m1", "p1", "Ada", "hi \U0001f600", 1001.0)
            await house.ledger.write(
                bot,
                [
                    Noted("socket.lost", 1000.0, "why", {"attempt": 2}),
                    Chatted(line),
                    Answered({"answer": "yes"}),
                    Transcribed(segment),
                    RecordingSet("paused"),
                ],
            )
            assert await house.bots.chats(bot, "acme") == [line]
            assert await house.bots.turns(bot, "acme") == [{"answer": "yes"}]
            assert await house.bots.live_segments(bot, "acme") == [segment]
            (note,) = await house.bots.happenings(bot, "acme")
            assert (note.event, note.data) == ("socket.lost", {"attempt": 2})
            assert (await house.bots.get(bot, "acme")).recording == "paused"

    play(scene())


def test_retries_are_the_bots_or_else_the_servers(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path, webhook_retries=4) as house:
            for config, expected in (({}, 4), ({"callback_retries": 0}, 0), ({"callback_retries": 7}, 7)):
                bot = await house.bot(callback_url=HOOK, **config)
                await house.ledger.write(bot, steps(Moment.JOINING))
                assert [delivery.retries for delivery in await house.outbox.list(bot)] == [expected]

    play(scene())
