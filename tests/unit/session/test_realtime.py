"""What a bot does with Attendee's sockets, in virtual time and without a network."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jumploop import run
from rejoinder.core.bot import AttendeeConfig, Bot, BotConfig, RealtimeAudio
from rejoinder.core.commands import BotCommand, ClearAudio, PlayAudio
from rejoinder.media.frame import Pcm
from rejoinder.media.inlet import Inlet
from rejoinder.media.mouth import Mouth
from rejoinder.session import realtime
from rejoinder.session.realtime import Realtime
from rejoinder.settings import Settings

A, B = "wss://user.example/a", "wss://user.example/b"


class FakeSocket:
    """Keeps what would be sent; ``deliver`` is the user's server sending something."""

    made: list[FakeSocket]

    def __init__(self, url: str, *_: Any, greeting: Any, on_message: Callable[[bytes], None], **__: Any) -> None:
        assert greeting is None
        self.url = url
        self.deliver = on_message
        self.sent: list[dict[str, Any]] = []
        self.closed = False
        FakeSocket.made.append(self)

    def start(self) -> None:
        pass

    def send_audio(self, frame: str) -> None:
        self.sent.append(json.loads(frame))

    def send_text(self, text: str) -> bool:
        self.sent.append(json.loads(text))
        return True

    async def close(self) -> None:
        self.closed = True

    def of(self, trigger: str) -> list[dict[str, Any]]:
        return [message["data"] for message in self.sent if message["trigger"] == trigger]

    def send(self, trigger: str, **data: Any) -> None:
        self.deliver(json.dumps({"trigger": trigger, "data": data}).encode())

    def speak(self, seconds: float, rate: int = 16_000) -> None:
        chunk = base64.b64encode(np.full(round(seconds * rate), 3000, "<i2").tobytes()).decode()
        self.send("realtime_audio.bot_output", chunk=chunk, sample_rate=rate)


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeSocket.made = []
    monkeypatch.setattr(realtime, "UserSocket", FakeSocket)


class Scene:
    def __init__(self, audio: RealtimeAudio | None = None, voices: RealtimeAudio | None = None) -> None:
        self.notes: list[tuple[str, str]] = []
        self.said: list[bool] = []
        """For every 20 ms: whether the bot was heard."""
        self.mouth = Mouth(lambda pcm: self.said.append(bool(pcm.any())), continuous=True)
        self.inlet = Inlet(self.mouth)
        config = BotConfig("x", attendee=AttendeeConfig(audio=audio, per_participant_audio=voices))
        bot = Bot("bot_1", "a", config, 0.0)
        note = lambda event, message: self.notes.append((event, message))  # noqa: E731
        self.realtime = Realtime(bot, Settings(), self.mouth, self.inlet, self.perform, note)
        self.realtime.open()

    def perform(self, command: BotCommand) -> None:
        match command:
            case PlayAudio(pcm=pcm, sample_rate=rate):
                self.inlet.play(pcm, rate)
            case ClearAudio():
                self.inlet.clear()

    async def people(self, seconds: float, **levels: int) -> None:
        for _ in range(round(seconds * 100)):
            await asyncio.sleep(0.01)
            for who, level in levels.items():
                self.realtime.hear(who, np.full(480, level, np.int16))

    async def close(self) -> None:
        await self.realtime.close()
        self.mouth.stop()


def chunk(data: dict[str, Any]) -> Pcm:
    return np.frombuffer(base64.b64decode(data["chunk"]), "<i2")


def test_the_mix_is_continuous_and_a_voice_comes_only_while_it_sounds() -> None:
    async def scene() -> None:
        it = Scene(RealtimeAudio(A, 16_000), RealtimeAudio(B, 8_000))
        a, b = FakeSocket.made
        began = time.time()
        await asyncio.sleep(1.0)
        await it.people(1.0, ada=1000, ben=0)
        await it.people(1.0, ada=0, ben=0)
        mixed = a.of("realtime_audio.mixed")
        assert len(mixed) == pytest.approx(150, abs=2)
        assert set(np.diff([data["timestamp_ms"] for data in mixed]).tolist()) == {20}
        assert mixed[0]["timestamp_ms"] / 1000 == pytest.approx(began, abs=0.1)
        loud = [number for number, data in enumerate(mixed) if chunk(data).max() > 900]
        assert (loud[0], loud[-1]) == (pytest.approx(50, abs=2), pytest.approx(99, abs=2))
        voices = b.of("realtime_audio.per_participant")
        assert {data["participant_uuid"] for data in voices} == {"ada"}
        assert len(voices) == pytest.approx(75, abs=2)
        assert not a.of("realtime_audio.per_participant")
        assert not b.of("realtime_audio.mixed")
        await it.close()
        assert a.closed
        assert b.closed

    run(scene())


