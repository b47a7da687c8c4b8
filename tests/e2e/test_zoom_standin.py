"""The Zoom driver at a stand-in of Zoom's web client, with real Chromium people: in, heard, speaking, and out again."""

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
from playwright.async_api import Browser

sys.path.insert(0, str(Path(__file__).parents[1] / "standins" / "common"))
sys.path.insert(0, str(Path(__file__).parents[1] / "standins" / "zoom"))

from humans import LOCAL_FLAGS, Human, human_browser, level_at, open_human, until
from zoom_server import Meeting, Options, zoom_standin

from rejoinder.browser.chromium import Browsers
from rejoinder.browser.joinflow import Finish, JoinFlow
from rejoinder.core import outcome
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
from rejoinder.core.outcome import Outcome
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.media.loop import new_event_loop
from rejoinder.media.mouth import Mouth
from rejoinder.platforms.base import Ears, Stay
from rejoinder.platforms.browser import BrowserMeeting
from rejoinder.platforms.driver import JoinConfig
from rejoinder.platforms.zoom import join
from rejoinder.platforms.zoom.platform import ZoomDriver
from rejoinder.settings import Settings

pytestmark = pytest.mark.browser
NAME = "Notes by Ann's team"


class StandinDriver(ZoomDriver):
    """The driver itself; only the address differs."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: list[Outcome] = []

    def entry_url(self, link: str, settings: Settings) -> str:
        return link

    def flow(self, config: JoinConfig) -> JoinFlow:
        flow = super().flow(config)
        look = flow.on_snapshot

        def on_snapshot(*args: Any) -> Any:
            steps = look(*args)
            self.outcomes += [step.outcome for step in steps if isinstance(step, Finish)]
            return steps

        flow.on_snapshot = on_snapshot  # type: ignore[method-assign]
        return flow


@dataclass
class Bot:
    meeting: BrowserMeeting
    driver: StandinDriver
    began: float
    events: list[MeetingEvent] = field(default_factory=list)
    audio: list[tuple[float, str, Pcm]] = field(default_factory=list)

    def got(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def inside(self) -> float:
        await until(lambda: bool(self.got(Admitted)), 30, f"not admitted: {self.events} {self.driver.outcomes}")
        return time.monotonic() - self.began

    async def over(self, within_s: float = 15.0) -> str:
        await until(lambda: bool(self.got(Ended)), within_s, f"not over: {self.events}")
        return self.driver.outcomes[-1].reason

    def names(self) -> dict[str, str]:
        return {event.participant.id: event.participant.name for event in self.got(ParticipantJoined)}

    def gone(self, name: str) -> bool:
        return name in [event.participant.name for event in self.got(ParticipantLeft)]

    def labels(self, since: float, hz: float) -> dict[str, int]:
        """Whose name the 20 ms blocks bore in which a tone was heard."""
        counts: dict[str, int] = {}
        for at, who, pcm in self.audio:
            if at >= since and level_at(pcm, hz) > 0.1:
                name = self.names().get(who, who)
                counts[name] = counts.get(name, 0) + 1
        return counts

    def has_heard(self, since: float, hz: float, blocks: int = 10) -> bool:
        return sum(self.labels(since, hz).values()) >= blocks


@asynccontextmanager
async def bot_at(meeting: Meeting, folder: Path, **config: Any) -> AsyncIterator[Bot]:
    settings = Settings(data_dir=folder, chromium=os.environ.get("REJOINDER_CHROMIUM"))
    browsers = Browsers(settings, LOCAL_FLAGS)
    driver = StandinDriver()
    events: list[MeetingEvent] = []
    audio: list[tuple[float, str, Pcm]] = []
    ears = Ears(events.append, lambda who, pcm: audio.append((time.monotonic(), who, pcm)))
    joined = BrowserMeeting(driver, JoinConfig(meeting.url, NAME, **config), ears, Stay("b", 1), browsers, settings)
    try:
        began = time.monotonic()
        await joined.join()
        yield Bot(joined, driver, began, events, audio)
    finally:
        await joined.leave()
        await browsers.close()


async def come(people: Browser, meeting: Meeting, name: str) -> Human:
    """A person goes in."""
    human = await open_human(people, f"{meeting.url}?host=1&framed=1")
    await human.page.locator("input").press_sequentially(name)
    await human.page.press("input", "Enter")
    await until(lambda: meeting.has(name), 10, f"{name} is not in the meeting")
    return human


def run(test: Coroutine[Any, Any, None], seconds: float = 60) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(asyncio.wait_for(test, seconds))


def tone(hz: float, seconds: float) -> Pcm:
    return (9000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * MEETING_RATE)) / MEETING_RATE)).astype(np.int16)


async def heard_by(human: Human, hz: float, seconds: float = 0.4) -> float:
    keys = await human.keys()
    levels = [level_at((await human.heard(key, seconds))[1], hz) for key in keys]
    return max(levels, default=0.0)


async def speaks_and_is_silenced(bot: Bot, human: Human) -> None:
    mouth = Mouth(bot.meeting.write, continuous=True)
    mouth.drop = bot.meeting.drop
    mouth.add("clip", tone(2000, 30))

    async def heard() -> bool:
        return await heard_by(human, 2000) > 0.12

    async def quiet() -> bool:
        return await heard_by(human, 2000, 0.1) < 0.02

    await until(heard, 8, "the bot is not heard")
    mouth.clear()
    cleared = time.monotonic()
    await until(quiet, 2, "the bot is not silenced at once")
    print(f"silenced within {time.monotonic() - cleared:.2f} s, of which 0.1 s is the window listened to")
    mouth.stop()


def test_framed_client_from_the_waiting_room_to_leaving(tmp_path: Path) -> None:
    async def test() -> None:
        options = Options(
            lobby=True, media_dialogs=2, cookies=True, disclaimer=True, covered=True, slow_load=True, late_devices=True,
            recording=True,
        )  # fmt: skip
        async with zoom_standin(options) as meeting, human_browser() as people:
            ann, ben = await come(people, meeting, "Ann"), await come(people, meeting, "Ben")
            async with bot_at(meeting, tmp_path) as bot:
                await until(lambda: meeting.waits(NAME), 30, f"did not knock: {bot.driver.outcomes}")
                await until(lambda: bool(bot.got(InLobby)), 5, "the lobby is not told")
                assert meeting.names_typed[-1][1] >= len(NAME), "not typed with keys"
                await asyncio.sleep(1.5)
                assert not bot.got(Admitted), "a toolbar in the waiting room is no admission"
                await meeting.admit(NAME)
                await bot.inside()
                await talk_in_turns(bot, ann, ben)
                await speaks_and_is_silenced(bot, ann)
                await shows_chats_and_reads(bot, meeting, ann)
                await is_not_shaken(bot, meeting)
                assert not bot.got(Ended), f"{bot.got(Ended)} {bot.driver.outcomes}"
                await ben.page.close()
                await until(lambda: bot.gone("Ben"), 10, "Ben has not left")
                await bot.meeting.leave()
                assert bot.got(Ended)[-1].reason == "left"
                assert (NAME, "button") in meeting.left

    run(test(), 90)


async def talk_in_turns(bot: Bot, ann: Human, ben: Human) -> None:
    """Each says a tone of their own; the mix is labelled with who the page says it is."""
    right = total = 0
    for human, name, hz in ((ann, "Ann", 440), (ben, "Ben", 1000), (ann, "Ann", 440)):
        since = time.monotonic()
        await human.tone(hz)
        await until(lambda since=since, hz=hz: bot.has_heard(since, hz, 75), 15, f"{name} is not heard: {bot.names()}")  # type: ignore[misc]
        await human.silence()
        labels = bot.labels(since, hz)
        right, total = right + labels.get(name, 0), total + sum(labels.values())
        await asyncio.sleep(0.5)
    print(f"mixed labels right: {right}/{total}")
    assert right / total > 0.6
    told = bot.got(SpeakerLabelled)
    assert {event.source for event in told} == {"mixed"}
    assert all(event.confidence < 1 for event in told)


async def shows_chats_and_reads(bot: Bot, meeting: Meeting, ann: Human) -> None:
    bot.meeting.show(np.full((360, 640, 3), (200, 30, 30), np.uint8))

    async def red() -> bool:
        colour = await ann.page.evaluate(_TILE, NAME)
        return colour is not None and colour[0] > 140 and colour[1] < 90

    await until(red, 10, "the picture is not seen")
    await until(lambda: bot.got(Admitted) != [] and _panel_open(bot), 10, "the chat panel stays closed")
    await bot.meeting.chat("Good morning\nall")
    await until(lambda: any(name == NAME for name, _ in meeting.chats), 5, "the chat message did not arrive")
    assert next(text for name, text in meeting.chats if name == NAME).split() == ["Good", "morning", "all"]
    await meeting.say("Ann", "You have been removed")
    await meeting.say("Ann", "This meeting has been ended by host")
    await until(lambda: len(bot.got(ChatReceived)) == 2, 5, f"chat not received: {bot.got(ChatReceived)}")
    assert {event.participant.name for event in bot.got(ChatReceived)} == {"Ann"}
    await meeting.show(NAME, "caption", key="A", text="good morning")
    await until(lambda: any(event.final for event in bot.got(CaptionReceived)), 6, "no caption")
    assert bot.got(CaptionReceived)[-1] == CaptionReceived(bot.got(ChatReceived)[0].participant, "good morning", True)


def _panel_open(bot: Bot) -> bool:
    attempt = bot.meeting._attempt
    return attempt is not None and attempt._last is not None and "chat_field" in attempt._last.visible


_TILE = """(name) => {
  const tile = [...document.querySelectorAll("[data-tile]")].find((one) => one.textContent.includes(name));
  const image = tile && tile.querySelector("img");
  if (!image || !image.naturalWidth) return null;
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.drawImage(image, 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data];
}"""


async def is_not_shaken(bot: Bot, meeting: Meeting) -> None:
    """A toast, a reconnection and a muting are no end; the bot mutes and unmutes itself when told."""
    await meeting.show(NAME, "toast", text="Ben has been removed")
    await meeting.show(NAME, "reconnecting", ms=4000)
    await asyncio.sleep(5)
    await bot.meeting.mute(True)
    await until(lambda: meeting.named(NAME).muted, 5, "not muted")
    await meeting.show(NAME, "ask_unmute")
    await until(lambda: not meeting.named(NAME).muted, 5, "not unmuted when asked to")


def test_client_without_frame_told_by_the_page_alone(tmp_path: Path) -> None:
    """No signalling to read, and the speaker view, which shows nobody but the speaker."""

    async def test() -> None:
        options = Options(framed=False, form="classic", signal=False, layout="speaker", first_click_lost=True)
        async with zoom_standin(options) as meeting, human_browser() as people:
            ann, ben = await come(people, meeting, "Ann"), await come(people, meeting, "Ben")
            async with bot_at(meeting, tmp_path) as bot:
                print(f"join without lobby: {await bot.inside():.1f} s")
                await until(lambda: sorted(bot.names().values()) == ["Ann", "Ben"], 10, f"people: {bot.names()}")
                assert bot.got(Admitted)[0].me.name == NAME
                await talk_in_turns(bot, ann, ben)
                await speaks_and_is_silenced(bot, ann)
                await ben.page.close()
                await until(lambda: bot.gone("Ben"), 10, "Ben has not left")

    run(test())


def test_one_track_for_each_person(tmp_path: Path) -> None:
    async def test() -> None:
        async with zoom_standin(Options(audio="sdk")) as meeting, human_browser() as people:
            # Her name takes a letter only the URL alphabet of base64 has.
            ann, zoe = await come(people, meeting, "Ann"), await come(people, meeting, "Zoë")
            await ann.tone(440)
            await zoe.tone(1000)
            async with bot_at(meeting, tmp_path) as bot:
                print(f"join, plain form: {await bot.inside():.1f} s")
                since = time.monotonic()
                await until(lambda: bot.has_heard(since, 440, 50) and bot.has_heard(since, 1000, 50), 15, "not heard")
                await until(lambda: len(bot.got(SpeakerLabelled)) >= 2, 5, "not labelled")
                since = time.monotonic()
                await asyncio.sleep(1)
                assert set(bot.labels(since, 440)) == {"Ann"}
                assert set(bot.labels(since, 1000)) == {"Zoë"}
                assert {(event.source, event.participant.name) for event in bot.got(SpeakerLabelled)} == {
                    ("track", "Ann"),
                    ("track", "Zoë"),
                }
                await speaks_and_is_silenced(bot, ann)

    run(test())


def test_german_page(tmp_path: Path) -> None:
    async def test() -> None:
        async with zoom_standin(Options(lang="de", lobby=True, recording=True)) as meeting:
            async with bot_at(meeting, tmp_path) as bot:
                await until(lambda: meeting.waits(NAME), 20, "did not knock")
                await until(lambda: bool(bot.got(InLobby)), 5, "the lobby is not told")
                await meeting.admit(NAME)
                await bot.inside()
                await bot.meeting.mute(True)
                await until(lambda: meeting.named(NAME).muted, 5, "not muted")
                await asyncio.sleep(meeting.options.notice_s)
                assert not bot.got(Ended), "the recording notice was not acknowledged"
                await meeting.end()
                assert await bot.over() == "host_ended"

    run(test())


@pytest.mark.parametrize(
    ("options", "act", "reason", "word"),
    [
        (Options(lobby=True), "deny", "denied", "denied"),
        (Options(), "remove", "removed", "removed"),
        (Options(framed=False), "end", "host_ended", "ended"),
        (Options(wall=True), "", "wall", "lost"),
        (Options(login=True), "", "login_required", "lost"),
        (Options(captcha=True, wall=False, media_dialogs=0), "", "captcha", "lost"),
        (Options(lobby=True), "ignore", "lobby_timeout", "lobby_timeout"),
    ],
    ids=["denied", "removed", "ended", "wall", "login", "captcha", "ignored"],
)
def test_every_end_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Options, act: str, reason: str, word: str
) -> None:
    monkeypatch.setattr(join, "CAPTCHA_S", 2.0)

    async def test() -> None:
        async with zoom_standin(options) as meeting:
            async with bot_at(meeting, tmp_path, lobby_timeout_s=2.0 if act == "ignore" else None) as bot:
                if act in ("deny", "ignore"):
                    await until(lambda: bool(bot.got(InLobby)), 20, "the lobby is not told")
                if act in ("remove", "end"):
                    await bot.inside()
                if act not in ("", "ignore"):
                    await (meeting.end() if act == "end" else getattr(meeting, act)(NAME))
                assert await bot.over() == reason
                assert bot.got(Ended)[-1].reason == word
                assert (tmp_path / "evidence" / "b").is_dir()

    run(test())


@pytest.mark.parametrize("framed", [True, False])
def test_what_zooms_service_says_counts_where_nobody_knows_the_pages_words(tmp_path: Path, framed: bool) -> None:
    async def test() -> None:
        options = Options(lobby=True, unknown_words=True, framed=framed, title="Error - Zoom")
        async with zoom_standin(options) as meeting:
            async with bot_at(meeting, tmp_path) as bot:
                await until(lambda: meeting.waits(NAME), 20, "did not knock")
                await until(lambda: bool(bot.got(InLobby)), 5, "the lobby is not told")
                await asyncio.sleep(2.0)
                assert not bot.got(Admitted), "a toolbar in the waiting room is no admission"
                await meeting.admit(NAME)
                await bot.inside()
                await asyncio.sleep(2.0)
                assert not bot.got(Ended), "a title that hangs was believed"
                await meeting.end()
                assert await bot.over() == "ended"

    run(test())


def test_host_who_is_late_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(outcome._PAUSES_S, "not_started", (1.0,) * 5)

    async def test() -> None:
        async with zoom_standin(Options(not_started=True)) as meeting:
            async with bot_at(meeting, tmp_path) as bot:
                await until(lambda: len(bot.driver.outcomes) >= 1, 15, "not seen")
                assert bot.driver.outcomes[0].reason == "not_started"
                meeting.options.not_started = False
                await bot.inside()

    run(test())


def test_bot_that_was_made_host_leaves_without_ending_the_meeting(tmp_path: Path) -> None:
    async def test() -> None:
        async with zoom_standin(Options(media_dialogs=0)) as meeting:
            async with bot_at(meeting, tmp_path) as bot:  # the first to come is host
                await bot.inside()
                await until(lambda: _panel_open(bot), 10, "not settled")
                await bot.meeting.leave()
                assert meeting.ended_by is None
                assert (NAME, "button") in meeting.left

    run(test())
