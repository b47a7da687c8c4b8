"""A participant without a browser: a bot, or a scripted person in a demo or a test.

Speaks the room's signalling (docs/signalling.md) over a websocket like any browser and has one peer connection with
each other participant.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import structlog

from rejoinder.core.events import (
    Admitted,
    ChatReceived,
    Ended,
    InLobby,
    MeetingEvent,
    ParticipantJoined,
    ParticipantLeft,
)
from rejoinder.core.participant import Participant
from rejoinder.errors import MeetingError
from rejoinder.media.frame import Pcm, Rgb
from rejoinder.room.peer import Engine, Peer, PeerEvents, PeerStats, Source
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)

RECONNECT_DELAYS_S = (0.2, 0.5, 1.0, 2.0, 4.0, 4.0)
"""Waits before attempts when the signalling socket is lost in mid-meeting: 12 s in all. The row starts anew when the
room has taken us back, not when it merely accepts a socket: one that hangs up at once must not be called for ever."""
STATS_INTERVAL_S = 2.0
_REFUSALS = frozenset({"room_full", "server_full", "room_name", "missing", "invalid"})
"""Error codes that answer a ``join`` and mean that trying again is no use."""


@dataclass(slots=True)
class _Other:
    who: Participant
    peer: Peer | None = None
    connected: bool = False
    offered: bool = False
    """Whether this side made the offer, and so restarts the connection when it fails."""
    described: bool = False
    """Whether the peer has the other's description; candidates that come earlier wait for it."""
    early: list[dict[str, Any] | None] = field(default_factory=list)
    stats: PeerStats = field(default_factory=lambda: PeerStats(None, None))


