"""One try at a meeting in a browser: from opening the page to its outcome. Does what the driver's flow says."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from rejoinder.browser import evidence
from rejoinder.browser.channel import Hooks
from rejoinder.browser.chromium import Browsers, Tab, Visit
from rejoinder.browser.joinflow import Action, Admitted, Finish, InLobby, JoinFlow, Note, PageSnapshot, Step
from rejoinder.browser.page import ActionFailed
from rejoinder.core.outcome import Outcome
from rejoinder.errors import MeetingError, Unavailable
from rejoinder.platforms.driver import Driver, Fact
from rejoinder.platforms.health import Health, Signs

log = structlog.get_logger(__name__)

LOOK_S = 0.25
INSIDE_LOOK_S = 1.0
BEAT_S = 5.0
"""A worker beats each second; one not heard of for this long is not there."""
LEAVE_S = 4.0
MAX_STEPS = 50
"""Answers to facts that may wait for the next look at the page; a flow that gives more loses the oldest."""
REQUEST_S = 20.0

Make = Callable[[PageSnapshot], list[Action] | None]


@dataclass(frozen=True, slots=True)
class Told:
    """Where an attempt tells what happens. ``joined("lobby" | "inside")``; facts carry the attempt's own epochs."""

    joined: Callable[[str], None]
    fact: Callable[[Fact], None]
    hooks: Hooks
    tick: Callable[[float], None]


