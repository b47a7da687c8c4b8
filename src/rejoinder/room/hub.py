"""The rooms of this server, and the websocket of each participant.

One reader and one writer per socket. Whatever a room wants to tell a participant goes into that participant's own
bounded outbox, so that a slow client is dropped and nobody waits for it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import orjson
import structlog
from fastapi import WebSocket, WebSocketDisconnect

from rejoinder.core.participant import Participant
from rejoinder.errors import InvalidRequest
from rejoinder.room import wire
from rejoinder.room.limits import Allowance
from rejoinder.room.state import CAPACITY, NORMAL, TRY_LATER, Close, Output, RoomState, Send
from rejoinder.room.wire import JsonObject
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)

MAX_ROOMS = 1000
MAX_CONNECTIONS = 100
"""Sockets per room: those in the meeting, in the lobby, and those that have not joined."""
OUTBOX_MESSAGES = 512
OUTBOX_BYTES = 4 * 2**20
JOIN_WITHIN_S = 30.0
SEND_WITHIN_S = 10.0
"""A client that takes no data for so long is gone, even if its TCP connection looks open. One that is merely silent is
found out by the server's websocket pings."""
CLOSE_WITHIN_S = 5.0
POLICY_VIOLATION = 1008
BURST_MESSAGES = 300.0
MESSAGES_PER_S = 100.0
BYTES_PER_MESSAGE = 4096
"""Larger messages count as several."""

ROOM_NAME = re.compile(r"[a-z0-9-]{1,64}")


def check_room_name(name: str) -> str:
    """Return ``name`` if a room may be called so; else raise :class:`InvalidRequest`."""
    if not ROOM_NAME.fullmatch(name):
        raise InvalidRequest(
            "A room name has 1 to 64 characters out of a-z, 0-9 and '-'.", field="room", code="room_name"
        )
    return name


class _Outbox:
    """What is to be sent to one participant, in order and bounded, and how their socket is to be closed at the end."""

    def __init__(self) -> None:
        self._texts: deque[str] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._closing: tuple[int, str] | None = None

    def put(self, text: str) -> bool:
        """Add a message unless the socket is closing. False: there is no room for it."""
        if self._closing is not None:
            return True
        if len(self._texts) >= OUTBOX_MESSAGES or self._bytes + len(text) > OUTBOX_BYTES:
            return False
        self._texts.append(text)
        self._bytes += len(text)
        self._wake.set()
        return True

    def close(self, code: int, reason: str, *, drop: bool = False) -> None:
        """Close the socket after what is in the outbox, or (``drop``) without it. The first call counts."""
        if drop:
            self._texts.clear()
        if self._closing is None:
            self._closing = (code, reason)
        self._wake.set()

    async def take(self) -> str | tuple[int, str]:
        """The next message, or code and reason of the close."""
        while True:
            if self._texts:
                text = self._texts.popleft()
                self._bytes -= len(text)
                return text
            if self._closing is not None:
                return self._closing
            self._wake.clear()
            await self._wake.wait()


@dataclass(slots=True)
class _Room:
    state: RoomState
    outboxes: dict[str, _Outbox] = field(default_factory=dict)


