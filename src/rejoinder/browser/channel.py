"""The socket between a page and us: one websocket server on loopback per process, one secret path per page.

Audio of a page arrives as binary frames (:mod:`rejoinder.browser.wire`); speech goes the other way. The page's end is a
worker thread of the page, so that speech goes on while the page's main thread is busy.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from rejoinder.browser import wire
from rejoinder.media.frame import Pcm

log = structlog.get_logger(__name__)

MAX_MESSAGE = 256 * 1024
MAX_WAITING = 200
"""Frames waiting to be sent to a page: 4 s of speech. What is older is dropped."""
MAX_KINDS = 32
"""Kinds of messages that are kept for a page that is not there yet."""
MAX_BAD = 50
"""Frames that cannot be read before the page is cut off."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a channel tells. All are called on the loop of the server; they must return at once.

    ``audio(track, loop time of its last sample, pcm, epoch)``, ``fact(kind, data, loop time, epoch)``,
    ``position(position, loop time)``.
    """

    audio: Callable[[int, float, Pcm, int], None]
    fact: Callable[[str, Mapping[str, Any], float, int], None]
    position: Callable[[wire.Position, float], None] = lambda _position, _at: None


class Channel:
    """One page's end. Attributes may be read at any time."""

    def __init__(self, token: str, url: str, hooks: Hooks, on_close: Callable[[Channel], None]) -> None:
        self.token = token
        self.url = url
        self.epoch = -1
        """Which load of the page is connected; -1: none was."""
        self.last_beat: float | None = None
        """Loop time of the last sign of life of the page's worker."""
        self.main_age_s = 0.0
        """How long the page's main thread had not answered at the last sign of life."""
        self.lost_at: float | None = None
        """Loop time at which the connection was lost; None while there is one, or before the first."""
        self.dropped = 0
        """Frames that were not sent in time."""
        self.gaps = 0
        """Audio blocks that did not arrive (numbers left out)."""
        self._hooks = hooks
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._clock = wire.PageClock()
        self._loads: dict[float, int] = {}
        self._connection: ServerConnection | None = None
        self._waiting: deque[bytes | str] = deque(maxlen=MAX_WAITING)
        self._more = asyncio.Event()
        self._flushes = 0
        self._next: dict[int, int] = {}
        self._image: bytes | None = None
        self._untold: dict[str, str] = {}
        self._state: dict[str, str] = {}

    @property
    def connected(self) -> bool:
        """Whether the page is there."""
        return self._connection is not None

    # -- to the page ----------------------------------------------------------------------------------------------

    def speak(self, pcm: Pcm) -> None:
        """Say 48 kHz mono audio after what was said before; up to a second may wait in the page."""
        self._send(wire.speech(pcm))

    def flush(self) -> int:
        """Drop what is not played yet; returns the number the page's position reports carry once it is done."""
        self._flushes += 1
        waiting = [frame for frame in self._waiting if isinstance(frame, str) or frame[0] != 1]
        self._waiting.clear()
        self._waiting.extend(waiting)
        self._send(wire.flush(self._flushes))
        return self._flushes

    def show(self, jpeg: bytes | None) -> None:
        """Show a picture as the camera's; None: the plain tile. Kept for later loads of the page."""
        self._image = jpeg
        self._send(wire.image(jpeg or b""))

    def tell(self, kind: str, data: Mapping[str, Any], *, state: bool = False) -> None:
        """Hand a message to the page's scripts; while no page is there, the last of each kind waits for the next one.

        ``state``: told to every later load as well. Anything else is for one load only: what was said to a page that
        is gone is not said again."""
        frame = wire.tell(kind, data)
        if state:
            _keep(self._state, kind, frame)
        elif self._connection is None:
            _keep(self._untold, kind, frame)
        self._send(frame)

    def close(self) -> None:
        """The page is not wanted any more."""
        self._on_close(self)
        if self._connection is not None:
            self._connection.transport.abort()

    def _send(self, frame: bytes | str) -> None:
        if self._connection is None:
            return
        if len(self._waiting) == MAX_WAITING:
            self.dropped += 1
        self._waiting.append(frame)
        self._more.set()

    # -- from the page --------------------------------------------------------------------------------------------

    async def serve(self, connection: ServerConnection) -> None:
        """Talk to the page until it is gone. A newer connection takes the place of an older one."""
        older, self._connection = self._connection, connection
        if older is not None:
            older.transport.abort()
        self._waiting.clear()
        if self._image:
            self._waiting.append(wire.image(self._image))
        self._waiting.extend((*self._state.values(), *self._untold.values()))
        self._untold.clear()
        self._more.set()
        self._clock = wire.PageClock()
        self.lost_at = None
        sender = self._loop.create_task(self._pump(connection), name="channel sender")
        try:
            await self._receive(connection)
        except ConnectionClosed:
            pass
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            if self._connection is connection:
                self._connection = None
                self.lost_at = self._loop.time()

    async def _pump(self, connection: ServerConnection) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                await connection.send(self._waiting.popleft())

    async def _receive(self, connection: ServerConnection) -> None:
        bad = 0
        async for frame in connection:
            if self._connection is not connection:
                return
            now = self._loop.time()
            try:
                message = wire.decode(frame)
            except ValueError as error:
                bad += 1
                if bad > MAX_BAD:
                    log.warning("page sends frames that cannot be read", error=str(error))
                    return
                continue
            self._take(message, now)

    def _take(self, message: wire.Audio | wire.Position | wire.Said, now: float) -> None:
        at = self._clock.loop_time(message.ms, now)
        match message:
            case wire.Audio(track=track, number=number, pcm=pcm):
                expected = self._next.get(track, number)
                if number > expected:
                    self.gaps += number - expected
                self._next[track] = number + 1
                self._hooks.audio(track, at, pcm, self.epoch)
            case wire.Position():
                self._hooks.position(message, at)
            case wire.Said(kind="beat", data=data):
                self.last_beat = now
                age = data.get("main")
                self.main_age_s = age / 1000.0 if isinstance(age, (int, float)) else 0.0
            case wire.Said(kind="hello", data=data):
                self._hello(data, now)
            case wire.Said(kind=kind, data=data):
                self._hooks.fact(kind, data, at, self.epoch)

    def _hello(self, data: Mapping[str, Any], now: float) -> None:
        load = data.get("load")
        if not isinstance(load, (int, float)):
            return
        if load not in self._loads:
            self._loads[load] = len(self._loads)
            self._next.clear()
        self.epoch = self._loads[load]
        self.last_beat, self.main_age_s = now, 0.0