class Seat:
    """One participant of one room. Create, set the callbacks, :meth:`join`, :meth:`leave`.

    ``on_event`` gets meeting events in order; ``on_audio(participant_id, pcm)`` gets 48 kHz mono blocks of 10 or
    20 ms of each other participant. ``key`` and ``epoch`` let this participant come back in its own place, and an older
    coming give way to a newer one. ``on_knock(who, waits)`` tells a host who comes to the lobby, and who is there no
    more. All are called on the event loop that called :meth:`join`.
    """

    def __init__(
        self,
        engine: Engine,
        url: str,
        name: str,
        *,
        kind: Literal["bot", "person"] = "bot",
        lobby: bool = False,
        key: str | None = None,
        epoch: int = 0,
        on_event: Callable[[MeetingEvent], None],
        on_audio: Callable[[str, Pcm], None] | None = None,
        on_knock: Callable[[Participant, bool], None] | None = None,
    ) -> None:
        self.me: Participant | None = None
        self._engine = engine
        self._url = url
        self._name = name
        self._kind = kind
        self._lobby = lobby
        self._identity = {"key": key, "epoch": epoch} if key is not None else {}
        self._on_event = on_event
        self._on_audio = on_audio
        self._on_knock = on_knock
        self._source: Source | None = None
        self._others: dict[str, _Other] = {}
        self._ice: list[dict[str, Any]] = []
        self._showing = False
        self._tasks = Tasks()
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._over = False
        self._in_meeting = False
        self._attempts = 0

    # -- what the owner does ------------------------------------------------------------------------------------

    async def join(self) -> None:
        """Connect and ask to come in; what follows arrives as events. Raises :class:`MeetingError`.

        Returns without a word when :meth:`leave` was called before or meanwhile.
        """
        if self._over:
            return
        self._source = self._engine.create_source()
        self._http = aiohttp.ClientSession()
        try:
            await self._connect()
        except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError) as error:
            # RuntimeError is aiohttp's word for a session that was closed: by our leaving.
            await self._release()
            if self._over:
                return
            raise MeetingError(f"cannot reach the room at {self._url}: {error}") from error
        if self._over:
            await self._release()
            return
        self._tasks.start(self._run(), "seat")
        self._tasks.start(self._watch_stats(), "seat stats")

    def write(self, pcm: Pcm) -> None:
        """Say 20 ms of 48 kHz mono audio to everyone. The caller keeps the pace."""
        if self._source is not None and not self._over:
            self._source.write(pcm)

    def show(self, image: Rgb | None) -> None:
        """Show an image as video, or none."""
        if self._source is None or self._over:
            return
        self._source.show(image)
        self._showing = image is not None
        self._tasks.start(self._send({"type": "state", "audio": True, "video": self._showing}), "state")

    async def chat(self, text: str) -> None:
        """Post to the chat."""
        await self._send({"type": "chat", "text": text})

    async def send(self, message: dict[str, Any]) -> None:
        """Send any signalling message (a host's admit, deny, remove)."""
        await self._send(message)

    async def leave(self) -> None:
        """Leave; ends with ``Ended("left")`` unless the stay was over already."""
        if self._over:
            return
        await self._send({"type": "leave"})
        await self._end("left", "left the meeting")

    @property
    def participants(self) -> list[Participant]:
        """Everyone else."""
        return [other.who for other in self._others.values()]

    def stats(self, participant: str) -> PeerStats:
        """Latest transport figures for one participant."""
        other = self._others.get(participant)
        return other.stats if other is not None else PeerStats(None, None)

    # -- signalling ---------------------------------------------------------------------------------------------

    async def _connect(self) -> None:
        assert self._http is not None
        self._socket = await asyncio.wait_for(self._http.ws_connect(self._url, heartbeat=15, compress=0), 10)
        join = {"type": "join", "name": self._name, "kind": self._kind, "lobby": self._lobby}
        await self._send({**join, **self._identity, "audio": True, "video": self._showing})

    async def _send(self, message: dict[str, Any]) -> None:
        if self._socket is None or self._socket.closed:
            return
        try:
            await self._socket.send_str(json.dumps(message))
        except (ConnectionError, aiohttp.ClientError):
            log.debug("signalling send failed", message_type=message.get("type"))

    async def _run(self) -> None:
        try:
            await self._stay()
        except Exception as error:
            log.exception("seat failed", url=self._url)
            await self._end("lost", f"internal error: {error}")

    async def _stay(self) -> None:
        while not self._over:
            assert self._socket is not None
            async for frame in self._socket:
                if frame.type is aiohttp.WSMsgType.TEXT:
                    await self._received(json.loads(frame.data))
                if self._over:
                    return
            await self._lost()

    async def _lost(self) -> None:
        if self._over:
            return
        for ident in list(self._others):
            await self._forget(ident)
        while self._attempts < len(RECONNECT_DELAYS_S):
            await asyncio.sleep(RECONNECT_DELAYS_S[self._attempts])
            self._attempts += 1
            try:
                await self._connect()
            except (aiohttp.ClientError, OSError, TimeoutError):
                continue
            return
        await self._end("lost", "the connection to the room was lost and could not be restored")

    async def _received(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "joined"}:
                await self._joined(message)
            case {"type": "waiting"}:
                self._attempts = 0
                self._on_event(InLobby())
            case {"type": "participant_joined", "participant": described}:
                self._add(described, host=None)
            case {"type": "participant_left", "participant": ident}:
                await self._forget(ident)
            case {"type": "signal", "from": ident, "data": data} if ident in self._others:
                await self._signal(self._others[ident], data)
            case {"type": "chat", "from": ident, "text": text, "at": at}:
                if self.me is None or ident != self.me.id:
                    who = self._others[ident].who if ident in self._others else Participant(ident, message["name"])
                    self._on_event(ChatReceived(who, text, float(at)))
            case {"type": "knock", "participant": described}:
                self._knock(_participant(described, None), waits=True)
            case {"type": "knock_withdrawn", "participant": ident}:
                self._knock(Participant(ident, ""), waits=False)
            case {"type": "denied"}:
                await self._end("denied", "the host did not let the bot in")
            case {"type": "replaced"} | {"type": "error", "code": "replaced"}:
                await self._end("replaced", "another worker has taken the bot over")
            case {"type": "removed"}:
                await self._end("removed", "the host removed the bot")
            case {"type": "ended"}:
                await self._end("ended", "the host ended the meeting")
            case {"type": "error", "message": text}:
                log.warning("room refused a message", reason=text, code=message.get("code"))
                if not self._in_meeting and message.get("code") in _REFUSALS:
                    await self._end("denied", text)

    async def _joined(self, message: dict[str, Any]) -> None:
        self._in_meeting = True
        self._attempts = 0
        self.me = Participant(message["you"], self._name, self._kind == "bot", message["host"] == message["you"])
        self._ice = message["ice_servers"]
        self._on_event(Admitted(self.me))
        for described in message["participants"]:
            other = self._add(described, host=message["host"])
            other.peer = self._peer(other)
            other.offered = True
            await self._signal_to(other, {"description": await other.peer.offer()})

    def _add(self, described: dict[str, Any], host: str | None) -> _Other:
        who = _participant(described, host)
        other = self._others[who.id] = _Other(who)
        self._on_event(ParticipantJoined(who))
        return other

    def _knock(self, who: Participant, *, waits: bool) -> None:
        if self._on_knock is not None:
            self._on_knock(who, waits)

    async def _forget(self, ident: str) -> None:
        other = self._others.pop(ident, None)
        if other is None:
            return
        if other.peer is not None:
            await other.peer.close()
        self._on_event(ParticipantLeft(other.who))

    # -- peers --------------------------------------------------------------------------------------------------

    def _peer(self, other: _Other) -> Peer:
        assert self._source is not None
        ident = other.who.id
        events = PeerEvents(
            audio=lambda pcm: self._heard(ident, pcm),
            candidate=lambda candidate: self._found(other, candidate),
            state=lambda state: self._peer_state(other, state),
        )
        return self._engine.create_peer(self._source, events, self._ice)

    def _heard(self, ident: str, pcm: Pcm) -> None:
        if self._on_audio is not None and not self._over:
            self._on_audio(ident, pcm)

    def _found(self, other: _Other, candidate: dict[str, Any]) -> None:
        self._tasks.start(self._signal_to(other, {"candidate": candidate}), "candidate")

    def _peer_state(self, other: _Other, state: str) -> None:
        other.connected = state == "connected"
        if state == "failed":
            log.warning("media connection failed", participant=other.who.id)
            if other.offered and other.peer is not None and not self._over:
                self._tasks.start(self._restart(other), "restart media")

    async def _restart(self, other: _Other) -> None:
        if other.peer is not None:
            await self._signal_to(other, {"description": await other.peer.restart()})

    async def _signal_to(self, other: _Other, data: dict[str, Any]) -> None:
        await self._send({"type": "signal", "to": other.who.id, "data": data})

    async def _signal(self, other: _Other, data: dict[str, Any]) -> None:
        try:
            if "candidate" in data:
                if other.peer is not None and other.described:
                    await other.peer.add_candidate(data["candidate"])
                else:
                    other.early.append(data["candidate"])
                return
            description = data["description"]
            if description["type"] == "offer":
                other.peer = other.peer or self._peer(other)
                await self._signal_to(other, {"description": await other.peer.answer(description)})
            elif other.peer is not None:
                await other.peer.accept(description)
            await self._described(other)
        except Exception as error:  # what another participant sends must not end our stay
            log.warning("bad signal", participant=other.who.id, error=str(error))

    async def _described(self, other: _Other) -> None:
        other.described = True
        early, other.early = other.early, []
        for candidate in early:
            if other.peer is not None:
                await other.peer.add_candidate(candidate)

    async def _watch_stats(self) -> None:
        while True:
            await asyncio.sleep(STATS_INTERVAL_S)
            for other in list(self._others.values()):
                if other.peer is not None and other.connected:
                    other.stats = await other.peer.stats()

    # -- the end ------------------------------------------------------------------------------------------------

    async def _end(self, reason: str, message: str) -> None:
        if self._over:
            return
        self._over = True
        await self._release()
        self._on_event(Ended(reason, message))

    async def _release(self) -> None:
        others, self._others = list(self._others.values()), {}
        for other in others:
            if other.peer is not None:
                await other.peer.close()
        if self._source is not None:
            self._source.close()
        if self._socket is not None:
            await self._socket.close()
        if self._http is not None:
            await self._http.close()
        self._tasks.start(self._tasks.cancel(), "release")


def _participant(described: dict[str, Any], host: str | None) -> Participant:
    """A participant as the room describes one."""
    return Participant(described["id"], described["name"], described.get("kind") == "bot", described["id"] == host)
