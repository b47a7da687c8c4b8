"""A bot's browser at a tiny meeting of real Chromium people: hearing, speaking, showing, and what breaks on the way."""

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

from humans import LOCAL_FLAGS, Human, human_browser, level_at, open_human, until
from server import page_server
from tiny import SELECTORS, TinyDriver

from rejoinder.browser.channel import Hooks
from rejoinder.browser.chromium import Browsers, Tab, Visit, _command, _descendants
from rejoinder.browser.evidence import names
from rejoinder.core.events import (
    Admitted,
    ChatReceived,
    Ended,
    InLobby,
    MeetingEvent,
    ParticipantJoined,
    ParticipantLeft,
)
from rejoinder.errors import MeetingError
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.media.loop import new_event_loop
from rejoinder.media.mouth import Mouth
from rejoinder.platforms.base import Ears, Stay
from rejoinder.platforms.browser import BrowserMeeting
from rejoinder.platforms.driver import JoinConfig
from rejoinder.settings import Settings

pytestmark = pytest.mark.browser


@dataclass
class Bot:
    meeting: BrowserMeeting
    browsers: Browsers
    folder: Path
    events: list[MeetingEvent] = field(default_factory=list)
    audio: dict[str, list[Pcm]] = field(default_factory=dict)

    def got(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def last(self, who: str, frames: int = 40) -> Pcm:
        return np.concatenate(self.audio.get(who, [np.zeros(0, np.int16)])[-frames:])

    @property
    def tab(self) -> Tab:
        assert self.meeting._attempt is not None
        assert self.meeting._attempt.tab is not None
        return self.meeting._attempt.tab

    async def inside(self, times: int = 1) -> None:
        await until(lambda: len(self.got(Admitted)) >= times, 30, f"not admitted: {self.events}")


@asynccontextmanager
async def bot_at(url: str, folder: Path, *, join: bool = True) -> AsyncIterator[Bot]:
    settings = Settings(data_dir=folder, chromium=os.environ.get("REJOINDER_CHROMIUM"))
    browsers = Browsers(settings, LOCAL_FLAGS)
    events: list[MeetingEvent] = []
    audio: dict[str, list[Pcm]] = {}
    ears = Ears(events.append, lambda who, pcm: audio.setdefault(who, []).append(pcm))
    meeting = BrowserMeeting(TinyDriver(), JoinConfig(url, "Rejoinder"), ears, Stay("bot1", 1), browsers, settings)
    try:
        if join:
            await meeting.join()
        yield Bot(meeting, browsers, folder / "evidence" / "bot1", events, audio)
    finally:
        await meeting.leave()
        await browsers.close()


async def come(browser: Any, url: str, name: str) -> Human:
    human = await open_human(browser, url)
    await human.page.locator("#name").press_sequentially(name)
    await human.page.click("#join")
    return human


def run(test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(asyncio.wait_for(test, 120))
    assert not [pid for pid in _descendants(os.getpid()) if b"chromium" in _program(pid)], "a browser is left behind"


def _program(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return b""


def tone(hz: float, seconds: float) -> Pcm:
    return (9000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * MEETING_RATE)) / MEETING_RATE)).astype(np.int16)


def test_two_people_are_heard_apart_and_hear_see_and_read_the_bot(tmp_path: Path) -> None:
    async def test() -> None:
        async with page_server() as server, human_browser() as people:
            url = f"{server.url}/tiny.html?video=1"
            ann, ben = await come(people, url, "Ann"), await come(people, url, "Ben")
            await ann.tone(440)
            await ben.tone(1000)
            async with bot_at(url, tmp_path) as bot:
                await bot.inside()
                await until(
                    lambda: len(bot.audio) == 2 and all(len(a) > 60 for a in bot.audio.values()), 20, "not heard"
                )
                who = {event.participant.name: event.participant.id for event in bot.got(ParticipantJoined)}
                for name, own, other in (("Ann", 440, 1000), ("Ben", 1000, 440)):
                    assert 0.2 < level_at(bot.last(who[name]), own) < 0.4
                    assert level_at(bot.last(who[name]), other) < 0.003
                await speaks_and_is_cleared(bot, ann)
                bot.meeting.show(np.full((360, 640, 3), (200, 30, 30), np.uint8))

                async def red() -> bool:
                    colour = await ann.page.evaluate("human.colour('.tile:last-child video')")
                    return colour is not None and colour[0] > 150 and colour[1] < 80

                await until(red, 10, "the picture is not seen")
                await bot.meeting.chat("Good morning")
                await until(lambda: ("Rejoinder", "Good morning") in server.chats, 5, "the chat message did not arrive")
                await server.room("a").chat("Ann", "Hello bot")
                await until(lambda: any(e.text == "Hello bot" for e in bot.got(ChatReceived)), 5, "chat not received")
                assert not any(event.text == "Good morning" for event in bot.got(ChatReceived)), (
                    "its own message came back"
                )
                await server.room("a").chat("Ann", "the meeting has ended")
                await ben.page.close()
                await until(lambda: len(bot.got(ParticipantLeft)) == 1, 5, "Ben did not leave")
                assert not bot.got(Ended), "what people write is not what the page says"
                await bot.meeting.leave()
                assert bot.got(Ended)[-1].reason == "left"
                await until(lambda: not server.room("a").named("Rejoinder"), 5, "the bot is still in the meeting")

    run(test())


