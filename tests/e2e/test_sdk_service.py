"""MeetStream's own Python SDK against the whole server: every call it has for bots, transcripts and webhooks.

Two bots in one meeting with words: one is the synchronous client's, one the asynchronous one's. The SDK itself is asked
which calls there are, so that a new one fails here until it works.
"""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import meetstream
import pytest
from aiohttp import web
from meetstream import webhooks as sdk_webhooks
from meetstream.resources import AsyncBots, AsyncTranscripts, Bots, Transcripts
from pydantic import SecretStr

from hooks import Hooks, receiving
from rejoinder.demo import synthesize
from rejoinder.rehearsal import Person
from rejoinder.rehearsal.check import word_error_rate
from stage import KEY, Stage, open_stage
from test_bot_commands import pictures

pytestmark = pytest.mark.models

SECRET = "whsec_tests"
ADA = "Good morning everyone. The release is planned for Friday afternoon."
BEN = "I will write the announcement on Thursday, and send it to Ada."
WORST = 0.15
NO_VIDEO = {"bots.video", "bots.wait_for_video"}
"""Answered with 404 by this server, as it records none."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with open_stage(tmp_path_factory.mktemp("sdk"), models=True, webhook_secret=SecretStr(SECRET)) as stage:
        yield stage


def verbs(kind: type, prefix: str) -> set[str]:
    """The calls of one of the SDK's resources."""
    found = {name for base in kind.__mro__ for name, value in vars(base).items() if callable(value)}
    return {f"{prefix}.{name}" for name in found if not name.startswith("_")}


class Client:
    """One of the SDK's clients, and which of its calls came back with an answer, or as an error."""

    def __init__(self, stage: Stage, name: str, kind: Any) -> None:
        self.name = name
        self.answered: set[str] = set()
        self.refused: set[str] = set()
        self._sdk = kind(KEY, base_url=f"{stage.url}/api/v1", max_retries=0)

    async def __call__(self, call: str, *args: Any, **options: Any) -> Any:
        """``await client("bots.status", bot_id)``."""
        resource, _, verb = call.partition(".")
        function = getattr(getattr(self._sdk, resource), verb)
        try:
            if asyncio.iscoroutinefunction(function):
                answer = await function(*args, **options)
            else:
                answer = await asyncio.to_thread(function, *args, **options)
        except meetstream.MeetStreamError:
            self.refused.add(call)
            raise
        self.answered.add(call)
        return answer

    async def close(self) -> None:
        """Give back its connections."""
        closed = self._sdk.close() if hasattr(self._sdk, "close") else self._sdk.aclose()
        if asyncio.iscoroutine(closed):
            await closed

    async def until(self, call: str, true: Callable[[Any], bool], bot: str, within_s: float = 15.0) -> Any:
        """Ask until the answer is as wanted."""
        end = asyncio.get_running_loop().time() + within_s
        while not true(answer := await self(call, bot)):
            assert asyncio.get_running_loop().time() < end, answer
            await asyncio.sleep(0.05)
        return answer


