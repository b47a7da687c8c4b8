"""Which account a stay in a browser has: one bot's alone, taken before the page is opened, given back at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from rejoinder.browser.chromium import Tab
from rejoinder.browser.profiles import Lease, Profiles
from rejoinder.core.outcome import Outcome, Reason
from rejoinder.core.signin import SignIn, fitting
from rejoinder.errors import Conflict, NotFound, RejoinderError, Unavailable

log = structlog.get_logger(__name__)

MOST_ACCOUNTS = 3
"""How many accounts of a group are tried, one after the other, when the platform says that they are signed out."""
KEEP_S = 3.0
LOOK_AGAIN_S = 0.1
"""Whoever only looks whether a profile is free has it for less than this."""
CLEAN: frozenset[Reason] = frozenset({"left", "ended", "host_ended"})
"""After these the page is known to be well, and its cookies worth keeping."""


class Login:
    """The account of one stay. ``account``: whose bot it is. ``profiles`` makes the store; it may raise Unavailable."""

    def __init__(self, wanted: SignIn, account: str, profiles: Callable[[], Profiles]) -> None:
        self._wanted = wanted
        self._account = account
        self._profiles = profiles
        self._needed = wanted.when == "always"
        self._lease: Lease | None = None
        self._others = 0
        self._spent: list[str] = []

    @property
    def state(self) -> Mapping[str, Any] | None:
        """The storage state to open the page with; None: as a guest."""
        return self._lease.profile.state if self._lease is not None else None

    async def take(self) -> Outcome | None:
        """Get a profile, if the next try is to be signed in and has none; the outcome when there is none to be had."""
        if not self._needed or self._lease is not None:
            return None
        job = asyncio.get_running_loop().run_in_executor(None, self._take)
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            job.add_done_callback(lambda _: self.give_back())
            raise

    def next_account(self, reason: Reason) -> bool:
        """A try is over. Whether to try again at once, signed in, or with another account: a guest found that he must
        sign in, or the profile is signed out."""
        if reason != "login_required":
            return False
        if self._lease is None:
            guest, self._needed = not self._needed, True
            return guest
        self._spent.append(self._lease.name)
        self.give_back()
        return self._others > 0 and len(self._spent) < MOST_ACCOUNTS

    async def keep(self, tab: Tab | None, reason: Reason) -> None:
        """Store what the page's cookies have become, at a good end only. Never raises: the old ones still serve."""
        lease = self._lease
        if lease is None or tab is None or tab.dead.is_set() or reason not in CLEAN:
            return
        databases = any("indexedDB" in origin for origin in lease.profile.state["origins"])
        try:
            async with asyncio.timeout(KEEP_S):
                state = await tab.page.page.context.storage_state(indexed_db=databases)
            if state.get("cookies"):  # none at all is a page that signed out
                await asyncio.to_thread(lease.keep, dict(state))
        except Exception as error:  # a page that goes may raise anything; its words might quote what is secret
            log.info("profile not renewed", profile=lease.name, error=type(error).__name__)

    def give_back(self) -> None:
        """Let others have the profile. May be called again."""
        if self._lease is not None:
            self._lease.close()
            self._lease = None

    # -- blocking -------------------------------------------------------------------------------------------------

    def _take(self) -> Outcome | None:
        try:
            profiles = self._profiles()
            wanted = [name for name in fitting(profiles.names(), self._wanted) if name not in self._spent]
            found = self._first_free(profiles, wanted)
            if found is not None and found.reason == "login_busy":
                time.sleep(LOOK_AGAIN_S)
                found = self._first_free(profiles, wanted)
        except RejoinderError as error:
            return Outcome("login_required", str(error))
        return found

    def _first_free(self, profiles: Profiles, wanted: list[str]) -> Outcome | None:
        busy, trouble = 0, ""
        for name in wanted:
            try:
                if profiles.load(name).account not in (None, self._account):
                    continue
                self._lease = profiles.lease(name)
            except Conflict:
                busy += 1
            except NotFound:
                continue
            except Unavailable as error:
                trouble = str(error)
            else:
                self._others = len(wanted) - 1
                log.info("profile taken", profile=name)
                return None
        return self._none(busy, trouble)

    def _none(self, busy: int, trouble: str) -> Outcome:
        wanted = self._wanted
        whose = f"the account {wanted.account} of the group" if wanted.account and wanted.strict else "the group"
        if busy:
            return Outcome("login_busy", f"All browser profiles of {whose} {wanted.group} are in use ({busy}).")
        if self._spent:
            return Outcome("login_required", f"The browser profiles are signed out: {', '.join(self._spent)}.")
        return Outcome("login_required", trouble or f"There is no browser profile of {whose} {wanted.group}.")