async def speaks_and_is_cleared(bot: Bot, ann: Human) -> None:
    mouth = Mouth(bot.meeting.write, continuous=True)
    mouth.drop = bot.meeting.drop
    key = (await ann.keys())[-1]
    mouth.add("clip", tone(2000, 30))

    async def heard() -> bool:
        return level_at((await ann.heard(key, 0.5))[1], 2000) > 0.15

    await until(heard, 5, "the bot is not heard")
    await asyncio.sleep(1.0)
    _, samples = await ann.heard(key, 0.8)
    quiet = np.abs(samples).reshape(-1, 480).max(axis=1) < 0.05
    assert quiet.sum() <= 2, "the bot's speech has holes"
    mouth.clear()
    cleared = time.time()
    await asyncio.sleep(0.8)
    start, samples = await ann.heard(key, 1.5)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    silent_after = start + loud[-1] / MEETING_RATE - cleared if len(loud) else 0.0
    assert silent_after < 0.4, f"still heard {silent_after:.3f} s after it was cleared"
    mouth.stop()


def test_the_lobby_is_told_and_a_refusal_is_final(tmp_path: Path) -> None:
    async def test() -> None:
        async with page_server() as server:
            room = server.room("a")
            room.lobby = True
            async with bot_at(f"{server.url}/tiny.html", tmp_path) as bot:
                await until(lambda: bool(bot.got(InLobby) and room.named("Rejoinder")), 10, "not in the lobby")
                await room.deny(room.named("Rejoinder")[0])
                await until(lambda: bool(bot.got(Ended)), 10, "the refusal was not seen")
                assert bot.got(Ended)[0].reason == "denied"
                assert not bot.got(Admitted)
                assert names(bot.folder) == ["0001-denied"]
                assert "denied your request" in (bot.folder / "0001-denied.json").read_text()
                assert (bot.folder / "0001-denied.png").stat().st_size > 1000

    run(test())


@pytest.mark.parametrize("harm", ["crash", "kill_browser", "freeze"])
def test_what_breaks_is_noticed_and_the_bot_comes_back(tmp_path: Path, harm: str) -> None:
    async def test() -> None:
        async with page_server() as server, human_browser() as people:
            url = f"{server.url}/tiny.html"
            ann = await come(people, url, "Ann")
            await ann.tone(440)
            async with bot_at(url, tmp_path) as bot:
                await bot.inside()
                began = time.monotonic()
                await {"crash": crash, "kill_browser": kill_browser, "freeze": freeze}[harm](bot)
                await bot.inside(2)
                assert time.monotonic() - began < 30
                assert names(bot.folder) == ["0001-crashed"]
                bot.audio.clear()
                await until(lambda: any(len(a) > 60 for a in bot.audio.values()), 10, "Ann is not heard again")
                assert level_at(bot.last(next(iter(bot.audio))), 440) > 0.2
                assert len(bot.got(ParticipantJoined)) == 1, "Ann left and came for nothing"

    run(test())


def test_a_socket_that_drops_is_opened_again_and_nobody_leaves(tmp_path: Path) -> None:
    async def test() -> None:
        async with page_server() as server, human_browser() as people:
            url = f"{server.url}/tiny.html"
            await (await come(people, url, "Ann")).tone(440)
            async with bot_at(url, tmp_path) as bot:
                await bot.inside()
                assert bot.tab.channel._connection is not None
                bot.tab.channel._connection.transport.abort()
                await until(lambda: not bot.tab.channel.connected, 3, "the socket did not drop")
                await until(lambda: bot.tab.channel.connected, 5, "the socket did not come back")
                bot.audio.clear()
                await until(lambda: any(len(a) > 25 for a in bot.audio.values()), 5, "Ann is not heard after the drop")
                assert (bot.tab.channel.epoch, len(bot.got(Admitted))) == (0, 1)
                assert len(bot.got(ParticipantJoined)) == 1
                assert names(bot.folder) == []

    run(test())


async def crash(bot: Bot) -> None:
    async def go() -> None:
        try:
            await bot.tab.page.page.goto("chrome://crash", timeout=2000)
        except Exception as error:
            print("crashed:", type(error).__name__)

    await go()


async def kill_browser(bot: Bot) -> None:
    assert bot.tab.pid is not None
    os.kill(bot.tab.pid, 9)


async def freeze(bot: Bot) -> None:
    await bot.tab.page.page.evaluate("setTimeout(() => { for (;;); }, 0)")


def test_a_network_that_is_cut_ends_typed_or_comes_back(tmp_path: Path) -> None:
    async def test() -> None:
        async with page_server() as server:
            async with bot_at(f"{server.url}/tiny.html", tmp_path) as bot:
                await bot.inside()
                began = time.monotonic()
                await bot.tab.set_offline(True)
                await bot.inside(2)
                assert time.monotonic() - began < 30
                assert names(bot.folder)[-1].endswith("network")

    run(test())


