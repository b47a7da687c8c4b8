"""A bot in Chromium at a tiny meeting of Chromium people, all on this computer: delays both ways, CPU, memory.

``human_to_python_ms``: a person says a chirp of one second over and over. From a sample entering the person's WebRTC to
    the arrival of its block in Python, for samples taken anywhere (the first of a block waits 20 ms longer for its last
    than the last itself); windows of 200 ms, cross-correlated, so that codec and jitter buffer count. Over several
    joins, because the receiver's jitter buffer settles anywhere between one packet and two, and stays there.
``onset_ms``: from handing a 100 ms chirp to the bot's mouth, at a random moment of silence, to its first sample in the
    person's ear (an AudioWorklet on the track that came).
``flush_ms``: from clearing the mouth in the middle of a clip to the last audible sample (over -40 dBFS) at the ear.
``cpu_core``, ``pss_mb``: the bot's whole browser with one person who speaks all the time, in cores and MB; ``alone``:
    one browser for the bot; ``shared``: what each further bot adds to it, each in a meeting of its own;
    ``mean_of_three``: a third of a browser with three bots; ``plain``: a Chromium at the same meeting that nobody looks
    into, with a beeping microphone; ``ratio``: alone to plain, which says what hearing and speaking cost whatever the
    computer.
``cpu_core_beside``: what Playwright's process and this one take for the one bot alone.
``separation``: two people who talk at once, in words, see :mod:`bench.separation`.
``load``: runnable processes of this computer, averaged over the last minute of the run: with more than it has cores,
    delays say little.

Microphones and loudspeakers are in none of these figures, nor is any network.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "standins" / "common"))

from humans import LOCAL_FLAGS, Human, human_browser, open_human, until
from playwright.async_api import async_playwright
from server import PageServer, page_server
from tiny import TinyDriver

from bench import separation
from bench.harness import cpu_seconds, family, spread, table, write
from rejoinder.browser.chromium import Browsers, _chromium_pid, find_chromium
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.media.loop import new_event_loop
from rejoinder.media.mouth import Mouth
from rejoinder.platforms.base import Ears, Stay
from rejoinder.platforms.browser import BrowserMeeting
from rejoinder.platforms.driver import JoinConfig
from rejoinder.settings import Settings

WINDOW = MEETING_RATE // 5
JOINS = 4
SHARED = 3
"""Bots in the shared browser."""
AUDIBLE = 0.01
CLIP_S = 0.1


def long_chirp() -> npt.NDArray[np.float64]:
    """What a person says: one second, 300 to 5000 Hz (``pages/human.js``)."""
    at = np.arange(MEETING_RATE) / MEETING_RATE
    return np.sin(2 * np.pi * (300 * at + 2350 * at * at))


def clip() -> Pcm:
    """What the bot says: 100 ms, 400 to 3200 Hz."""
    at = np.arange(round(CLIP_S * MEETING_RATE)) / MEETING_RATE
    return (9000 * np.sin(2 * np.pi * (400 * at + 1400 * at * at / CLIP_S))).astype(np.int16)


@dataclass
class Bot:
    meeting: BrowserMeeting
    times: list[float] = field(default_factory=list)
    blocks: list[Pcm] = field(default_factory=list)

    def hear(self, _who: str, pcm: Pcm) -> None:
        self.times.append(time.time())
        self.blocks.append(pcm)

    def pid(self) -> int:
        attempt = self.meeting._attempt
        assert attempt is not None
        assert attempt.tab is not None
        assert attempt.tab.pid is not None
        return attempt.tab.pid


@asynccontextmanager
async def bots(server: PageServer, count: int, shared: bool) -> AsyncIterator[list[Bot]]:
    """Bots named Bot in rooms r0, r1, ..."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), bots_per_browser=count if shared else 1)
        browsers = Browsers(settings, LOCAL_FLAGS)
        made: list[Bot] = []
        try:
            for number in range(count):
                ears: list[Bot] = []
                url = f"{server.url}/tiny.html?room=r{number}"
                meeting = BrowserMeeting(
                    TinyDriver(),
                    JoinConfig(url, "Bot"),
                    Ears(lambda _event: None, lambda who, pcm, ears=ears: ears[0].hear(who, pcm)),  # type: ignore[misc]
                    Stay(f"b{number}", 1),
                    browsers,
                    settings,
                )
                ears.append(Bot(meeting))
                made.append(ears[0])
                await meeting.join()
            for bot in made:
                await until(lambda bot=bot: len(bot.blocks) > 50, 30, "a bot does not hear its person")  # type: ignore[misc]
            yield made
        finally:
            for bot in made:
                await bot.meeting.leave()
            await browsers.close()