def test_equal_urls_share_one_connection() -> None:
    async def scene() -> None:
        it = Scene(RealtimeAudio(A), RealtimeAudio(A, 8_000))
        await it.people(0.5, ada=1000)
        (socket,) = FakeSocket.made
        assert {message["trigger"] for message in socket.sent} == {
            "realtime_audio.mixed",
            "realtime_audio.per_participant",
        }
        assert {message["bot_id"] for message in socket.sent} == {"bot_1"}
        await it.close()

    run(scene())


def test_a_bot_without_sockets_connects_nowhere() -> None:
    async def scene() -> None:
        it = Scene()
        await it.people(0.1, ada=1000)
        assert not FakeSocket.made
        await it.close()

    run(scene())


def spans(said: list[bool]) -> list[tuple[bool, int]]:
    """Runs of (heard, frames)."""
    found: list[tuple[bool, int]] = []
    for heard in said:
        if found and found[-1][0] == heard:
            found[-1] = (heard, found[-1][1] + 1)
        else:
            found.append((heard, 1))
    return found


def test_a_pause_is_as_long_as_asked_and_nothing_is_lost() -> None:
    async def scene() -> None:
        it = Scene(RealtimeAudio(A))
        (socket,) = FakeSocket.made
        it.said.clear()
        socket.speak(1.0)
        await asyncio.sleep(0.4)
        socket.send("pause_current_lecture", duration=500)
        await asyncio.sleep(2.0)
        runs = [frames for heard, frames in spans(it.said)]
        heard = sum(frames for heard, frames in spans(it.said) if heard)
        assert heard == pytest.approx(51, abs=2)  # a second, and the fade into the pause
        assert max(frames for loud, frames in spans(it.said)[:-1] if not loud) == pytest.approx(25, abs=2)
        assert len(runs) <= 5
        await it.close()

    run(scene())


def test_what_is_said_during_a_pause_waits_for_its_end() -> None:
    async def scene() -> None:
        it = Scene(RealtimeAudio(A))
        (socket,) = FakeSocket.made
        socket.send("pause_current_lecture", duration=1000)
        socket.speak(0.2)
        it.said.clear()
        await asyncio.sleep(0.9)
        assert not any(it.said)
        await asyncio.sleep(0.5)
        assert sum(it.said) == pytest.approx(10, abs=1)
        await it.close()

    run(scene())


def test_a_loud_meeting_holds_the_bot_for_as_long_as_it_is_loud_and_800_ms() -> None:
    async def scene() -> None:
        it = Scene(RealtimeAudio(A, threshold=500))
        (socket,) = FakeSocket.made
        it.said.clear()
        socket.speak(2.0)
        await it.people(0.4, ada=250, ben=240)  # 490 together
        assert sum(it.said) == pytest.approx(20, abs=2)
        await it.people(0.6, ada=250, ben=260)
        await it.people(3.0, ada=0, ben=0)
        silent = max(frames for loud, frames in spans(it.said)[:-1] if not loud)
        assert silent == pytest.approx((0.6 + 0.8) / 0.02, abs=4)
        assert sum(it.said) == pytest.approx(101, abs=2)
        await it.close()

    run(scene())


def test_clear_forgets_the_pause_but_not_the_loud_people() -> None:
    async def scene() -> None:
        it = Scene(RealtimeAudio(A, threshold=500))
        (socket,) = FakeSocket.made
        socket.speak(1.0)
        socket.send("pause_current_lecture", duration=5000)
        socket.send("realtime_audio.clear")
        it.said.clear()
        socket.speak(0.2)
        await asyncio.sleep(0.3)
        assert sum(it.said) == pytest.approx(10, abs=1)
        await it.people(0.1, ada=900)
        socket.send("realtime_audio.clear")
        it.said.clear()
        socket.speak(0.2)
        await asyncio.sleep(0.6)
        assert not any(it.said)
        await asyncio.sleep(0.6)
        assert sum(it.said) == pytest.approx(10, abs=1)
        await it.close()

    run(scene())


