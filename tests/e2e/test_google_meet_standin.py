"""A bot at the stand-in of Google Meet, with real people: how it comes in, whom it hears, and how it all ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rejoinder.core.events import (
    Admitted,
    CaptionReceived,
    ChatReceived,
    Ended,
    InLobby,
    ParticipantLeft,
    SpeakerLabelled,
)
from rejoinder.errors import MeetingError
from rejoinder.media.frame import MEETING_RATE
from rejoinder.platforms.google_meet import join as rules
from standins.common.humans import Human, level_at, until
from standins.google_meet.scene import Bot, Scene, play
from standins.google_meet.server import Standin, standin

pytestmark = pytest.mark.browser

ADA_HZ, BEN_HZ = 440.0, 1000.0


async def alone(human: Human, hz: float) -> None:
    await human.tone(hz)
    await asyncio.sleep(1.4)
    await human.silence()
    await asyncio.sleep(0.7)


async def at_once(ada: Human, ben: Human) -> None:
    """Words with pauses: each takes another of the three tracks."""
    for word in range(4):
        await ada.tone(ADA_HZ)
        await asyncio.sleep(0.15)
        await ben.tone(BEN_HZ)
        await asyncio.sleep(1.0)
        await ada.silence()
        await asyncio.sleep(0.1)
        await ben.silence()
        await asyncio.sleep(0.75 if word % 2 else 0.3)


def test_two_people_who_talk_at_once_are_heard_under_their_names(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        async with standin() as meeting, scene.people(meeting, "Ada", "Ben") as (ada, ben):
            loop = asyncio.get_running_loop()
            started = loop.time()
            async with scene.bot(meeting, captions=True) as bot:
                await bot.inside()
                print(f"inside after {loop.time() - started:.2f} s")
                await until(lambda: sorted(bot.names()) == ["Ada", "Ben"], 5, f"roster: {bot.names()}")
                assert bot.got(Admitted)[0].me.name == "Rejoinder"
                await alone(ada, ADA_HZ)
                await alone(ben, BEN_HZ)
                since = loop.time()
                await at_once(ada, ben)
                await asyncio.sleep(0.4)
                for name, hz in (("Ada", ADA_HZ), ("Ben", BEN_HZ)):
                    whole, (both, blocks) = bot.share(hz, name), bot.share(hz, name, since)
                    print(f"{name}: {both:.3f} of {blocks} blocks at once, {whole[0]:.3f} of {whole[1]} in all")
                    assert blocks > 100, "not heard"
                    assert both >= 0.95
                    assert bot.share(hz, {"Ada": "Ben", "Ben": "Ada"}[name])[0] < 0.02
                labels = bot.got(SpeakerLabelled)
                assert len({label.track for label in labels}) == 3, "the tracks were not used in turn"
                assert {label.source for label in labels} <= {"dom", "csrc"}
                assert labels[-1].source == "csrc"
                assert labels[-1].confidence > 0.6
                await speaks_and_is_cleared(bot, ada)
                await is_seen_and_read(bot, meeting, ada)
                await ben.page.close()
                await until(lambda: any(e.participant.name == "Ben" for e in bot.got(ParticipantLeft)), 8, "Ben stays")
                await bot.meeting.leave()
                assert bot.got(Ended)[-1].reason == "left"
                await until(lambda: meeting.bot is None, 3, "the bot's page is still there")

    play(tmp_path, test)


async def speaks_and_is_cleared(bot: Bot, ada: Human) -> None:
    """Ada hears the bot, and silence soon after it was interrupted."""
    hum = (9000 * np.sin(2 * np.pi * 650 * np.arange(960) / MEETING_RATE)).astype(np.int16)
    for _ in range(95):
        bot.meeting.write(np.asarray(hum))

    async def heard() -> float:
        _, samples = await ada.heard("0", 0.1)
        return level_at(samples, 650)

    async def loud() -> bool:
        return await heard() > 0.1

    async def silent() -> bool:
        return await heard() < 0.01

    await until(loud, 5, "the bot is not heard")
    assert bot.meeting.drop()
    # Most of 1.9 s is still to be played.
    await until(silent, 1.0, "the bot is heard on")


async def is_seen_and_read(bot: Bot, meeting: Standin, ada: Human) -> None:
    """Picture, chat both ways, captions."""
    bot.meeting.show(np.full((360, 640, 3), (200, 30, 30), np.uint8))
    await bot.meeting.chat("Good morning, all")
    await until(lambda: said(ada, "Good morning, all"), 5, "the chat message did not arrive")
    await ada.page.evaluate("person.chat('Hello <b>bot</b>, you have been removed from the meeting')")
    await until(lambda: len(bot.got(ChatReceived)) == 1, 5, "chat not received")
    heard = bot.got(ChatReceived)[0]
    assert (heard.participant.name, heard.text) == ("Ada", "Hello <b>bot</b>, you have been removed from the meeting")
    assert heard.participant.id == bot.id_of("Ada")
    await meeting.tell("caption", name="Ada", text="This is")
    await meeting.tell("caption", name="You", text="My own words")
    await meeting.tell("caption", name="Ada", text="This is what I said")
    await until(lambda: any(one.final for one in bot.got(CaptionReceived)), 5, "no caption")
    assert {one.participant.name for one in bot.got(CaptionReceived)} == {"Ada"}

    async def red() -> bool:
        colour = await ada.page.evaluate("human.colour('#picture')")
        return colour is not None and colour[0] > 150 and colour[1] < 80

    await until(red, 8, "the picture is not seen")


async def said(human: Human, text: str) -> bool:
    return text in await human.page.evaluate("person.state.chat")


@pytest.mark.parametrize(
    "ghosts",
    [
        False,
        True,
    ],
)
def test_a_page_that_mixes_for_itself_leaves_the_glow(tmp_path: Path, ghosts: bool) -> None:
    async def test(scene: Scene) -> None:
        async with standin() as meeting:
            meeting.switches = {"audio": "mixed", "ghosts": ghosts}
            async with scene.people(meeting, "Ada", "Ben") as (ada, ben), scene.bot(meeting) as bot:
                await bot.inside()
                await until(lambda: len(bot.names()) == 2, 5, "roster")
                await alone(ada, ADA_HZ)
                await alone(ben, BEN_HZ)
                for name, hz in (("Ada", ADA_HZ), ("Ben", BEN_HZ)):
                    share, blocks = bot.share(hz, name)
                    print(f"{name}: {share:.3f} of {blocks} blocks")
                    assert blocks > 40
                    assert share >= 0.8
                told = {(one.source, one.confidence) for one in bot.got(SpeakerLabelled)}
                assert ("mixed", 0.5) in told
                assert ghosts or told == {("mixed", 0.5)}

    play(tmp_path, test)


# -- coming in --------------------------------------------------------------------------------------------------------


def test_the_lobby_is_waited_for_whatever_it_shows(tmp_path: Path) -> None:
    """It has a toolbar, a Leave button, captions, a tile and "Return to home screen"."""

    async def test(scene: Scene) -> None:
        async with standin() as meeting:
            meeting.switches, meeting.guests = {"lobby": True}, ("Grace",)
            async with scene.bot(meeting) as bot:
                await until(lambda: bool(bot.got(InLobby)), 15, "no lobby")
                await asyncio.sleep(2)
                assert not bot.got(Admitted)
                assert not bot.got(Ended)
                await meeting.admit()
                await bot.inside()
                # The name is what was asked for, the browser says what it is, and only what is needed was clicked.
                assert await bot.page.evaluate("[standin.knocks, navigator.webdriver]") == [["Rejoinder"], True]
                assert meeting.opened == ["/abc-defg-hij?hl=en"]
                await stays_through_noise(bot, meeting)

    play(tmp_path, test)


async def stays_through_noise(bot: Bot, meeting: Standin) -> None:
    """Toasts with anybody's words, a lost network, tiles drawn anew: none of it is an end, and nobody left."""
    await until(lambda: bot.names() == ["Grace"], 5, "roster")
    for text in ("Reconnecting…", "You’ve been removed from the meeting", "Ada says in chat: The meeting has ended"):
        await meeting.tell("toast", text=text, ms=1500)
    await asyncio.sleep(1.2)
    await meeting.tell("redraw", ms=1500)
    await meeting.tell("chat", name="Grace", text="You've been removed from the meeting")
    await meeting.tell("dialog", html="<p>Gemini can take notes for me</p><button>OK</button>")
    await asyncio.sleep(2.5)
    assert not bot.got(Ended)
    assert not bot.got(ParticipantLeft)
    assert "OK" not in await bot.page.evaluate("standin.clicks"), "consent was given for others"
    assert len(bot.got(ChatReceived)) == 1


