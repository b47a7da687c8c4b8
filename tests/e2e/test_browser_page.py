"""Reading and working a page, hearing every kind of sound a page can make, and leaving no browser behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "standins" / "common"))

from humans import LOCAL_FLAGS, level_at, until
from server import page_server

from rejoinder.browser.channel import Hooks
from rejoinder.browser.chromium import Browsers, Tab, Visit, _command, _descendants
from rejoinder.browser.joinflow import Click, Control, Press, Reload, Tell, Type
from rejoinder.browser.page import ActionFailed
from rejoinder.browser.selectors import parse_selectors
from rejoinder.media.frame import Pcm
from rejoinder.media.loop import new_event_loop
from rejoinder.settings import Settings

pytestmark = pytest.mark.browser

SELECTORS = parse_selectors(
    """
[meta]
seen = "2026-11"
[selectors]
nowhere = ["#nowhere"]
second = ["#nowhere", "#name"]
join = ["button >> text:join"]
ask = ["button >> text:ask"]
under = ["#under"]
shadow = ["#shadow"]
deep = ["#deep"]
mic = ["#mic"]
secret = ["#secret"]
buttons = ["button"]
[texts.en]
join = ["join now"]
ask = ["Ask to join"]
[regions]
ignore = ["#chat"]
""",
    "odd.toml",
)


class Heard:
    def __init__(self) -> None:
        self.audio: dict[int, list[Pcm]] = {}
        self.facts: list[tuple[str, dict[str, Any], int]] = []

    def hooks(self) -> Hooks:
        return Hooks(
            lambda track, _at, pcm, _epoch: self.audio.setdefault(track, []).append(pcm),
            lambda kind, data, _at, epoch: self.facts.append((kind, dict(data), epoch)),
        )

    def level(self, track: int = 0) -> float:
        return level_at(np.concatenate(self.audio.get(track, [np.zeros(0, np.int16)])[-25:]), 700)


@asynccontextmanager
async def tab_at(address: str, script: str = "") -> AsyncIterator[tuple[Tab, Heard]]:
    heard = Heard()
    browsers = Browsers(Settings(chromium=os.environ.get("REJOINDER_CHROMIUM")), LOCAL_FLAGS)
    try:
        async with page_server() as server:
            visit = Visit(f"{server.url}/{address}", "Bot", SELECTORS, script)
            tab = await browsers.open(visit, heard.hooks())
            await tab.page.goto(visit.url)
            await until(lambda: tab.channel.connected, 5, "the page has no channel")
            yield tab, heard
    finally:
        await browsers.close()


def run(test: Any) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(asyncio.wait_for(test, 60))


def test_a_page_is_read_into_plain_data() -> None:
    async def test() -> None:
        async with tab_at("odd.html") as (tab, _):
            page = await tab.page.snapshot()
            assert (page.title, page.lang, page.status, page.online) == ("Odd page", "de", 200, True)
            assert page.says(["You can't join this video call"]), page.texts
            assert page.says(["frame words"])
            unseen = ["hidden words", "invisible words", "transparent words", "you have been removed", "Gone"]
            assert not page.says(unseen), page.texts
            assert page.dialog_says(["allow microphone?"])
            assert page.button(["Join now"]) == Control("Join now")
            assert page.button(["Ask to join"]) == Control("Ask to join", enabled=False)
            assert page.button(["Removed"]) is None, "people's own words are no buttons of the platform"
            assert page.visible >= {"second", "join", "ask", "under", "shadow", "deep", "mic"}
            assert "nowhere" not in page.present
            assert "ask" not in page.enabled
            assert (page.values["mic"], page.values["second"]) == ("true", "old")
            assert "hunter2" not in repr(page)
            assert page.counts["buttons"] >= 8

    run(test())


def test_actions_reach_what_is_covered_in_a_shadow_or_in_a_frame() -> None:
    async def test() -> None:
        async with tab_at("odd.html", "__rejoinder.on('go', (data) => __rejoinder.report('went', data))") as (
            tab,
            heard,
        ):
            page = tab.page
            for name in ("under", "shadow", "deep"):
                await page.perform(Click(name), tab.channel.tell)
                assert (await page.snapshot()).title == f"clicked {name}"
            await page.perform(Type("second", "Ann’s bot"), tab.channel.tell)
            await page.perform(Press("Enter"), tab.channel.tell)
            assert (await page.snapshot()).values["second"] == "Ann’s bot"
            assert (await page.page.evaluate("keys"))[-3:] == ["o", "t", "Enter"], "keys were not pressed"
            await page.perform(Click("nowhere", optional=True), tab.channel.tell)
            with pytest.raises(ActionFailed, match="nowhere"):
                await page.perform(Click("nowhere", within_s=0.2), tab.channel.tell)
            await page.perform(Tell("go", {"far": 1}), tab.channel.tell)
            await until(lambda: ("went", {"far": 1}, 0) in heard.facts, 3, "the page script was not told")
            await page.perform(Reload(), tab.channel.tell)
            await until(lambda: tab.channel.epoch == 1, 5, "a new load is a new epoch")

    run(test())


def test_a_script_knows_the_bots_name_and_is_told_what_was_said_before_it_listened() -> None:
    script = """
      const { name, on, report } = __rejoinder;
      setTimeout(() => on("late", (data) => report("late", { ...data, as: name })), 300);
      __rejoinder.on("muted", (data) => __rejoinder.report("muted", data));
    """

    async def test() -> None:
        heard = Heard()
        browsers = Browsers(Settings(chromium=os.environ.get("REJOINDER_CHROMIUM")), LOCAL_FLAGS)
        try:
            async with page_server() as server:
                visit = Visit(f"{server.url}/odd.html", "Ann’s bot", SELECTORS, script)
                tab = await browsers.open(visit, heard.hooks())
                await tab.page.perform(Tell("late", {"n": 1}), tab.channel.tell)
                await tab.page.perform(Tell("muted", {"so": True}, state=True), tab.channel.tell)
                await tab.page.goto(visit.url)
                told = ("late", {"n": 1, "as": "Ann’s bot"}, 0)
                await until(lambda: told in heard.facts, 5, f"not told: {heard.facts}")
                await tab.page.perform(Reload(), tab.channel.tell)
                await until(
                    lambda: ("muted", {"so": True}, 1) in heard.facts, 5, "the next load was not told the state"
                )
                await asyncio.sleep(0.5)
                assert not [fact for fact in heard.facts if fact[0] == "late" and fact[2] == 1]
        finally:
            await browsers.close()

    run(test())


def test_a_frame_of_another_site_gets_no_channel() -> None:
    async def test() -> None:
        async with tab_at("odd.html") as (tab, heard):
            page = tab.page.page
            theirs = page.url.replace("127.0.0.1", "localhost").replace("odd.html", "sounds.html?way=element")
            await page.evaluate(
                "(url) => document.body.append(Object.assign(document.createElement('iframe'), { src: url }))", theirs
            )
            await until(lambda: any("localhost" in frame.url for frame in page.frames), 5, "no frame")
            frame = next(frame for frame in page.frames if "localhost" in frame.url)
            await frame.wait_for_load_state()
            assert await frame.evaluate("typeof __rejoinder") == "undefined"
            await asyncio.sleep(1.5)
            assert (heard.audio, tab.channel.epoch) == ({}, 0)
            assert (await tab.page.snapshot()).responding

    run(test())


def test_a_page_that_hangs_is_reported_and_not_waited_for() -> None:
    async def test() -> None:
        async with tab_at("odd.html") as (tab, _):
            await tab.page.page.evaluate("setTimeout(() => { for (;;); }, 0)")
            began = time.monotonic()
            page = await tab.page.snapshot()
            assert not page.responding
            assert time.monotonic() - began < 6
            assert tab.channel.main_age_s > 2, "the page's worker lives on and tells"

    run(test())


@pytest.mark.parametrize("way", ["element", "webaudio"])
def test_sound_of_no_receiver_is_heard_as_mixed(way: str) -> None:
    async def test() -> None:
        async with tab_at(f"sounds.html?way={way}") as (_, heard):
            await until(lambda: 0.25 < heard.level() < 0.35, 10, "not heard")
            assert next(data["mixed"] for kind, data, _ in heard.facts if kind == "track") is True
            assert len(heard.audio) == 1

    run(test())


def test_the_bots_own_microphone_is_not_heard() -> None:
    async def test() -> None:
        async with tab_at("sounds.html?way=own") as (tab, heard):
            await asyncio.sleep(2.5)
            assert not heard.audio
            assert not [fact for fact in heard.facts if fact[0] == "track"]
            assert await tab.page.page.evaluate("devices") == ["audioinput", "videoinput", "audiooutput"]

    run(test())


def test_a_receiver_is_heard_once_whatever_the_page_does_with_it() -> None:
    async def test() -> None:
        async with tab_at("sounds.html?way=receiver") as (tab, heard):
            await until(lambda: any(0.2 < heard.level(track) < 0.4 for track in heard.audio), 10, "not heard")
            track = next(track for track in heard.audio if heard.level(track) > 0.2)
            await asyncio.sleep(1.5)  # the clone and the mix have come, too
            heard.audio.clear()
            await tab.page.page.evaluate("disable()")
            await until(lambda: len(heard.audio.get(track, [])) > 40, 5, "no more audio")
            assert heard.level(track) > 0.2, "the page's own mute made the bot deaf"
            assert list(heard.audio) == [track], "heard twice"
            await tab.page.page.evaluate("stop()")
            await asyncio.sleep(1.2)
            heard.audio.clear()
            await until(
                lambda: len(heard.audio.get(track, [])) > 40, 5, "a track the page stopped is not heard any more"
            )
            assert heard.level(track) > 0.2
            await tab.page.page.evaluate("close()")
            await until(
                lambda: any(k == "track" and d["state"] == "ended" and d["track"] == track for k, d, _ in heard.facts),
                5,
                "the end of the track was not told",
            )

    run(test())


def test_a_receiver_in_a_frame_of_the_page_is_heard() -> None:
    async def test() -> None:
        async with tab_at("sounds.html?way=frame") as (_, heard):
            await until(lambda: 0.2 < heard.level() < 0.4, 10, "not heard")
            assert not next(data["mixed"] for kind, data, _ in heard.facts if kind == "track")

    run(test())


OWNER = """
import asyncio, sys
from rejoinder.browser.channel import Hooks
from rejoinder.browser.chromium import Browsers, Visit
from rejoinder.browser.selectors import Selectors
from rejoinder.settings import Settings
async def main():
    tab = await Browsers(Settings()).open(Visit("http://127.0.0.1:9/", "Bot", Selectors("", {}, {})),
                                          Hooks(lambda *_: None, lambda *_: None))
    print(tab.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def folder_of(pid: int) -> Path:
    return Path(_command(pid).partition("--user-data-dir=")[2].split()[0])


def is_there(folder: Path) -> bool:
    return folder.is_dir()


def test_a_killed_process_takes_its_browser_along_and_the_next_one_clears_up() -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    family = [pid, *_descendants(pid)]
    assert "chromium" in _command(pid)
    folder = folder_of(pid)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    end = time.monotonic() + 10
    while any(_command(one) for one in family) and time.monotonic() < end:
        time.sleep(0.1)
    left = [one for one in family if _command(one)]
    for one in left:
        os.kill(one, signal.SIGKILL)
    assert not left
    assert folder.is_dir(), "nothing was left: this test proves nothing"

    async def next_one() -> None:
        async with tab_at("odd.html") as (tab, _):
            assert not is_there(folder)
            assert is_there(folder_of(tab.pid or 0)), "its own folder went, too"

    run(next_one())
