"""People at other people's pages: they click what a person clicks, and say words."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import numpy as np
from playwright.async_api import Browser

from rejoinder.media.frame import Pcm
from standins.common import humans
from standins.common.humans import RATE, Human

_EARS = (Path(humans.__file__).parent / "pages" / "human.js").read_text("utf-8")
_VOICE = Path(__file__).with_name("voice.js").read_text("utf-8")
KEEP_S = 30


async def _open(browser: Browser, url: str, script: str = "") -> Human:
    context = await browser.new_context(locale="en-US", viewport={"width": 1000, "height": 700})
    page = await context.new_page()
    page.set_default_timeout(10_000)
    for part in (_EARS, _VOICE, script):
        await page.add_init_script(part)
    await page.goto(url, wait_until="domcontentloaded")
    return Human(page)


async def at_janus(browser: Browser, url: str, name: str) -> Human:
    """Someone at Janus' page, once they send."""
    person = await _open(browser, url)
    await person.page.click("#start")
    await person.page.fill("#username", name)
    await person.page.click("#register")
    await person.page.wait_for_selector("#bitrateset")
    return person


async def at_easyrtc(browser: Browser, url: str, name: str) -> Human:
    """Someone at open-easyrtc's page, which asks for no name: they set it in its library, as its users do."""
    # Before the page's own handler of the same event, which begins everything.
    script = f'addEventListener("load", () => easyrtc.setUsername({json.dumps(name)}));'
    person = await _open(browser, url, script)
    await person.page.wait_for_selector("#box0[style*='z-index']")
    return person


async def say(person: Human, pcm: Pcm) -> None:
    """Say something (48 kHz); returns when it has been said."""
    await person.page.evaluate("words => window.say(words)", base64.b64encode(pcm.tobytes()).decode())


async def remember(person: Human) -> None:
    """Keep what is heard for so long that a sentence fits."""
    await person.page.evaluate("seconds => human.keep(seconds)", KEEP_S)


async def heard(person: Human, since: float) -> list[Pcm]:
    """What was heard of each of the others since a moment (Unix seconds), by order of arrival (48 kHz)."""
    found = []
    for key in await person.keys():
        at, samples = await person.heard(key, min(KEEP_S, time.time() - since + 2))
        found.append(np.clip(samples[max(0, round((since - at) * RATE)) :] * 32767, -32768, 32767).astype(np.int16))
    return found
