"""A meeting with words: transcripts live and afterwards, their formats, a summary; read with MeetStream's own client.

The server is the real one, with the real models; the people speak with a synthetic voice.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import meetstream
import pytest
from meetstream import webhooks as sdk_webhooks
from pydantic import SecretStr

from hooks import receiving
from rejoinder.demo import synthesize
from rejoinder.rehearsal.check import word_error_rate
from stage import KEY, Stage, open_stage

pytestmark = pytest.mark.models

SECRET = "whsec_tests"
ADA = "Good morning everyone. The release is planned for Friday afternoon."
BEN = "I will write the announcement on Thursday, and send it to Ada."
WORST = 0.15


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with open_stage(tmp_path_factory.mktemp("words"), models=True, webhook_secret=SecretStr(SECRET)) as stage:
        yield stage


def client(stage: Stage) -> meetstream.MeetStream:
    return meetstream.MeetStream(api_key=KEY, base_url=f"{stage.url}/api/v1")


async def talk(stage: Stage, room: str, **body: Any) -> str:
    """A bot and two people who say their sentences; the bot has left at the end."""
    assert stage.server.services is not None
    voice = stage.server.services.voice
    ada, ben = await stage.person("Ada", room), await stage.person("Ben", room)
    bot = await stage.create(room, **body)
    await stage.until_status(bot, "Recording")
    await asyncio.sleep(0.5)
    await ada.say(await synthesize(voice, ADA))
    await asyncio.sleep(0.5)
    await ben.say(await synthesize(voice, BEN, low=True))
    await asyncio.sleep(1.5)
    await stage.remove(bot)
    await stage.until_status(bot, "Done", 40)
    return bot


def said(segments: list[dict[str, Any]], speaker: str) -> str:
    return " ".join(segment["transcript"] for segment in segments if segment["speaker"] == speaker)


def test_afterwards_with_the_published_client(stage: Stage) -> None:
    async def scene() -> None:
        async with receiving() as hooks:
            provider = {"transcript": {"provider": {"meetstream": {"language": "en"}}}}
            bot = await talk(stage, "afterwards", callback_url=hooks.url, recording_config=provider)
            await hooks.wait(lambda seen: seen.names(bot)[-1:] == ["bot.done"])
            names = hooks.names(bot)
            assert names[names.index("audio.processed") :] == [
                "audio.processed",
                "transcription.processed",
                "bot.transcriptionready",
                "bot.done",
            ]
            for body, headers in hooks.raw:
                assert sdk_webhooks.verify_webhook_signature(body, headers["X-MeetStream-Signature"], SECRET)
            await asyncio.to_thread(read_with_sdk, stage, bot)
            await check_again(stage, bot, hooks)

    stage.play(scene(), 300)


def read_with_sdk(stage: Stage, bot: str) -> None:
    with client(stage) as ms:
        details = ms.bots.detail(bot)["bot_details"]
        assert details["TranscriptStatus"] == "Success"
        segments: Any = ms.transcripts.get(details["transcript_id"])
        assert word_error_rate(ADA, said(segments, "Ada")) <= WORST, segments
        assert word_error_rate(BEN, said(segments, "Ben")) <= WORST, segments
        assert segments[0]["speaker"] == "Ada"
        times = [word["start"] for segment in segments for word in segment["words"]]
        assert times == sorted(times)
        assert {one["displayName"] for one in ms.bots.participants(bot)} == {"Ada", "Ben"}
        assert ms.bots.audio(bot)["audio_url"]
        (listed,) = ms.transcripts.list_for_bot(bot)["transcriptions"]
        assert (listed["status"], listed["provider"]) == ("Success", "meetstream")


async def check_again(stage: Stage, bot: str, hooks: Any) -> None:
    """Transcribed once more: one webhook at its own URL; then the exports and the summary."""
    url = hooks.url + "/again"
    async with stage.http.post(
        f"/api/v1/bots/{bot}/transcribe", json={"provider": {"meetstream": {}}, "callback_url": url}
    ) as response:
        again = await response.json()
    count = len(hooks.bodies)
    await hooks.wait(lambda seen: len(seen.bodies) > count, 30)
    assert hooks.bodies[-1]["event"] == "transcription.processed"
    assert "custom_attributes" not in hooks.bodies[-1]
    path = f"/api/v1/transcript/{again['transcript_id']}/get_transcript"
    for form, start in (("vtt", "WEBVTT"), ("srt", "1\n00:00:"), ("txt", ""), ("md", "")):
        async with stage.http.get(f"{path}?format={form}") as response:
            text = await response.text()
            assert text.startswith(start)
            assert "Friday" in text
    for _ in range(900):  # the language model gives way to everything else
        async with stage.http.get(f"/api/v1/bots/{bot}/summary") as response:
            if response.status == 200:
                summary = (await response.json())["summary"]
                break
            assert response.status == 202
        await asyncio.sleep(0.2)
    assert re.search("release|announcement", summary, re.IGNORECASE), summary


def test_while_they_speak(stage: Stage) -> None:
    async def scene() -> None:
        async with receiving() as hooks:
            bot = await talk(
                stage,
                "meanwhile",
                recording_config={"transcript": {"provider": {"meetstream_streaming": {}}}},
                live_transcription_required={"webhook_url": hooks.url},
                custom_attributes={"n": 1},
            )
            events = hooks.of(bot)
            finals = [event for event in events if event["is_final"]]
            for name, text in (("Ada", ADA), ("Ben", BEN)):
                heard = " ".join(event["transcript"] for event in finals if event["speakerName"] == name)
                assert word_error_rate(text, heard) <= WORST, heard
            assert len(events) > len(finals) + 4, "there are interim results"
            assert all(word["end"] >= word["start"] for event in events for word in event["words"])
            assert all(event["custom_attributes"] == {"n": 1} for event in events)
            segments = await stage.server.bots.live_segments(bot, "default")
            assert {segment.speaker for segment in segments} == {"Ada", "Ben"}

    stage.play(scene(), 300)
