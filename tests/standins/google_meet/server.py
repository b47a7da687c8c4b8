"""The stand-in of Google Meet: pages with its documented structure, signalling, and what a host would click."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

PAGES = Path(__file__).parent / "pages"
CODE = "abc-defg-hij"


@dataclass
class Client:
    id: str
    role: str
    name: str
    socket: web.WebSocketResponse
    inside: bool = False


@dataclass
class Standin:
    """One meeting at ``url``. ``switches`` are read when a page is opened, see ``pages/meet.js``: lang, lobby, first
    (signin, refused, captcha, code), consent, device_dialogs, notices, muted_on_entry, host, audio ("mixed")."""

    url: str = ""
    switches: dict[str, Any] = field(default_factory=dict)
    guests: tuple[str, ...] = ()
    """People who are only names: tiles without media."""
    clients: dict[str, Client] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    """Paths with queries of all pages opened."""
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def link(self) -> str:
        return f"{self.url}/{CODE}"

    @property
    def bot(self) -> Client | None:
        """The newest one that came through Meet's page."""
        return next((one for one in reversed(self.clients.values()) if one.role == "meet"), None)

    def named(self, name: str) -> Client | None:
        return next((one for one in self.clients.values() if one.name == name), None)

    async def admit(self) -> None:
        bot = self.bot
        assert bot is not None, "nobody knocks"
        await self._enter(bot)

    async def tell(self, kind: str, **data: Any) -> None:
        """To the bot's page: denied, unanswered, removed, host_ended, ended, toast, redraw, dialog, chat, caption."""
        assert self.bot is not None
        await self.bot.socket.send_json({"type": kind, **data})

    async def _enter(self, client: Client) -> None:
        client.inside = True
        others = [{"id": one.id, "name": one.name} for one in self._inside(client)]
        others += [{"id": f"spaces/s/devices/{name}", "name": name} for name in self.guests]
        if client.role == "meet":
            await client.socket.send_json({"type": "admitted", "id": client.id, "others": others})
        for one in self.clients.values():
            if one.role == "relay" or (one.inside and one.role == "meet" and one is not client):
                await one.socket.send_json(
                    {"type": "joined", "id": client.id, "name": client.name, "role": client.role}
                )

    def _inside(self, but: Client) -> list[Client]:
        return [one for one in self.clients.values() if one.inside and one is not but and one.role != "relay"]

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 22)
        await socket.prepare(request)
        role = request.query["role"]
        number = next(self._ids)
        client = Client(f"spaces/s/devices/{number}", role, request.query["name"], socket)
        self.clients[client.id] = client
        if role == "person" or (role == "meet" and not self.switches.get("lobby")):
            await self._enter(client)
        async for raw in socket:
            if raw.type is WSMsgType.BINARY and (bot := self.bot) is not None and bot.inside:
                await bot.socket.send_bytes(raw.data)
            elif raw.type is WSMsgType.TEXT:
                await self._route(client, json.loads(raw.data))
        del self.clients[client.id]
        for one in list(self.clients.values()):
            if not one.socket.closed:
                await one.socket.send_json({"type": "left", "id": client.id})
        return socket

    async def _route(self, client: Client, message: dict[str, Any]) -> None:
        if message["type"] == "chat":
            for one in self._inside(client):
                await one.socket.send_json({"type": "chat", "name": client.name, "text": message["text"]})
            return
        if client.role == "relay":
            target = self.clients.get(message["to"])
        else:
            target = next((one for one in self.clients.values() if one.role == "relay"), None)
        if target is not None and not target.socket.closed:
            await target.socket.send_json({**message, "from": client.id})

    def page(self, name: str) -> web.Response:
        text = (PAGES / name).read_text("utf-8").replace("/*SWITCHES*/{}", json.dumps(self.switches))
        return web.Response(text=text, content_type="text/html")


@asynccontextmanager
async def standin() -> AsyncIterator[Standin]:
    """Serve the stand-in on a free port of loopback."""
    meeting = Standin()

    async def static(request: web.Request) -> web.StreamResponse:
        path = (PAGES / request.match_info["name"]).resolve()
        if not path.is_relative_to(PAGES) or not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={"Cache-Control": "no-store"})

    async def page(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name != "favicon.ico":
            meeting.opened.append(request.path_qs)
        if name in ("person", "relay"):
            return meeting.page(f"{name}.html")
        if name != CODE:
            raise web.HTTPNotFound
        return meeting.page("meet.html")

    app = web.Application()
    app.router.add_get("/ws", meeting.serve)
    app.router.add_get("/page/{name}", static)
    app.router.add_get("/{name}", page)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    meeting.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield meeting
    finally:
        for one in list(meeting.clients.values()):
            await one.socket.close()
        await runner.cleanup()
