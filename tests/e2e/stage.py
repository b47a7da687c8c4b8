"""A whole installation in the test's process: server, a user's server written from the seeds, people and bots.

Everything is real: HTTP, websockets and WebRTC over loopback. Only the speech models are missing.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from pydantic import SecretStr

from rejoinder import plugins
from rejoinder.app.server import Server
from rejoinder.demo import free_port
from rejoinder.media.frame import Pcm
from rejoinder.media.loop import new_event_loop
from rejoinder.models.fetch import ensure
from rejoinder.rehearsal import Person
from rejoinder.settings import Settings
from seed_server import SeedServer, running

KEY = "key-of-the-tests"
SCENE_S = 40.0
OVER = ("Done", "Failed", "Denied", "NotAllowed", "Cancelled")


def all_models() -> Mapping[str, Path]:
    """What an agent and transcripts need."""
    settings = Settings()
    return ensure(plugins.models_needed(settings), settings)


@contextmanager
def open_stage(folder: Path, *, models: bool = False, **settings: Any) -> Iterator[Stage]:
    """An installation that serves; ``models``: with all that an agent and transcripts need."""
    found = all_models() if models else None
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.get_loop()
        stage = Stage(folder, runner, found, **settings)
        runner.run(stage.open())
        yield stage
        runner.run(stage.close())


class Stage:
    """Serve with :meth:`open`, play scenes, :meth:`close`. All on one event loop."""

    def __init__(
        self, data_dir: Path, runner: asyncio.Runner, models: Mapping[str, Path] | None = None, **settings: Any
    ) -> None:
        self.settings = Settings(
            port=free_port(),
            data_dir=data_dir,
            api_key=SecretStr(KEY),
            allow_loopback_urls=True,
            capacity=50,
            rate_limit_per_minute=100_000,
            **settings,
        )
        self.server = Server(self.settings, models)
        self.seed = SeedServer()
        self.http: aiohttp.ClientSession
        self._runner = runner
        self._engine = plugins.engine(self.settings)
        self._open = asyncio.Event()
        self._leave = asyncio.Event()
        self._people: list[Person] = []
        self._bots: list[str] = []
        self._house: asyncio.Task[None]

    # -- opening and closing ------------------------------------------------------------------------------------

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._house = loop.create_task(self._serve())
        opening = loop.create_task(self._open.wait())
        await asyncio.wait({self._house, opening}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        assert opening.done(), "the server did not come up"

    async def close(self) -> None:
        for person in self._people:
            await person.leave()
        self._leave.set()
        await asyncio.wait_for(self._house, 15)

    async def _serve(self) -> None:
        async with running(welcome=None) as self.seed, asyncio.TaskGroup() as group:
            self.http = aiohttp.ClientSession(self.url, headers={"Authorization": f"Token {KEY}"})
            group.create_task(self.server.serve(self._open.set))
            await self._leave.wait()
            self.server.stop()
            await self.http.close()

    def play(self, scene: Coroutine[Any, Any, None], within_s: float = SCENE_S) -> None:
        """Run a scene; whoever came in during it leaves at its end."""
        self._runner.run(self._bounded(scene, within_s))

    def keep(self, scene: Coroutine[Any, Any, None]) -> None:
        """Run a scene; whoever came in stays."""
        self._runner.run(asyncio.wait_for(scene, SCENE_S))

    async def _bounded(self, scene: Coroutine[Any, Any, None], within_s: float) -> None:
        people, bots = len(self._people), len(self._bots)
        try:
            async with asyncio.timeout(within_s):
                await scene
        finally:
            for bot in self._bots[bots:]:
                await self.remove(bot)
            for person in self._people[people:]:
                await person.leave()
            del self._people[people:], self._bots[bots:]

    # -- what scenes do -----------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return self.settings.base_url

    def link(self, room: str) -> str:
        return f"{self.url}/room/{room}"

    async def person(self, name: str, room: str, *, lobby: bool = False) -> Person:
        """Someone in a room."""
        signalling = f"ws://127.0.0.1:{self.settings.port}/room/{room}/ws"
        person = Person(self._engine, signalling, name, lobby=lobby)
        self._people.append(person)
        await person.join()
        return person

    async def create(self, room: str, **body: Any) -> str:
        """Send a bot named Robin to a room; its id."""
        body = {"meeting_link": self.link(room), "bot_name": "Robin", **body}
        async with self.http.post("/api/v1/bots/create_bot", json=body) as response:
            answer = await response.json()
            assert response.status == 201, answer
        self._bots.append(answer["bot_id"])
        return str(answer["bot_id"])

    async def connected_bot(self, room: str, seed: SeedServer | None = None, **body: Any) -> str:
        """A bot in a room, greeted on both sockets by a user's server."""
        seed = seed or self.seed
        bot = await self.create(
            room,
            socket_connection_url={"websocket_url": seed.control_url},
            live_audio_required={"websocket_url": seed.audio_url},
            **body,
        )
        await seed.wait(lambda seen: bot in seen.control_sockets and bot in seen.audio_sockets, 10)
        await seed.wait(lambda seen: len([m for m in readies(seen) if m["bot_id"] == bot]) >= 2)
        return bot

    async def status(self, bot: str) -> dict[str, Any]:
        async with self.http.get(f"/api/v1/bots/{bot}/status") as response:
            assert response.status == 200
            return dict(await response.json())

    async def until_status(self, bot: str, wanted: str, within_s: float = 8.0) -> dict[str, Any]:
        """Poll until a bot has a status (InMeeting: also while it records); fails at once if it ended with another."""
        end = asyncio.get_running_loop().time() + within_s
        while True:
            found = await self.status(bot)
            if found["status"] == wanted or (wanted, found["status"]) == ("InMeeting", "Recording"):
                return found
            assert found["status"] not in OVER, found
            assert asyncio.get_running_loop().time() < end, f"{found}, expected {wanted}"
            await asyncio.sleep(0.02)

    async def remove(self, bot: str) -> dict[str, Any]:
        async with self.http.get(f"/api/v1/bots/{bot}/remove_bot") as response:
            assert response.status in (200, 404)  # scenes may have deleted it
            return dict(await response.json())

    async def speak(self, bot: str, pcm: Pcm, rate: int, *, article: bool = False) -> None:
        """``sendaudio`` as the guide spells it, or as the article does."""
        audio = base64.b64encode(pcm.astype("<i2").tobytes()).decode()
        guide = {"command": "sendaudio", "bot_id": bot, "audiochunk": audio, "sample_rate": rate, "encoding": "pcm16"}
        other = {"action": "sendaudio", "audio": audio, "sample_rate": rate, "encoding": "pcm16"}
        await self.seed.send(bot, other if article else {**guide, "channels": 1, "endianness": "little"})

    def media_tasks(self, name: str) -> list[str]:
        """What runs on the media loop under a name that begins so."""
        tasks = asyncio.all_tasks(self.server.worker.media._loop)
        return [task.get_name() for task in tasks if task.get_name().startswith(name)]


def readies(seed: SeedServer) -> list[dict[str, Any]]:
    """All greetings on both sockets."""
    return [m for m in (*seed.control_messages, *seed.audio_messages) if m.get("type") == "ready"]


def samples_of(seed: SeedServer, speaker_id: str) -> Pcm:
    """What the user's server was given of one speaker."""
    return np.frombuffer(b"".join(pcm for ident, _, pcm in seed.frames if ident == speaker_id), "<i2")