class RoomHub:
    """The rooms of this server by name. A room exists as long as a socket is in it.

    ``ice_servers`` are handed to every participant (see :func:`rejoinder.room.ice.ice_servers`); ``clock`` gives Unix
    seconds for chat messages.
    """

    def __init__(
        self,
        *,
        ice_servers: Sequence[JsonObject] = (),
        capacity: int = CAPACITY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ice_servers = list(ice_servers)
        self._capacity = capacity
        self._clock = clock
        self._rooms: dict[str, _Room] = {}
        self._readers = Tasks()

    def rooms(self) -> list[str]:
        """Names of the rooms in which someone is, sorted."""
        return sorted(name for name, room in self._rooms.items() if room.state.participants())

    def people(self, room_name: str) -> list[Participant]:
        """Who is in the meeting (people and bots), longest first; empty for an unknown room."""
        room = self._rooms.get(room_name)
        return room.state.participants() if room else []

    def lobby(self, room_name: str) -> bool:
        """Whether a newcomer to this room has to wait for the host now."""
        room = self._rooms.get(room_name)
        return room is not None and room.state.lobby and room.state.host is not None

    async def serve(self, websocket: WebSocket, room_name: str) -> None:
        """Run one participant's websocket from accept to close. Returns when the socket is closed."""
        await websocket.accept()
        try:
            room = self._open(check_room_name(room_name))
        except InvalidRequest as fault:
            await _refuse(websocket, fault)
            return
        participant_id = room.state.connect()
        outbox = room.outboxes[participant_id] = _Outbox()
        reader = self._readers.start(self._read(websocket, room, participant_id), f"room {room_name} {participant_id}")
        try:
            await self._write(websocket, outbox)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            room.outboxes.pop(participant_id, None)
            self._perform(room, room.state.disconnect(participant_id))
            if room.state.empty and self._rooms.get(room_name) is room:
                del self._rooms[room_name]

    def _open(self, name: str) -> _Room:
        room = self._rooms.get(name)
        if room is None:
            if len(self._rooms) >= MAX_ROOMS:
                raise InvalidRequest("This server has no space for another room.", code="server_full")
            state = RoomState(name, ice_servers=self._ice_servers, capacity=self._capacity)
            room = self._rooms[name] = _Room(state)
        elif room.state.connections >= MAX_CONNECTIONS:
            raise InvalidRequest("Too many want to come into this room at once.", code="room_full")
        return room

    async def _read(self, websocket: WebSocket, room: _Room, participant_id: str) -> None:
        """Take what the client says until it is gone; never raises anything but cancellation."""
        outbox = room.outboxes[participant_id]
        try:
            loop = asyncio.get_running_loop()
            allowance = Allowance(burst=BURST_MESSAGES, per_second=MESSAGES_PER_S)
            join_by = loop.time() + JOIN_WITHIN_S
            while True:
                waits = None if room.state.joined(participant_id) else join_by
                async with asyncio.timeout_at(waits):
                    data = await _receive(websocket)
                self._take(room, participant_id, data)
                # Resting instead of reading slows a flood down to what the others can bear, and loses nothing.
                await asyncio.sleep(allowance.owe(1 + len(data) / BYTES_PER_MESSAGE, loop.time()))
        except WebSocketDisconnect:
            outbox.close(NORMAL, "", drop=True)
        except TimeoutError:
            fault = InvalidRequest(f'No "join" came within {JOIN_WITHIN_S:.0f} s.', field="type", code="not_joined")
            outbox.put(_encode(wire.error(fault)))
            outbox.close(POLICY_VIOLATION, "not_joined")
        except Exception:
            log.exception("room socket failed", room=room.state.name, participant=participant_id)
            outbox.close(1011, "internal error", drop=True)

    def _take(self, room: _Room, participant_id: str, data: str | bytes) -> None:
        try:
            message = wire.parse(data)
        except InvalidRequest as fault:
            self._perform(room, [Send(participant_id, wire.error(fault))])
            return
        self._perform(room, room.state.receive(participant_id, message, self._clock()))

    def _perform(self, room: _Room, outputs: Iterable[Output]) -> None:
        slow: list[str] = []
        for output in outputs:
            outbox = room.outboxes.get(output.participant_id)
            if outbox is None:
                continue
            match output:
                case Send(participant_id, message):
                    if not outbox.put(_encode(message)):
                        outbox.close(POLICY_VIOLATION, "too slow", drop=True)
                        slow.append(participant_id)
                case Close(_, code, reason):
                    outbox.close(code, reason)
        for participant_id in slow:
            log.warning("room participant too slow", room=room.state.name, participant=participant_id)
            self._perform(room, room.state.disconnect(participant_id))

    async def _write(self, websocket: WebSocket, outbox: _Outbox) -> None:
        """Send what the outbox holds until it says to close; a client that is gone or takes nothing ends it, too."""
        while True:
            item = await outbox.take()
            try:
                if isinstance(item, str):
                    async with asyncio.timeout(SEND_WITHIN_S):
                        await websocket.send_text(item)
                    continue
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await websocket.close(*item)
            except (TimeoutError, WebSocketDisconnect, RuntimeError, OSError) as fault:
                # RuntimeError is Starlette's word for a socket that was closed by the other side meanwhile.
                log.debug("room socket gone", error=repr(fault))
            return


async def _receive(websocket: WebSocket) -> str | bytes:
    event = await websocket.receive()
    if event["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(event.get("code", NORMAL))
    text: str | None = event.get("text")
    return text if text is not None else event.get("bytes") or b""


async def _refuse(websocket: WebSocket, fault: InvalidRequest) -> None:
    code = POLICY_VIOLATION if fault.code == "room_name" else TRY_LATER
    try:
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await websocket.send_text(_encode(wire.error(fault)))
            await websocket.close(code, fault.code)
    except (TimeoutError, WebSocketDisconnect, RuntimeError, OSError) as gone:
        log.debug("room socket gone", error=repr(gone))


def _encode(message: JsonObject) -> str:
    return orjson.dumps(message).decode()
