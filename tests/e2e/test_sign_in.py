"""Bots with accounts, in Chromium, at a tiny meeting that shows those without a cookie a wall."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).parents[1] / "standins" / "common"))

from humans import LOCAL_FLAGS, until
from server import page_server
from tiny import TinyDriver, TinyFlow

from rejoinder.browser.chromium import Browsers, find_chromium
from rejoinder.browser.evidence import names
from rejoinder.browser.joinflow import Finish, PageSnapshot, Step
from rejoinder.browser.profiles import Profiles
from rejoinder.core.events import Admitted, Ended, MeetingEvent
from rejoinder.core.outcome import Outcome
from rejoinder.core.signin import SignIn
from rejoinder.media.loop import new_event_loop
from rejoinder.platforms import browser as meetings
from rejoinder.platforms.base import Ears, Stay
from rejoinder.platforms.browser import BrowserMeeting
from rejoinder.platforms.driver import JoinConfig
from rejoinder.platforms.login import Login
from rejoinder.settings import Settings

pytestmark = pytest.mark.browser

KEY = SecretStr("a key of some length")


class MembersFlow(TinyFlow):
    def on_snapshot(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        if snapshot.says(("Sign in to join",)):
            return [Finish(Outcome("login_required", "The meeting asks to sign in."))]
        return super().on_snapshot(snapshot, now)


class MembersDriver(TinyDriver):
    def flow(self, config: JoinConfig) -> MembersFlow:
        return MembersFlow(config)


@dataclass
class Bot:
    meeting: BrowserMeeting
    browsers: Browsers
    events: list[MeetingEvent] = field(default_factory=list)

    def got(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def bot_at(url: str, folder: Path, bot_id: str, wanted: SignIn | None) -> AsyncIterator[Bot]:
    settings = Settings(data_dir=folder, chromium=os.environ.get("REJOINDER_CHROMIUM"), profile_key=KEY)
    browsers = Browsers(settings, LOCAL_FLAGS)
    events: list[MeetingEvent] = []
    ears = Ears(events.append, lambda _who, _pcm: None)
    login = None if wanted is None else Login(wanted, "acme", lambda: Profiles.of(settings))
    join = JoinConfig(url, f"Bot {bot_id}")
    meeting = BrowserMeeting(MembersDriver(), join, ears, Stay(bot_id, 1), browsers, settings, login)
    try:
        await meeting.join()
        yield Bot(meeting, browsers, events)
    finally:
        await meeting.leave()
        await browsers.close()


def run(test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(asyncio.wait_for(test, 120))


def session(url: str, who: str) -> dict[str, Any]:
    cookie = {"name": "session", "value": f"{who}.1", "domain": urlsplit(url).hostname, "path": "/", "expires": -1}
    return {"cookies": [{**cookie, "httpOnly": False, "secure": False, "sameSite": "Lax"}], "origins": []}


def test_one_account_lets_one_bot_in_and_is_renewed_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meetings, "pause_before_retry", lambda _reason, _tries: None)

    async def test() -> None:
        async with page_server() as server:
            url = f"{server.url}/members.html"
            profiles = Profiles(tmp_path / "profiles", KEY)
            profiles.save("work/ann", session(url, "ann"))
            async with bot_at(url, tmp_path, "first", SignIn("work")) as first:
                await until(lambda: bool(first.got(Admitted)), 30, f"not admitted: {first.events}")
                async with bot_at(url, tmp_path, "second", SignIn("work")) as second:
                    await until(lambda: bool(second.got(Ended)), 10, "the second bot hangs")
                    (end,) = second.events
                    assert (end.reason, end.cause) == ("lost", "login_busy")
                    assert "work" in end.message
                    assert second.browsers._processes == [], "no browser was needed to find out"
                assert len(first.got(Admitted)) == 1
                assert first.got(Ended) == [], "the first bot was thrown out"
            assert profiles.load("work/ann").state["cookies"][0]["value"] == "ann.2"
            async with bot_at(url, tmp_path, "third", SignIn("work")) as third:
                await until(lambda: bool(third.got(Admitted)), 30, f"the account is not free: {third.events}")

    run(test())


def test_a_guest_at_the_wall_signs_in_or_ends_typed(tmp_path: Path) -> None:
    async def test() -> None:
        async with page_server() as server:
            url = f"{server.url}/members.html"
            Profiles(tmp_path / "profiles", KEY).save("work", session(url, "ann"))
            for bot_id, wanted in (("guest", None), ("stranger", SignIn("home", when="if_required"))):
                async with bot_at(url, tmp_path, bot_id, wanted) as outside:
                    await until(lambda outside=outside: bool(outside.got(Ended)), 30, f"{bot_id} hangs")  # type: ignore[misc]
                    assert outside.got(Ended)[0].cause == "login_required"
                    assert outside.got(Admitted) == []
            async with bot_at(url, tmp_path, "member", SignIn("work", when="if_required")) as member:
                await until(lambda: bool(member.got(Admitted)), 30, f"not admitted: {member.events}")
            assert len(names(tmp_path / "evidence" / "member")) == 1, "what the wall looked like"

    run(test())


def test_an_account_that_is_signed_out_makes_room_for_the_next(tmp_path: Path) -> None:
    async def test() -> None:
        async with page_server() as server:
            url = f"{server.url}/members.html"
            profiles = Profiles(tmp_path / "profiles", KEY)
            profiles.save("work/ann", {"cookies": [], "origins": []})
            profiles.save("work/ben", session(url, "ben"))
            async with bot_at(url, tmp_path, "bot", SignIn("work")) as bot:
                await until(lambda: bool(bot.got(Admitted)), 30, f"not admitted: {bot.events}")
                assert profiles.leased("work/ben")
                assert not profiles.leased("work/ann")
            assert profiles.load("work/ann").state["cookies"] == [], "a bot that never came in writes nothing back"

    run(test())


def test_a_person_signs_in_in_a_window(tmp_path: Path) -> None:
    """The window is a real one, of a Chromium that draws it nowhere."""
    chromium = tmp_path / "chromium"
    real = find_chromium(os.environ.get("REJOINDER_CHROMIUM"))
    chromium.write_text(f'#!/bin/sh\nexec "{real}" --ozone-platform=headless "$@"\n')
    chromium.chmod(0o700)
    environment = {
        **os.environ,
        "REJOINDER_DATA_DIR": str(tmp_path),
        "REJOINDER_PROFILE_KEY": KEY.get_secret_value(),
        "REJOINDER_CHROMIUM": str(chromium),
        "DISPLAY": ":77",
    }
    environment.pop("REJOINDER_PROFILES_DIR", None)

    async def test() -> None:
        async with page_server() as server:
            command = ("-m", "rejoinder", "profiles", "sign-in", "work", "--url", f"{server.url}/members.html?as=ann")
            pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, **pipes, stderr=asyncio.subprocess.PIPE, env=environment
            )
            assert process.stderr is not None
            asked = (await process.stderr.readline()).decode()
            assert "press Enter" in asked, asked + (await process.stderr.read()).decode()
            said, wrong = await process.communicate(b"\n")
            assert (process.returncode, said, wrong) == (0, b"work\t127.0.0.1\tfree\tall bots\n", b"")
        (cookie,) = Profiles(tmp_path / "profiles", KEY).load("work").state["cookies"]
        assert cookie["value"] == "ann.1"

    run(test())
