"""MeetStream's own Python SDK against the API with bots in memory: how answers of every kind arrive at its callers,
also those that a real meeting does not bring about. ``test_sdk_service`` has the whole server and every call."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import meetstream
import pytest

from memory_server import memory_server
from rejoinder.core.bot import Bot, BotConfig
from rejoinder.core.lifecycle import Moment
from rejoinder.webhooks import payloads, signing

STREAMS = {"audio_separate_streams": True}
TRANSCRIBED = {"recording_config": {"transcript": {"provider": {"meetstream": {}}}}}


@dataclass(frozen=True)
class Served:
    """A running server: its address, a key, a meeting, and how a bot's meeting comes to its end there.

    ``finish`` returns when the bot is done; ``summarise`` when its summary is there.
    """

    url: str
    key: str
    link: str
    finish: Callable[[str], None]
    summarise: Callable[[str], None]

    def client(self, key: str | None = None) -> meetstream.MeetStream:
        return meetstream.MeetStream(key or self.key, base_url=f"{self.url}/api/v1", max_retries=0)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """The API over HTTP, with bots that exist only in memory."""
    with memory_server() as service:

        def summarise(bot_id: str) -> None:
            service.summary_text = "We met."

        def finish(bot_id: str) -> None:
            service.finish(bot_id)

        yield Served(service.base_url, "key", "http://room/standup", finish, summarise)


@pytest.fixture
def ms(served: Served) -> Iterator[meetstream.MeetStream]:
    with served.client() as client:
        yield client


def in_meeting(ms: meetstream.MeetStream, served: Served, **more: Any) -> str:
    made = ms.bots.create({"meeting_link": served.link, "bot_name": "Robin", **more})
    assert made["status"] == "Active"
    return str(made["bot_id"])


def finished(ms: meetstream.MeetStream, served: Served, **more: Any) -> str:
    bot_id = in_meeting(ms, served, **{**STREAMS, **TRANSCRIBED, **more})
    served.finish(bot_id)
    return bot_id


def test_creating_once(ms: meetstream.MeetStream, served: Served) -> None:
    body = {"meeting_link": served.link, "bot_name": "Robin"}
    first = ms.bots.create(body, idempotency_key="k-1")
    again = ms.bots.create(body, idempotency_key="k-1")
    assert again["bot_id"] == first["bot_id"]
    assert ms.bots.create(body | {"deduplication_key": "d-1"})["meeting_url"] == served.link
    other = served.link.replace("standup", "other")
    with pytest.raises(meetstream.ConflictError):
        ms.bots.create({"meeting_link": other, "deduplication_key": "d-1"})


def test_a_bots_life(ms: meetstream.MeetStream, served: Served) -> None:
    bot_id = in_meeting(ms, served, custom_attributes={"tenant": "sdk"})
    assert bot_id in [row["bot_id"] for row in ms.bots.list()["bots"]]
    assert [row["bot_id"] for row in ms.bots.list(params={"custom_attr[tenant]": "sdk"})["bots"]] == [bot_id]
    assert ms.bots.status(bot_id)["bot_id"] == bot_id
    assert ms.bots.detail(bot_id)["bot_details"]["custom_attributes"] == {"tenant": "sdk"}
    assert ms.bots.send_message(bot_id, "Hello.")["command"] == "send_message"
    assert ms.bots.send_image(bot_id, "http://127.0.0.1:9/a.png", 5)["command"] == "send_image"
    assert ms.bots.pause_recording(bot_id)["status"] == "accepted"
    assert ms.bots.resume_recording(bot_id)["status"] == "accepted"
    assert ms.bots.remove(bot_id)["message"]
    assert ms.bots.delete_data(bot_id)["bot_id"] == bot_id
    with pytest.raises(meetstream.NotFoundError, match="Bot not found"):
        ms.bots.status(bot_id)


def test_what_a_meeting_leaves(ms: meetstream.MeetStream, served: Served) -> None:
    bot_id = finished(ms, served)
    for url in (
        ms.bots.audio(bot_id)["audio_url"],
        ms.bots.wait_for_audio(bot_id, timeout=1)["audio_url"],
        ms.bots.audio_streams(bot_id)["participants"][0]["streams"][0]["segments"][0]["url"],
    ):
        with urllib.request.urlopen(url) as response:  # without a key
            assert len(response.read()) > 1000
    assert ms.bots.recording_streams(bot_id)["recording_streams_available"] is False
    assert ms.bots.screenshots(bot_id)["screenshots"] == []
    assert {one["displayName"] for one in ms.bots.participants(bot_id)} == {"Ada L", "Ben"}
    assert ms.bots.chats(bot_id)["chatMessages"][0]["text"] == "hello"
    assert ms.bots.speaker_timeline(bot_id)["chunks"][0]["speakerName"] == "Ada L"
    for wanted in (ms.bots.video, ms.bots.wait_for_video):
        with pytest.raises(meetstream.NotFoundError):
            wanted(bot_id)


def test_what_is_not_ready(ms: meetstream.MeetStream, served: Served) -> None:
    bot_id = in_meeting(ms, served, **STREAMS, **TRANSCRIBED)
    transcript_id = ms.bots.detail(bot_id)["bot_details"]["transcript_id"]
    for call in (
        lambda: ms.bots.audio(bot_id),
        lambda: ms.bots.audio_streams(bot_id),
        lambda: ms.bots.speaker_timeline(bot_id),
        lambda: ms.bots.wait_for_audio(bot_id, timeout=0.05, interval=0.02),
        lambda: ms.transcripts.get(transcript_id),
        lambda: ms.transcripts.wait_for(transcript_id, timeout=0.05, interval=0.02),
    ):
        with pytest.raises(meetstream.NotReadyError):
            call()


def test_transcripts(ms: meetstream.MeetStream, served: Served) -> None:
    bot_id = finished(ms, served)
    transcript_id = ms.bots.detail(bot_id)["bot_details"]["transcript_id"]
    assert ms.transcripts.get(transcript_id)[0]["transcript"] == "Hello all."
    assert ms.transcripts.wait_for(transcript_id, timeout=1)[0]["speaker"] == "Ada L"
    assert ms.transcripts.get(transcript_id, raw=True)["utterances"][1]["text"] == "Hi Ada."
    (one,) = ms.transcripts.list_for_bot(bot_id)["transcriptions"]
    assert (one["transcript_id"], one["status"]) == (transcript_id, "Success")
    again = ms.transcripts.transcribe_bot_audio(bot_id, {"provider": {"meetstream": {}}})
    assert again["provider"] == "meetstream"
    with pytest.raises(meetstream.BadRequestError, match="provider"):
        ms.transcripts.transcribe_bot_audio(bot_id)
    served.summarise(bot_id)
    assert ms.bots.summary(bot_id)["summary"]


def test_errors(ms: meetstream.MeetStream, served: Served) -> None:
    with pytest.raises(meetstream.BadRequestError, match=r"meeting_link is required\.") as caught:
        ms.bots.create({})
    assert caught.value.request_id
    assert caught.value.body == {"message": "meeting_link is required."}
    with served.client("wrong") as stranger, pytest.raises(meetstream.PermissionError, match=r"Invalid token\."):
        stranger.bots.list()
    bot_id = in_meeting(ms, served)
    for _ in range(15):
        ms.bots.pause_recording(bot_id)
        ms.bots.resume_recording(bot_id)
    with pytest.raises(meetstream.RateLimitError) as throttled:
        ms.bots.pause_recording(bot_id)
    assert throttled.value.retry_after is not None
    assert 0 < throttled.value.retry_after <= 60


def test_the_asynchronous_client(served: Served) -> None:
    async def story() -> None:
        client = meetstream.AsyncMeetStream(served.key, base_url=f"{served.url}/api/v1", max_retries=0)
        made = await client.bots.create({"meeting_link": served.link, **STREAMS, **TRANSCRIBED})
        bot_id = made["bot_id"]
        await client.bots.status(bot_id)
        with pytest.raises(meetstream.NotReadyError):
            await client.bots.audio(bot_id)
        await asyncio.to_thread(served.finish, bot_id)
        assert (await client.bots.wait_for_audio(bot_id, timeout=1))["audio_url"]
        transcript_id = (await client.bots.detail(bot_id))["bot_details"]["transcript_id"]
        assert (await client.transcripts.wait_for(transcript_id, timeout=1))[0]["transcript"]
        await client.bots.delete_data(bot_id)
        await client.http.aclose()

    asyncio.run(story())


def test_webhooks_verify() -> None:
    bot = Bot("b1", "a", BotConfig("http://room/a", custom_attributes={"tenant": "t1"}), 1_790_000_000.0)

    def sent(moment: Moment, message: str) -> dict[str, Any]:
        body = payloads.encode(payloads.lifecycle(bot, moment, message, 1_790_000_100.0))
        signature = signing.headers(body, "s3cret", datetime.now(UTC), 7)["X-MeetStream-Signature"]
        assert meetstream.verify_webhook_signature(body, signature, "s3cret")
        assert not meetstream.verify_webhook_signature(body + b" ", signature, "s3cret")
        with pytest.raises(ValueError, match="verification failed"):
            meetstream.parse_webhook(body, signature, "other")
        return dict(meetstream.parse_webhook(body, signature, "s3cret"))

    assert not meetstream.is_terminal(sent(Moment.IN_MEETING, "In"))
    stopped = sent(Moment.STOPPED, "The bot left.")
    assert meetstream.is_terminal(stopped)
    assert meetstream.describe_stop(stopped) == "The bot left normally."
    assert "waiting room" in meetstream.describe_stop(sent(Moment.NOT_ALLOWED, "Nobody came"))
    assert "refused" in meetstream.describe_stop(sent(Moment.DENIED, "No"))
