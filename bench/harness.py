"""What the benches share: figures, tables, a real server in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from rejoinder.demo import free_port

OUT = Path(__file__).parent / "out"
START_S = 180.0


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(values: Sequence[float], digits: int = 1) -> dict[str, float]:
    """{p50, p95} of some values."""
    return {"p50": round(quantile(values, 0.5), digits), "p95": round(quantile(values, 0.95), digits)}


def write(name: str, figures: dict[str, Any]) -> Path:
    """Keep a bench's figures as ``bench/out/<name>.json``."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.json"
    path.write_text(json.dumps(figures, indent=2) + "\n")
    return path


def table(rows: Sequence[tuple[str, Any]], title: str) -> None:
    """Print figures, one a line."""
    print(f"\n{title}")
    for label, value in rows:
        shown = ", ".join(f"{key} {figure:g}" for key, figure in value.items()) if isinstance(value, dict) else value
        print(f"  {label:<44} {shown}")


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found, place = [pid], 0
    while place < len(found):
        for children in Path(f"/proc/{found[place]}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split()]
        place += 1
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time (user and system) of a process so far, its children not included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(slots=True)
class Served:
    """A running server."""

    port: int
    key: str
    pid: int
    http: aiohttp.ClientSession

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def signalling(self, room: str) -> str:
        """The websocket of a room."""
        return f"ws://127.0.0.1:{self.port}/room/{room}/ws"

    async def create_bot(self, room: str, **body: Any) -> str:
        """Send a bot into a room; its id."""
        body = {"meeting_link": f"{self.url}/room/{room}", **body}
        async with self.http.post(f"{self.url}/api/v1/bots/create_bot", json=body) as response:
            answer = await response.json()
            if response.status != 201:
                raise RuntimeError(f"create_bot: {response.status} {answer}")
            return str(answer["bot_id"])

    async def get(self, path: str) -> Any:
        """GET an API path."""
        async with self.http.get(f"{self.url}{path}") as response:
            return await response.json()

    async def until_status(self, bot: str, wanted: str, within_s: float) -> None:
        """Wait until a bot has a status."""
        end = asyncio.get_running_loop().time() + within_s
        while (found := (await self.get(f"/api/v1/bots/{bot}/status"))["status"]) != wanted:
            if asyncio.get_running_loop().time() > end:
                raise RuntimeError(f"the bot is {found}, not {wanted}")
            await asyncio.sleep(0.1)


@asynccontextmanager
async def serve(data: Path, *, agent: bool, settings: Mapping[str, str] | None = None) -> AsyncIterator[Served]:
    """``rejoinder serve`` on a free port, in a process of its own. ``settings``: more ``REJOINDER_`` variables."""
    port, key = free_port(), secrets.token_hex(8)
    environment = {
        **os.environ,
        "REJOINDER_PORT": str(port),
        "REJOINDER_API_KEY": key,
        "REJOINDER_DATA_DIR": str(data),
        "REJOINDER_ALLOW_LOOPBACK_URLS": "1",
        "REJOINDER_LOG_LEVEL": "ERROR",
        **{f"REJOINDER_{name}": value for name, value in (settings or {}).items()},
    }
    command = [sys.executable, "-m", "rejoinder", "serve", *([] if agent else ["--no-agent"])]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=sys.stderr)
    http = aiohttp.ClientSession(headers={"Authorization": f"Token {key}"})
    try:
        await _until_up(f"http://127.0.0.1:{port}/healthz", http, process)
        yield Served(port, key, process.pid, http)
    finally:
        await http.close()
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _until_up(url: str, http: aiohttp.ClientSession, process: asyncio.subprocess.Process) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + START_S
    while loop.time() < end:
        if process.returncode is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            async with http.get(url) as response:
                if response.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    raise RuntimeError("the server did not come up")
