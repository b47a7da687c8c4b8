"""A bot with Attendee's realtime websockets in the built-in room, and a user's server written from the seed alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from rejoinder.core.bot import AttendeeConfig, BotConfig, RealtimeAudio
from rejoinder.rehearsal import Person
from rejoinder.rehearsal.tape import Tape
from seed_attendee import AttendeeServer, Chunk, attendee_server
from sound import GAP_S, MARGIN_S, SCALE, STRETCH_S, cut, loudness, pitch, rms, share, sounds, steps, tone, whole
from stage import Stage

ADA_HZ, BEN_HZ, BOT_HZ = 500.0, 1300.0, 700.0
EAR_S = 0.5
ACCOUNT = "default"


@dataclass
class Call:
    """Ada and a bot in a room, and the user's server."""

    stage: Stage
    user: AttendeeServer
    ada: Person
    bot: str
    robin: str

    @property
    def tape(self) -> Tape:
        return self.ada.tapes[self.robin]

    def heard(self, since: float, gap_s: float = GAP_S) -> list[tuple[float, float]]:
        return sounds(self.tape.samples(since), gap_s)


def total(pieces: list[tuple[float, float]]) -> float:
    return sum(end - begin for begin, end in pieces)


async def create(stage: Stage, room: str, attendee: AttendeeConfig) -> str:
    config = BotConfig(meeting_link=stage.link(room), bot_name="Robin", attendee=attendee)
    bot = (await stage.server.bots.create(config, ACCOUNT)).bot.id
    stage._bots.append(bot)
    return bot


@asynccontextmanager
async def calling(
    stage: Stage, room: str, rate: int = 16_000, threshold: float | None = None, voices: RealtimeAudio | None = None
) -> AsyncIterator[Call]:
    async with attendee_server() as user:
        ada = await stage.person("Ada", room)
        audio = RealtimeAudio(user.url(), rate, threshold)
        if voices is not None:
            voices = RealtimeAudio(user.url(voices.url), voices.sample_rate)
        bot = await create(stage, room, AttendeeConfig(audio=audio, per_participant_audio=voices))
        await user.wait(lambda seen: seen.mixed(), 10)
        await ada.until(lambda: bool(ada.others), 10, "the bot")
        robin = ada.find("Robin").id
        await ada.until(lambda: len(ada.tapes[robin].blocks) > 20, 10, "the bot's audio")
        yield Call(stage, user, ada, bot, robin)
        await stage.remove(bot)
        await user.wait(lambda seen: len(seen.closed) == len(seen.first), 5)
        assert user.closed[-1] == 1000


@pytest.fixture(scope="module")
def call(stage: Stage) -> Iterator[Call]:
    """One call for the tests that only speak; the ear's jitter buffer has settled."""
    stack, calls = AsyncExitStack(), list[Call]()

    async def gather() -> None:
        calls.append(await stack.enter_async_context(calling(stage, "shared")))
        await asyncio.sleep(1.0)

    stage.keep(gather())
    yield calls[0]
    stage.keep(stack.aclose())


def joined(chunks: list[Chunk]) -> np.ndarray:
    return np.concatenate([chunk.pcm for chunk in chunks])


