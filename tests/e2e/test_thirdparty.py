"""Meetings of other people's making, their pages as they come: Janus' video room and open-easyrtc's demo.

Two people with words and a bot, joined by drivers that know no more of rejoinder than a plug-in would.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Browser

from rejoinder import plugins
from rejoinder.browser.chromium import Browsers
from rejoinder.core.events import Admitted, ChatReceived, Ended, MeetingEvent, ParticipantLeft, SpeakerLabelled
from rejoinder.demo import read_back, synthesize
from rejoinder.errors import MeetingError
from rejoinder.media.frame import FRAME_SAMPLES, VIDEO_SIZE, Pcm
from rejoinder.media.loop import new_event_loop
from rejoinder.models.fetch import ensure
from rejoinder.platforms.base import Ears, Stay
from rejoinder.platforms.browser import BrowserMeeting
from rejoinder.platforms.driver import Driver, JoinConfig
from rejoinder.rehearsal.check import word_error_rate
from rejoinder.settings import Settings
from sound import cut, rms, sounds, tone
from stage import Stage
from standins.common.humans import LOCAL_FLAGS, Human, human_browser, until
from thirdparty.drivers.easyrtc import EasyRtc
from thirdparty.drivers.janus import JanusRoom
from thirdparty.easyrtc import easyrtc
from thirdparty.janus import janus
from thirdparty.people import at_easyrtc, at_janus, heard, remember, say
from thirdparty.process import left_behind

pytestmark = [pytest.mark.models, pytest.mark.browser]

ADA = "Good morning everyone. The release is planned for Friday afternoon."
BEN = "I will write the announcement on Thursday, and send it to Ada."
ROBIN = "Thank you both. I have written down that the release is planned for Friday afternoon."
LOST = "Lost connection to signaling server"
"""What the page says when it has lost its server."""
WORST = 0.15
AUDIBLE = 100.0
RED = (220, 30, 30)


@dataclass(frozen=True)
class Place:
    """A meeting somewhere else: how to run it, how the bot and people get in."""

    server: Callable[[], AbstractAsyncContextManager[str]]
    driver: Driver
    enter: Callable[[Browser, str, str], Awaitable[Human]]
    video: str
    """The pictures of the others on a person's page."""
    others: str
    """Script: how many others a person's page has."""
    chats: bool


JANUS = Place(
    janus,
    JanusRoom(),
    at_janus,
    video="[id^=videoremote] video",
    others="document.querySelectorAll('[id^=videoremote] audio').length",
    chats=False,
)
EASYRTC = Place(
    easyrtc,
    EasyRtc(),
    at_easyrtc,
    video="#box1, #box2, #box3",
    others="easyrtc.getConnectionCount()",
    chats=True,
)


