"""A stand-in for Zoom's web client and its service: own pages with the documented ids, texts and dialogs.

Media goes as the real client's does without WebRTC: each page sends what its microphone gives over a websocket, and
plays one mix of the others through WebAudio. ``audio="sdk"`` is the other kind: one WebRTC track for each person.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from aiohttp import WSMsgType, web

PAGES = Path(__file__).parent / "pages"
SPEAKING = 0.02
"""RMS above which a block counts as speech."""


@dataclass
class Options:
    """What the meeting and its page are like."""

    lobby: bool = False
    framed: bool = True
    form: Literal["react", "classic"] = "react"
    audio: Literal["wasm", "sdk"] = "wasm"
    lang: Literal["en", "de"] = "en"
    cookies: bool = False
    media_dialogs: int = 1
    disclaimer: bool = False
    covered: bool = False
    """The preview lies over the join button."""
    first_click_lost: bool = False
    slow_load: bool = False
    """The page's load event never comes."""
    signal: bool = True
    """The page receives Zoom's signalling as JSON on a websocket of its own; else only the DOM tells."""
    layout: Literal["speaker", "gallery"] = "gallery"
    late_devices: bool = False
    """Microphone and camera are off again at admission."""
    recording: bool = False
    notice_s: float = 4.0
    """Who does not acknowledge the recording notice in time is disconnected."""
    wall: bool = False
    captcha: bool = False
    title: str = "Zoom"
    """The page's title, which hangs: it stays whatever the page shows."""
    unknown_words: bool = False
    """Waiting room and end are worded as nobody has written down; only Zoom's signalling tells."""
    login: bool = False
    not_started: bool = False
    spinner: bool = False


@dataclass
class Person:
    id: int
    name: str
    socket: web.WebSocketResponse
    inside: bool = False
    host: bool = False
    muted: bool = False
    level: float = 0.0
    told: frozenset[int] = frozenset()

    async def send(self, data: dict[str, Any] | bytes) -> None:
        """To one's page; who is going hears nothing any more."""
        with suppress(ConnectionError):
            if isinstance(data, bytes):
                await self.socket.send_bytes(data)
            else:
                await self.socket.send_json(data)


