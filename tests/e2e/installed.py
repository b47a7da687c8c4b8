"""An installation of real processes: ``rejoinder serve`` and ``rejoinder worker``, to be killed, frozen and cut off."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import text

from rejoinder import plugins
from rejoinder.settings import Settings
from rejoinder.storage.database import Database, database_url
from servers import PR_SET_PDEATHSIG, free_port
from stage import KEY, OVER
from witness import Witness

START_S = 60.0


class Installed:
    """A front (API and room), and hosts with workers on the same database. Settings are ``REJOINDER_`` variables.

    ``url``: of the database; None: SQLite in ``data``. Use as ``with``.
    """

    def __init__(self, data: Path, url: str | None = None, **settings: object) -> None:
        self.data, self.url, self.port = data, url, free_port()
        self.settings = {
            "API_KEY": KEY,
            "PUBLIC_URL": self.base,
            "ALLOW_LOOPBACK_URLS": 1,
            "LINK_SECRET": "a secret of the tests",
            "LOG_LEVEL": "WARNING",
            **({"DATABASE_URL": url} if url else {}),
            **settings,
        }
        self.front: subprocess.Popen[bytes] | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Installed:
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def serve(self, data: Path | None = None, port: int | None = None, **settings: object) -> subprocess.Popen[bytes]:
        """Start a server and wait until it answers; the first one without ``data`` is the front."""
        process = self._start(["serve", "--no-agent"], data or self.data, PORT=port or self.port, **settings)
        if data is None:
            self.front = process
        deadline = time.monotonic() + START_S
        while True:
            assert process.poll() is None, f"the server ended with {process.returncode}"
            assert time.monotonic() < deadline, "the server did not come up"
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}/healthz", timeout=2):
                    return process
            time.sleep(0.05)

    async def worker(self, data: Path, **settings: object) -> subprocess.Popen[bytes]:
        """Start a worker on a host of its own, wait until it is known."""
        process = await asyncio.to_thread(self._start, ["worker", "--no-agent"], data, **settings)
        await self.until_known(process.pid)
        return process

    def _start(self, command: list[str], data: Path, **settings: object) -> subprocess.Popen[bytes]:
        values = {**self.settings, **settings, "DATA_DIR": data}
        environment = {f"REJOINDER_{name}": str(value) for name, value in values.items() if value is not None}
        process = subprocess.Popen(
            [sys.executable, "-m", "rejoinder", *command],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            preexec_fn=_end_with_parent,
        )
        self._processes.append(process)
        return process

    # -- what the database says -----------------------------------------------------------------------------------

    async def ask(self, statement: str, **values: object) -> list[Any]:
        """First column of what the database answers."""
        database = Database(database_url(self.url, self.data))
        try:
            async with database.read() as connection:
                return list((await connection.execute(text(statement), values)).scalars())
        finally:
            await database.close()

    async def until_known(self, pid: int, within_s: float = START_S) -> None:
        """Wait until a worker process is among the living."""
        deadline = time.monotonic() + within_s
        while pid not in [pid_of(worker) for worker in await self.ask("SELECT id FROM workers WHERE NOT dead")]:
            assert time.monotonic() < deadline, "the worker did not come up"
            await asyncio.sleep(0.1)

    async def owner(self, bot: str) -> int | None:
        """The process that has a bot."""
        owners = await self.ask("SELECT owner FROM ownership WHERE bot_id = :bot", bot=bot)
        return pid_of(owners[0]) if owners and owners[0] else None


class Visit:
    """A user and a person in one room. Use as ``async with``."""

    def __init__(self, installed: Installed, room: str) -> None:
        self.installed, self.room = installed, room
        self.http = aiohttp.ClientSession(installed.base, headers={"Authorization": f"Token {KEY}"})
        signalling = f"ws://127.0.0.1:{installed.port}/room/{room}/ws"
        self.ada = Witness(plugins.engine(Settings()), signalling, "Ada")
        self.robin = self.ada.of("Robin")

    async def __aenter__(self) -> Visit:
        await self.ada.join()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.ada.leave()
        await self.http.close()

    async def get(self, path: str) -> dict[str, Any]:
        """GET an API path that must answer."""
        async with self.http.get(f"/api/v1{path}") as response:
            assert response.status == 200, await response.text()
            return dict(await response.json())

    async def create(self, room: str | None = None, **body: Any) -> tuple[int, dict[str, Any]]:
        """Status and answer of a create call."""
        link = f"{self.installed.base}/room/{room or self.room}"
        body = {"meeting_link": link, "bot_name": "Robin", **body}
        async with self.http.post("/api/v1/bots/create_bot", json=body) as response:
            return response.status, await response.json()

    async def bot(self, **body: Any) -> str:
        """A bot that is in the room and records; its id."""
        status, answer = await self.create(**body)
        assert status == 201, answer
        await self.until_status(answer["bot_id"], "Recording")
        return str(answer["bot_id"])

    async def until_status(self, bot: str, wanted: str, within_s: float = 30.0) -> None:
        """Poll until a bot has a status."""
        deadline = time.monotonic() + within_s
        while (found := await self.get(f"/bots/{bot}/status"))["status"] != wanted:
            assert found["status"] not in OVER, found
            assert time.monotonic() < deadline, f"{found}, expected {wanted}"
            await asyncio.sleep(0.05)

    async def remove(self, bot: str) -> None:
        """Have the bot leave, wait until all is done."""
        await self.get(f"/bots/{bot}/remove_bot")
        await self.until_status(bot, "Done")

    async def back(self, since: float, within_s: float) -> float:
        """Seconds from ``since`` (Ada's clock) until a bot came in that was not there before."""
        await self.ada.until(lambda: self.robin.came_after(since) is not None, within_s, "the bot to come back")
        again = self.robin.came_after(since)
        assert again is not None
        return again - since

    async def until(self, true: Callable[[], bool], within_s: float, what: str) -> None:
        """Wait until something is seen."""
        await self.ada.until(true, within_s, what)


def pid_of(worker: str) -> int:
    """The process in a worker's id."""
    return int(worker.split("-")[-2])


def _end_with_parent() -> None:
    # A test run that is killed must not leave servers behind.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
