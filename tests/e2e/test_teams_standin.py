"""The Teams driver at a stand-in for Teams: real Chromium on both sides, one main mix and its double."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "standins" / "common"))
sys.path.insert(0, str(Path(__file__).parents[1] / "standins" / "teams"))

from humans import LOCAL_FLAGS, Human, human_browser, level_at, open_human, until
from playwright.async_api import Browser
from teams_standin import AtStandin, Meeting, Standin, teams_standin

from rejoinder.browser.channel import Hooks
from rejoinder.browser.chromium import Browsers
from rejoinder.core.events import (
    Admitted,
    CaptionReceived,
    ChatReceived,
    Ended,
    InLobby,
    MeetingEvent,
    ParticipantJoined,
    ParticipantLeft,
    SpeakerLabelled,
)
from rejoinder.core.outcome import Outcome, Reason
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.media.loop import new_event_loop
from rejoinder.media.mouth import Mouth
from rejoinder.platforms.attempt import Attempt, Told
from rejoinder.platforms.base import Ears, Stay
from rejoinder.platforms.browser import BrowserMeeting
from rejoinder.platforms.driver import JoinConfig
from rejoinder.platforms.teams import mix
from rejoinder.settings import Settings

pytestmark = pytest.mark.browser

DIGITS = "9366473044740"
LINK = f"https://teams.microsoft.com/meet/{DIGITS}?p=abcDEF"
ANN, BEN = 440.0, 1000.0


@dataclass
class Bot:
    meeting: BrowserMeeting
    events: list[MeetingEvent] = field(default_factory=list)
    blocks: list[tuple[float, str, Pcm]] = field(default_factory=list)
    """(Unix seconds, who, 20 ms) of those who are there: what a session keeps."""

    def got(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def names(self) -> dict[str, str]:
        return {one.participant.id: one.participant.name for one in self.got(ParticipantJoined)}

    def heard(self, blocks: list[tuple[float, str, Pcm]] | None = None) -> dict[tuple[str, float], int]:
        """How many blocks carried which tone under which name."""
        found: dict[tuple[str, float], int] = {}
        names = self.names()
        for _, who, pcm in self.blocks if blocks is None else blocks:
            for hz in (ANN, BEN):
                if level_at(pcm, hz) > 0.05:
                    found[names[who], hz] = found.get((names[who], hz), 0) + 1
        return found

    async def inside(self) -> None:
        await until(lambda: bool(self.got(Admitted)), 20, f"not admitted: {self.events}")

    async def ended(self, within_s: float = 15) -> Ended:
        await until(lambda: bool(self.got(Ended)), within_s, f"not over: {self.events}")
        ended: Ended = self.got(Ended)[0]
        return ended


@asynccontextmanager
async def bot_at(standin: Standin, folder: Path, browsers: Browsers, **config: Any) -> AsyncIterator[Bot]:
    settings = Settings(data_dir=folder, chromium=os.environ.get("REJOINDER_CHROMIUM"))
    bot: Bot

    def audio(who: str, pcm: Pcm) -> None:
        if who in bot.names():
            bot.blocks.append((time.time(), who, pcm))

    ears = Ears(lambda event: bot.events.append(event), audio)
    config = {"link": LINK, "bot_name": "Rejoinder", **config}
    meeting = BrowserMeeting(AtStandin(standin.url), JoinConfig(**config), ears, Stay("bot1", 1), browsers, settings)
    bot = Bot(meeting)
    try:
        await meeting.join()
        yield bot
    finally:
        await meeting.leave()


@asynccontextmanager
async def bots(folder: Path, together: int = 1) -> AsyncIterator[Browsers]:
    settings = Settings(data_dir=folder, chromium=os.environ.get("REJOINDER_CHROMIUM"), bots_per_browser=together)
    browsers = Browsers(settings, LOCAL_FLAGS)
    try:
        yield browsers
    finally:
        await browsers.close()


async def come(people: Browser, standin: Standin, name: str) -> Human:
    return await open_human(people, f"{standin.url}/meet/{DIGITS}?human={name}")


async def open_mixer(people: Browser, standin: Standin) -> None:
    page = await people.new_page()
    await page.goto(f"{standin.url}/mixer/{DIGITS}")


def run(test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(asyncio.wait_for(test, 100))


@asynccontextmanager
async def with_people(standin: Standin, *names: str) -> AsyncIterator[list[Human]]:
    async with human_browser() as browser:
        await open_mixer(browser, standin)
        meeting = standin.meetings[DIGITS]
        await until(lambda: meeting.mixer is not None, 10, "no mixer")
        people = [await come(browser, standin, name) for name in names]
        await until(lambda: all(meeting.has(name) for name in names), 10, "nobody came")
        yield people


async def says(bot: Bot, voices: list[tuple[Human, float]], seconds: float) -> float:
    """People say their tones, all at once, until all of it was heard; how many seconds it really was. A busy machine is
    late with everything."""
    begun = time.monotonic()
    for human, hz in voices:
        await human.tone(hz)
    await asyncio.sleep(seconds)
    for human, _ in voices:
        await human.silence()
    spoken = time.monotonic() - begun
    await asyncio.sleep(0.7)
    await until(lambda: not bot.heard(bot.blocks[-20:]), 10, "it does not stop")
    return spoken


async def speaks_in_turn(bot: Bot, turns: list[tuple[str, float, Human]]) -> float:
    """The share of audible blocks that came under the right name, people speaking one after the other."""
    right = all_ = 0
    for name, hz, human in turns:
        begin = len(bot.blocks)
        seconds = await says(bot, [(human, hz)], 2.0)
        heard = bot.heard(bot.blocks[begin:])
        right += sum(count for (who, tone), count in heard.items() if who == name and tone == hz)
        all_ += sum(count for (_, tone), count in heard.items() if tone == hz)
        # 50 blocks a second: once each, not twice.
        assert 0.6 <= sum(heard.values()) / (50 * seconds) <= 1.3, f"{name} was heard for {heard} in {seconds} s"
    return right / all_


async def both_at_once(bot: Bot, ann: Human, ben: Human) -> dict[tuple[str, float], int]:
    """Everything is heard once; one of them gets all of it, and the label says that it is a guess."""
    begin, told = len(bot.blocks), len(bot.events)
    await ann.tone(ANN)
    await asyncio.sleep(0.8)
    seconds = await says(bot, [(ben, BEN), (ann, ANN)], 2.0)
    guesses = [one for one in bot.events[told:] if isinstance(one, SpeakerLabelled) and one.source == "mixed"]
    assert guesses
    assert all(one.confidence <= 0.4 and one.participant.name == "Ann" for one in guesses)
    heard = bot.heard(bot.blocks[begin:])
    blocks = sum(count for (_, tone), count in heard.items() if tone == BEN)
    assert 0.6 <= blocks / (50 * seconds) <= 1.3, f"{heard} in {seconds} s"
    return heard


async def speaks_and_is_cleared(bot: Bot, human: Human) -> None:
    mouth = Mouth(bot.meeting.write, continuous=True)
    mouth.drop = bot.meeting.drop
    wave = 9000 * np.sin(2 * np.pi * 2000 * np.arange(30 * MEETING_RATE) / MEETING_RATE)
    mouth.add("clip", wave.astype(np.int16))

    async def heard() -> bool:
        return any([level_at((await human.heard(key, 0.5))[1], 2000) > 0.15 for key in await human.keys()])

    try:
        await until(heard, 5, "the bot is not heard")
        mouth.clear()
        cleared = time.time()
        await asyncio.sleep(0.8)
        for key in await human.keys():
            start, samples = await human.heard(key, 1.5)
            loud = np.flatnonzero(np.abs(samples) > 0.01)
            silent_after = start + loud[-1] / MEETING_RATE - cleared if len(loud) else 0.0
            # Two hops, each with a jitter buffer: to the mixer and on to a person.
            assert silent_after < 1.0, f"still heard {silent_after:.3f} s after it was cleared"
    finally:
        mouth.stop()


async def is_seen(bot: Bot, human: Human) -> None:
    bot.meeting.show(np.full((360, 640, 3), (200, 30, 30), np.uint8))

    async def red() -> bool:
        colour = await human.page.evaluate("human.colour('[data-tid^=Rejoinder] video')")
        return colour is not None and colour[0] > 150 and colour[1] < 80

    await until(red, 10, "the picture is not seen")


async def reads_and_writes(bot: Bot, meeting: Meeting) -> None:
    await meeting.chat("Ann (Guest)", "Hello bot")
    await until(lambda: any(one.text == "Hello bot" for one in bot.got(ChatReceived)), 5, "chat not received")
    assert bot.got(ChatReceived)[0].participant.name == "Ann"
    await bot.meeting.chat("Good morning,\nyou two")
    await until(lambda: ("Rejoinder", "Good morning,\nyou two") in meeting.chats, 5, f"not sent: {meeting.chats}")
    for text in ("so", "so we begin", "So, we begin."):
        await meeting.caption("1", "Ann (Guest)", text)
        await asyncio.sleep(0.3)
    await until(lambda: any(one.final for one in bot.got(CaptionReceived)), 5, f"no caption: {bot.events}")
    last = bot.got(CaptionReceived)[-1]
    assert (last.participant.name, last.text) == ("Ann", "So, we begin.")
    await asyncio.sleep(0.5)
    assert not [one for one in bot.got(ChatReceived) if one.participant.name == "Rejoinder"]


async def keeps_its_manners(bot: Bot, meeting: Meeting) -> None:
    clicked = meeting.clicks.count("microphone-button")
    await bot.meeting.mute(True)
    await until(lambda: meeting.clicks.count("microphone-button") == clicked + 1, 5, "not muted")
    await asyncio.sleep(2.5)
    assert meeting.clicks.count("microphone-button") == clicked + 1, "what was muted on purpose was unmuted"
    await meeting.show("Rejoinder", "recording")
    await until(lambda: "Got it" in meeting.clicks, 5, "the notice was not acknowledged")
    await meeting.show("Rejoinder", "consent")
    await asyncio.sleep(2.2)
    assert "consent-yes" not in meeting.clicks
    assert "consent-ok" not in meeting.clicks
    await meeting.show("Rejoinder", "toast")  # "Reconnecting"
    await asyncio.sleep(1.2)
    await meeting.show("Rejoinder", "toast", text="Ben: You've been removed from this meeting")
    await asyncio.sleep(2.2)
    await meeting.show("Rejoinder", "clear")
    assert not bot.got(Ended)


def test_bot_joins_hears_each_under_their_name_speaks_and_is_seen(tmp_path: Path) -> None:
    switches = {
        "launcher": True,
        "lobby": True,
        "lobby_controls": True,
        "late_mute": True,
        "modal_before": "goes",
        "modal_after": "stays",
    }

    async def test() -> None:
        async with teams_standin() as standin, bots(tmp_path) as browsers:
            meeting = standin.meeting(DIGITS, **switches)
            async with with_people(standin, "Ann", "Ben") as (ann, ben):
                async with bot_at(standin, tmp_path, browsers, captions=True) as bot:
                    await until(lambda: bool(bot.got(InLobby)), 20, f"no lobby: {bot.events}")
                    await asyncio.sleep(1.0)
                    assert not bot.got(Admitted), "call controls of the lobby were taken for the meeting"
                    await meeting.admit("Rejoinder")
                    await bot.inside()
                    assert bot.got(Admitted)[0].me.name == "Rejoinder"
                    await until(lambda: len(bot.names()) == 2, 5, f"not everybody was told: {bot.events}")
                    share = await speaks_in_turn(bot, [("Ann", ANN, ann), ("Ben", BEN, ben), ("Ann", ANN, ann)])
                    # Before the first tile ever lights (0.2 s late here), nobody can know who speaks; hiss is nobody.
                    unknown = sum(who == "unknown" and bool(pcm.any()) for _, who, pcm in bot.blocks)
                    print(f"label correctness {share:.3f}, {unknown} blocks of nobody known")
                    assert share >= 0.85
                    assert unknown <= 20
                    labels = bot.got(SpeakerLabelled)
                    await both_at_once(bot, ann, ben)
                    assert {one.source for one in labels} <= {"dom", "captions"}
                    assert max(one.confidence for one in labels) <= 0.8
                    await speaks_and_is_cleared(bot, ann)
                    await is_seen(bot, ann)
                    await reads_and_writes(bot, meeting)
                    await keeps_its_manners(bot, meeting)
                    await ben.page.close()
                    await until(lambda: bool(bot.got(ParticipantLeft)), 8, "Ben's leaving was not seen")
                    assert bot.names()[bot.got(ParticipantLeft)[0].participant.id] == "Ben"
                    await meeting.over("Rejoinder", "removed")
                    assert (await bot.ended()).reason == "removed"
            assert "Continue without audio or video" not in meeting.clicks

    run(test())


def test_main_mix_that_is_silent_is_given_up_and_without_one_nothing_is_heard_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mix, "SILENT_S", 2.0)  # 20 s and 15 s on the real clock
    monkeypatch.setattr(mix, "GRACE_S", 2.0)

    async def test() -> None:
        async with teams_standin() as standin, bots(tmp_path) as browsers:
            meeting = standin.meeting(DIGITS)
            async with with_people(standin, "Ann") as (ann,), bot_at(standin, tmp_path, browsers) as bot:
                await bot.inside()
                await until(lambda: "Ann" in bot.names().values(), 5, "Ann is not there")
                await meeting.mix(main=0)
                await ann.tone(ANN)
                await asyncio.sleep(1.0)
                assert not bot.heard(), "another track than the main mix was heard"
                await until(lambda: sum(bot.heard(bot.blocks[-50:]).values()) > 30, 15, "never given up")
                await ann.silence()
            standin.meeting(DIGITS, no_main=True)
            async with with_people(standin, "Ann") as (ann,), bot_at(standin, tmp_path, browsers) as bot:
                await bot.inside()
                await until(lambda: "Ann" in bot.names().values(), 5, "Ann is not there")
                assert await speaks_in_turn(bot, [("Ann", ANN, ann)]) == 1.0

    run(test())


async def outcome_of(
    standin: Standin, folder: Path, browsers: Browsers, digits: str, meddle: Any = None, **more: Any
) -> Outcome:
    """The typed outcome of one attempt. ``meddle(meeting, phase events)`` runs beside it."""
    driver = AtStandin(standin.url)
    link = f"https://teams.microsoft.com/meet/{digits}?p=x"
    config = JoinConfig(link, "Rejoinder", **more)
    reached: asyncio.Queue[str] = asyncio.Queue()
    roster = driver.roster(config)
    loop = asyncio.get_running_loop()
    hooks = Hooks(lambda *_: None, lambda *_: None)
    told = Told(reached.put_nowait, lambda fact: void(roster.on_fact(fact, loop.time())), hooks, lambda _: None)
    attempt = Attempt(driver, driver.flow(config), browsers, told, folder / digits)
    try:
        opened = await attempt.open(driver.entry_url(link, Settings()), "Rejoinder", None)
        assert opened is None
        async with asyncio.TaskGroup() as group:
            other = group.create_task(meddle(standin.meetings[digits], reached)) if meddle else None
            outcome = await attempt.run()
            if other is not None:
                await other
        return outcome
    finally:
        await attempt.close()


def void(_: object) -> None:
    return None


async def phase(reached: asyncio.Queue[str], wanted: str) -> None:
    assert await asyncio.wait_for(reached.get(), 20) == wanted


def after(where: str, *how: str) -> Any:
    """Once the bot is in the lobby or inside: show things (one second each), then end it."""

    async def meddle(meeting: Meeting, reached: asyncio.Queue[str]) -> None:
        await phase(reached, "lobby" if meeting.switches.get("lobby") else "inside")
        if where == "inside" and meeting.switches.get("lobby"):
            await meeting.admit("Rejoinder")
            await phase(reached, "inside")
        *before, last = how
        for what in before:
            await meeting.show("Rejoinder", what)
            await asyncio.sleep(2.0)
        await meeting.over("Rejoinder", last)

    return meddle


async def never(meeting: Meeting, reached: asyncio.Queue[str]) -> None:
    await phase(reached, "lobby")


OUTCOMES: list[tuple[Reason, dict[str, Any], Any, dict[str, Any]]] = [
    ("login_required", {"gate": "login"}, None, {}),
    ("login_required", {"gate": "verify"}, None, {}),
    ("captcha", {"gate": "captcha"}, None, {}),
    ("wall", {"gate": "encrypted"}, None, {}),
    ("not_found", {"gate": "unknown"}, None, {}),
    ("not_found", {"gate": "passcode"}, None, {}),
    ("network", {"gate": "unreachable"}, None, {}),
    ("not_started", {"gate": "not_started"}, None, {}),
    ("denied", {"lobby": True}, after("lobby", "denied"), {}),
    ("denied", {"lobby": True, "lang": "de", "launcher": True}, after("lobby", "denied"), {}),
    ("lobby_timeout", {"lobby": True}, after("lobby", "expired"), {}),
    ("lobby_timeout", {"lobby": True, "lobby_controls": True}, never, {"lobby_timeout_s": 3.0}),
    ("host_ended", {"lobby": True, "lang": "de"}, after("inside", "ended"), {}),
    ("host_ended", {"other_title": "When the meeting has ended"}, after("inside", "ended"), {}),
    ("removed", {"modal_before": "stays"}, after("inside", "toast", "hide", "unhide", "removed"), {}),
    ("ended", {"modal_before": "stays"}, after("inside", "left"), {"speaks": False, "shows": False}),
]


def test_every_way_it_can_end_has_its_name(tmp_path: Path) -> None:
    async def test() -> None:
        async with teams_standin() as standin, bots(tmp_path, together=4) as browsers:
            limit = asyncio.Semaphore(4)

            async def one(number: int, wanted: Reason, switches: dict[str, Any], meddle: Any, more: Any) -> None:
                digits = f"77{number:02}"
                standin.meeting(digits, **switches)
                async with limit:
                    outcome = await outcome_of(standin, tmp_path, browsers, digits, meddle, **more)
                assert (outcome.reason, switches) == (wanted, switches), outcome
                assert outcome.evidence, "nothing was kept to look at"

            async with asyncio.TaskGroup() as group:
                for number, (wanted, switches, meddle, more) in enumerate(OUTCOMES):
                    group.create_task(one(number, wanted, switches, meddle, more))
            took = {number: standin.meetings[f"77{number:02}"].clicks for number in (14, 15)}
            assert not any("without" in click for click in took[14]), "a bot that speaks went without a microphone"

    run(test())