class Attempt:
    """Open, then :meth:`run` until it is over. Used once. The tab is there between :meth:`open` and :meth:`close`."""

    def __init__(self, driver: Driver, flow: JoinFlow, browsers: Browsers, told: Told, folder: Path) -> None:
        self.tab: Tab | None = None
        self.inside_since: float | None = None
        self._driver = driver
        self._flow = flow
        self._browsers = browsers
        self._told = told
        self._folder = folder
        self._loop = asyncio.get_running_loop()
        self._health = Health(self._loop.time())
        self._requests: deque[tuple[Make, asyncio.Future[None]]] = deque()
        self._steps: deque[Step] = deque(maxlen=MAX_STEPS)
        self._wake = asyncio.Event()
        self._leaving = False
        self._last: PageSnapshot | None = None
        self._epoch = -1

    async def open(self, url: str, name: str, state: Mapping[str, Any] | None) -> Outcome | None:
        """Get a browser to the meeting's address; an outcome when that cannot be."""
        visit = Visit(url, name, self._driver.selectors, self._driver.page_script, state)
        hooks = Hooks(self._told.hooks.audio, self._fact, self._told.hooks.position)
        try:
            self.tab = await self._browsers.open(visit, hooks)
        except Unavailable as error:
            return Outcome("crashed", str(error))
        try:
            await self.tab.page.goto(url)
        except ActionFailed as error:
            saved = await self._evidence("cannot open", str(error))
            return Outcome("crashed" if self.tab.dead.is_set() else "network", str(error), saved)
        return None

    async def run(self) -> Outcome:
        """Until it is over."""
        while True:
            outcome = await self._look()
            if outcome is not None:
                if outcome.reason != "left" and outcome.evidence is None:
                    outcome = Outcome(
                        outcome.reason, outcome.message, await self._evidence(outcome.reason, outcome.message)
                    )
                return outcome
            await self._rest(INSIDE_LOOK_S if self._flow.phase == "inside" else LOOK_S)

    async def close(self) -> None:
        """Close the page, whatever its state."""
        while self._requests:
            _, future = self._requests.popleft()
            if not future.done():
                future.set_exception(MeetingError("the bot is not in the meeting any more"))
        tab, self.tab = self.tab, None
        if tab is not None:
            await self._browsers.close_tab(tab)

    def leave(self) -> None:
        """Leave as a person does; :meth:`run` then returns."""
        self._leaving = True
        self._wake.set()

    async def request(self, make: Make) -> None:
        """Have actions done between two looks at the page. Raises MeetingError when they cannot be done, or ``make``
        gives None: the page offers no way."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._requests.append((make, future))
        self._wake.set()
        try:
            async with asyncio.timeout(REQUEST_S):
                await future
        except TimeoutError as error:
            raise MeetingError("the meeting's page did not do it in time") from error

    # -- the loop -------------------------------------------------------------------------------------------------

    async def _rest(self, seconds: float) -> None:
        assert self.tab is not None
        waits = [self._loop.create_task(event.wait(), name="rest") for event in (self._wake, self.tab.dead)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._wake.clear()

    async def _look(self) -> Outcome | None:
        tab = self.tab
        assert tab is not None
        if tab.dead.is_set():
            return Outcome("crashed", tab.why)
        channel, now = tab.channel, self._loop.time()
        heard = channel.connected and channel.last_beat is not None and now - channel.last_beat < BEAT_S
        if self._steps and not self._leaving:
            steps = list(self._steps)
            self._steps.clear()
            if (outcome := await self._do(steps)) is not None:
                return outcome
        snapshot = await tab.page.snapshot(connected=heard)
        now = self._loop.time()
        if snapshot.responding and snapshot.texts:
            self._last = snapshot
        if tab.dead.is_set():
            return Outcome("crashed", tab.why)
        if self._leaving:
            return await self._leave(snapshot)
        verdict = self._health.see(Signs(heard, snapshot.responding, snapshot.online, channel.main_age_s), now)
        if verdict is not None:
            return verdict
        steps = self._flow.on_snapshot(snapshot, now) if snapshot.responding else []
        outcome = await self._do(steps)
        deadline = self._flow.deadline()
        if outcome is None and deadline is not None and self._loop.time() >= deadline:
            outcome = await self._do(self._flow.tick(self._loop.time()))
        if outcome is None:
            await self._serve_requests(snapshot)
        self._told.tick(self._loop.time())
        return outcome

    async def _do(self, steps: list[Step]) -> Outcome | None:
        for _ in range(5):  # a flow that answers each failure with what fails again must not hold the loop
            failed: Action | None = None
            for step in steps:
                match step:
                    case InLobby():
                        self._told.joined("lobby")
                    case Admitted():
                        self.inside_since = self._loop.time()
                        self._told.joined("inside")
                    case Finish(outcome=outcome):
                        return outcome
                    case _:
                        failed, message = await self._perform(step)
                        if failed is not None:
                            break
            if failed is None or self.tab is None or self.tab.dead.is_set():
                return None
            steps = self._flow.on_failed(failed, message, self._loop.time())
        return None

    async def _perform(self, action: Action) -> tuple[Action | None, str]:
        assert self.tab is not None
        if isinstance(action, Note):
            name = await self._evidence(action.event, action.message) if action.evidence else None
            log.info(action.event, detail=action.message, evidence=name)
            return None, ""
        try:
            await self.tab.page.perform(action, self.tab.channel.tell)
        except ActionFailed as error:
            name = await self._evidence(f"{type(action).__name__} failed", str(error))
            log.info("step failed", action=type(action).__name__, detail=str(error), evidence=name)
            return action, str(error)
        return None, ""

    async def _serve_requests(self, snapshot: PageSnapshot) -> None:
        while self._requests:
            make, future = self._requests.popleft()
            if future.done():
                continue
            actions = make(snapshot)
            message = "the meeting's page offers no way to do it" if actions is None else ""
            for action in actions or ():
                failed, why = await self._perform(action)
                if failed is not None:
                    message = why
                    break
            if future.done():
                continue
            if message:
                future.set_exception(MeetingError(message))
            else:
                future.set_result(None)

    async def _leave(self, snapshot: PageSnapshot) -> Outcome:
        assert self.tab is not None
        try:
            async with asyncio.timeout(LEAVE_S):
                for action in self._driver.commands.leave(snapshot) or ():
                    await self.tab.page.perform(action, self.tab.channel.tell)
        except (TimeoutError, ActionFailed) as error:
            log.debug("left by closing the page", detail=str(error))
        return Outcome("left", "Bot left the meeting")

    def _fact(self, kind: str, data: Mapping[str, Any], at: float, epoch: int) -> None:
        if epoch != self._epoch:
            self._epoch = epoch
            self._health.new_load()
        if kind == "connection":
            self._health.connection(data.get("pc"), data.get("state"), self._loop.time())
        fact = Fact(kind, data, at, epoch)
        self._told.fact(fact)
        try:
            steps = self._flow.on_fact(fact, self._loop.time())
        except Exception as error:  # a page may say anything; it must not end the meeting by it
            log.warning("fact not understood", kind=kind, error=repr(error))
            return
        if steps:
            self._steps.extend(steps)
            self._wake.set()

    async def _evidence(self, what: str, message: str) -> str | None:
        if self.tab is None:
            return None
        page = self.tab.page
        dead = self.tab.dead.is_set() or self.tab.channel.main_age_s > 3.0  # a page that hangs gives no picture
        name = await evidence.save(
            None if dead else page.page, self._folder, what, self._last, list(page.console), message
        )
        return name or None