def test_a_meeting_that_cannot_be_reached_is_an_error_with_evidence(tmp_path: Path) -> None:
    async def test() -> None:
        async with bot_at("http://127.0.0.1:9/tiny.html", tmp_path, join=False) as bot:
            with pytest.raises(MeetingError, match="ERR_"):
                await bot.meeting.join()
            assert names(bot.folder) == ["0001-cannot-open"]

    run(test())


def test_several_bots_may_share_a_browser(tmp_path: Path) -> None:
    async def test() -> None:
        async with page_server() as server:
            settings = Settings(bots_per_browser=2, data_dir=tmp_path, chromium_flags=["--operators-own=1"])
            browsers = Browsers(settings, LOCAL_FLAGS)
            visit = Visit(f"{server.url}/tiny.html", "Bot", SELECTORS)
            hooks = Hooks(lambda *_: None, lambda *_: None)
            first, second, third = [await browsers.open(visit, hooks) for _ in range(3)]
            assert first.pid == second.pid != third.pid
            assert all("--operators-own=1" in _command(tab.pid or 0) for tab in (first, third))
            await browsers.close_tab(first)
            await second.page.goto(visit.url)
            assert (await second.page.snapshot()).visible >= {"name"}
            await browsers.close()
            assert second.dead.is_set()

    run(test())


def test_a_public_page_reaches_the_channel(tmp_path: Path) -> None:
    """Chromium lets pages of public addresses open no sockets to this computer unless they are permitted to; a test on
    localhost alone would not show it."""

    async def test() -> None:
        async with page_server() as server:
            port = server.url.rpartition(":")[2]
            flags = (
                f"--host-resolver-rules=MAP *.test 127.0.0.1:{port}",
                f"--ip-address-space-overrides=127.0.0.1:{port}=public",
                f"--unsafely-treat-insecure-origin-as-secure=http://meet.test:{port}",
            )
            for start, permitted in (("meet", True), ("links", True), ("meet", False)):
                browsers = Browsers(Settings(data_dir=tmp_path), flags)
                visit = Visit(f"http://{start}.test:{port}/tiny.html", "Bot", SELECTORS)
                tab = await browsers.open(visit, Hooks(lambda *_: None, lambda *_: None))
                if not permitted:
                    await tab._context.clear_permissions()
                await tab.page.goto(f"http://meet.test:{port}/tiny.html")  # where the link leads in the end
                if permitted:
                    await until(lambda tab=tab: tab.channel.connected, 10, "a public page cannot reach the channel")  # type: ignore[misc]
                else:
                    await asyncio.sleep(2.0)
                    assert not tab.channel.connected, "this test proves nothing: the page needs no permission"
                await browsers.close()

    run(test())


def test_speech_goes_on_while_the_page_is_busy(tmp_path: Path) -> None:
    async def test() -> None:
        async with page_server() as server, human_browser() as people:
            url = f"{server.url}/tiny.html"
            ann = await come(people, url, "Ann")
            async with bot_at(url, tmp_path) as bot:
                await bot.inside()
                await until(lambda: len(bot.got(ParticipantJoined)) == 1, 5, "nobody there")
                mouth = Mouth(bot.meeting.write, continuous=True)
                mouth.add("clip", tone(2000, 20))

                async def heard() -> bool:
                    return level_at((await ann.heard("0", 0.5))[1], 2000) > 0.15

                await until(heard, 10, "the bot is not heard")
                await asyncio.sleep(0.5)
                await bot.tab.page.page.evaluate(
                    "setTimeout(() => { const end = performance.now() + 600; while (performance.now() < end); }, 100)"
                )
                await asyncio.sleep(1.2)
                _, samples = await ann.heard("0", 1.0)
                quiet = np.abs(samples).reshape(-1, 480).max(axis=1) < 0.05
                assert quiet.sum() <= 8, f"{quiet.sum() * 10} ms of silence while the page was busy"
                mouth.stop()

    run(test())


def test_what_people_say_arrives_while_the_page_is_busy(tmp_path: Path) -> None:
    async def test() -> None:
        async with page_server() as server, human_browser() as people:
            url = f"{server.url}/tiny.html"
            ann = await come(people, url, "Ann")
            await ann.tone(700)
            async with bot_at(url, tmp_path) as bot:
                await bot.inside()
                await until(lambda: len(bot.got(ParticipantJoined)) == 1, 5, "nobody there")
                who = bot.got(ParticipantJoined)[0].participant.id
                await until(lambda: level_at(bot.last(who), 700) > 0.1, 10, f"not heard: {list(bot.audio)}")
                await bot.tab.page.page.evaluate(
                    "setTimeout(() => { const end = performance.now() + 2000; while (performance.now() < end); }, 100)"
                )
                await asyncio.sleep(0.6)
                before = len(bot.audio[who])
                await asyncio.sleep(1.0)
                heard = len(bot.audio[who]) - before
                assert heard >= 35, f"{heard} of 50 blocks came while the page was busy"
                assert level_at(bot.last(who), 700) > 0.1

    run(test())
