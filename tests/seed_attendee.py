"""A user's server for Attendee's realtime audio, written from the page "Realtime Audio Input and Output" alone.

It takes what comes, keeps it, and can speak back; it knows nothing of what we added, except that it keeps messages with
triggers it does not know.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


@dataclass
class Chunk:
    """One audio message: when it came (the loop's clock), its path, and what was in it."""

    came: float
    path: str
    bot_id: str
    participant: str | None
    pcm: np.ndarray
    timestamp_ms: int
    sample_rate: int


@dataclass
class AttendeeServer:
    """What the server saw, in order."""

    port: int = 0
    chunks: list[Chunk] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)
    """Messages with other triggers."""
    first: list[str] = field(default_factory=list)
    """The trigger of the first message of each connection."""
    binary: int = 0
    connections: dict[str, list[ServerConnection]] = field(default_factory=dict)
    """All connections there ever were, by path."""
    extensions: list[str | None] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)

    def url(self, path: str = "attendee-websocket") -> str:
        return f"ws://127.0.0.1:{self.port}/{path}"

    def mixed(self, path: str = "attendee-websocket") -> list[Chunk]:
        return [chunk for chunk in self.chunks if chunk.participant is None and chunk.path == f"/{path}"]

    def of(self, participant: str) -> list[Chunk]:
        return [chunk for chunk in self.chunks if chunk.participant == participant]

    async def send(self, message: dict[str, Any] | str, path: str = "attendee-websocket") -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        await self.connections[f"/{path}"][-1].send(text)

    async def speak(self, pcm: np.ndarray, rate: int, path: str = "attendee-websocket") -> None:
        chunk = base64.b64encode(pcm.astype("<i2").tobytes()).decode()
        await self.send({"trigger": "realtime_audio.bot_output", "data": {"chunk": chunk, "sample_rate": rate}}, path)

    async def wait(self, condition: Callable[[AttendeeServer], object], within_s: float = 5.0) -> None:
        async with asyncio.timeout(within_s):
            while not condition(self):  # noqa: ASYNC110 (any test of what was seen)
                await asyncio.sleep(0.005)

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path
        self.connections.setdefault(path, []).append(connection)
        self.extensions.append(connection.response and connection.response.headers.get("Sec-WebSocket-Extensions"))
        fresh = True
        try:
            async for message in connection:
                if isinstance(message, bytes):
                    self.binary += 1
                    continue
                body = json.loads(message)
                if fresh:
                    self.first.append(body["trigger"])
                    fresh = False
                self.take(path, body)
        except ConnectionClosed:
            pass
        finally:
            self.closed.append(connection.close_code or 0)

    def take(self, path: str, body: dict[str, Any]) -> None:
        if body["trigger"] not in ("realtime_audio.mixed", "realtime_audio.per_participant"):
            self.others.append(body)
            return
        data = body["data"]
        self.chunks.append(
            Chunk(
                asyncio.get_running_loop().time(),
                path,
                body["bot_id"],
                data.get("participant_uuid"),
                np.frombuffer(base64.b64decode(data["chunk"], validate=True), "<i2"),
                data["timestamp_ms"],
                data["sample_rate"],
            )
        )


@asynccontextmanager
async def attendee_server(seen: AttendeeServer | None = None) -> AsyncIterator[AttendeeServer]:
    """Serve on a loopback port for as long as the block lasts; ``seen`` of an earlier block: on its port again."""
    seen = seen or AttendeeServer()
    async with serve(seen.serve, "127.0.0.1", seen.port) as server:
        seen.port = next(iter(server.sockets)).getsockname()[1]
        yield seen