@dataclass
class Bot:
    """A bot and what it noticed."""

    meeting: BrowserMeeting
    events: list[MeetingEvent]
    audio: dict[str, list[Pcm]] = field(default_factory=lambda: defaultdict(list))

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def person(self, name: str) -> str:
        (found,) = [one.id for one in self.meeting.participants if one.name == name]
        return found

    async def speak(self, pcm: Pcm) -> None:
        """Say something at its pace."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number, start in enumerate(range(0, len(pcm) - FRAME_SAMPLES + 1, FRAME_SAMPLES)):
            self.meeting.write(pcm[start : start + FRAME_SAMPLES])
            await asyncio.sleep(max(0.0, begun + (number + 1) * 0.02 - loop.time()))


class World:
    """The models, and a loop for everything."""

    def __init__(self, runner: asyncio.Runner, folder: Path) -> None:
        self.runner = runner
        self.settings = Settings(data_dir=folder)
        self.speech: Any = None
        self.voices: dict[str, Pcm] = {}

    async def open(self) -> None:
        self.speech = await plugins.load_speech(ensure(plugins.SPEECH_MODELS, self.settings))
        for name, text in (("Ada", ADA), ("Ben", BEN), ("Robin", ROBIN)):
            self.voices[name] = await synthesize(self.speech.voice, text, low=name == "Ben")

    def play(self, scene: Coroutine[Any, Any, None], within_s: float) -> None:
        """Run a scene; it must leave no process behind."""
        self.runner.run(asyncio.wait_for(scene, within_s))
        assert not left_behind()

    async def read(self, pcm: Pcm) -> str:
        """The words in a recording; "" where nothing can be heard."""
        spans = sounds(pcm)
        if not spans:
            return ""
        return await read_back(self.speech.transcriber, cut(pcm, max(0.0, spans[0][0] - 0.2), spans[-1][1] + 0.2))

    @asynccontextmanager
    async def bot(self, place: Place, browsers: Browsers, link: str) -> AsyncIterator[Bot]:
        events: list[MeetingEvent] = []
        ears = Ears(events.append, lambda who, pcm: bot.audio[who].append(pcm.copy()))
        assert place.driver.matches(link)
        config = JoinConfig(link, "Robin", join_timeout_s=30)
        bot = Bot(BrowserMeeting(place.driver, config, ears, Stay("b1", 1), browsers, self.settings), events)
        await bot.meeting.join()
        try:
            yield bot
        finally:
            await bot.meeting.leave()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        world = World(runner, tmp_path_factory.mktemp("thirdparty"))
        runner.run(world.open())
        yield world


@asynccontextmanager
async def bots(world: World) -> AsyncIterator[Browsers]:
    browsers = Browsers(world.settings, LOCAL_FLAGS)
    try:
        yield browsers
    finally:
        await browsers.close()


@pytest.mark.parametrize("place", [JANUS, EASYRTC], ids=["janus", "easyrtc"])
def test_a_meeting(world: World, place: Place) -> None:
    async def scene() -> None:
        async with place.server() as url, human_browser() as chromium, bots(world) as browsers:
            people = {name: await place.enter(chromium, url, name) for name in ("Ada", "Ben")}
            async with world.bot(place, browsers, url) as bot:
                begun = asyncio.get_running_loop().time()
                await until(lambda: bool(bot.of(Admitted)), 20, "the bot is not in")
                print(f"inside {asyncio.get_running_loop().time() - begun:.1f} s after the page was open")
                me = bot.of(Admitted)[0].me
                assert me.name == "Robin"
                assert not me.id.startswith("bot-"), "the page did not say who the bot is"
                await until(lambda: len(bot.of(SpeakerLabelled)) == 2, 10, f"not everyone is known: {bot.events}")
                assert sorted(one.name for one in bot.meeting.participants) == ["Ada", "Ben"]
                await hears_each(world, bot, people)
                await is_heard_and_seen(world, place, bot, people)
                if place.chats:
                    await chats(bot, people)
                else:
                    with pytest.raises(MeetingError):
                        await bot.meeting.chat("Hello")
                await someone_goes(bot, people)
                ada = people["Ada"].page
                await ada.wait_for_function(f"() => {place.others} === 1")
                await bot.meeting.leave()
                await ada.wait_for_function(f"() => {place.others} === 0")
            assert [event.reason for event in bot.of(Ended)] == ["left"]

    world.play(scene(), 90)


async def hears_each(world: World, bot: Bot, people: dict[str, Human]) -> None:
    """Both speak at the same time, and each one's words are under their name."""
    bot.audio.clear()
    await asyncio.gather(*(say(person, world.voices[name]) for name, person in people.items()))
    await asyncio.sleep(0.6)
    assert set(bot.audio) <= {bot.person(name) for name in people}, "somebody was heard whom nobody knows"
    for name, text in (("Ada", ADA), ("Ben", BEN)):
        check(text, await world.read(np.concatenate(bot.audio[bot.person(name)])), f"{name}'s words")


async def is_heard_and_seen(world: World, place: Place, bot: Bot, people: dict[str, Human]) -> None:
    """The bot speaks and shows a picture: both people get both, and from one of the others only."""
    width, height = VIDEO_SIZE
    bot.meeting.show(np.full((height, width, 3), RED, np.uint8))
    for person in people.values():
        await remember(person)
    begun = time.time()
    await bot.speak(world.voices["Robin"])
    await robin_was_heard(world, people, begun)
    for person in people.values():
        await until(lambda person=person: shows(person, place.video), 15, "the bot's picture does not arrive")


async def robin_was_heard(world: World, people: dict[str, Human], begun: float) -> None:
    """One of the others has said Robin's words since a moment (Unix seconds); the rest were quiet."""
    await asyncio.sleep(0.6)
    for name, person in people.items():
        tracks = await heard(person, begun)
        loud = [track for track in tracks if rms(track) > AUDIBLE]
        assert len(loud) == 1, [rms(track) for track in tracks]
        check(ROBIN, await world.read(loud[0]), f"the bot's words at {name}")


def check(said: str, words: str, whose: str) -> None:
    rate = word_error_rate(said, words)
    print(f"{whose}: word error rate {rate:.2f}, {words!r}")
    assert rate <= WORST, words


