"""A bot in the built-in room, driven by a user's server that was written from the seeds alone."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import numpy as np
import pytest

from rejoinder.core.participant import Participant
from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE
from rejoinder.rehearsal import Person
from sound import GAP_S, cut, loudness, pitch, share, sounds, tone, whole
from stage import Stage, readies, samples_of

ADA_HZ, BEN_HZ, BOT_HZ = 500.0, 1300.0, 2100.0
RATES = (8_000, 16_000, 24_000, 44_100, 48_000)
EAR_S = 0.5
"""A sound is at the ear by then, with much to spare: about 0.1 s is usual."""


@dataclass
class Call:
    """Ada, Ben and the bot in one room."""

    stage: Stage
    ada: Person
    ben: Person
    bot: str
    robin: Participant


@pytest.fixture(scope="module")
def call(stage: Stage) -> Call:
    calls: list[Call] = []

    async def gather() -> None:
        ada, ben = await stage.person("Ada", "standup"), await stage.person("Ben", "standup")
        bot = await stage.connected_bot("standup")
        await ada.until(lambda: any(who.name == "Robin" for who in ada.others), 10, "the bot")
        robin = ada.find("Robin")
        await ada.until(lambda: len(ada.tapes[robin.id].blocks) > 20, 10, "the bot's audio")
        await stage.seed.wait(lambda seen: len({ident for ident, _, _ in seen.frames}) == 2)
        await asyncio.sleep(0.3)
        calls.append(Call(stage, ada, ben, bot, robin))

    stage.keep(gather())
    return calls[0]


def test_ready_comes_first_and_removal_closes_with_1000(stage: Stage) -> None:
    async def scene() -> None:
        ada = await stage.person("Ada", "alone")
        stage.seed.control_messages.clear()
        stage.seed.audio_messages.clear()
        stage.seed.closed.clear()
        bot = await stage.connected_bot("alone")
        robin = ada.find("Robin")
        hello = {
            "type": "ready",
            "bot_id": bot,
            "message": "Ready to receive messages",
            "speaker_id": robin.id,
        }
        assert stage.seed.control_messages == stage.seed.audio_messages == [hello]
        assert stage.seed.first["control", bot] == stage.seed.first["audio", bot] == "text"
        assert robin.is_bot
        await stage.until_status(bot, "InMeeting")
        assert (await stage.remove(bot))["bot_id"] == bot
        await stage.seed.wait(lambda seen: len(seen.closed) == 2)
        assert sorted(stage.seed.closed) == [("audio", 1000), ("control", 1000)]
        assert (await stage.until_status(bot, "Done"))["message"] == "Bot left the meeting"
        await ada.until(lambda: not ada.others, 10, "the bot to be gone")

    stage.play(scene())


def test_frames_carry_each_persons_own_sound_and_never_the_bots(call: Call) -> None:
    async def scene() -> None:
        seed = call.stage.seed
        await call.stage.speak(call.bot, tone(BOT_HZ, 1.6, 16_000), 16_000)
        await asyncio.sleep(0.2)
        seed.frames.clear()
        began = call.ada.now
        await asyncio.gather(call.ada.say(tone(ADA_HZ, 1.2)), call.ben.say(tone(BEN_HZ, 1.2)))
        await asyncio.sleep(0.3)
        took = call.ada.now - began

        assert call.ada.me is not None
        assert call.ben.me is not None
        assert {(ident, name) for ident, name, _ in seed.frames} == {(call.ada.me.id, "Ada"), (call.ben.me.id, "Ben")}
        assert {len(pcm) for _, _, pcm in seed.frames} == {FRAME_SAMPLES * 2}
        for who, own, others in ((call.ada.me, ADA_HZ, BEN_HZ), (call.ben.me, BEN_HZ, ADA_HZ)):
            heard = samples_of(seed, who.id)
            assert len(heard) / MEETING_RATE == pytest.approx(took, abs=0.3)
            loud = loudest(heard, 0.8)
            assert pitch(loud) == pytest.approx(own, abs=5)
            assert loudness(loud) == pytest.approx(8000 / np.sqrt(2), rel=0.2)
            assert share(loud, own) > 0.98
            assert share(loud, others) < 0.001
            assert share(loud, BOT_HZ) < 0.001
        await call.ada.until_quiet(call.robin.id, 0.3, 3)

    call.stage.play(scene())


@pytest.mark.parametrize("rate", RATES)
def test_a_short_clip_is_heard_whole(call: Call, rate: int) -> None:
    async def scene() -> None:
        hz = 700.0
        since = call.ada.now
        await call.stage.speak(call.bot, tone(hz, 0.25, rate), rate, article=rate == 16_000)
        await asyncio.sleep(0.25 + EAR_S)
        heard = call.ada.tapes[call.robin.id].samples(since)
        ((begin, end),) = sounds(heard, GAP_S)
        assert whole(end - begin, 0.25)
        inner = cut(heard, begin + 0.02, end - 0.02)
        assert pitch(inner) == pytest.approx(hz, abs=12)
        assert loudness(inner) == pytest.approx(8000 / np.sqrt(2), rel=0.2)

    call.stage.play(scene())


@pytest.mark.parametrize("rate", RATES)
def test_pieces_of_20_ms_with_gaps_are_all_heard(call: Call, rate: int) -> None:
    """Every piece is there, as loud and nearly as long as it was sent, at the pace it was sent."""

    async def scene() -> None:
        hz, pieces = 1000.0, 7
        since = call.ada.now
        for number in range(pieces):
            await asyncio.sleep(max(0.0, since + number * 0.18 - call.ada.now))
            await call.stage.speak(call.bot, tone(hz, 0.02, rate), rate, article=number % 2 == 1)
        await asyncio.sleep(EAR_S)
        heard = call.ada.tapes[call.robin.id].samples(since)
        found = sounds(heard)
        print(found)
        assert len(found) == pieces
        for begin, end in found:
            assert 0.01 <= end - begin <= 0.1
        assert pitch(heard) == pytest.approx(hz, abs=15)
        energy = float(np.sum(np.square(heard.astype(np.float64))))
        expected = pieces * float(np.sum(np.square(tone(hz, 0.02).astype(np.float64))))
        assert 0.6 < energy / expected < 3

    call.stage.play(scene())


@pytest.mark.parametrize(
    "command",
    [
        {"command": "interrupt", "action": "clear_audio_queue"},
        {"action": "interrupt", "type": "clear_audio_queue"},
    ],
    ids=["guide", "article"],
)
def test_interrupt_really_clears(call: Call, command: dict[str, str]) -> None:
    async def scene() -> None:
        tape = call.ada.tapes[call.robin.id]
        since = call.ada.now
        for _ in range(5):
            await call.stage.speak(call.bot, tone(600.0, 1.0, 24_000), 24_000)
        await call.ada.until(lambda: tape.first_sound(since) is not None, 10, "the clip")
        await asyncio.sleep(0.5)
        interrupted = call.ada.now
        assert tape.last_sound(interrupted - 0.2) is not None
        await call.stage.seed.send(call.bot, {**command, "bot_id": call.bot})
        await asyncio.sleep(1.3)
        last = tape.last_sound(since)
        assert last is not None
        assert last - interrupted < 0.6, "four seconds were still to be said"
        again = call.ada.now
        await call.stage.speak(call.bot, tone(900.0, 0.3, 16_000), 16_000)
        await asyncio.sleep(0.3 + EAR_S)
        heard = tape.samples(again)
        ((begin, end),) = sounds(heard, GAP_S)
        assert whole(end - begin, 0.3)
        assert pitch(cut(heard, begin + 0.02, end - 0.02)) == pytest.approx(900.0, abs=12)

    call.stage.play(scene())


def test_chat_both_ways(call: Call) -> None:
    async def scene() -> None:
        seed, ada = call.stage.seed, call.ada
        ada.chats.clear()
        await seed.send(call.bot, {"command": "sendmsg", "bot_id": call.bot, "message": "Hello", "msg": "Hello"})
        for text, final in (("It", False), ("It is", False), ("It is noon.", True)):
            chat = {"command": "sendchat", "bot_id": call.bot, "role": "assistant", "text": text, "is_final": final}
            await seed.send(call.bot, chat)
        await seed.send(call.bot, {"action": "sendmsg", "message": "The end"})
        await ada.until(lambda: any(chat.text == "The end" for chat in ada.chats), 10, "the chat")
        assert [chat.text for chat in ada.chats] == ["Hello", "It is noon.", "The end"]
        assert {chat.participant.id for chat in ada.chats} == {call.robin.id}

        seed.control_messages.clear()
        await ada.chat("What time is it? ⏰")
        await seed.wait(lambda seen: seen.control_messages)
        assert ada.me is not None
        (message,) = seed.control_messages
        assert message.pop("timestamp") == pytest.approx(time.time(), abs=5)
        assert message == {
            "command": "usermsg",
            "message": "What time is it? ⏰",
            "bot_id": call.bot,
            "speaker_id": ada.me.id,
            "speaker_name": "Ada",
        }

    call.stage.play(scene())


def test_two_bots_in_one_room_hear_each_other_and_are_told_apart(call: Call) -> None:
    async def scene() -> None:
        stage = call.stage
        second = await stage.connected_bot("standup", bot_name="Wren")
        await call.ada.until(lambda: any(who.name == "Wren" for who in call.ada.others), 10, "the second bot")
        wren = call.ada.find("Wren")
        await call.ada.until(lambda: len(call.ada.tapes[wren.id].blocks) > 20, 10, "the second bot's audio")
        assert len([m for m in readies(stage.seed) if m["bot_id"] == second]) == 2
        await asyncio.sleep(0.3)
        stage.seed.frames.clear()
        since = call.ada.now
        await stage.speak(call.bot, tone(600.0, 0.5, 16_000), 16_000)
        await stage.speak(second, tone(1500.0, 0.5, 16_000), 16_000)
        await asyncio.sleep(0.5 + EAR_S)
        for bot, hz in ((call.robin, 600.0), (wren, 1500.0)):
            heard = loudest(call.ada.tapes[bot.id].samples(since), 0.3)
            assert pitch(heard) == pytest.approx(hz, abs=5)
            assert share(heard, hz) > 0.98
            assert share(loudest(samples_of(stage.seed, bot.id), 0.3), hz) > 0.98

    call.stage.play(scene())


def loudest(pcm: np.ndarray, seconds: float) -> np.ndarray:
    """The loudest stretch of this length."""
    length = round(seconds * MEETING_RATE)
    energy = np.cumsum(np.square(pcm.astype(np.float64)))
    start = int(np.argmax(energy[length:] - energy[:-length])) if len(pcm) > length else 0
    return pcm[start : start + length]
