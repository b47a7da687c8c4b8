"""Starts and stops Chromium: one for each bot, or a few bots to one where the operator wants to save memory."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from rejoinder.browser.channel import Channel, ChannelServer, Hooks
from rejoinder.browser.flags import LANGUAGE, WINDOW, chromium_flags
from rejoinder.browser.folders import Folder, sweep
from rejoinder.browser.inject import page_script
from rejoinder.browser.page import BrowserPage
from rejoinder.browser.selectors import Selectors
from rejoinder.errors import Unavailable
from rejoinder.settings import Settings
from rejoinder.tasks import Tasks

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Playwright

log = structlog.get_logger(__name__)

START_S = 30.0
CLOSE_S = 5.0
PERMISSIONS = ("microphone", "camera", "local-network-access")
"""The last one lets a public page open the channel to 127.0.0.1 (Chromium's Local Network Access)."""


@dataclass(eq=False)
class _Process:
    browser: Browser
    pid: int | None
    folder: Folder
    tabs: set[Tab] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page is opened for. ``script``: the platform's page script."""

    url: str
    name: str
    selectors: Selectors
    script: str = ""
    storage_state: Mapping[str, Any] | None = field(default=None, repr=False)


class Tab:
    """One bot's page, with its channel. ``dead`` is set, and ``why`` tells, when page, renderer or browser are gone."""

    def __init__(self, context: BrowserContext, page: BrowserPage, channel: Channel, process: _Process) -> None:
        self.page = page
        self.channel = channel
        self.dead = asyncio.Event()
        self.why = ""
        self._context = context
        self._process = process
        page.page.on("crash", lambda _: self._died("the page crashed"))
        page.page.on("close", lambda _: self._died("the page was closed"))
        process.browser.on("disconnected", lambda _: self._died("the browser died"))

    @property
    def pid(self) -> int | None:
        """Process id of its browser, where known."""
        return self._process.pid

    async def set_offline(self, offline: bool) -> None:
        """Cut the page off from the network, for tests."""
        await self._context.set_offline(offline)

    def _died(self, why: str) -> None:
        if not self.dead.is_set():
            self.why = why
            self.dead.set()

    async def close(self, *, alone: bool) -> None:
        """Close the page and all it stored. ``alone``: nobody else is in the browser, which is closed next."""
        self._died("the page was closed")
        self.channel.close()
        if alone:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._context.close()
        except Exception as error:
            log.debug("context did not close", error=str(error))


class Browsers:
    """The browsers of a process. Use it on one event loop; the first :meth:`open` starts what is needed.

    ``extra_flags``: beside the operator's (``settings.chromium_flags``).
    """

    def __init__(self, settings: Settings, extra_flags: Sequence[str] = ()) -> None:
        self._settings = settings
        self._extra = (*settings.chromium_flags, *extra_flags)
        self._lock = asyncio.Lock()
        self._channels: ChannelServer | None = None
        self._playwright: Playwright | None = None
        self._processes: list[_Process] = []
        self._tasks = Tasks(on_error=lambda name, error: log.debug(name, error=_first_line(error)))

    async def open(self, visit: Visit, hooks: Hooks) -> Tab:
        """A fresh page with its own storage, not yet at its address. Raises Unavailable when no browser can be had."""
        async with self._lock:
            await self._start()
            process = await self._process()
            assert self._channels is not None
            channel = self._channels.open(hooks)
            try:
                async with asyncio.timeout(START_S):
                    tab = await self._tab(process, visit, channel)
            except BaseException as error:
                channel.close()
                if not process.tabs or not isinstance(error, asyncio.CancelledError):
                    await self._retire(process)
                if not isinstance(error, Exception):
                    raise
                raise Unavailable(f"the browser gave no page: {_first_line(error)}") from error
            process.tabs.add(tab)
            return tab

    async def close_tab(self, tab: Tab) -> None:
        """Close a page, and its browser when it was the last or is not well."""
        process = tab._process
        await tab.close(alone=process.tabs <= {tab})
        async with self._lock:
            process.tabs.discard(tab)
            if not process.tabs and process in self._processes:
                await self._retire(process)

    async def close(self) -> None:
        """End all browsers."""
        async with self._lock:
            for process in list(self._processes):
                await self._retire(process)
            await self._tasks.finish(CLOSE_S)
            if self._playwright is not None:
                await self._playwright.stop()
                self._playwright = None
            if self._channels is not None:
                await self._channels.stop()
                self._channels = None

    # -- the parts ------------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        if self._channels is None:
            if swept := await asyncio.to_thread(sweep):
                log.info("removed folders of browsers whose process was killed", folders=swept)
            channels = ChannelServer()
            await channels.start()
            self._channels = channels
        if self._playwright is None:
            try:
                from playwright.async_api import async_playwright
            except ImportError as error:
                raise Unavailable("browser bots need Playwright: install rejoinder[browser]") from error
            self._playwright = await async_playwright().start()

    async def _process(self) -> _Process:
        for process in self._processes:
            if process.browser.is_connected() and len(process.tabs) < self._settings.bots_per_browser:
                return process
        assert self._playwright is not None
        executable = find_chromium(self._settings.chromium)
        folder = Folder()
        flags = chromium_flags(folder.path, root=hasattr(os, "geteuid") and os.geteuid() == 0, extra=self._extra)
        before = _descendants(os.getpid())
        try:
            browser = await self._launch(executable, flags, folder)
        except Exception as error:
            await asyncio.to_thread(folder.remove)
            raise Unavailable(f"Chromium does not start: {_first_line(error)}") from error
        process = _Process(browser, _chromium_pid(before, folder.path), folder)
        self._processes.append(process)
        return process

    async def _launch(self, executable: str, flags: list[str], folder: Folder) -> Browser:
        assert self._playwright is not None
        launching = self._tasks.start(
            self._playwright.chromium.launch(
                executable_path=executable,
                args=flags,
                ignore_default_args=True,
                headless=True,
                timeout=START_S * 1000,
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            ),
            "launch",
        )
        try:
            browser: Browser = await asyncio.shield(launching)
        except asyncio.CancelledError:  # a browser nobody waits for any more must not stay
            self._tasks.start(self._unwanted(launching, folder), "close an unwanted browser")
            raise
        return browser

    async def _unwanted(self, launching: asyncio.Task[Browser], folder: Folder) -> None:
        try:
            await (await launching).close()
        finally:
            await asyncio.to_thread(folder.remove)

    async def _tab(self, process: _Process, visit: Visit, channel: Channel) -> Tab:
        state: Any = dict(visit.storage_state) if visit.storage_state is not None else None
        context = await process.browser.new_context(
            locale=LANGUAGE,
            viewport={"width": WINDOW[0], "height": WINDOW[1]},
            bypass_csp=True,
            storage_state=state,
            accept_downloads=False,
        )
        page = await context.new_page()
        await page.add_init_script(page_script(channel.url, visit.name, visit.script))
        # For whatever page the link leads to in the end; what a page embeds gets it only if that page passes it on.
        await context.grant_permissions(list(PERMISSIONS))
        return Tab(context, BrowserPage(page, visit.selectors), channel, process)

    async def _retire(self, process: _Process) -> None:
        self._processes.remove(process)
        for tab in process.tabs:
            tab._died("the browser was closed")
        try:
            async with asyncio.timeout(CLOSE_S):
                await process.browser.close()
        except Exception as error:
            log.warning("browser did not close", error=_first_line(error))
        kill_tree(process.pid, process.folder.path)
        await asyncio.to_thread(process.folder.remove)


def find_chromium(path: str | None) -> str:
    """The Chromium to run. Raises Unavailable with what to do when there is none."""
    # Debian's /usr/bin/chromium is a shell script around this one.
    found = path or next((one for one in ("/usr/lib/chromium/chromium",) if Path(one).is_file()), None)
    found = found or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None or not Path(found).exists():
        raise Unavailable("there is no Chromium: install the package chromium or set REJOINDER_CHROMIUM")
    return found


def kill_tree(pid: int | None, folder: str) -> None:
    """End a browser that did not end by itself, if the process is still that browser."""
    if pid is None or sys.platform != "linux" or folder not in _command(pid):
        return
    for one in [pid, *_descendants(pid)]:
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def _chromium_pid(before: Sequence[int], folder: str) -> int | None:
    new = [pid for pid in _descendants(os.getpid()) if pid not in before]
    return next(
        (pid for pid in new if f"--user-data-dir={folder}" in _command(pid) and "--type=" not in _command(pid)), None
    )


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    waiting = [pid]
    while waiting:
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            try:
                children = [int(child) for child in task.read_text().split()]
            except OSError:
                continue
            found += children
            waiting += children
    return found


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:300]