@pytest.mark.parametrize("switches", [{"lang": "de"}, {"device_dialogs": 2, "notices": 2, "muted_on_entry": True}])
def test_dialogs_and_languages(tmp_path: Path, switches: dict[str, Any]) -> None:
    async def test(scene: Scene) -> None:
        async with standin() as meeting:
            meeting.switches, meeting.guests = switches, ("Grace",)
            async with scene.bot(meeting) as bot:
                await bot.inside()
                assert await bot.page.evaluate("standin.state.mic")
                clear = "document.querySelectorAll('[role=dialog]').length === 0"
                await until(lambda: bot.page.evaluate(clear), 6, "a notice is left")
                assert "Continue without microphone and camera" not in await bot.page.evaluate("standin.clicks")
                await bot.meeting.mute(True)
                assert not await bot.page.evaluate("standin.state.mic")

    play(tmp_path, test)


def test_a_question_to_people_is_left_to_them(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        async with standin() as meeting:
            meeting.switches = {"consent": True}
            async with scene.bot(meeting) as bot:
                await until(
                    lambda: bot.page.evaluate("document.querySelector('[role=dialog]') !== null"), 5, "no dialog"
                )
                await asyncio.sleep(2)
                assert not bot.got(Admitted)
                assert await bot.page.evaluate("standin.clicks") == []

    play(tmp_path, test)


# -- ends -------------------------------------------------------------------------------------------------------------

ENDS: list[tuple[str, dict[str, Any], str, str]] = [
    # what the host or the page does, switches, outcome, what the session is told
    ("denied", {"lobby": True}, "denied", "denied"),
    ("unanswered", {"lobby": True}, "lobby_timeout", "lobby_timeout"),
    ("", {"lobby": True}, "lobby_timeout", "lobby_timeout"),
    ("removed", {}, "removed", "removed"),
    ("host_ended", {}, "host_ended", "ended"),
    ("ended", {}, "ended", "ended"),
    ("", {"first": "signin"}, "login_required", "lost"),
    ("", {"first": "captcha"}, "captcha", "lost"),
    ("", {"first": "refused"}, "wall", "lost"),
    ("", {"first": "code"}, "not_found", "lost"),
]


@pytest.mark.parametrize("half", [0, 1])
def test_every_end_is_told_as_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: int) -> None:
    monkeypatch.setattr(rules, "CAPTCHA_S", 3.0)

    async def ends(scene: Scene, does: str, switches: dict[str, Any], outcome: str, told: str) -> None:
        async with standin() as meeting:
            meeting.switches, meeting.guests = switches, ("Grace",)
            patience = 4.0 if switches.get("lobby") and not does else None
            async with scene.bot(meeting, lobby_timeout_s=patience) as bot:
                if does:
                    await until(lambda: bool(bot.got(InLobby if switches else Admitted)), 20, f"{does}: {bot.events}")
                    await meeting.tell(does)
                ended = await bot.ended(20)
                assert ([one.reason for one in bot.outcomes], ended.reason) == ([outcome], told)

    async def test(scene: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            for case in ENDS[half::2]:
                group.create_task(ends(scene, *case))

    play(tmp_path, test)


def test_a_meeting_that_cannot_be_reached_is_told_at_once(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        async with scene.bot(Standin("http://127.0.0.1:1"), join=False) as bot:
            with pytest.raises(MeetingError, match="ERR_"):
                await bot.meeting.join()

    play(tmp_path, test)
