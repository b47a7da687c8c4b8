"""A small server of pages and of the tiny meeting's signalling, for stand-ins of meeting platforms."""

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


@dataclass
class Person:
    id: str
    name: str
    socket: web.WebSocketResponse
    inside: bool = False


@dataclass
class Room:
    """A tiny meeting. ``lobby``: people wait until :meth:`admit` or :meth:`deny`."""

    lobby: bool = False
    people: dict[str, Person] = field(default_factory=dict)

    async def admit(self, who: str) -> None:
        person = self.people[who]
        others = [{"id": other.id, "name": other.name} for other in self.people.values() if other.inside]
        person.inside = True
        await self.tell({"type": "joined", "id": who, "name": person.name}, but=who)
        await person.socket.send_json({"type": "welcome", "id": who, "others": others})

    async def deny(self, who: str) -> None:
        await self.people[who].socket.send_json({"type": "denied"})

    async def end(self) -> None:
        await self.tell({"type": "ended"})

    async def chat(self, name: str, text: str) -> None:
        await self.tell({"type": "chat", "id": "someone", "name": name, "text": text})

    def named(self, name: str) -> list[str]:
        return [person.id for person in self.people.values() if person.name == name]

    async def tell(self, message: dict[str, Any], but: str = "") -> None:
        for person in list(self.people.values()):
            if person.inside and person.id != but and not person.socket.closed:
                await person.socket.send_json(message)


@dataclass
class PageServer:
    """``url`` is where the folder's pages are; ``rooms`` holds the tiny meetings by name."""

    url: str
    rooms: dict[str, Room] = field(default_factory=dict)
    chats: list[tuple[str, str]] = field(default_factory=list)
    """(name, text) of all chat messages."""
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def room(self, name: str) -> Room:
        return self.rooms.setdefault(name, Room())

    async def serve_room(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        room, who = self.room(request.match_info["room"]), f"p{next(self._ids)}"
        async for raw in socket:
            if raw.type is not WSMsgType.TEXT:
                break
            message = json.loads(raw.data)
            match message["type"]:
                case "hello":
                    room.people[who] = Person(who, message["name"], socket)
                    if not room.lobby:
                        await room.admit(who)
                case "signal" if message["to"] in room.people:
                    data = {"type": "signal", "from": who, "data": message["data"]}
                    await room.people[message["to"]].socket.send_json(data)
                case "chat":
                    self.chats.append((room.people[who].name, message["text"]))
                    name = room.people[who].name
                    await room.tell({"type": "chat", "id": who, "name": name, "text": message["text"]})
        if room.people.pop(who, None) is not None:
            await room.tell({"type": "left", "id": who})
        return socket


@asynccontextmanager
async def page_server(*folders: Path) -> AsyncIterator[PageServer]:
    """Serve folders of pages (this one's ``pages`` as the last) on a free port of loopback."""
    server = PageServer("")
    app = web.Application()
    app.router.add_get("/room/{room}", server.serve_room)

    async def page(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        for folder in (*folders, PAGES):
            path = (folder / name).resolve()
            if path.is_relative_to(folder.resolve()) and path.is_file():
                return web.FileResponse(path, headers={"Cache-Control": "no-store"})
        raise web.HTTPNotFound

    app.router.add_get("/{name:.+}", page)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