def test_the_played_position_adds_up() -> None:
    async def scene() -> None:
        it = Scene(RealtimeAudio(A, 8_000), RealtimeAudio(B))
        a, b = FakeSocket.made
        b.send("realtime_audio.subscribe", played=True)
        await asyncio.sleep(1.0)
        assert [data["state"] for data in b.of("realtime_audio.played")] == ["idle"]
        a.speak(1.0, 24_000)
        await asyncio.sleep(0.5)
        b.send("pause_current_lecture", duration=100)
        await asyncio.sleep(0.3)
        a.send("realtime_audio.clear")
        reports = b.of("realtime_audio.played")
        assert {data["sample_rate"] for data in reports} == {8_000}
        assert [data["state"] for data in reports if data["state"] != "playing"] == ["idle", "paused", "idle"]
        assert all(data["samples"] + data["cleared"] + data["waiting"] in (0, 8_000) for data in reports)
        last = reports[-1]
        assert last["waiting"] == 0
        assert last["samples"] == pytest.approx(0.7 * 8_000, abs=200)
        assert not a.of("realtime_audio.played")
        count = len(reports)
        b.send("realtime_audio.subscribe", played=False)
        a.speak(0.5)
        await asyncio.sleep(1.0)
        assert len(b.of("realtime_audio.played")) == count
        await it.close()

    run(scene())


def test_a_server_in_a_loop_cannot_fill_the_memory() -> None:
    async def scene() -> None:
        it = Scene(RealtimeAudio(A))
        (socket,) = FakeSocket.made
        socket.send("pause_current_lecture", duration=600_000)
        for _ in range(65):
            socket.speak(10.0)
        assert it.inlet.waiting == 600 * 48_000
        errors = socket.of("error")
        assert [(data["code"], data["field"]) for data in errors] == [("queue_full", "data.chunk")] * 5
        assert len([event for event, _ in it.notes if event == "command.error"]) == 1
        await it.close()

    run(scene())


def test_an_unknown_trigger_is_answered_once() -> None:
    async def scene() -> None:
        it = Scene(RealtimeAudio(A))
        (socket,) = FakeSocket.made
        for name in ("dance", "dance", "sing", "dance"):
            socket.send(name)
        assert [data["code"] for data in socket.of("error")] == ["unknown_trigger"] * 2
        for number in range(100):
            socket.send(f"t{number}")
        assert len(socket.of("error")) == realtime.MAX_STRANGERS
        await it.close()

    run(scene())


def test_nobody_is_heard_while_the_recording_is_paused_but_loud_people_still_count() -> None:
    async def scene() -> None:
        it = Scene(RealtimeAudio(A, threshold=500), RealtimeAudio(B))
        a, b = FakeSocket.made
        it.realtime.muted = True
        await it.people(0.5, ada=3000)
        assert len(a.of("realtime_audio.mixed")) > 20
        assert not any(chunk(data).any() for data in a.of("realtime_audio.mixed"))
        assert not b.of("realtime_audio.per_participant")
        it.said.clear()
        a.speak(0.2)
        await asyncio.sleep(0.5)
        assert not any(it.said)
        await it.close()

    run(scene())


def test_who_left_may_come_again() -> None:
    async def scene() -> None:
        it = Scene(RealtimeAudio(A), RealtimeAudio(A))
        await it.people(0.2, ada=1000)
        it.realtime.left("ada")
        await asyncio.sleep(0.5)
        await it.people(0.2, ada=1000)
        voices = FakeSocket.made[0].of("realtime_audio.per_participant")
        assert len(voices) == pytest.approx(20, abs=2)
        steps = np.diff([data["timestamp_ms"] for data in voices])
        assert sorted(set(steps.tolist()))[-1] == pytest.approx(520, abs=25)
        await it.close()

    run(scene())
