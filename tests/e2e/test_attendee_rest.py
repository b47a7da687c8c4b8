"""A client of Attendee's REST API and webhooks against the real server: a bot's life from create to delete_data."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
import pytest
from pydantic import SecretStr

from hooks import Hooks, receiving
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.media.loop import new_event_loop
from rejoinder.rehearsal import Person
from sound import cut, share, sounds, tone
from stage import Stage

SECRET = base64.b64encode(bytes(range(32))).decode()
TRIGGERS = [
    "bot.state_change",
    "transcript.update",
    "chat_messages.update",
    "participant_events.join_leave",
    "participant_events.speech_start_stop",
]
STEPS = [
    ("join_requested", None, "ready", "joining"),
    ("joined_meeting", None, "joining", "joined_not_recording"),
    ("recording_permission_granted", None, "joined_not_recording", "joined_recording"),
    ("recording_paused", None, "joined_recording", "joined_recording_paused"),
    ("recording_resumed", None, "joined_recording_paused", "joined_recording"),
    ("leave_requested", "user_requested", "joined_recording", "leaving"),
    ("left_meeting", None, "leaving", "post_processing"),
    ("post_processing_completed", None, "post_processing", "ended"),
    ("data_deleted", None, "ended", "data_deleted"),
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.get_loop()
        stage = Stage(tmp_path_factory.mktemp("attendee"), runner, webhook_secret=SecretStr(SECRET))
        runner.run(stage.open())
        yield stage
        runner.run(stage.close())


async def ask(stage: Stage, method: str, path: str, status: int = 200, body: Any = None) -> Any:
    async with stage.http.request(method, f"/api/v1/bots{path}", json=body) as response:
        text = await response.text()
        assert response.status == status, (path, response.status, text)
        return json.loads(text) if text else None


async def created(stage: Stage, room: str, **more: Any) -> str:
    body = {"meeting_url": stage.link(room), "bot_name": "Robin", **more}
    made = await ask(stage, "POST", "", 201, body)
    assert made["id"].startswith("bot_")
    assert len(made["id"]) == 20
    stage._bots.append(made["id"])
    return str(made["id"])


async def until(stage: Stage, bot: str, state: str, within_s: float = 10.0) -> dict[str, Any]:
    end = asyncio.get_running_loop().time() + within_s
    while (found := await ask(stage, "GET", f"/{bot}"))["state"] != state:
        assert asyncio.get_running_loop().time() < end, found
        await asyncio.sleep(0.05)
    return dict(found)


def mp3(pcm: Pcm) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as target:
        stream = target.add_stream("libmp3lame", rate=MEETING_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = MEETING_RATE
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


def heard(person: Person, ident: str) -> Pcm:
    return person.tapes[ident].samples(0.0)


def signed(body: bytes, signature: str) -> bool:
    """As Attendee's documentation has receivers do it: over the canonical form, with the decoded secret."""
    canonical = json.dumps(json.loads(body), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = hmac.new(base64.b64decode(SECRET), canonical.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(digest).decode(), signature)


def told(hooks: Hooks, bot: str, trigger: str) -> list[dict[str, Any]]:
    return [body["data"] for body in hooks.bodies if (body["bot_id"], body["trigger"]) == (bot, trigger)]


def test_a_life(stage: Stage) -> None:
    async def scene() -> None:
        async with receiving() as hooks:
            ada = await stage.person("Ada", "life")
            bot = await created(
                stage,
                "life",
                metadata={"tenant": "t1"},
                webhooks=[{"url": hooks.url, "triggers": TRIGGERS}],
                recording_settings={"format": "mp3"},
            )
            await until(stage, bot, "joined_recording")
            await ask(stage, "POST", f"/{bot}/delete_data", 400)
            await asyncio.sleep(0.4)
            await ada.say(tone(440, 1.0))
            await asyncio.sleep(0.6)
            await ada.chat("hello bot")
            message = {"to": "everyone", "message": "hello people"}
            await ask(stage, "POST", f"/{bot}/send_chat_message", body=message)
            await ada.until(lambda: any(chat.text == "hello people" for chat in ada.chats), 10, "the bot's message")
            sound = {"type": "audio/mp3", "data": base64.b64encode(mp3(tone(1500, 1.0))).decode()}
            await ask(stage, "POST", f"/{bot}/output_audio", body=sound)
            robin = ada.find("Robin").id
            await ada.until(lambda: len(sounds(heard(ada, robin), gap_s=0.2)) > 0, 8, "the file to be heard")
            await ada.until_quiet(robin, 0.6, 8)
            ((begin, end),) = sounds(heard(ada, robin), gap_s=0.2)
            assert -0.1 < end - begin - 1.0 < 0.3, "a jitter buffer may stretch it"
            assert share(cut(heard(ada, robin), begin + 0.2, end - 0.2), 1500) > 0.9
            paused = await ask(stage, "POST", f"/{bot}/pause_recording")
            assert (paused["state"], paused["recording_state"]) == ("joined_recording_paused", "paused")
            await ask(stage, "POST", f"/{bot}/pause_recording", 400)
            resumed = await ask(stage, "POST", f"/{bot}/resume_recording")
            assert (resumed["state"], resumed["recording_state"]) == ("joined_recording", "in_progress")
            left = await ask(stage, "POST", f"/{bot}/leave", body={})
            assert left["state"] in ("leaving", "post_processing", "ended")
            ended = await until(stage, bot, "ended")
            assert (ended["recording_state"], ended["metadata"]) == ("complete", {"tenant": "t1"})
            await check_recording(stage, bot)
            await check_lists(stage, bot)
            await check_data_deleted(stage, bot)
            await hooks.wait(lambda seen: len(told(seen, bot, "bot.state_change")) == len(STEPS))
            check_webhooks(hooks, bot)

    stage.play(scene(), 60)


async def check_recording(stage: Stage, bot: str) -> None:
    found = await ask(stage, "GET", f"/{bot}/recording")
    async with aiohttp.ClientSession() as http, http.get(found["url"]) as response:
        assert (response.status, response.content_type) == (200, "audio/mpeg")
        data = await response.read()
    with av.open(io.BytesIO(data)) as file:
        assert file.format.name == "mp3"
        resampler = av.AudioResampler("s16", "mono", MEETING_RATE)
        parts = [out.to_ndarray()[0] for frame in file.decode(audio=0) for out in resampler.resample(frame)]
    pcm = np.concatenate(parts)
    ada, robin = sounds(pcm, gap_s=0.2)
    assert share(cut(pcm, ada[0] + 0.2, ada[1] - 0.2), 440) > 0.9
    assert share(cut(pcm, robin[0] + 0.2, robin[1] - 0.2), 1500) > 0.9
    events = (await ask(stage, "GET", f"/{bot}"))["events"]
    assert events[1]["type"] == "joined_meeting"


async def check_lists(stage: Stage, bot: str) -> None:
    chats = (await ask(stage, "GET", f"/{bot}/chat_messages"))["results"]
    assert [(chat["sender_name"], chat["text"]) for chat in chats] == [("Ada", "hello bot"), ("Robin", "hello people")]
    (ada,) = (await ask(stage, "GET", f"/{bot}/participants"))["results"]
    assert ada["name"] == "Ada"
    events = (await ask(stage, "GET", f"/{bot}/participant_events"))["results"]
    kinds = [event["event_type"] for event in events if event["participant_uuid"] == ada["uuid"]]
    assert kinds[:3] == ["join", "speech_start", "speech_stop"]
    assert await ask(stage, "GET", f"/{bot}/transcript") == []
    async with stage.http.get("/api/v1/bots", headers={"X-Rejoinder-Dialect": "attendee"}) as response:
        assert bot in [row["id"] for row in (await response.json())["results"]]


async def check_data_deleted(stage: Stage, bot: str) -> None:
    url = (await ask(stage, "GET", f"/{bot}/recording"))["url"]
    gone = await ask(stage, "POST", f"/{bot}/delete_data")
    assert (gone["state"], gone["metadata"]) == ("data_deleted", {"tenant": "t1"})
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        assert response.status == 404
    for part in ("chat_messages", "participants", "participant_events"):
        assert (await ask(stage, "GET", f"/{bot}/{part}"))["results"] == []
    await ask(stage, "GET", f"/{bot}/recording", 404)
    await ask(stage, "POST", f"/{bot}/delete_data", 400)
    files: list[Path] = [path for path in (stage.settings.data_dir / "files").rglob("*") if path.is_file()]
    assert [path for path in files if bot in str(path)] == []


def check_webhooks(hooks: Hooks, bot: str) -> None:
    steps = told(hooks, bot, "bot.state_change")
    found = [(one["event_type"], one["event_sub_type"], one["old_state"], one["new_state"]) for one in steps]
    assert found == STEPS
    assert [one["text"] for one in told(hooks, bot, "chat_messages.update")] == ["hello bot"]
    assert told(hooks, bot, "participant_events.join_leave")[0]["event_type"] == "join"
    speech = [one["event_type"] for one in told(hooks, bot, "participant_events.speech_start_stop")]
    assert speech[:2] == ["speech_start", "speech_stop"]
    for body, headers in hooks.raw:
        assert signed(body, headers["X-Webhook-Signature"])
        assert "X-MeetStream-Signature" not in headers
    assert len({body["idempotency_key"] for body in hooks.bodies}) == len(hooks.bodies)
    assert all(body["bot_metadata"] == {"tenant": "t1"} for body in hooks.bodies)


def test_a_scheduled_bot_is_changed_and_deleted(stage: Stage) -> None:
    async def scene() -> None:
        at = "2027-01-01T10:00:00Z"
        bot = await created(stage, "later", join_at=at, deduplication_key="one")
        again = {"meeting_url": stage.link("later"), "bot_name": "Robin", "deduplication_key": "one"}
        assert "deduplication_key" in await ask(stage, "POST", "", 400, again)
        assert (await ask(stage, "GET", f"/{bot}"))["state"] == "scheduled"
        later = "2027-01-02T10:00:00Z"
        changed = await ask(stage, "PATCH", f"/{bot}", body={"join_at": later, "metadata": {"a": "b"}})
        assert changed["join_at"].startswith("2027-01-02T10:00:00")
        assert changed["metadata"] == {"a": "b"}
        await ask(stage, "POST", f"/{bot}/leave", 400)
        await ask(stage, "DELETE", f"/{bot}")
        await ask(stage, "GET", f"/{bot}", 404)

    stage.play(scene())


def test_a_key_is_free_again_when_its_bot_has_ended(stage: Stage) -> None:
    async def scene() -> None:
        first = await created(stage, "keys", deduplication_key="two")
        await until(stage, first, "joined_recording")
        again = {"meeting_url": stage.link("keys"), "bot_name": "Robin", "deduplication_key": "two"}
        await ask(stage, "POST", "", 400, again)
        await ask(stage, "PATCH", f"/{first}", 400, {"bot_name": "Other"})
        await ask(stage, "POST", f"/{first}/leave")
        await until(stage, first, "ended")
        second = await created(stage, "keys", deduplication_key="two")
        await until(stage, second, "joined_recording")
        await stage.remove(second)
        await until(stage, second, "ended")

    stage.play(scene())


def test_alone_it_leaves(stage: Stage) -> None:
    async def scene() -> None:
        settings = {"only_participant_in_meeting_timeout_seconds": 1}
        bot = await created(stage, "alone", automatic_leave_settings=settings)
        ended = await until(stage, bot, "ended")
        (leave,) = [event for event in ended["events"] if event["type"] == "leave_requested"]
        assert leave["sub_type"] == "auto_leave_only_participant_in_meeting"
        assert ended["transcription_state"] == "failed", "this server runs without models"

    stage.play(scene())
