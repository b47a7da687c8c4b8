"""Bots and people at the stand-in of Google Meet."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rejoinder.browser.chromium import Browsers
from rejoinder.browser.joinflow import Finish, JoinFlow
from rejoinder.core.events import Admitted, Ended, MeetingEvent, ParticipantJoined
from rejoinder.core.outcome import Outcome
from rejoinder.media.frame import Pcm
from rejoinder.media.loop import new_event_loop
from rejoinder.platforms.base import Ears, Stay
from rejoinder.platforms.browser import BrowserMeeting
from rejoinder.platforms.driver import JoinConfig
from rejoinder.platforms.google_meet.platform import GoogleMeet
from rejoinder.settings import Settings
from standins.common.humans import LOCAL_FLAGS, Human, human_browser, level_at, open_human, until
from standins.google_meet.server import Standin


@dataclass
class Bot:
    meeting: BrowserMeeting
    events: list[MeetingEvent] = field(default_factory=list)
    audio: dict[str, list[tuple[float, Pcm]]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    def got(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def page(self) -> Any:
        attempt = self.meeting._attempt
        assert attempt is not None
        assert attempt.tab is not None
        return attempt.tab.page.page

    async def inside(self) -> None:
        await until(lambda: bool(self.got(Admitted)), 20, f"not admitted: {self.events}")

    async def ended(self, seconds: float = 15) -> Ended:
        await until(lambda: bool(self.got(Ended)), seconds, f"not over: {self.events}")
        return self.got(Ended)[-1]

    def id_of(self, name: str) -> str:
        return next(e.participant.id for e in self.got(ParticipantJoined) if e.participant.name == name)

    def share(self, hz: float, name: str, since: float = 0.0, until: float = float("inf")) -> tuple[float, int]:
        """(Share of the blocks with this tone that are under this name, all blocks with it)."""
        counts = {
            who: sum(_sounds(pcm, hz) for at, pcm in blocks if since <= at < until)
            for who, blocks in self.audio.items()
        }
        total = sum(counts.values())
        return counts.get(self.id_of(name), 0) / max(1, total), total

    def names(self) -> list[str]:
        return [person.name for person in self.meeting.participants]


def _sounds(pcm: Pcm, hz: float) -> bool:
    return level_at(pcm, hz) > 0.03


class Written(GoogleMeet):
    """The driver under test, with its outcomes written down."""

    def flow(self, config: JoinConfig) -> JoinFlow:
        flow = super().flow(config)
        outcomes: list[Outcome] = self.__dict__.setdefault("outcomes", [])
        look, tick = flow.on_snapshot, flow.tick

        def written(steps: list[Any]) -> list[Any]:
            outcomes.extend(step.outcome for step in steps if isinstance(step, Finish))
            return steps

        flow.on_snapshot = lambda snapshot, now: written(look(snapshot, now))  # type: ignore[method-assign]
        flow.tick = lambda now: written(tick(now))  # type: ignore[method-assign]
        return flow


@asynccontextmanager
async def people_at(meeting: Standin, *names: str) -> AsyncIterator[list[Human]]:
    """People in a Chromium of their own, all of them connected."""
    async with human_browser() as browser:
        relay = await open_human(browser, f"{meeting.url}/relay")
        await until(lambda: any(one.role == "relay" for one in meeting.clients.values()), 5, "no relay")
        humans = [await open_human(browser, f"{meeting.url}/person?name={name}") for name in names]
        for human in humans:
            await human.page.wait_for_function("person.state.connection === 'connected'")
        await relay.page.wait_for_function(f"relay.people.size === {len(names)}")
        yield humans


@dataclass
class Scene:
    """Opens bots and people; one Chromium for the bots of a test, one for its people."""

    browsers: Browsers
    settings: Settings

    @asynccontextmanager
    async def bot(self, meeting: Standin, *, join: bool = True, **config: Any) -> AsyncIterator[Bot]:
        driver = Written(origin=meeting.url)
        asked = JoinConfig(meeting.link, "Rejoinder", **config)
        events: list[MeetingEvent] = []
        audio: dict[str, list[tuple[float, Pcm]]] = {}
        loop = asyncio.get_running_loop()
        ears = Ears(events.append, lambda who, pcm: audio.setdefault(who, []).append((loop.time(), pcm)))
        made = BrowserMeeting(driver, asked, ears, Stay("bot1", 1), self.browsers, self.settings)
        try:
            if join:
                await made.join()
            yield Bot(made, events, audio, driver.__dict__.setdefault("outcomes", []))
        finally:
            await made.leave()

    people = staticmethod(people_at)


def play(folder: Path, test: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    """Run a test with a Chromium for its bots; ``folder`` for what they write."""

    async def whole() -> None:
        settings = Settings(data_dir=folder, chromium=os.environ.get("REJOINDER_CHROMIUM"), bots_per_browser=8)
        browsers = Browsers(settings, LOCAL_FLAGS)
        try:
            await test(Scene(browsers, settings))
        finally:
            await browsers.close()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(asyncio.wait_for(whole(), 90))