async def shows(person: Human, videos: str) -> bool:
    """Whether one of the others' pictures is as red as the bot's."""
    for number in range(await person.page.locator(videos).count()):
        await person.page.evaluate(
            """([css, at]) => document.querySelectorAll(css).forEach(
                (one, number) => one.toggleAttribute("data-looked", number === at)
            )""",
            [videos, number],
        )
        colour = await person.page.evaluate("human.colour('video[data-looked]')")
        if colour is not None and max(abs(one - other) for one, other in zip(colour, RED, strict=True)) < 40:
            return True
    return False


async def chats(bot: Bot, people: dict[str, Human]) -> None:
    await bot.meeting.chat("Notes: it's on Friday")
    for person in people.values():
        await person.page.get_by_text("Notes: it's on Friday").wait_for()
    ben = people["Ben"].page
    await ben.get_by_text("Notes: it's on Friday").click()  # it lies over the button
    await ben.click("#textEntryButton")
    await ben.fill("#textentryField", LOST)
    await ben.click("#textentrySubmit")
    await until(lambda: bool(bot.of(ChatReceived)), 15, "the chat message does not arrive")
    (message,) = bot.of(ChatReceived)
    assert (message.participant.name, message.text) == ("Ben", LOST)
    await asyncio.sleep(2)
    assert not bot.of(Ended), "what people write is not what the page says"


async def someone_goes(bot: Bot, people: dict[str, Human]) -> None:
    ben = bot.person("Ben")
    await people["Ben"].page.context.close()
    await until(lambda: bool(bot.of(ParticipantLeft)), 15, "nobody noticed that Ben left")
    assert [event.participant.id for event in bot.of(ParticipantLeft)] == [ben]
    assert [one.name for one in bot.meeting.participants] == ["Ada"]


def test_a_room_that_is_not_there(world: World) -> None:
    async def scene() -> None:
        async with janus() as url, bots(world) as browsers:
            async with world.bot(JANUS, browsers, url.replace("room=1234", "room=99")) as bot:
                await until(lambda: bool(bot.of(Ended)), 15, "the bot does not see that there is no room")
            assert bot.of(Ended)[0].message.startswith("There is no such room (evidence ")
            assert not bot.of(Admitted)

    world.play(scene(), 40)


def test_a_plug_in_and_the_whole_server(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is found as an installed package's; bot, audio and speech go over the API and MeetStream's sockets.
    At the end somebody puts the bot out."""
    point = EntryPoint("janus", "thirdparty.drivers.janus:driver", "rejoinder.platforms")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == point.group else [])

    async def scene() -> None:
        stage = Stage(tmp_path, world.runner)
        await stage.open()
        try:
            async with janus() as url, human_browser() as chromium:
                people = {name: await at_janus(chromium, url, name) for name in ("Ada", "Ben")}
                await over_the_api(world, stage, url, people)
        finally:
            await stage.close()

    world.play(scene(), 90)


async def all_heard(stage: Stage, people: dict[str, Human]) -> bool:
    """People hum for a moment. The audio socket carries nobody who has made no sound."""
    await asyncio.gather(*(say(person, tone(440, 0.1)) for person in people.values()))
    await asyncio.sleep(0.6)
    return set(people) <= {name for _, name, _ in stage.seed.frames}


async def over_the_api(world: World, stage: Stage, url: str, people: dict[str, Human]) -> None:
    seed = stage.seed
    sockets = {
        "socket_connection_url": {"websocket_url": seed.control_url},
        "live_audio_required": {"websocket_url": seed.audio_url},
    }
    bot = await stage.create("", meeting_link=url, **sockets)
    await stage.until_status(bot, "InMeeting", 30)
    await seed.wait(lambda seen: bot in seen.control_sockets and bot in seen.audio_sockets, 10)
    await until(lambda: all_heard(stage, people), 15, "not everyone is heard")
    seed.frames.clear()
    for person in people.values():
        await remember(person)
    await asyncio.gather(*(say(person, world.voices[name]) for name, person in people.items()))
    await asyncio.sleep(0.6)
    for name, text in (("Ada", ADA), ("Ben", BEN)):
        check(text, await world.read(np.frombuffer(seed.pcm_of(name), "<i2")), f"{name}'s words")
    assert {name for _, name, _ in seed.frames} == {"Ada", "Ben"}
    begun = time.time()
    await stage.speak(bot, world.voices["Robin"], 48_000)
    await asyncio.sleep(len(world.voices["Robin"]) / 48_000)
    await robin_was_heard(world, people, begun)
    await people["Ada"].page.evaluate(
        """() => {
            const robin = feeds.find((feed) => feed && feed.rfdisplay === "Robin");
            sfutest.send({ message: { request: "kick", room: myroom, id: robin.rfid } });
        }"""
    )
    found = await stage.until_status(bot, "Done", 30)
    assert found["message"].startswith("The room takes nothing from the bot any more"), found