def _keep(kept: dict[str, str], kind: str, frame: str) -> None:
    kept.pop(kind, None)
    if len(kept) >= MAX_KINDS:
        del kept[next(iter(kept))]
    kept[kind] = frame


class ChannelServer:
    """The websocket server of a process. Start it on the loop the bots run on."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._server: Server | None = None
        self._port = 0

    async def start(self) -> None:
        """Listen on a port of the system's choice."""
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._check,
            compression=None,
            max_size=MAX_MESSAGE,
            max_queue=64,
            # Pages answer pings from a worker; our own beats already tell.
            ping_interval=None,
            close_timeout=1,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        for channel in list(self._channels.values()):
            channel.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def open(self, hooks: Hooks) -> Channel:
        """A channel for one page; its ``url`` is the secret the page is given."""
        token = secrets.token_urlsafe(24)
        channel = Channel(token, f"ws://127.0.0.1:{self._port}/{token}", hooks, self._forget)
        self._channels[token] = channel
        return channel

    def _forget(self, channel: Channel) -> None:
        self._channels.pop(channel.token, None)

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path[1:] not in self._channels:
            return connection.respond(HTTPStatus.NOT_FOUND, "")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        channel = self._channels.get(connection.request.path[1:])
        if channel is not None:
            await channel.serve(connection)