class Noted:
    """A module, and which of its functions were called."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self.called: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.called.add(name)
        return getattr(self._module, name)


def test_every_call_of_the_sdk(stage: Stage) -> None:
    async def scene() -> None:
        clients = [
            Client(stage, "Robin", meetstream.MeetStream),
            Client(stage, "Wren", meetstream.AsyncMeetStream),
        ]
        try:
            async with receiving() as hooks:
                await story(stage, clients, hooks)
        finally:
            for client in clients:
                await client.close()
        for client, kinds in zip(clients, ((Bots, Transcripts), (AsyncBots, AsyncTranscripts)), strict=True):
            there = verbs(kinds[0], "bots") | verbs(kinds[1], "transcripts")
            assert len(there) >= 25
            assert client.answered == there - NO_VIDEO
            assert client.refused >= NO_VIDEO

    stage.play(scene(), 500)


async def story(stage: Stage, clients: list[Client], hooks: Hooks) -> None:
    ada, ben = await stage.person("Ada", "sdk"), await stage.person("Ben", "sdk")
    bots = [await created(stage, client, hooks) for client in clients]
    for client, bot in zip(clients, bots, strict=True):
        await does_what_it_is_told(client, bot, ada)
    await asyncio.sleep(0.5)
    await talk(stage, ada, ben)
    for client, bot in zip(clients, bots, strict=True):
        assert (await client("bots.remove", bot))["bot_id"] == bot
    for client, bot in zip(clients, bots, strict=True):
        await leaves_a_recording(client, bot)
        await leaves_words(client, bot)
    for client, bot in zip(clients, bots, strict=True):
        await hooks.wait(lambda seen, bot=bot: seen.names(bot)[-1:] == ["bot.done"], 30)
        check_webhooks(hooks, bot)
        assert (await client("bots.delete_data", bot))["deleted_objects"] >= 5
        with pytest.raises(meetstream.NotFoundError, match="Bot not found"):
            await client("bots.status", bot)


async def created(stage: Stage, client: Client, hooks: Hooks) -> str:
    """Once, though the call was repeated; found in the list, and soon in the meeting."""
    body = {
        "meeting_link": stage.link("sdk"),
        "bot_name": client.name,
        "callback_url": hooks.url,
        "custom_attributes": {"client": client.name},
        "audio_separate_streams": True,
        "recording_config": {"transcript": {"provider": {"meetstream": {"language": "en"}}}},
    }
    made = await client("bots.create", body, idempotency_key=f"key-{client.name}")
    bot = str(made["bot_id"])
    stage._bots.append(bot)
    assert made["status"] == "Active"
    assert (await client("bots.create", body, idempotency_key=f"key-{client.name}"))["bot_id"] == bot
    listed = await client("bots.list", params={"custom_attr[client]": client.name})
    assert [row["bot_id"] for row in listed["bots"]] == [bot]
    await client.until("bots.status", lambda answer: answer["status"] == "Recording", bot)
    details = (await client("bots.detail", bot))["bot_details"]
    assert details["custom_attributes"] == {"client": client.name}
    for early in ("bots.audio", "bots.audio_streams", "bots.speaker_timeline"):
        with pytest.raises(meetstream.NotReadyError):
            await client(early, bot)
    for wait, ident in (("bots.wait_for_audio", bot), ("transcripts.wait_for", details["transcript_id"])):
        with pytest.raises(meetstream.NotReadyError):
            await client(wait, ident, timeout=0.05, interval=0.02)
    return bot


@asynccontextmanager
async def gallery() -> AsyncIterator[tuple[str, list[str]]]:
    """The URL of a picture, and who fetched it."""
    asked: list[str] = []

    async def picture(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=pictures("PNG"), content_type="image/png")

    app = web.Application()
    app.router.add_get("/a.png", picture)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/a.png", asked
    finally:
        await runner.cleanup()


async def does_what_it_is_told(client: Client, bot: str, ada: Person) -> None:
    text = f"This is {client.name}."
    assert (await client("bots.send_message", bot, text))["command"] == "send_message"
    await ada.until(lambda: any(chat.text == text for chat in ada.chats), 10, "the bot's message")
    async with gallery() as (url, asked):
        assert (await client("bots.send_image", bot, url, 5))["command"] == "send_image"
        await ada.until(lambda: asked == ["/a.png"], 10, "the bot to fetch the picture")
    for call, state in (("bots.pause_recording", "paused"), ("bots.resume_recording", "on")):
        assert (await client(call, bot))["status"] == "accepted"
        await client.until(
            "bots.detail", lambda answer, state=state: answer["bot_details"]["RecordingStatus"] == state, bot
        )


async def talk(stage: Stage, ada: Person, ben: Person) -> None:
    assert stage.server.services is not None
    voice = stage.server.services.voice
    await ada.say(await synthesize(voice, ADA))
    await asyncio.sleep(0.5)
    await ben.say(await synthesize(voice, BEN, low=True))
    await ada.chat("hello bots")
    await asyncio.sleep(1.5)


async def leaves_a_recording(client: Client, bot: str) -> None:
    links = [
        (await client("bots.wait_for_audio", bot, timeout=60, interval=0.2))["audio_url"],
        (await client("bots.audio", bot))["audio_url"],
    ]
    streams = await client("bots.audio_streams", bot)
    people = {one["participant_name"]: one["streams"][0]["segments"][0]["url"] for one in streams["participants"]}
    assert {"Ada", "Ben"} <= {*people}
    for url in (*links, people["Ada"], people["Ben"]):
        assert len(await asyncio.to_thread(fetched, url)) > 10_000
    assert (await client("bots.recording_streams", bot))["recording_streams_available"] is False
    assert (await client("bots.screenshots", bot))["screenshots"] == []
    assert {"Ada", "Ben"} <= {one["displayName"] for one in await client("bots.participants", bot)}
    assert "hello bots" in [one["text"] for one in (await client("bots.chats", bot))["chatMessages"]]
    spoke = {chunk["speakerName"] for chunk in (await client("bots.speaker_timeline", bot))["chunks"]}
    assert {"Ada", "Ben"} <= spoke
    for call in sorted(NO_VIDEO):
        with pytest.raises(meetstream.NotFoundError):
            await client(call, bot)


def fetched(url: str) -> bytes:
    """As anyone would: without a key."""
    with urllib.request.urlopen(url) as response:
        return bytes(response.read())


def said(segments: list[dict[str, Any]], speaker: str) -> str:
    return " ".join(segment["transcript"] for segment in segments if segment["speaker"] == speaker)


async def leaves_words(client: Client, bot: str) -> None:
    ident = (await client("bots.detail", bot))["bot_details"]["transcript_id"]
    waited = await client("transcripts.wait_for", ident, timeout=120, interval=0.2)
    assert await client("transcripts.get", ident) == waited
    assert word_error_rate(ADA, said(waited, "Ada")) <= WORST, waited
    assert word_error_rate(BEN, said(waited, "Ben")) <= WORST, waited
    assert (await client("transcripts.get", ident, raw=True))["utterances"]
    again = await client("transcripts.transcribe_bot_audio", bot, {"provider": {"meetstream": {}}})
    assert again["transcript_id"] != ident
    segments = await client("transcripts.wait_for", again["transcript_id"], timeout=120, interval=0.2)
    assert word_error_rate(ADA, said(segments, "Ada")) <= WORST, segments
    listed = (await client("transcripts.list_for_bot", bot))["transcriptions"]
    assert [(one["transcript_id"], one["status"]) for one in listed] == [
        (ident, "Success"),
        (again["transcript_id"], "Success"),
    ]
    await summarised(client, bot)


async def summarised(client: Client, bot: str) -> None:
    """The language model gives way to everything else, so that a busy computer takes long."""
    end = asyncio.get_running_loop().time() + 180
    while True:
        try:
            assert (await client("bots.summary", bot))["summary"]
            return
        except meetstream.NotReadyError:
            assert asyncio.get_running_loop().time() < end, "no summary"
            await asyncio.sleep(0.5)


def check_webhooks(hooks: Hooks, bot: str) -> None:
    """Every webhook is verified, and read, with the SDK's own functions."""
    sdk = Noted(sdk_webhooks)
    ends = []
    for body, headers in hooks.raw:
        signature = headers["X-MeetStream-Signature"]
        assert sdk.verify_webhook_signature(body, signature, SECRET)
        assert not sdk.verify_webhook_signature(body + b" ", signature, SECRET)
        with pytest.raises(ValueError, match="verification failed"):
            sdk.parse_webhook(body, signature, "another")
        event = sdk.parse_webhook(body, signature, SECRET)
        if event["bot_id"] == bot and sdk.is_terminal(event):
            ends.append(sdk.describe_stop(event))
    assert ends == ["The bot left normally."]
    assert sdk.called == {*sdk_webhooks.__all__}
