"""A user's server, written from MeetStream's guide "External Meeting Control & Command Patterns" and nothing else.

Two websocket endpoints, ``/{bot_id}/audio`` and ``/{bot_id}/control``, as in the guide's FastAPI example. Around it
hooks for tests: what came in is kept, commands can be sent, and ``running()`` serves it on a loopback port.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

MAX_FRAMES = 20_000


def decode_audio_frame(data: bytes) -> tuple[str, str, bytes] | None:
    """Speaker id, speaker name and PCM (s16le, mono, 48000 Hz) of a binary message."""
    if len(data) < 5 or data[0] != 0x01:
        return None
    sid_len = int.from_bytes(data[1:3], "little")
    speaker_id = data[3 : 3 + sid_len].decode("utf-8")
    off = 3 + sid_len
    name_len = int.from_bytes(data[off : off + 2], "little")
    off += 2
    speaker_name = data[off : off + name_len].decode("utf-8")
    off += name_len
    return speaker_id, speaker_name, data[off:]


@dataclass
class SeedServer:
    """What the server saw, in order, and the means to command the bots that are connected."""

    port: int = 0
    welcome: str | None = "Bot is now live!"
    """The guide's server posts this to the chat when a bot's control socket is ready; None: it keeps quiet."""
    control_messages: list[dict[str, Any]] = field(default_factory=list)
    audio_messages: list[dict[str, Any]] = field(default_factory=list)
    frames: list[tuple[str, str, bytes]] = field(default_factory=list)
    closed: list[tuple[str, int]] = field(default_factory=list)
    """("audio" or "control", close code)."""
    first: dict[tuple[str, str], str] = field(default_factory=dict)
    """What came first on the ("audio" or "control") socket of a bot: "text" or "bytes"."""
    control_sockets: dict[str, WebSocket] = field(default_factory=dict)
    audio_sockets: dict[str, WebSocket] = field(default_factory=dict)

    @property
    def audio_url(self) -> str:
        """For ``live_audio_required``; the bot fills in its id."""
        return f"ws://127.0.0.1:{self.port}/{{bot_id}}/audio"

    @property
    def control_url(self) -> str:
        """For ``socket_connection_url``; the bot fills in its id."""
        return f"ws://127.0.0.1:{self.port}/{{bot_id}}/control"

    def pcm_of(self, speaker_name: str) -> bytes:
        """All audio heard of one speaker, joined."""
        return b"".join(pcm for _, name, pcm in self.frames if name == speaker_name)

    async def send(self, bot_id: str, command: dict[str, Any]) -> None:
        """Send a JSON command to a bot."""
        await self.control_sockets[bot_id].send_text(json.dumps(command))

    async def send_raw(self, bot_id: str, text: str) -> None:
        """Send any text to a bot."""
        await self.control_sockets[bot_id].send_text(text)

    async def wait(self, condition: Callable[[SeedServer], object], within_s: float = 5.0) -> None:
        """Wait until ``condition(self)`` is true; TimeoutError if it does not come to be."""
        async with asyncio.timeout(within_s):
            while not condition(self):  # noqa: ASYNC110 (the condition is any test of what was seen)
                await asyncio.sleep(0.005)


def create_app(server: SeedServer) -> FastAPI:
    """The guide's application, recording into ``server``."""
    app = FastAPI()

    @app.websocket("/{bot_id}/audio")
    async def audio_endpoint(websocket: WebSocket, bot_id: str) -> None:
        await websocket.accept()
        server.audio_sockets[bot_id] = websocket
        while True:
            raw = await websocket.receive()
            if raw["type"] == "websocket.disconnect":
                server.closed.append(("audio", raw.get("code") or 1005))
                break
            server.first.setdefault(("audio", bot_id), "text" if raw.get("text") else "bytes")
            if raw.get("text"):
                server.audio_messages.append(json.loads(raw["text"]))
                continue
            if raw.get("bytes"):
                frame = decode_audio_frame(raw["bytes"])
                if frame is not None and len(server.frames) < MAX_FRAMES:
                    server.frames.append(frame)

    @app.websocket("/{bot_id}/control")
    async def control_endpoint(websocket: WebSocket, bot_id: str) -> None:
        await websocket.accept()
        server.control_sockets[bot_id] = websocket
        try:
            while True:
                data = json.loads(await websocket.receive_text())
                server.first.setdefault(("control", bot_id), "text")
                server.control_messages.append(data)
                if data.get("type") == "ready" and server.welcome is not None:
                    text = server.welcome
                    await server.send(bot_id, {"command": "sendmsg", "bot_id": bot_id, "message": text, "msg": text})
        except WebSocketDisconnect as error:
            server.closed.append(("control", error.code))
        finally:
            if server.control_sockets.get(bot_id) is websocket:
                del server.control_sockets[bot_id]

    return app


@asynccontextmanager
async def running(welcome: str | None = "Bot is now live!", port: int = 0) -> AsyncIterator[SeedServer]:
    """Serve on a loopback port, in the running event loop, for as long as the block lasts."""
    seen = SeedServer(welcome=welcome)
    config = uvicorn.Config(
        create_app(seen),
        host="127.0.0.1",
        port=port,
        log_level="error",
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    async with asyncio.TaskGroup() as group:
        await server.startup()
        seen.port = server.servers[0].sockets[0].getsockname()[1]
        serving = group.create_task(server.main_loop())
        try:
            yield seen
        finally:
            server.should_exit = True
            await serving
            await server.shutdown()