def loudest(pcm: np.ndarray, length: int) -> np.ndarray:
    energy = np.cumsum(np.square(pcm.astype(np.float64)))
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return pcm[start : start + length]


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_the_mixed_audio_of_all_participants_arrives(stage: Stage, rate: int) -> None:
    async def scene() -> None:
        async with calling(stage, f"mixed{rate}", rate) as call:
            ben = await stage.person("Ben", f"mixed{rate}")
            await asyncio.sleep(0.8)
            await call.user.speak(tone(BOT_HZ, 1.0, 24_000), 24_000)
            call.user.chunks.clear()
            began = time.time()
            await asyncio.gather(call.ada.say(tone(ADA_HZ, 0.8)), ben.say(tone(BEN_HZ, 0.8)))
            await asyncio.sleep(0.4)
            chunks = call.user.mixed()
            assert {(chunk.bot_id, chunk.sample_rate, len(chunk.pcm)) for chunk in chunks} == {
                (call.bot, rate, rate // 50)
            }
            steps = np.diff([chunk.timestamp_ms for chunk in chunks])
            assert set(steps.tolist()) <= {19, 20, 21}
            clock = time.time() - call.ada.now
            late = [chunk.came + clock - chunk.timestamp_ms / 1000 for chunk in chunks]
            assert 0.015 < min(late) < 0.16, "20 ms of sound, and at most 40 ms to wait for others"
            pcm = joined(chunks)
            loud = loudest(pcm, round(0.5 * rate))
            assert share(loud, ADA_HZ, rate) + share(loud, BEN_HZ, rate) > 0.97
            for hz in (ADA_HZ, BEN_HZ):
                assert share(loud, hz, rate) == pytest.approx(0.5, abs=0.15)
            assert share(loud, BOT_HZ, rate) < 0.001, "the bot hears itself"
            first = next(chunk for chunk in chunks if rms(chunk.pcm) > 1000)
            assert began <= first.timestamp_ms / 1000 <= began + 1.0
            assert not call.user.binary

    stage.play(scene())


def test_no_greeting_silence_from_the_beginning_no_compression_and_1000_at_the_end(stage: Stage) -> None:
    async def scene() -> None:
        async with attendee_server() as user:
            bot = await create(stage, "alone", AttendeeConfig(audio=RealtimeAudio(user.url())))
            await user.wait(lambda seen: len(seen.mixed()) >= 25, 10)
            assert user.first == ["realtime_audio.mixed"]
            assert not joined(user.mixed()).any()
            assert user.extensions == [None]
            assert abs(user.mixed()[-1].timestamp_ms / 1000 - time.time()) < 0.5
            await stage.remove(bot)
            await user.wait(lambda seen: seen.closed)
            assert user.closed == [1000]
            assert {message["trigger"] for message in user.others} == set()

    stage.play(scene())


def test_each_participant_apart_and_one_connection_for_equal_urls(stage: Stage) -> None:
    async def scene() -> None:
        voices = RealtimeAudio("attendee-websocket", 8_000)
        async with calling(stage, "apart", 16_000, voices=voices) as call:
            ben = await stage.person("Ben", "apart")
            await asyncio.sleep(0.8)
            call.user.chunks.clear()
            await asyncio.gather(call.ada.say(tone(ADA_HZ, 0.6)), ben.say(tone(BEN_HZ, 0.6)))
            await asyncio.sleep(2.4)
            assert call.ada.me is not None
            assert ben.me is not None
            for who, hz, other in ((call.ada.me.id, ADA_HZ, BEN_HZ), (ben.me.id, BEN_HZ, ADA_HZ)):
                chunks = call.user.of(who)
                assert {(chunk.sample_rate, len(chunk.pcm)) for chunk in chunks} == {(8_000, 160)}
                # the words and half a second of silence, not the whole 3 s; a jitter buffer may hurry and stretch
                assert 0.85 <= len(chunks) * 0.02 <= 2.0
                loud = loudest(joined(chunks), 3_200)
                assert pitch(loud, 8_000) == pytest.approx(hz, abs=5)
                assert share(loud, other, 8_000) < 0.001
            assert {chunk.participant for chunk in call.user.chunks} == {None, call.ada.me.id, ben.me.id}
            assert [len(sockets) for sockets in call.user.connections.values()] == [1]

    stage.play(scene())


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_what_the_server_says_is_heard_whole(call: Call, rate: int) -> None:
    """250 ms in one message; then 60 ms every 160 ms; then at the pace of speech: all of it, and in its order."""

    async def scene() -> None:
        since = call.ada.now
        await call.user.speak(tone(BOT_HZ, 0.25, rate), rate)
        await asyncio.sleep(0.25 + EAR_S)
        ((begin, end),) = call.heard(since)
        assert whole(end - begin, 0.25)
        inner = cut(call.tape.samples(since), begin + 0.02, end - 0.02)
        assert pitch(inner) == pytest.approx(BOT_HZ, abs=12)
        assert loudness(inner) == pytest.approx(8000 / np.sqrt(2), rel=0.2)

        since = call.ada.now
        for number in range(6):
            await asyncio.sleep(max(0.0, since + number * 0.16 - call.ada.now))
            await call.user.speak(tone(BOT_HZ, 0.06, rate), rate)
        await asyncio.sleep(EAR_S)
        pieces = call.heard(since, gap_s=0.03)
        assert len(pieces) > 1, "they are apart, as they were sent"
        assert 0.36 - MARGIN_S <= total(pieces) <= 0.36 + 6 * 0.02 + STRETCH_S

        since = call.ada.now
        speech = np.concatenate([tone(hz, 0.1, rate) for hz in SCALE])
        for start in range(0, len(speech), rate // 10):
            await call.user.speak(speech[start : start + rate // 10], rate)
            await asyncio.sleep(0.09)
        await asyncio.sleep(EAR_S + 0.2)
        assert whole(total(call.heard(since)), 1.0)
        assert steps(call.tape.samples(since)) == [*SCALE]

    call.stage.play(scene())


def test_pause_current_lecture_pauses_and_goes_on_by_itself(call: Call) -> None:
    async def scene() -> None:
        since = call.ada.now
        await call.user.speak(tone(BOT_HZ, 1.0, 16_000), 16_000)
        await asyncio.sleep(0.45)
        await call.user.send({"trigger": "pause_current_lecture", "data": {"duration": 600}})
        await asyncio.sleep(0.6 + 0.55 + EAR_S)
        (first, second) = call.heard(since)
        assert 0.5 <= second[0] - first[1] <= 0.6 + STRETCH_S
        assert whole(total([first, second]), 1.0)

    call.stage.play(scene())


def test_a_loud_meeting_pauses_the_bot_for_800_ms(stage: Stage) -> None:
    async def scene() -> None:
        async with calling(stage, "loud", threshold=500) as call:
            await asyncio.sleep(0.8)
            quiet, loud = (tone(ADA_HZ, 0.2) // 20), tone(ADA_HZ, 0.2)
            since = call.ada.now
            await call.user.speak(tone(BOT_HZ, 1.6, 16_000), 16_000)
            await asyncio.sleep(0.3)
            await call.ada.say(quiet)  # RMS 280: under the threshold
            await asyncio.sleep(0.2)
            said = await call.ada.say(loud)
            await asyncio.sleep(0.8 + 1.1 + EAR_S)
            (first, second) = call.heard(since)
            began = said.began - since
            assert 0 < first[1] - began < 0.8, "the bot fell silent soon after Ada began"
            # 800 ms from the last of 200 ms that were loud
            assert 0.85 <= second[0] - first[1] <= 0.2 + 0.8 + STRETCH_S
            assert whole(total([first, second]), 1.6)

    stage.play(scene())


def test_clear_silences_at_once_and_the_played_position_is_told(call: Call) -> None:
    async def scene() -> None:
        await call.user.send({"trigger": "realtime_audio.subscribe", "data": {"played": True}})
        await call.user.wait(lambda seen: seen.others)
        before = call.user.others[-1]["data"]
        since = call.ada.now
        for _ in range(5):
            await call.user.speak(tone(BOT_HZ, 1.0, 16_000), 16_000)
        await asyncio.sleep(0.7)
        cleared = call.ada.now
        await call.user.send({"trigger": "realtime_audio.clear"})
        await asyncio.sleep(1.0)
        last = call.tape.last_sound(since)
        assert last is not None
        assert last - cleared < 0.6, "four seconds were still to be said"
        length = total(call.heard(since))
        reports = [message["data"] for message in call.user.others if message["trigger"] == "realtime_audio.played"]
        assert [report["state"] for report in reports][:2] == ["idle", "playing"]
        assert 4 <= len(reports) <= 14, "at every turn, and about five times a second between"
        final = reports[-1]
        assert (final["state"], final["sample_rate"], final["waiting"]) == ("idle", 16_000, 0)
        played, lost = final["samples"] - before["samples"], final["cleared"] - before["cleared"]
        assert played + lost == 5 * 16_000
        assert played / 16_000 - 0.08 <= length <= played / 16_000 + STRETCH_S
        again = call.ada.now
        await call.user.speak(tone(BOT_HZ, 0.3, 24_000), 24_000)
        await asyncio.sleep(0.3 + EAR_S)
        await call.user.send({"trigger": "realtime_audio.subscribe", "data": {"played": False}})
        assert whole(total(call.heard(again)), 0.3)

    call.stage.play(scene())


BAD = {
    "not JSON": ("{", "invalid_json", None),
    "no trigger": ("{}", "missing_field", "trigger"),
    "48 kHz": (
        json.dumps({"trigger": "realtime_audio.bot_output", "data": {"chunk": "AAAA", "sample_rate": 48000}}),
        "invalid_sample_rate",
        "data.sample_rate",
    ),
    "half a sample": (
        json.dumps({"trigger": "realtime_audio.bot_output", "data": {"chunk": "YWJj", "sample_rate": 16000}}),
        "odd_byte_count",
        "data.chunk",
    ),
    "20 MB": (
        json.dumps({"trigger": "realtime_audio.bot_output", "data": {"chunk": "A" * 20 * 2**20}}),
        "message_too_large",
        None,
    ),
    "ten hours": (
        json.dumps({"trigger": "pause_current_lecture", "data": {"duration": 36_000_000}}),
        "invalid_value",
        "data.duration",
    ),
}


def test_bad_messages_are_answered_and_nothing_is_lost(call: Call) -> None:
    async def scene() -> None:
        for text, code, field in BAD.values():
            call.user.others.clear()
            await call.user.send(text)
            await call.user.wait(lambda seen: seen.others)
            (answer,) = call.user.others
            assert (answer["trigger"], answer["bot_id"]) == ("error", call.bot)
            assert (answer["data"]["code"], answer["data"].get("field")) == (code, field)
            assert answer["data"]["message"]
        call.user.others.clear()
        for _ in range(3):
            await call.user.send({"trigger": "dance", "data": {}})
        await call.user.send(b"\xff\xfe".decode("latin-1"))
        await call.user.wait(lambda seen: len(seen.others) == 2)
        assert [answer["data"]["code"] for answer in call.user.others] == ["unknown_trigger", "invalid_json"]
        since = call.ada.now
        await call.user.speak(tone(BOT_HZ, 0.2, 16_000), 16_000)
        await asyncio.sleep(0.2 + EAR_S)
        assert len(call.heard(since)) == 1
        stamps = [chunk.timestamp_ms for chunk in call.user.mixed()]
        assert set(np.diff(stamps).tolist()) <= {19, 20, 21}
        assert len(call.user.closed) == 0

    call.stage.play(scene())


def test_a_server_that_comes_back_gets_what_it_missed(stage: Stage) -> None:
    async def scene() -> None:
        async with attendee_server() as user:
            await create(stage, "again", AttendeeConfig(audio=RealtimeAudio(user.url())))
            await user.wait(lambda seen: len(seen.mixed()) > 10, 10)
        lost = len(user.mixed())
        await asyncio.sleep(0.5)
        async with attendee_server(user):
            began = asyncio.get_running_loop().time()
            await user.wait(lambda seen: len(seen.mixed()) > lost + 50, 6)
            assert asyncio.get_running_loop().time() - began < 5, "retries are 2 s apart"
            stamps = [chunk.timestamp_ms for chunk in user.mixed()]
            assert np.diff(stamps).max() <= 121, "at most what was on its way when the server went"
            assert user.first == ["realtime_audio.mixed"] * 2
            await user.speak(tone(BOT_HZ, 0.1, 16_000), 16_000)
            await asyncio.sleep(0.3)
            assert not user.others

    stage.play(scene())


def test_a_server_that_is_not_up_yet_gets_the_meeting_from_its_beginning(stage: Stage) -> None:
    async def scene() -> None:
        async with attendee_server() as user:
            pass
        began = time.time()
        bot = await create(stage, "late", AttendeeConfig(audio=RealtimeAudio(user.url())))
        await stage.until_status(bot, "InMeeting")
        joined_at = time.time()
        await asyncio.sleep(0.5)
        async with attendee_server(user):
            await user.wait(lambda seen: len(seen.mixed()) > 60, 6)
            stamps = [chunk.timestamp_ms for chunk in user.mixed()]
            assert began <= stamps[0] / 1000 <= joined_at + 0.3
            assert set(np.diff(stamps).tolist()) <= {19, 20, 21}

    stage.play(scene())


async def switched(stage: Stage, bot: str, *, paused: bool) -> None:
    """Pause or resume the recording, and wait until the bot has done it."""
    await stage.server.bots.set_recording(bot, ACCOUNT, paused=paused)
    async with asyncio.timeout(5):
        while ((await stage.server.bots.get(bot, ACCOUNT)).recording == "paused") is not paused:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def test_while_the_recording_is_paused_nobody_is_heard(stage: Stage) -> None:
    async def scene() -> None:
        async with calling(stage, "off", voices=RealtimeAudio("voices")) as call:
            await stage.until_status(call.bot, "Recording")
            await asyncio.sleep(0.5)
            await switched(stage, call.bot, paused=True)
            await asyncio.sleep(0.5)
            call.user.chunks.clear()
            await call.ada.say(tone(ADA_HZ, 0.4))
            await asyncio.sleep(0.2)
            assert len(call.user.mixed()) > 20
            assert not joined(call.user.mixed()).any()
            assert not call.user.of(call.ada.me.id if call.ada.me else "")
            await switched(stage, call.bot, paused=False)
            await asyncio.sleep(0.3)
            await call.ada.say(tone(ADA_HZ, 0.4))
            await asyncio.sleep(0.2)
            assert joined(call.user.mixed()).any()

    stage.play(scene())
