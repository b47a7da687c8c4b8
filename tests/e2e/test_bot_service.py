"""What a bot leaves behind, and what its owner is told, from the create call to the deletion."""

from __future__ import annotations

import asyncio
import io
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp
import av
import numpy as np

from hooks import receiving
from rejoinder.control.bots import LEAD_S
from rejoinder.media.frame import MEETING_RATE, Pcm
from sound import share, sounds, tone
from stage import Stage

EVENTS = [
    "bot.joining",
    "bot.inmeeting",
    "bot.recording",
    "bot.leaving",
    "bot.stopped",
    "manifest.completed",
    "audio.processed",
    "bot.done",
]


async def get(stage: Stage, path: str, status: int = 200) -> Any:
    async with stage.http.get(f"/api/v1{path}") as response:
        assert response.status == status, await response.text()
        return await response.json()


async def post(stage: Stage, path: str, status: int = 200, **body: Any) -> Any:
    async with stage.http.post(f"/api/v1{path}", json=body) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def download(url: str) -> bytes:
    """As anyone would: without credentials."""
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        assert response.status == 200, await response.text()
        return await response.read()


def decoded(data: bytes) -> Pcm:
    """All samples of a file, 48 kHz mono."""
    with av.open(io.BytesIO(data)) as file:
        resampler = av.AudioResampler("s16", "mono", MEETING_RATE)
        parts = [out.to_ndarray()[0] for frame in file.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate(parts)


async def loud(pcm: Pcm, begin: float, end: float) -> Pcm:
    return pcm[round(begin * MEETING_RATE) : round(end * MEETING_RATE)]


def test_from_create_to_deletion(stage: Stage) -> None:
    async def scene() -> None:
        async with receiving() as hooks:
            ada = await stage.person("Ada", "service")
            ben = await stage.person("Ben", "service")
            bot = await stage.connected_bot(
                "service",
                callback_url=hooks.url,
                audio_separate_streams=True,
                custom_attributes={"tenant": "t1"},
                recording_config={
                    "realtime_endpoints": [
                        {"type": "webhook", "url": hooks.url + "/people", "events": ["participant_events.join"]}
                    ]
                },
            )
            await stage.until_status(bot, "Recording")
            assert (await get(stage, f"/bots/{bot}/get_audio", 202))["message"]
            await asyncio.sleep(0.5)
            await ada.say(tone(440, 1.0))
            await asyncio.sleep(0.4)
            await ben.say(tone(1500, 1.0))
            await asyncio.sleep(0.4)
            await stage.speak(bot, tone(3000, 0.8, 16_000), 16_000)
            await asyncio.sleep(1.2)
            await ada.chat("hello bot")
            await post(stage, f"/bots/{bot}/send_message", message="hello people")
            await ada.until(lambda: any(chat.text == "hello people" for chat in ada.chats), 10, "the bot's message")
            await stage.remove(bot)
            await stage.until_status(bot, "Done", 10)
            await hooks.wait(lambda seen: seen.names(bot)[-1:] == ["bot.done"])
            assert hooks.names(bot) == EVENTS
            assert all(body["custom_attributes"] == {"tenant": "t1"} for body in hooks.of(bot))
            people = [body for body in hooks.bodies if body["event"] == "participant_events.join"]
            assert sorted(body["data"]["data"]["participant"]["name"] for body in people) == ["Ada", "Ben"]
            await check_audio(stage, bot)
            await check_records(stage, bot)
            await check_deletion(stage, bot)
            await hooks.wait(lambda seen: seen.names(bot)[-1] == "data_deletion")
            assert hooks.of(bot)[-1]["deleted_objects"] >= 5

    stage.play(scene())


async def check_audio(stage: Stage, bot: str) -> None:
    mix = decoded(await download((await get(stage, f"/bots/{bot}/get_audio"))["audio_url"]))
    found = sounds(mix, gap_s=0.15)
    assert len(found) == 3, found
    for (begin, end), hz, length in zip(found, (440, 1500, 3000), (1.0, 1.0, 0.8), strict=True):
        # what a jitter buffer stretches on its way into the recording stays stretched
        assert -0.1 < (end - begin) - length < 0.3, found
        assert share(await loud(mix, begin + 0.1, end - 0.1), hz) > 0.9
    answer = await get(stage, f"/bots/{bot}/get_audio_streams")
    assert answer["audio_streams_available"] is True
    names = [person["participant_name"] for person in answer["participants"]]
    assert sorted(names) == ["Ada", "Ben", "Robin"]
    for place, name in enumerate(("Ada", "Ben", "Robin")):
        (stream,) = answer["participants"][names.index(name)]["streams"]
        (segment,) = stream["segments"]
        assert (segment["codec"], segment["sample_rate"], segment["channels"]) == ("opus", 48_000, 1)
        track = decoded(await download(segment["url"]))
        ((begin, end),) = sounds(track, gap_s=0.15)
        # The files line up with each other: silence is kept.
        assert abs(begin - found[place][0]) < 0.03, (name, begin, found)
        assert abs(end - found[place][1]) < 0.05
    timeline = await get(stage, f"/bots/{bot}/get_speaker_timeline")
    said = {chunk["speakerName"]: chunk["startByte"] / 96_000 for chunk in timeline["chunks"]}
    assert abs(said["Ada"] - found[0][0]) < 0.2
    assert abs(said["Ben"] - found[1][0]) < 0.2


async def check_records(stage: Stage, bot: str) -> None:
    chats = (await get(stage, f"/bots/{bot}/get_chats"))["chatMessages"]
    assert [(chat["speakerName"], chat["text"]) for chat in chats] == [("Ada", "hello bot"), ("Robin", "hello people")]
    people = await get(stage, f"/bots/{bot}/get_participants")
    assert sorted(person["displayName"] for person in people) == ["Ada", "Ben"]
    detail = (await get(stage, f"/bots/{bot}/detail"))["bot_details"]
    assert (detail["Status"], detail["AudioStatus"]) == ("Done", "Success")
    assert all(detail["StatusTimeline"][name]["status"] for name in ("Joining", "InMeeting", "Recording", "Done"))
    listed = await get(stage, "/bots?custom_attr[tenant]=%22t1%22")
    assert [row["bot_id"] for row in listed["bots"]] == [bot]


async def check_deletion(stage: Stage, bot: str) -> None:
    url = (await get(stage, f"/bots/{bot}/get_audio"))["audio_url"]
    async with stage.http.delete(f"/api/v1/bots/{bot}/delete") as response:
        assert response.status == 200
        assert (await response.json())["deleted_objects"] >= 5
    await get(stage, f"/bots/{bot}/status", 404)
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        assert response.status == 404
    left = [path for path in (stage.settings.data_dir / "files").rglob("*") if path.is_file() and bot in str(path)]
    assert left == []
    assert not (stage.settings.data_dir / "spool" / bot).exists()


def test_pause_keeps_the_timeline(stage: Stage) -> None:
    async def scene() -> None:
        ada = await stage.person("Ada", "pause")
        bot = await stage.connected_bot("pause")
        await stage.until_status(bot, "Recording")
        await asyncio.sleep(0.3)
        before = await ada.say(tone(440, 0.6))
        await asyncio.sleep(0.4)
        answer = await post(stage, f"/bots/{bot}/pause_recording")
        assert answer == {"status": "accepted", "bot_id": bot, "command": "pause_recording"}
        await asyncio.sleep(0.4)
        await ada.say(tone(900, 0.6))
        await asyncio.sleep(0.2)
        await post(stage, f"/bots/{bot}/resume_recording")
        await asyncio.sleep(0.6)
        after = await ada.say(tone(1800, 0.6))
        await asyncio.sleep(0.3)
        await stage.remove(bot)
        await stage.until_status(bot, "Done", 10)
        mix = decoded(await download((await get(stage, f"/bots/{bot}/get_audio"))["audio_url"]))
        first, second = sounds(mix, gap_s=0.15)
        assert share(await loud(mix, first[0] + 0.1, first[1] - 0.1), 440) > 0.9
        assert share(await loud(mix, second[0] + 0.1, second[1] - 0.1), 1800) > 0.9
        assert abs((second[0] - first[0]) - (after.began - before.began)) < 0.3

    stage.play(scene())


def test_it_leaves_when_everyone_has_left(stage: Stage) -> None:
    async def scene() -> None:
        ada = await stage.person("Ada", "alone-again")
        bot = await stage.create("alone-again", automatic_leave={"everyone_left_timeout": 0.8})
        await stage.until_status(bot, "Recording")
        await ada.leave()
        found = await stage.until_status(bot, "Done", 10)
        assert "left" in found["message"]

    stage.play(scene())


def test_a_scheduled_bot_joins_in_time_and_can_be_cancelled(stage: Stage) -> None:
    async def scene() -> None:
        ada = await stage.person("Ada", "later")
        due = time.time() + 3
        at = datetime.fromtimestamp(due, UTC).isoformat()
        bot = await stage.create("later", join_at=at)
        cancelled = await stage.create("later", join_at=at, bot_name="Never")
        assert (await stage.status(bot))["status"] == "Scheduled"
        await stage.remove(cancelled)
        assert (await stage.status(cancelled))["status"] == "Cancelled"
        await ada.until(lambda: [seen.name for seen in ada.others] == ["Robin"], 9, "the bot to join")
        assert time.time() > due - LEAD_S - 0.1, "it came too early"
        await stage.until_status(bot, "Recording")

    stage.play(scene())
