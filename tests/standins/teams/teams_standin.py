"""A stand-in for Microsoft Teams on the web: its dialogs, ids and texts as far as publicly known, and its mixed audio.

People's pages and the mixer (``/mixer/<meeting>``: what Teams' media servers do) run in one independent Chromium. The
driver under test is the real one; only the host of its entry address is this server's (:class:`AtStandin`).
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from aiohttp import WSMsgType, web

from rejoinder.platforms.teams.platform import TeamsDriver
from rejoinder.settings import Settings

PAGES = Path(__file__).parent / "pages"


@dataclass
class Member:
    id: str
    name: str
    socket: web.WebSocketResponse
    inside: bool = False


@dataclass
class Meeting:
    """One meeting. ``switches`` are what its page does (pages/teams.js lists them)."""

    switches: dict[str, Any] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    mixer: web.WebSocketResponse | None = None
    chats: list[tuple[str, str]] = field(default_factory=list)
    lit: dict[str, list[tuple[float, bool]]] = field(default_factory=dict)
    clicks: list[str] = field(default_factory=list)
    """What the bot's page was asked to do: data-tids and labels of what was clicked."""
    loads: int = 0

    def named(self, name: str) -> Member:
        return next(member for member in self.members.values() if member.name == name)

    def has(self, name: str) -> bool:
        return any(member.name == name for member in self.members.values())

    async def tell(self, message: Mapping[str, Any], *to: Member) -> None:
        for member in to or [one for one in self.members.values() if one.inside]:
            if not member.socket.closed:
                await member.socket.send_json(message)

    async def admit(self, name: str) -> None:
        member = self.named(name)
        member.inside = True
        await self.tell({"type": "admitted", "id": member.id}, member)
        await self.roster()
        await self._mixer({"type": "member", "id": member.id, "switches": self.switches})

    async def roster(self) -> None:
        people = [{"id": one.id, "name": one.name} for one in self.members.values() if one.inside]
        await self.tell({"type": "roster", "people": people})

    async def over(self, name: str, how: str) -> None:
        """``how``: denied, removed, ended, expired, left."""
        await self.tell({"type": "over", "how": how}, self.named(name))

    async def show(self, name: str, what: str, **more: Any) -> None:
        """Have a page show a toast, dialog, or other state (pages/teams.js: ``shows``)."""
        await self.tell({"type": "show", "what": what, **more}, self.named(name))

    async def chat(self, name: str, text: str) -> None:
        self.chats.append((name, text))
        message = {"type": "chat", "id": f"m{len(self.chats)}", "name": name, "text": text, "at": time.time()}
        await self.tell(message)

    async def caption(self, key: str, name: str, text: str) -> None:
        await self.tell({"type": "caption", "key": key, "name": name, "text": text})

    async def mix(self, **gains: Any) -> None:
        """``main``, ``double``: gains of the two tracks everybody gets."""
        await self._mixer({"type": "gains", **gains})

    async def _mixer(self, message: Mapping[str, Any]) -> None:
        if self.mixer is not None and not self.mixer.closed:
            await self.mixer.send_json(message)


class Standin:
    """The server. ``meetings`` by the digits of their links."""

    def __init__(self) -> None:
        self.url = ""
        self.meetings: dict[str, Meeting] = {}
        self._ids = itertools.count(1)

    def meeting(self, digits: str, **switches: Any) -> Meeting:
        self.meetings[digits] = Meeting(switches)
        return self.meetings[digits]

    async def page(self, request: web.Request) -> web.StreamResponse:
        meeting = self.meetings[request.match_info["digits"]]
        meeting.loads += "human" not in request.query
        source = (PAGES / "teams.html").read_text()
        lang = str(meeting.switches.get("lang", "en"))
        source = source.replace("{{lang}}", lang).replace("{{switches}}", json.dumps(meeting.switches))
        return web.Response(text=source, content_type="text/html")

    async def file(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGES / Path(request.match_info["name"]).name, headers={"Cache-Control": "no-store"})

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        meeting = self.meetings[request.match_info["digits"]]
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        who = f"8:teamsvisitor:{next(self._ids)}"
        async for raw in socket:
            if raw.type is not WSMsgType.TEXT:
                break
            await self._take(meeting, who, socket, json.loads(raw.data))
        gone = meeting.members.pop(who, None)
        if gone is not None and gone.inside:
            await meeting._mixer({"type": "gone", "id": who})
            await meeting.roster()
        return socket

    async def _take(self, meeting: Meeting, who: str, socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        match message["type"]:
            case "mixer":
                meeting.mixer = socket
            case "knock":
                member = meeting.members[who] = Member(who, message["name"], socket)
                if message.get("human") or not meeting.switches.get("lobby"):
                    await meeting.admit(member.name)
                else:
                    await meeting.tell({"type": "wait"}, member)
            case "signal":
                if message["to"] == "mixer":
                    await meeting._mixer({"type": "signal", "from": who, "data": message["data"]})
                elif message["to"] in meeting.members:
                    await meeting.tell({"type": "signal", "data": message["data"]}, meeting.members[message["to"]])
            case "lit":
                for one, on in message["people"].items():
                    meeting.lit.setdefault(one, []).append((time.time(), on))
                await meeting.tell(message)
            case "chat":
                await meeting.chat(meeting.members[who].name, message["text"])
            case "clicked":
                meeting.clicks.append(message["what"])


@asynccontextmanager
async def teams_standin() -> AsyncIterator[Standin]:
    """Serve it on a free port of loopback."""
    standin = Standin()
    app = web.Application()
    app.router.add_get("/meet/{digits}", standin.page)
    app.router.add_get("/mixer/{digits}", _file("mixer.html"))
    app.router.add_get("/login", _file("login.html"))
    app.router.add_get("/ws/{digits}", standin.socket)
    app.router.add_get("/static/{name}", standin.file)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    standin.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield standin
    finally:
        await runner.cleanup()


def _file(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def send(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGES / name, headers={"Cache-Control": "no-store"})

    return send


class AtStandin(TeamsDriver):
    """The driver itself; its entry address is checked and made by it, then moved to the stand-in's host."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def entry_url(self, link: str, settings: Settings) -> str:
        real = urlsplit(super().entry_url(link, settings))
        here = urlsplit(self._url)
        return urlunsplit((here.scheme, here.netloc, real.path, real.query, ""))
