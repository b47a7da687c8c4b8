"""The verbs of the product on a real database."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from house import HOOK, LINK, House, play

from rejoinder.control.cleaning import prefix_of
from rejoinder.control.service import ListQuery
from rejoinder.core.bot import Bot, BotConfig, BotStatus, TranscriptConfig
from rejoinder.core.entries import Reached
from rejoinder.core.lifecycle import Moment
from rejoinder.core.records import StoredFile
from rejoinder.errors import Conflict, InvalidRequest, NotFound, NotReady, Unavailable

STAY = (Moment.JOINING, Moment.IN_MEETING, Moment.RECORDING)


async def reach(house: House, bot: str, *moments: Moment) -> Bot:
    written = await house.ledger.write(bot, [Reached(moment, time.time()) for moment in moments])
    assert written is not None
    return written


def test_create_keeps_the_config_and_submits_the_bot(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            config = BotConfig(
                LINK, "Rec", custom_attributes={"a": [1, {"b": None}]}, transcript=TranscriptConfig("meetstream", {})
            )
            created = await house.bots.create(config, "acme")
            bot = await house.bots.get(created.bot.id, "acme")
            assert (bot.config, bot.status, bot.platform) == (config, BotStatus.JOINING, "Room")
            assert bot.transcript_id
            assert house.engine.jobs["bot", bot.id].not_before is None

    play(scene())


def test_streaming_providers_promise_no_transcript(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            config = BotConfig(LINK, transcript=TranscriptConfig("meetstream_streaming", {}))
            assert (await house.bots.create(config, "acme")).bot.transcript_id is None

    play(scene())


def test_scheduled_told_cancelled(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            later = time.time() + 3600
            bot = (await house.bots.create(BotConfig(LINK, join_at=later, callback_url=HOOK), "acme")).bot
            assert bot.status is BotStatus.SCHEDULED
            assert house.engine.jobs["bot", bot.id].not_before == later - 1
            assert await house.events(bot.id) == ["bot.scheduled"]
            assert "deliver" in house.engine.kinds()
            bot = await house.bots.remove(bot.id, "acme")
            assert (bot.status, bot.closed) == (BotStatus.CANCELLED, True)
            assert ("bot", bot.id) not in house.engine.jobs
            assert ("expire", bot.id) in house.engine.jobs

    play(scene())


def test_a_time_that_has_come_means_now(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = (await house.bots.create(BotConfig(LINK, join_at=time.time() - 5), "acme")).bot
            assert bot.status is BotStatus.JOINING
            assert house.engine.jobs["bot", bot.id].not_before is None

    play(scene())


def test_unknown_meetings_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            with pytest.raises(InvalidRequest):
                await house.bots.create(BotConfig("https://example.com/x"), "acme")
            assert await house.rows() == 0

    play(scene())


def test_idempotency_and_deduplication(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            plain, deduplicated = BotConfig(LINK), BotConfig(LINK, deduplication_key="d")
            first = await house.bots.create(plain, "acme", idempotency_key="k")
            again = await house.bots.create(BotConfig(LINK + "2"), "acme", idempotency_key="k")
            assert (first.outcome, again.outcome, again.bot.id) == ("new", "replayed", first.bot.id)
            other = await house.bots.create(plain, "other", idempotency_key="k")
            assert other.outcome == "new"
            one = await house.bots.create(deduplicated, "acme")
            two = await house.bots.create(deduplicated, "acme")
            assert (one.outcome, two.outcome, two.bot.id) == ("new", "duplicate", one.bot.id)
            with pytest.raises(Conflict):
                await house.bots.create(BotConfig(LINK + "2", deduplication_key="d"), "acme")
            both = await house.bots.create(deduplicated, "acme", idempotency_key="k")
            assert both.outcome == "replayed"

    play(scene())


def test_accounts_never_see_each_others_bots(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await house.bot("acme")
            bots = house.bots
            for call in (
                bots.get(bot, "other"),
                bots.detail(bot, "other"),
                bots.remove(bot, "other"),
                bots.delete(bot, "other"),
                bots.send_message(bot, "other", "hi"),
                bots.send_image(bot, "other", HOOK, None),
                bots.set_recording(bot, "other", paused=True),
                bots.chats(bot, "other"),
                bots.attendances(bot, "other"),
                bots.happenings(bot, "other"),
                bots.turns(bot, "other"),
                bots.files(bot, "other", "audio"),
                bots.speaker_timeline(bot, "other"),
                bots.transcribe(bot, "other", "meetstream", {}, None),
                bots.transcripts(bot, "other"),
                bots.transcript(bot, "other"),
                bots.live_segments(bot, "other"),
                bots.summary(bot, "other"),
                bots.deliveries(bot, "other"),
                bots.redeliver(bot, "other", 1),
            ):
                with pytest.raises(NotFound):
                    await call
            assert (await bots.list("other", ListQuery())).bots == []

    play(scene())


def test_listing_filters_and_pages(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            made = []
            for number in range(7):
                attributes = {"n": number, "kind": "even" if number % 2 == 0 else "odd", "flag": number > 3, "x": None}
                made.append(await house.bot(custom_attributes=attributes))
            seen, cursor = [], None
            while True:
                page = await house.bots.list("acme", ListQuery(cursor=cursor, limit=3))
                seen += [bot.id for bot in page.bots]
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert seen == made[::-1]

            async def found(**query: object) -> list[str]:
                page = await house.bots.list("acme", ListQuery(**query))  # type: ignore[arg-type]
                return [bot.id for bot in page.bots][::-1]

            assert await found(attributes={"n": 4}) == [made[4]]
            assert await found(attributes={"n": "4"}) == []
            assert await found(attributes={"kind": "odd", "flag": True}) == [made[5]]
            assert await found(attributes={"flag": False}) == made[:4]
            assert await found(attributes={"x": None}) == made
            assert await found(attributes={'"quo"te': 1}) == []
            await reach(house, made[2], *STAY)
            assert await found(status=BotStatus.RECORDING) == [made[2]]
            assert await found(platform="Room") == made
            assert await found(platform="Zoom") == []
            assert await found(created_from=time.time()) == []
            assert await found(created_to=time.time()) == made
            for cursor in ("x", "!!", "bm90IGE"):
                with pytest.raises(InvalidRequest):
                    await house.bots.list("acme", ListQuery(cursor=cursor))

    play(scene())


def test_commands_need_a_bot_in_a_meeting(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            poked: list[str] = []
            house.bots.poke = poked.append
            bot = await house.bot()
            with pytest.raises(Conflict):
                await house.bots.send_message(bot, "acme", "hi")
            with pytest.raises(Conflict):
                await house.bots.set_recording(bot, "acme", paused=True)
            await reach(house, bot, Moment.JOINING, Moment.IN_MEETING)
            with pytest.raises(Unavailable):
                await house.bots.set_recording(bot, "acme", paused=True)
            await house.bots.send_message(bot, "acme", "hi")
            await house.bots.remove(bot, "acme")
            assert poked == [bot, bot]

    play(scene())


def test_files_are_not_ready_before_they_are(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await house.bot()
            with pytest.raises(NotReady):
                await house.bots.files(bot, "acme", "audio")
            with pytest.raises(Conflict):
                await house.bots.transcribe(bot, "acme", "meetstream", {}, None)
            with pytest.raises(InvalidRequest):
                await house.bots.transcribe(bot, "acme", "martian", {}, None)
            await reach(house, bot, *STAY, Moment.LEAVING, Moment.STOPPED, Moment.AUDIO_SKIPPED, Moment.DONE)
            assert await house.bots.files(bot, "acme", "audio") == []
            with pytest.raises(NotFound):
                await house.bots.summary(bot, "acme")

    play(scene())


def test_a_promised_transcript_is_processing_then_failed_if_nothing_came(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await house.bot(transcript=TranscriptConfig("meetstream", {}))
            transcript = str((await house.bots.get(bot, "acme")).transcript_id)
            with pytest.raises(NotReady):
                await house.bots.transcript(transcript, "acme")
            with pytest.raises(NotFound):
                await house.bots.transcript(transcript, "other")

    play(scene())


def test_deletion_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await house.bot(callback_url=HOOK, custom_attributes={"a": 1})
            await reach(house, bot, *STAY, Moment.LEAVING, Moment.STOPPED, Moment.AUDIO_PROCESSED, Moment.DONE)
            await house.cleaner.schedule(await house.bots.get(bot, "acme"))
            for name in ("audio.wav", "tracks/a.webm"):
                await house.blobs.put(prefix_of(bot) + name, b"x", "audio/wav", "a")
            rest = house.spool.folder(bot, 1)
            rest.mkdir(parents=True)
            (rest / "mix.pcm").write_bytes(b"x")
            assert await house.bots.delete(bot, "acme") == 3
            with pytest.raises(NotFound):
                await house.bots.get(bot, "acme")
            *_, last = await house.outbox.list(bot)
            assert last.event == "data_deletion"
            assert b'"deleted_objects":3' in last.body
            await house.cleaner.forget_deliveries(bot)
            assert await house.rows() == 0
            assert await house.blobs.list(prefix_of(bot)) == []
            assert not (tmp_path / "spool" / bot).exists()
            assert set(house.engine.kinds()) == {"deliver"}

    play(scene())


def test_retention_is_the_bots_or_else_the_servers(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path, retention_hours=2) as house:
            for config, hours in (({}, 2), ({"retention_hours": 5.0}, 5)):
                bot = await house.bot(**config)
                over = await reach(house, bot, *STAY, Moment.LEAVING, Moment.STOPPED, Moment.AUDIO_SKIPPED, Moment.DONE)
                await house.cleaner.schedule(over)
                at = house.engine.jobs["expire", bot].not_before
                assert at == (await house.bots.get(bot, "acme")).expires_at
                assert over.ended_at is not None
                assert at == pytest.approx(over.ended_at + hours * 3600)
                await house.cleaner.expire({"bot_id": bot})
                await house.cleaner.expire({"bot_id": bot})
                with pytest.raises(NotFound):
                    await house.bots.get(bot, "acme")

    play(scene())


def test_redelivery_and_counts(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            bot = await house.bot(callback_url=HOOK)
            await reach(house, bot, Moment.JOINING)
            (delivery,) = await house.bots.deliveries(bot, "acme")
            again = await house.bots.redeliver(bot, "acme", delivery.id)
            assert again.status == "pending"
            with pytest.raises(NotFound):
                await house.bots.redeliver(bot, "acme", delivery.id + 1)
            counts = await house.bots.counts()
            assert (counts.bots, counts.deliveries, counts.workers) == ({"Joining": 1}, {"pending": 1}, 0)
            await house.bots.check()

    play(scene())


def test_links_lead_to_this_server(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            file = StoredFile("audio", "b/audio.wav", "audio.wav", "audio/wav", 3)
            url = await house.bots.link(file, 60)
            assert url.startswith("http://127.0.0.1:8080/media/")
            assert url.endswith("/audio.wav")

    play(scene())