async def person(browser: Any, server: PageServer, room: str) -> Human:
    human = await open_human(browser, f"{server.url}/tiny.html?room={room}")
    await human.page.locator("#name").press_sequentially("Ann")
    await human.page.click("#join")
    return human


def inward(bot: Bot, began: float) -> list[float]:
    """Delay in ms of each window of what the bot heard."""
    pattern = np.fft.rfft(np.concatenate([long_chirp()] * 2)[: 2 * MEETING_RATE])
    samples = np.concatenate(bot.blocks).astype(np.float64)
    starts = np.cumsum([0, *(len(block) for block in bot.blocks)])
    delays = []
    anywhere = random.Random(1)
    for start in range(0, len(samples) - 2 * WINDOW, WINDOW):
        at = start + anywhere.randrange(WINDOW)
        window = np.zeros(2 * MEETING_RATE)
        window[:WINDOW] = samples[at : at + WINDOW]
        match = np.fft.irfft(pattern * np.conj(np.fft.rfft(window)))[:MEETING_RATE]
        said = began + int(np.argmax(match)) / MEETING_RATE
        heard = bot.times[int(np.searchsorted(starts, at, side="right")) - 1]
        delays.append((heard - said) % 1.0 * 1000)
    return delays


async def outward(bot: Bot, human: Human, tries: int) -> tuple[list[float], list[float]]:
    """(onset, flush) in ms."""
    key = (await human.keys())[-1]
    mouth = Mouth(bot.meeting.write, continuous=True)
    mouth.drop = bot.meeting.drop
    onsets, flushes = [], []
    pattern = clip().astype(np.float64) / 32768
    for number in range(tries):
        await asyncio.sleep(0.7 + random.random() * 0.1)
        began = time.time()
        mouth.add(f"onset{number}", clip())
        mouth.close_clip(f"onset{number}")
        await asyncio.sleep(0.6)
        start, samples = await human.heard(key, 1.0)
        match = np.correlate(samples.astype(np.float64), pattern, "valid")
        onsets.append((start + int(np.argmax(match)) / MEETING_RATE - began) * 1000)
        mouth.add(f"flush{number}", np.tile(clip(), 20))
        await asyncio.sleep(0.7 + random.random() * 0.1)
        cleared = time.time()
        mouth.clear()
        await asyncio.sleep(0.6)
        start, samples = await human.heard(key, 1.2)
        loud = np.flatnonzero(np.abs(samples) > AUDIBLE)
        if len(loud):
            flushes.append((start + float(loud[-1]) / MEETING_RATE - cleared) * 1000)
    mouth.stop()
    return onsets, flushes


