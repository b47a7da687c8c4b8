"""People at stand-in meetings: pages of an independent Chromium, with a known voice and a record of what they hear."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from playwright.async_api import Browser, Page, async_playwright

from rejoinder.browser.chromium import find_chromium
from rejoinder.media.frame import Pcm

RATE = 48_000
LOCAL_FLAGS = (
    # Peers on one machine find each other without multicast DNS, and over the loopback interface.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)
"""What bots' browsers need, too, where everything is on one machine: ``Browsers(settings, LOCAL_FLAGS)``."""
_SCRIPT = (Path(__file__).parent / "pages" / "human.js").read_text()


@dataclass
class Human:
    """One page. Those they hear have keys: "0", "1", ... by order of arrival."""

    page: Page

    async def tone(self, hz: float, level: float = 0.3) -> None:
        """Say a tone, from now on."""
        await self.page.evaluate("([hz, level]) => human.tone(hz, level)", [hz, level])

    async def speak(self, pcm: Pcm) -> None:
        """Say something (48 kHz) once, from now on; returns when it has begun."""
        await self.page.evaluate("text => human.speak(text)", base64.b64encode(pcm.astype("<i2").tobytes()).decode())

    async def silence(self) -> None:
        await self.page.evaluate("human.silence()")

    async def chirp(self) -> float:
        """Say a chirp of one second over and over; Unix seconds of its first sample."""
        frame = await self.page.evaluate("human.chirp()")
        await asyncio.sleep(0.3)
        at: float = await self.page.evaluate("frame => human.at(frame)", frame)
        return at

    async def keys(self) -> list[str]:
        keys: list[str] = await self.page.evaluate("human.keys()")
        return keys

    async def heard(self, key: str = "0", seconds: float = 1.0) -> tuple[float, npt.NDArray[np.float32]]:
        """(Unix seconds of the first sample, 48 kHz samples) of the last seconds."""
        answer = await self.page.evaluate("([key, seconds]) => human.heard(key, seconds)", [key, seconds])
        if answer is None:
            return 0.0, np.zeros(0, np.float32)
        return answer["at"], np.frombuffer(base64.b64decode(answer["samples"]), np.float32)


@asynccontextmanager
async def human_browser() -> AsyncIterator[Browser]:
    """A Chromium for people; several pages of it are several people."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(os.environ.get("REJOINDER_CHROMIUM")),
            headless=True,
            args=["--disable-gpu", "--autoplay-policy=no-user-gesture-required", *LOCAL_FLAGS],
        )
        try:
            yield browser
        finally:
            await browser.close()


async def open_human(browser: Browser, url: str) -> Human:
    """A person's page at an address, not yet through its pre-join page."""
    context = await browser.new_context(locale="en-US", bypass_csp=True)
    page = await context.new_page()
    await page.add_init_script(_SCRIPT)
    await page.goto(url, wait_until="domcontentloaded")
    return Human(page)


def level_at(samples: npt.NDArray[np.float32] | npt.NDArray[np.int16], hz: float) -> float:
    """Amplitude (0..1) of one frequency in 48 kHz samples."""
    wave = samples.astype(np.float64) / (32768.0 if samples.dtype == np.int16 else 1.0)
    if not len(wave):
        return 0.0
    turns = np.exp(-2j * np.pi * hz * np.arange(len(wave)) / RATE)
    window = np.hanning(len(wave))
    return float(2 * abs(np.sum(wave * window * turns)) / np.sum(window))


async def until(what: Callable[[], Awaitable[bool] | bool], seconds: float, why: str) -> None:
    """Wait until something is so; AssertionError with ``why`` after ``seconds``."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        answer = what()
        if answer if isinstance(answer, bool) else await answer:
            return
        assert loop.time() < end, why
        await asyncio.sleep(0.1)
