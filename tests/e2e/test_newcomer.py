"""What a newcomer does: one command, open the page, ask aloud, hear the answer. All real, all offline."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.request
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright

from chromium import launch, new_page
from people import has_class
from rejoinder import plugins
from rejoinder.demo import free_port, synthesize
from rejoinder.media.frame import MEETING_RATE
from rejoinder.models.fetch import ensure
from rejoinder.settings import Settings

pytestmark = [pytest.mark.models, pytest.mark.browser]

QUESTION = "Robin, what is the capital of France?"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    settings = Settings()
    ensure(plugins.models_needed(settings), settings)
    port = free_port()
    environment = {**os.environ, "REJOINDER_DATA_DIR": str(tmp_path / "data")}
    process = subprocess.Popen([sys.executable, "-m", "rejoinder", "run", "--port", str(port)], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        _until_up(address, process)
        yield address
    finally:
        process.terminate()
        assert process.wait(15) in (0, -signal.SIGTERM), "the server does not stop cleanly"


def _until_up(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, "rejoinder run ended"
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail("rejoinder run did not come up")


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    """A microphone that is silent for 6 s (the greeting), asks, and is silent again for long."""

    async def speak() -> np.ndarray:
        from rejoinder.vendors.hibari.tts import HibariVoice

        return await synthesize(HibariVoice(), QUESTION)

    clip = asyncio.run(speak())
    pause = np.zeros(6 * MEETING_RATE, np.int16)
    path = tmp_path / "question.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(MEETING_RATE)
        file.writeframes(np.concatenate([pause, clip, *[pause] * 6]).tobytes())
    return path


def test_a_spoken_question_gets_a_spoken_answer(url: str, microphone: Path) -> None:
    with sync_playwright() as playwright:
        browser = launch(playwright, microphone)
        page = new_page(browser)
        page.set_default_timeout(20_000)
        page.goto(f"{url}/room/hello")
        page.fill("#name", "Ada")
        page.click("#join")
        page.wait_for_function("() => rejoinder.state === 'joined'")
        robin = page.locator(".tile", has_text="Robin")
        expect(robin).to_be_visible()
        expect(robin).to_have_class(has_class("speaking"), timeout=10_000)
        chat = page.locator("#chat-list")
        page.keyboard.press("c")
        expect(chat).to_contain_text("Ask me anything", timeout=15_000)
        expect(chat).to_contain_text("Paris", timeout=40_000)
        browser.close()
