"""A page: read into plain data, acted on, never waited for without a limit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from rejoinder.browser.inject import source
from rejoinder.browser.joinflow import (
    Action,
    Click,
    Control,
    Finish,
    Goto,
    Note,
    Nudge,
    PageSnapshot,
    Press,
    Reload,
    Tell,
    Type,
    Wait,
)
from rejoinder.browser.selectors import Selectors
from rejoinder.errors import RejoinderError

if TYPE_CHECKING:
    from playwright.async_api import ConsoleMessage, ElementHandle, Page, Response

T = TypeVar("T")
CALL_S = 5.0
"""The longest any call into a page may take; a page that takes longer is not responding."""
GOTO_S = 45.0
CONSOLE_LINES = 100
_KEY_PAUSE_MS = 15
_LOOK_S = 0.1


class ActionFailed(RejoinderError):
    """An action could not be done."""


class BrowserPage:
    """One page of a browser, and what of it a driver's selectors describe."""

    def __init__(self, page: Page, selectors: Selectors) -> None:
        self.page = page
        self.console: deque[str] = deque(maxlen=CONSOLE_LINES)
        self._table = {
            name: [{"css": one.css, "labels": None if one.labels is None else list(one.labels)} for one in alternatives]
            for name, alternatives in selectors.selectors.items()
        }
        self._ignore = list(selectors.ignore)
        self._loop = asyncio.get_running_loop()
        self._status: int | None = None
        self._error: str | None = None
        self._nudges = 0
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"[:500]))
        page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        self.console.append(f"{message.type}: {message.text}"[:500])

    def _answered(self, response: Response) -> None:
        request = response.request
        if request.is_navigation_request() and request.frame.parent_frame is None:
            self._status = response.status

    async def snapshot(self, *, connected: bool = True) -> PageSnapshot:
        """Read the page; one that does not answer in time gives a snapshot with ``responding=False``. Never raises."""
        try:
            raw = await self._bounded(
                self.page.evaluate(source("snapshot.js"), {"selectors": self._table, "ignore": self._ignore})
            )
        except TimeoutError:
            return self._unknown(connected, responding=False)
        except Exception as error:  # the page navigates, or is gone
            return self._unknown(connected, responding="Target" not in type(error).__name__, error=str(error))
        return PageSnapshot(
            at=self._loop.time(),
            url=raw["url"],
            title=raw["title"],
            lang=raw["lang"],
            texts=tuple(raw["texts"]),
            buttons=tuple(Control(*row) for row in raw["buttons"]),
            inputs=tuple(Control(*row) for row in raw["inputs"]),
            present=frozenset(raw["present"]),
            visible=frozenset(raw["visible"]),
            enabled=frozenset(raw["enabled"]),
            counts=raw["counts"],
            values=raw["values"],
            dialogs=tuple(raw["dialogs"]),
            connected=connected,
            online=raw["online"],
            status=self._status,
            error=self._error,
            tracks=raw["tracks"],
        )

    def _unknown(self, connected: bool, *, responding: bool, error: str | None = None) -> PageSnapshot:
        url = "" if self.page.is_closed() else self.page.url
        if error is not None and "selector is not CSS" in error:
            self.console.append(error[:500])
        return PageSnapshot(
            self._loop.time(), url, responding=responding, connected=connected, status=self._status, error=self._error
        )

    async def goto(self, url: str) -> None:
        """Open an address. Raises :class:`ActionFailed` when it cannot be reached."""
        self._status, self._error = None, None
        await self._navigate(self.page.goto(url, wait_until="domcontentloaded", timeout=GOTO_S * 1000))

    async def perform(self, action: Action, tell: Any) -> None:
        """Do one action. Raises :class:`ActionFailed`. ``tell(kind, data, state=...)`` takes messages to the page's
        scripts."""
        try:
            match action:
                case Click():
                    await self._click(action)
                case Type(selector=selector, text=text, within_s=within_s):
                    await self._type(selector, text, within_s)
                case Press(key=key):
                    await self._bounded(self.page.keyboard.press(key))
                case Goto(url=url):
                    await self.goto(url)
                case Reload():
                    await self._navigate(self.page.reload(wait_until="domcontentloaded", timeout=GOTO_S * 1000))
                case Wait(seconds=seconds):
                    await asyncio.sleep(min(seconds, 60.0))
                case Nudge():
                    self._nudges += 1
                    await self._bounded(self.page.mouse.move(400 + 40 * (self._nudges % 2), 300))
                case Tell(kind=kind, data=data, state=state):
                    tell(kind, data, state=state)
                case Note() | Finish():
                    pass
        except ActionFailed:
            raise
        except Exception as error:  # Playwright's errors, time-outs, a page that is gone
            raise ActionFailed(
                f"{type(action).__name__}: {str(error).splitlines()[0] if str(error) else error!r}"
            ) from error

    async def _navigate(self, navigation: Awaitable[Any]) -> None:
        try:
            async with asyncio.timeout(GOTO_S + 1):
                await navigation
        except Exception as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            self._error = next((word.strip(":,") for word in first.split() if word.startswith("net::")), first[:200])
            raise ActionFailed(f"the page cannot be opened: {self._error}") from error
        self._error = None

    async def _click(self, action: Click) -> None:
        element = await self._find(action.selector, 0.0 if action.optional else action.within_s)
        if element is None:
            if action.optional:
                return
            raise ActionFailed(f"{action.selector} is not on the page")
        # Something may lie over it that lets no click through; the element itself is what is meant.
        try:
            await self._bounded(element.click(timeout=2000))
        except Exception:
            await self._bounded(element.dispatch_event("click"))

    async def _type(self, selector: str, text: str, within_s: float) -> None:
        element = await self._find(selector, within_s)
        if element is None:
            raise ActionFailed(f"{selector} is not on the page")
        await self._bounded(element.click(timeout=3000))
        keyboard = self.page.keyboard
        await self._bounded(keyboard.press("Control+A"))
        await self._bounded(keyboard.press("Delete"))
        lines = text.split("\n")
        for number, line in enumerate(lines):
            if number:
                await self._bounded(keyboard.press("Shift+Enter"))
            if len(line) > 300:  # a long message at 15 ms a key would take seconds
                await self._bounded(keyboard.insert_text(line))
            elif line:
                async with asyncio.timeout(CALL_S + len(line) * 0.1):
                    await keyboard.type(line, delay=_KEY_PAUSE_MS)

    async def _find(self, selector: str, within_s: float) -> ElementHandle | None:
        """The element to act on, in this page or a frame of it."""
        if selector not in self._table:
            raise ActionFailed(f"there is no selector named {selector}")
        argument: Mapping[str, Any] = {"find": selector, "selectors": {selector: self._table[selector]}, "ignore": []}
        until = self._loop.time() + within_s
        while True:
            for frame in self.page.frames:
                handle = await self._bounded(frame.evaluate_handle(source("snapshot.js"), argument))
                element = handle.as_element()
                if element is not None:
                    return element
            if self._loop.time() >= until:
                return None
            await asyncio.sleep(_LOOK_S)

    async def _bounded(self, call: Awaitable[T]) -> T:
        async with asyncio.timeout(CALL_S):
            return await call
