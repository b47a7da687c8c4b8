"""The meeting on a fake page: what it tells, in which order, and that it always ends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from pydantic import SecretStr

from rejoinder.browser.channel import Hooks
from rejoinder.browser.chromium import Browsers, Visit
from rejoinder.browser.joinflow import (
    Action,
    Admitted,
    Click,
    Fact,
    Finish,
    InLobby,
    PageSnapshot,
    PlainFlow,
    Step,
    Wait,
)
from rejoinder.browser.page import ActionFailed
from rejoinder.browser.profiles import Profiles
from rejoinder.browser.selectors import Selectors
from rejoinder.core import events as told
from rejoinder.core.outcome import Outcome, Reason
from rejoinder.core.participant import Participant
from rejoinder.core.signin import SignIn
from rejoinder.errors import MeetingError
from rejoinder.platforms import attempt as attempts
from rejoinder.platforms import browser as meetings
from rejoinder.platforms.base import Ears, Stay
from rejoinder.platforms.driver import Commands, JoinConfig
from rejoinder.platforms.login import Login
from rejoinder.platforms.roster import Roster
from rejoinder.settings import Settings

LOUD, SILENT = np.full(960, 1000, np.int16), np.zeros(960, np.int16)


@dataclass
class FakeChannel:
    connected: bool = True
    last_beat: float | None = 1e12
    main_age_s: float = 0.0
    said: list[object] = field(default_factory=list)

    def speak(self, pcm: object) -> None:
        self.said.append("speech")

    def flush(self) -> None:
        self.said.append("flush")

    def show(self, jpeg: bytes | None) -> None:
        self.said.append("none" if jpeg is None else "image")

    def tell(self, kind: str, data: Mapping[str, Any], *, state: bool = False) -> None:
        self.said.append(kind)


class FakePage:
    def __init__(self, farm: Farm) -> None:
        self.page = None
        self.console: deque[str] = deque()
        self._farm = farm

    async def goto(self, url: str) -> None:
        if self._farm.broken:
            raise ActionFailed("the page cannot be opened: net::ERR_FAILED")

    async def snapshot(self, *, connected: bool) -> PageSnapshot:
        return PageSnapshot(asyncio.get_running_loop().time(), connected=connected)

    async def perform(self, action: Action, tell: object) -> None:
        self._farm.done.append(action)
        if isinstance(action, Wait):
            await asyncio.sleep(action.seconds)
        if action == Click("broken"):
            raise ActionFailed("broken is not on the page")


class FakeTab:
    def __init__(self, farm: Farm, hooks: Hooks, state: Mapping[str, Any] | None = None) -> None:
        self.page = FakePage(farm)
        self.state = state
        self.channel = FakeChannel()
        self.hooks = hooks
        self.dead = asyncio.Event()
        self.why = ""


class Farm:
    """In place of browsers."""

    def __init__(self) -> None:
        self.tabs: list[FakeTab] = []
        self.open_now = 0
        self.broken = False
        self.done: list[Action] = []

    async def open(self, visit: Visit, hooks: Hooks) -> FakeTab:
        self.open_now += 1
        self.tabs.append(FakeTab(self, hooks, visit.storage_state))
        return self.tabs[-1]

    async def close_tab(self, tab: FakeTab) -> None:
        self.open_now -= 1


class Flow(PlainFlow):
    def __init__(self, script: list[list[Step]]) -> None:
        super().__init__()
        self._script = script

    def on_snapshot(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        return self._script.pop(0) if self._script else []

    def on_fact(self, fact: Fact, now: float) -> list[Step]:
        match fact.kind:
            case "over":
                return [Click("notice"), Finish(Outcome("host_ended", "the page said so"))]
            case "odd":
                raise KeyError("odd")
        return []

    def on_failed(self, action: Action, message: str, now: float) -> list[Step]:
        return [Finish(Outcome("lost", message))]


class Driver:
    name, platform, page_script = "fake", "Room", ""
    selectors = Selectors("2026-11", {}, {})
    commands = Commands(
        leave=lambda _page: [Click("leave", optional=True)],
        chat=lambda _page, text: {"broken": [Click("broken")], "none": None, "same": []}.get(text, [Click("send")]),
    )

    def __init__(self, *scripts: list[list[Step]]) -> None:
        self._scripts = list(scripts)
        self.signed_in: list[bool] = []

    def matches(self, link: str) -> bool:
        return True

    def entry_url(self, link: str, settings: Settings) -> str:
        return link

    def flow(self, config: JoinConfig) -> Flow:
        self.signed_in.append(config.signed_in)
        return Flow(self._scripts.pop(0))

    def roster(self, config: JoinConfig) -> Roster:
        return Roster(config.bot_name)


class Scene:
    def __init__(self, folder: Path, *scripts: list[list[Step]], login: Login | None = None) -> None:
        self.farm = Farm()
        self.events: list[object] = []
        self.audio: list[str] = []
        self.driver = Driver(*scripts)
        self.meeting = meetings.BrowserMeeting(
            cast(Any, self.driver),
            JoinConfig("https://meet.test/a", "Bot"),
            Ears(self.events.append, lambda who, _pcm: self.audio.append(who)),
            Stay("b1", 1),
            cast(Browsers, self.farm),
            Settings(data_dir=folder),
            login,
        )

    def fact(self, kind: str, data: Mapping[str, Any]) -> None:
        self.farm.tabs[-1].hooks.fact(kind, data, asyncio.get_running_loop().time(), 0)

    def hear(self, track: int, pcm: Any = LOUD) -> None:
        self.farm.tabs[-1].hooks.audio(track, asyncio.get_running_loop().time(), pcm, 0)

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not what():  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "LOOK_S", 0.01)
    monkeypatch.setattr(attempts, "INSIDE_LOOK_S", 0.01)
    monkeypatch.setattr(meetings, "NAME_WAIT_S", 0.05)
    pauses: dict[Reason, float] = {"not_started": 0.01, "crashed": 0.01}
    monkeypatch.setattr(meetings, "pause_before_retry", lambda reason, tries: pauses.get(reason) if tries < 3 else None)


INSIDE: list[list[Step]] = [[Admitted()]]


def play(test: Any) -> None:
    asyncio.run(asyncio.wait_for(test, 20))


def test_people_are_told_of_after_the_bot_is_inside_and_by_the_pages_name_for_it(tmp_path: Path) -> None:
    async def test() -> None:
        scene = Scene(tmp_path, [[InLobby()], [], [Admitted()]])
        await scene.meeting.join()
        scene.fact("participants", {"all": [{"id": "m", "name": "Bot", "me": True}, {"id": "a", "name": "Ann"}]})
        await scene.until(lambda: "ParticipantJoined" in scene.kinds())
        assert scene.events == [
            told.InLobby(),
            told.Admitted(Participant("m", "Bot")),
            told.ParticipantJoined(Participant("a", "Ann")),
        ]
        assert scene.meeting.participants == [Participant("a", "Ann")]
        await scene.meeting.leave()
        assert scene.kinds()[-1] == "Ended"
        assert scene.farm.done == [Click("leave", optional=True)]
        assert scene.farm.open_now == 0

    play(test())


def test_a_page_that_does_not_name_the_bot_gets_a_name_made_up(tmp_path: Path) -> None:
    async def test() -> None:
        scene = Scene(tmp_path, INSIDE.copy())
        await scene.meeting.join()
        await scene.until(lambda: bool(scene.events))
        assert scene.events == [told.Admitted(Participant("bot-b1", "Bot", is_bot=True))]
        await scene.meeting.leave()

    play(test())


def test_labelled_audio_is_someones_and_the_rest_an_unknown_voices(tmp_path: Path) -> None:
    async def test() -> None:
        scene = Scene(tmp_path, INSIDE.copy())
        await scene.meeting.join()
        scene.hear(0)  # before it is inside: nobody's business
        await scene.until(lambda: bool(scene.events))
        scene.fact("joined", {"id": "a", "name": "Ann"})
        scene.fact("label", {"track": 0, "id": "a"})
        scene.hear(0)
        scene.hear(1, SILENT)
        assert scene.audio == ["a"]
        scene.hear(1)
        assert scene.audio == ["a", "unknown"]
        assert told.ParticipantJoined(meetings.UNKNOWN) in scene.events
        await scene.until(lambda: scene.audio.count("a") > 3)  # silence where her track stopped
        scene.fact("left", {"id": "a"})
        await scene.until(lambda: told.ParticipantLeft(meetings.UNKNOWN) in scene.events)
        await scene.meeting.leave()

    play(test())


def test_a_track_the_roster_does_not_hear_is_nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Roster, "hears", lambda _roster, track, _at: track != 0)

    async def test() -> None:
        scene = Scene(tmp_path, INSIDE.copy())
        await scene.meeting.join()
        await scene.until(lambda: bool(scene.events))
        scene.fact("joined", {"id": "a", "name": "Ann"})
        scene.fact("label", {"track": 0, "id": "a"})
        scene.hear(0)
        assert (scene.audio, told.ParticipantJoined(meetings.UNKNOWN) in scene.events) == ([], False)
        scene.hear(1)
        assert scene.audio == ["unknown"]
        await scene.meeting.leave()

    play(test())


def test_what_a_flow_makes_of_a_fact_is_done_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "INSIDE_LOOK_S", 60.0)
    monkeypatch.setattr(attempts, "LOOK_S", 60.0)

    async def test() -> None:
        scene = Scene(tmp_path, INSIDE.copy())
        await scene.meeting.join()
        scene.fact("joined", {"id": "m", "name": "Bot", "me": True})
        await scene.until(lambda: "Admitted" in scene.kinds())
        scene.fact("odd", {})  # a flow that stumbles over what a page says goes on
        scene.fact("over", {})
        await scene.until(lambda: "Ended" in scene.kinds())
        assert scene.farm.done == [Click("notice")]
        assert scene.events[-1] == told.Ended("ended", "the page said so (evidence 0001-host-ended)", "host_ended")
        await scene.meeting.leave()

    play(test())


class PatientRoster(Roster):
    """Waits for a label as long as there is none."""

    def patience(self, track: int, at: float) -> float:
        return 0.0 if self.label(track, at) is not None else 0.3


def test_sound_without_a_name_waits_for_it_and_is_unknown_if_none_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Driver, "roster", lambda _self, config: PatientRoster(config.bot_name))

    async def test() -> None:
        scene = Scene(tmp_path, INSIDE.copy())
        await scene.meeting.join()
        await scene.until(lambda: bool(scene.events))
        scene.fact("joined", {"id": "a", "name": "Ann"})
        scene.hear(0)
        scene.hear(0)
        assert scene.audio == []
        scene.fact("label", {"track": 0, "id": "a"})
        assert scene.audio == ["a", "a"]
        assert told.ParticipantJoined(meetings.UNKNOWN) not in scene.events
        scene.hear(1)
        assert "unknown" not in scene.audio
        await scene.until(lambda: "unknown" in scene.audio)  # though nothing more comes
        await asyncio.sleep(0.1)  # the unknown voice's other track is silent
        scene.hear(2)
        await scene.meeting.leave()
        assert scene.audio.count("unknown") >= 2, "what waited when the meeting ended was lost"

    play(test())


def test_no_silence_is_put_where_sound_waits_for_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Driver, "roster", lambda _self, config: PatientRoster(config.bot_name))

    async def test() -> None:
        scene = Scene(tmp_path, INSIDE.copy())
        await scene.meeting.join()
        await scene.until(lambda: bool(scene.events))
        scene.fact("joined", {"id": "a", "name": "Ann"})
        scene.fact("label", {"track": 0, "id": "a"})
        scene.hear(0)
        scene.hear(1)  # hers as well, as will be known
        await asyncio.sleep(0.15)
        assert scene.audio == ["a"]
        scene.fact("label", {"track": 1, "id": "a"})
        assert scene.audio == ["a", "a"]
        await scene.meeting.leave()

    play(test())


def test_a_crash_brings_the_bot_back_and_its_picture(tmp_path: Path) -> None:
    async def test() -> None:
        scene = Scene(tmp_path, INSIDE.copy(), INSIDE.copy())
        await scene.meeting.join()
        await scene.until(lambda: scene.kinds().count("Admitted") == 1)
        scene.meeting.show(np.zeros((360, 640, 3), np.uint8))
        scene.fact("joined", {"id": "a", "name": "Ann"})
        scene.farm.tabs[0].why = "the page crashed"
        scene.farm.tabs[0].dead.set()
        await scene.until(lambda: scene.kinds().count("Admitted") == 2)
        assert scene.farm.tabs[1].channel.said == ["image"]
        assert scene.kinds().count("ParticipantLeft") == 0, "people stay while the bot comes back"
        assert "Ended" not in scene.kinds()
        await scene.meeting.leave()

    play(test())


def test_what_goes_on_failing_ends(tmp_path: Path) -> None:
    async def test() -> None:
        late = Finish(Outcome("not_started", "the host is not there"))
        scene = Scene(tmp_path, [[late]], [[late]], [[late]])
        await scene.meeting.join()
        await scene.until(lambda: "Ended" in scene.kinds())
        (end,) = scene.events
        assert isinstance(end, told.Ended)
        assert end.reason == "lost"
        assert end.message.startswith("the host is not there")
        assert (len(scene.farm.tabs), scene.farm.open_now) == (3, 0)
        await scene.meeting.leave()
        assert scene.kinds() == ["Ended"]

    play(test())


def test_leaving_while_an_action_takes_for_ever_still_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meetings, "CLOSE_S", 0.1)

    async def test() -> None:
        scene = Scene(tmp_path, [[Wait(100.0)]])
        await scene.meeting.join()
        await scene.until(lambda: bool(scene.farm.done))
        await scene.meeting.leave()
        assert scene.events == [told.Ended("left", "Bot left the meeting", "left")]
        assert scene.farm.open_now == 0

    play(test())


def test_leaving_between_two_tries_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meetings, "pause_before_retry", lambda _reason, _tries: 100.0)

    async def test() -> None:
        scene = Scene(tmp_path, [[Finish(Outcome("not_started", "later"))]])
        await scene.meeting.join()
        await scene.until(lambda: bool(scene.farm.tabs) and scene.farm.open_now == 0)
        await scene.meeting.leave()
        assert scene.events == [told.Ended("left", "Bot left the meeting", "left")]

    play(test())


def test_a_meeting_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    async def test() -> None:
        scene = Scene(tmp_path, [])
        scene.farm.broken = True
        with pytest.raises(MeetingError, match="ERR_FAILED"):
            await scene.meeting.join()
        assert (scene.events, scene.farm.open_now) == ([], 0)

    play(test())


def test_chat_is_done_or_says_why_not(tmp_path: Path) -> None:
    async def test() -> None:
        scene = Scene(tmp_path, INSIDE.copy())
        with pytest.raises(MeetingError, match="not in the meeting"):
            await scene.meeting.chat("hi")
        await scene.meeting.join()
        await scene.until(lambda: bool(scene.events))
        await scene.meeting.chat("hi")
        assert scene.farm.done == [Click("send")]
        with pytest.raises(MeetingError, match="not on the page"):
            await scene.meeting.chat("broken")
        with pytest.raises(MeetingError, match="no way"):
            await scene.meeting.chat("none")
        await scene.meeting.chat("same")  # nothing to do is no failure
        assert scene.farm.done == [Click("send"), Click("broken")]
        await scene.meeting.leave()

    play(test())


def test_speech_goes_to_the_page_inside_only_with_a_short_tail_and_may_be_dropped(tmp_path: Path) -> None:
    async def test() -> None:
        scene = Scene(tmp_path, INSIDE.copy())
        assert scene.meeting.drop() is False
        scene.meeting.write(LOUD)
        await scene.meeting.join()
        await scene.until(lambda: bool(scene.events))
        for pcm in (SILENT, LOUD, *[SILENT] * 50):
            scene.meeting.write(pcm)
        said = scene.farm.tabs[0].channel.said
        assert said == ["speech"] * meetings.TAIL_FRAMES
        assert scene.meeting.drop() is True
        assert said[-1] == "flush"
        await scene.meeting.leave()
        scene.meeting.write(LOUD)

    play(test())


def test_delays_of_the_network_come_from_the_page(tmp_path: Path) -> None:
    async def test() -> None:
        scene = Scene(tmp_path, INSIDE.copy())
        await scene.meeting.join()
        await scene.until(lambda: bool(scene.events))
        assert scene.meeting.network_ms("a") == (None, None)
        scene.fact("joined", {"id": "a", "name": "Ann"})
        scene.fact("label", {"track": 4, "id": "a"})
        scene.hear(4)
        scene.fact("stats", {"rtt_ms": 20, "tracks": {"4": 30}})
        assert scene.meeting.network_ms("a") == (66.5, 76.5)
        scene.fact("stats", {"rtt_ms": "odd", "tracks": 3})
        assert scene.meeting.network_ms("a") == (None, None)
        await scene.meeting.leave()

    play(test())


STATE: dict[str, Any] = {"cookies": [{"name": "session", "value": "ann"}], "origins": []}
WALL: list[list[Step]] = [[Finish(Outcome("login_required", "asks to sign in"))]]


def store(folder: Path) -> Profiles:
    profiles = Profiles(folder / "profiles", SecretStr("a key of some length"))
    profiles.save("work", STATE)
    return profiles


def test_a_guest_who_must_sign_in_comes_again_signed_in_and_gives_the_account_back(tmp_path: Path) -> None:
    async def test() -> None:
        profiles = store(tmp_path)
        wanted = SignIn("work", when="if_required")
        scene = Scene(tmp_path, WALL.copy(), INSIDE.copy(), login=Login(wanted, "acme", lambda: profiles))
        await scene.meeting.join()
        await scene.until(lambda: "Admitted" in scene.kinds())
        assert [tab.state for tab in scene.farm.tabs] == [None, STATE]
        assert scene.driver.signed_in == [False, True]
        assert profiles.leased("work")
        await scene.meeting.leave()
        assert not profiles.leased("work")
        assert profiles.load("work").state == STATE, "a page without cookies spoils nothing"

    play(test())


@pytest.mark.parametrize("group", ["work", "home"])
def test_no_account_is_a_typed_end_before_any_browser(tmp_path: Path, group: str) -> None:
    async def test() -> None:
        profiles = store(tmp_path)
        scene = Scene(tmp_path, [], [], [], login=Login(SignIn(group), "acme", lambda: profiles))
        with profiles.lease("work"):
            await scene.meeting.join()
            await scene.until(lambda: "Ended" in scene.kinds())
        (end,) = scene.events
        assert isinstance(end, told.Ended)
        assert (end.reason, end.cause) == ("lost", {"work": "login_busy", "home": "login_required"}[group])
        assert group in end.message
        assert scene.farm.tabs == []
        await scene.meeting.leave()

    play(test())


def test_a_page_that_cannot_be_opened_gives_the_account_back(tmp_path: Path) -> None:
    async def test() -> None:
        profiles = store(tmp_path)
        scene = Scene(tmp_path, [], login=Login(SignIn("work"), "acme", lambda: profiles))
        scene.farm.broken = True
        with pytest.raises(MeetingError):
            await scene.meeting.join()
        assert scene.farm.tabs[0].state == STATE
        assert not profiles.leased("work")

    play(test())