@dataclass
class Meeting:
    """One meeting, and what its host does."""

    options: Options
    url: str = ""
    people: dict[int, Person] = field(default_factory=dict)
    chats: list[tuple[str, str]] = field(default_factory=list)
    names_typed: list[tuple[str, int]] = field(default_factory=list)
    """(name, key presses) of each form that was sent."""
    left: list[tuple[str, str]] = field(default_factory=list)
    """(name, how): button, or gone."""
    ended_by: str | None = None
    speaker: int | None = None
    _ids: Any = field(default_factory=lambda: itertools.count(16778240, 1024))

    def named(self, name: str) -> Person:
        return next(person for person in self.people.values() if person.name == name)

    def has(self, name: str) -> bool:
        return any(person.name == name and person.inside for person in self.people.values())

    def waits(self, name: str) -> bool:
        return any(person.name == name and not person.inside for person in self.people.values())

    async def admit(self, name: str) -> None:
        await self._enter(self.named(name))

    async def deny(self, name: str) -> None:
        await self._over("denied", self.named(name))

    async def remove(self, name: str) -> None:
        await self._over("removed", self.named(name))

    async def end(self) -> None:
        await self._over("ended", *[person for person in self.people.values() if person.inside])

    async def _over(self, how: str, *people: Person) -> None:
        for person in people:
            await self._signal(person, {"evt": 7939, "body": {"reason": 1, "subReason": 0}})
            await person.send({"do": how})

    async def show(self, name: str, do: str, **data: Any) -> None:
        """Something on one person's page: reconnecting, toast, ask_unmute, recording, host, caption, to_lobby."""
        await self.named(name).send({"do": do, **data})

    async def say(self, name: str, text: str) -> None:
        await self._chat(self.named(name), text)

    # -- the service --------------------------------------------------------------------------------------------------

    async def tell(self, message: dict[str, Any], but: int | None = None) -> None:
        for person in list(self.people.values()):
            if person.inside and person.id != but and not person.socket.closed:
                await person.send(message)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 22)
        await socket.prepare(request)
        person = Person(next(self._ids), "", socket)
        try:
            async for raw in socket:
                if raw.type is WSMsgType.BINARY:
                    await self._media(person, raw.data)
                elif raw.type is WSMsgType.TEXT:
                    await self._message(person, json.loads(raw.data))
        finally:
            if self.people.pop(person.id, None) is not None:
                if person.name not in [name for name, _ in self.left]:
                    self.left.append((person.name, "gone"))
                await self._roster()
                await self.tell({"do": "left", "id": person.id})
        return socket

    async def _message(self, person: Person, message: dict[str, Any]) -> None:
        match message["do"]:
            case "hello":
                person.name = message["name"]
                self.names_typed.append((person.name, message["keys"]))
                self.people[person.id] = person
                if self.options.lobby and message["guest"]:
                    await person.send({"do": "lobby"})
                    await self._signal(person, {"evt": 4098, "body": {"userID": person.id, "res": 0}})
                    await self._signal(person, {"evt": 7942, "body": {"bHold": True}})
                elif not self.options.spinner:
                    await self._enter(person)
            case "chat":
                await self._chat(person, message["text"])
            case "leave":
                self.left.append((person.name, "button"))
                self.people.pop(person.id, None)
                await self._roster()
                await self.tell({"do": "left", "id": person.id})
            case "end":
                self.ended_by = person.name
                await self.end()
            case "mute":
                person.muted = message["muted"]
            case "image":
                await self.tell({"do": "image", "id": person.id, "jpeg": message["jpeg"]}, but=person.id)
            case "signal" if message["to"] in self.people:
                await self.people[message["to"]].send({"do": "signal", "from": person.id, "data": message["data"]})

    async def _enter(self, person: Person) -> None:
        person.inside = True
        person.host = not any(other.host for other in self.people.values())
        others = [other.id for other in self.people.values() if other.inside and other is not person]
        await person.send({"do": "enter", "id": person.id, "others": others})
        await self._roster(person)

    async def _roster(self, newcomer: Person | None = None) -> None:
        rows = [
            {"id": one.id, "name": one.name, "host": one.host, "muted": one.muted}
            for one in self.people.values()
            if one.inside
        ]
        await self.tell({"do": "people", "rows": rows})
        # Zoom's own signalling: everybody for the one who comes, the newcomer for everybody else.
        frames = [{"id": row["id"], "dn2": _name64(str(row["name"])), "bHost": row["host"]} for row in rows]
        here = frozenset(one.id for one in self.people.values() if one.inside)
        for person in self.people.values():
            if not person.inside:
                continue
            body = {
                "add": [row for row in frames if row["id"] not in person.told],
                "update": [],
                "remove": [{"id": gone} for gone in person.told - here],
            }
            person.told = here
            if person is newcomer:
                await self._signal(person, {"evt": 4098, "body": {"userID": person.id, "mn": "123456789"}})
            await self._signal(person, {"evt": 7937, "body": body})

    async def _signal(self, person: Person, frame: dict[str, Any]) -> None:
        if self.options.signal:
            await person.send({**frame, "seq": 1})

    async def _chat(self, person: Person, text: str) -> None:
        self.chats.append((person.name, text))
        await self.tell({"do": "chat", "id": person.id, "name": person.name, "text": text})

    async def _media(self, person: Person, data: bytes) -> None:
        """20 ms of 48 kHz, 16 bit, to everybody else, with the sender's id in front."""
        if not person.inside or person.muted:
            return
        pcm = np.frombuffer(data, np.int16).astype(np.float64) / 32768
        person.level = 0.7 * person.level + 0.3 * float(np.sqrt(np.mean(pcm**2)))
        frame = person.id.to_bytes(4, "little") + data
        for other in list(self.people.values()):
            if other.inside and other is not person and not other.socket.closed:
                await other.send(frame)

    async def watch(self) -> None:
        """Who speaks: the loudest, looked at five times a second, as the real page's frame is about that slow."""
        while True:
            await asyncio.sleep(0.2)
            inside = [person for person in self.people.values() if person.inside]
            loudest = max(inside, key=lambda person: person.level, default=None)
            for person in inside:
                person.level *= 0.5
            if loudest is None or loudest.level < SPEAKING / 2 or loudest.id == self.speaker:
                continue
            self.speaker = loudest.id
            await self.tell({"do": "speaker", "id": loudest.id})
            for person in inside:
                await self._signal(person, {"evt": 12033, "body": {"asn1": loudest.id + 1}})


def _name64(name: str) -> str:
    """As Zoom sends names: the alphabet of URLs, no padding."""
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


@asynccontextmanager
async def zoom_standin(options: Options | None = None) -> AsyncIterator[Meeting]:
    """A meeting on a free port of loopback; ``url`` is where the client's page is."""
    meeting = Meeting(options or Options())
    app = web.Application()
    hang = asyncio.Event()

    async def page(request: web.Request) -> web.StreamResponse:
        options = meeting.options
        if options.login:
            raise web.HTTPFound("/signin")
        name = "client.html"
        if options.framed and "framed" not in request.query:
            name = "shell.html"
        guest = "host" not in request.query
        text = (PAGES / name).read_text("utf-8")
        config = json.dumps({**asdict(options), "guest": guest, "path": str(request.rel_url)})
        text = text.replace("{{config}}", config).replace("{{title}}", options.title)
        return web.Response(text=text, content_type="text/html")

    async def slow(request: web.Request) -> web.StreamResponse:
        await hang.wait()
        raise web.HTTPNotFound

    async def script(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGES / request.match_info["name"])

    async def signin(request: web.Request) -> web.StreamResponse:
        text = "<title>Sign In - Zoom</title><h1>Sign In</h1><p>Only authenticated users can join this meeting</p>"
        return web.Response(text=text, content_type="text/html")

    app.router.add_get("/wc/123456789/join", page)
    app.router.add_get("/signin", signin)
    app.router.add_get("/slow.png", slow)
    app.router.add_get("/ws", meeting.serve)
    app.router.add_get("/pages/{name:[a-z]+[.](?:js|css)}", script)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    meeting.url = f"http://127.0.0.1:{runner.addresses[0][1]}/wc/123456789/join"
    watcher = asyncio.get_running_loop().create_task(meeting.watch())
    try:
        yield meeting
    finally:
        hang.set()
        watcher.cancel()
        await runner.cleanup()