def pss_mb(pid: int) -> float:
    """Proportional memory of a process and its descendants in MB."""
    total = 0
    for one in family(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1000


async def cost(pids: set[int], seconds: float) -> tuple[dict[str, float], float]:
    """(cores of the browsers, of Playwright's process, of this one; MB of the browsers) over some seconds."""
    driver = parent(next(iter(pids)))

    def used() -> list[float]:
        browsers = sum(cpu_seconds(one) for pid in pids for one in family(pid))
        return [browsers, cpu_seconds(driver), time.process_time()]

    before, began = used(), time.monotonic()
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    cores = [(now - then) / took for now, then in zip(used(), before, strict=True)]
    return dict(zip(("browser", "playwright", "python"), cores, strict=True)), sum(pss_mb(pid) for pid in pids)


def parent(pid: int) -> int:
    """Who started a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


async def inward_delays(server: PageServer, human: Human, seconds: float) -> list[float]:
    """Delays in ms of one join."""
    async with bots(server, 1, shared=False) as (bot,):
        began = await human.chirp()
        await asyncio.sleep(2.0)
        bot.times.clear()
        bot.blocks.clear()
        await asyncio.sleep(seconds)
        return inward(bot, began)


@asynccontextmanager
async def plain(server: PageServer) -> AsyncIterator[int]:
    """A Chromium with its own microphone at the meeting, nothing of ours in it; its process id."""
    with tempfile.TemporaryDirectory() as folder:
        async with async_playwright() as playwright:
            media = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
            context = await playwright.chromium.launch_persistent_context(
                folder, executable_path=find_chromium(None), args=["--disable-gpu", *media, *LOCAL_FLAGS], headless=True
            )
            page = await context.new_page()
            await page.goto(f"{server.url}/tiny.html?room=r0")
            await page.locator("#name").press_sequentially("Plain")
            await page.click("#join")
            await page.locator("audio").first.wait_for(state="attached")
            await asyncio.sleep(2.0)
            pid = _chromium_pid((), folder)
            assert pid is not None
            yield pid
            await context.close()


async def measure(seconds: float, tries: int) -> dict[str, Any]:
    figures: dict[str, Any] = {"cpu_core": {}, "pss_mb": {}}
    cores, memories = figures["cpu_core"], figures["pss_mb"]
    async with page_server() as server, human_browser() as people:
        human = await person(people, server, "r0")
        await human.chirp()
        delays: list[float] = []
        for _ in range(JOINS):
            delays += await inward_delays(server, human, seconds / JOINS)
        figures["human_to_python_ms"] = spread(delays)
        async with plain(server) as pid:
            cpu, _ = await cost({pid}, seconds)
            cores["plain"] = cpu["browser"]
        async with bots(server, 1, shared=False) as (bot,):
            await asyncio.sleep(3.0)
            cpu, memories["alone"] = await cost({bot.pid()}, seconds)
            cores["alone"] = cpu["browser"]
            figures["cpu_core_beside"] = {name: round(cpu[name], 3) for name in ("playwright", "python")}
            await human.silence()
            onsets, flushes = await outward(bot, human, tries)
            figures["onset_ms"], figures["flush_ms"] = spread(onsets), spread(flushes)
        await human.chirp()
        for number in range(1, SHARED):
            await (await person(people, server, f"r{number}")).chirp()
        async with bots(server, SHARED, shared=True) as several:
            await asyncio.sleep(3.0)
            cpu, memory = await cost({bot.pid() for bot in several}, seconds)
            for row, whole in ((cores, cpu["browser"]), (memories, memory)):
                row["shared"] = (whole - row["alone"]) / (SHARED - 1)
                row["mean_of_three"] = whole / SHARED
    figures["cpu_core"] = {name: round(value, 3) for name, value in cores.items()}
    figures["pss_mb"] = {name: round(value) for name, value in memories.items()}
    figures["ratio"] = round(cores["alone"] / cores["plain"], 2)
    figures["load"] = round(os.getloadavg()[0], 1)
    figures["separation"] = await separation.measure()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each measurement of CPU and delay")
    parser.add_argument("--tries", type=int, default=15, help="onsets and flushes")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        figures = runner.run(measure(options.seconds, options.tries))
    separation.show(figures["separation"])
    table([row for row in figures.items() if row[0] != "separation"], "A bot in a browser")
    print(f"\n{write('browser_bot', figures)}")


if __name__ == "__main__":
    main()
