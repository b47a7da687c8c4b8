"""People and bots for tests of the room: a real server, their pages, and what they hear."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
import threading
import time
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from chromium import new_page
from rejoinder.api.room import room_router
from rejoinder.core.events import MeetingEvent
from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, VIDEO_SIZE, Pcm
from rejoinder.room.hub import RoomHub
from rejoinder.room.seat import Seat
from rejoinder.room.wrtc_peer import WrtcEngine
from rejoinder.settings import Settings

expect.set_options(timeout=15_000)
"""Pages of a busy computer take their time."""


@dataclass
class Server:
    """A running server; ``invited`` are the rooms the assistant was asked into."""

    url: str
    hub: RoomHub
    loop: asyncio.AbstractEventLoop = field(init=False)
    invited: list[tuple[str, str | None]] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Server]:
    """Serve rooms on a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        running = Server(f"http://127.0.0.1:{listener.getsockname()[1]}", RoomHub())

        async def invite(room: str, bot_name: str | None) -> dict[str, Any]:
            running.invited.append((room, bot_name))
            return {"bot_id": "b1"}

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            running.loop = asyncio.get_running_loop()
            yield

        app = FastAPI(lifespan=lifespan)
        app.include_router(room_router(running.hub, Settings(), invite=invite))
        uvicorn_server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
        thread = threading.Thread(target=uvicorn_server.run, kwargs={"sockets": [listener]})
        thread.start()
        deadline = time.monotonic() + 10
        while not uvicorn_server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert uvicorn_server.started
        yield running
        uvicorn_server.should_exit = True
        thread.join(10)
        assert not thread.is_alive(), "the server hangs on shutdown"


def tone(path: Path, hertz: float) -> Path:
    """A WAV of short tones. Steady ones would be taken for noise and suppressed."""
    t = np.arange(96_000) / 48_000
    samples = 0.3 * np.sin(2 * np.pi * hertz * t) * ((t % 0.5) < 0.3)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


class People:
    """Opens pages and closes them after the test; a page's errors fail the test."""

    def __init__(self, server: Server, room: str) -> None:
        self.server = server
        self.room = room
        self.pages: list[Page] = []
        self.errors: list[str] = []

    def open(self, browser: Browser, *, phone: bool = False, script: str = "") -> Page:
        page = new_page(browser, phone=phone)
        page.add_init_script(script)
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: self.errors.append(f"{error}"))
        page.on(
            "console",
            lambda said: self.errors.append(said.text) if said.type == "error" else None,
        )
        self.pages.append(page)
        page.goto(f"{self.server.url}/room/{self.room}")
        return page

    def join(
        self, browser: Browser, name: str, *, lobby: bool = False, state: str = "joined", script: str = ""
    ) -> Page:
        page = self.open(browser, script=script)
        page.fill("#name", name)
        expect(page.locator("#pre-mic")).to_have_attribute("aria-pressed", "true")
        if lobby:
            page.check("#start-lobby")
        page.click("#join")
        wait_state(page, state)
        return page


def has_class(name: str) -> Any:
    """Matches a class attribute that holds ``name``."""
    return re.compile(rf"(^|\s){name}(\s|$)")


def wait_state(page: Page, state: str) -> None:
    page.wait_for_function("state => rejoinder.state === state", arg=state)


def connected(page: Page, others: int = 1) -> None:
    """Wait until media flows between this page and so many others."""
    page.wait_for_function(
        "n => rejoinder.participants.filter(p => p.connection === 'connected').length === n", arg=others
    )


LISTEN = """
async (seconds) => {
  const [audio] = document.querySelectorAll('#sounds audio');
  const context = new AudioContext({sampleRate: 48000});
  const source = context.createMediaStreamSource(audio.srcObject);
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  analyser.smoothingTimeConstant = 0;
  source.connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  const peaks = [];
  for (let end = performance.now() + seconds * 1000; performance.now() < end;) {
    await new Promise((done) => setTimeout(done, 60));
    analyser.getFloatFrequencyData(bins);
    let best = 0;
    for (let i = 1; i < bins.length; i++) if (bins[i] > bins[best]) best = i;
    peaks.push([best * 48000 / 8192, bins[best]]);
  }
  await context.close();
  return {peaks, playing: !audio.paused && !audio.muted};
}
"""


def heard(page: Page, seconds: float = 2.0) -> tuple[float, float]:
    """What the one other sounds like on this page: the median frequency of the loud moments, and their share."""
    result = page.evaluate(LISTEN, seconds)
    assert result["playing"], "the sound is not played to the person"
    loud = [hertz for hertz, decibels in result["peaks"] if decibels > -55]
    return (float(np.median(loud)) if loud else 0.0), len(loud) / len(result["peaks"])


class Robin:
    """A native bot in a room: hums, shows a blue picture, and notes whom it hears."""

    HZ = 910.0

    def __init__(self, server: Server, room: str) -> None:
        self.events: list[MeetingEvent] = []
        self.loudest: dict[str, int] = {}
        self.seat = Seat(
            WrtcEngine(loopback=True),
            f"{server.url.replace('http', 'ws', 1)}/room/{room}/ws",
            "Robin",
            on_event=self.events.append,
            on_audio=self._hear,
        )

    def _hear(self, participant: str, pcm: Pcm) -> None:
        self.loudest[participant] = max(self.loudest.get(participant, 0), int(np.abs(pcm).max()))

    async def stay(self, leave: threading.Event) -> None:
        """Come in, hum until told to leave."""
        await self.seat.join()
        width, height = VIDEO_SIZE
        self.seat.show(np.full((height, width, 3), (30, 60, 220), np.uint8))
        t = np.arange(FRAME_SAMPLES) / MEETING_RATE
        loop = asyncio.get_running_loop()
        started = loop.time()
        for frame in itertools.count():
            if leave.is_set():
                break
            phase = 2 * np.pi * self.HZ * (t + frame * 0.02)
            self.seat.write((8000 * np.sin(phase) * (frame % 25 < 15)).astype(np.int16))
            await asyncio.sleep(max(0.0, started + (frame + 1) * 0.02 - loop.time()))
        await self.seat.leave()
