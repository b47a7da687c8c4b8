"""The rules of one room: who is in, who waits, who is host, what was said in the chat.

A machine without sockets and clock: clients' messages (:mod:`rejoinder.room.wire`) and the time go in, and what is to
be sent and closed comes out, in order. A message that breaks a rule changes nothing but is answered with ``error``.

The host is the first *person* to come in; when they leave, the person who has been in longest. Bots never host. While
the lobby is on, whoever comes waits for the host's word; with no host in the room there is nobody to ask, so they come
straight in, and that also goes for those who wait when the last person leaves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rejoinder.core.participant import Participant
from rejoinder.errors import InvalidRequest
from rejoinder.room import wire
from rejoinder.room.wire import ClientMessage, JsonObject, Kind

CHAT_HISTORY = 200
"""How many chat messages a newcomer is shown."""
CAPACITY = 12
"""Participants in one mesh. Each sends its media to every other, so a room grows with its square."""
WAITING_CAPACITY = 50

NORMAL = 1000
TRY_LATER = 1013
"""WebSocket close codes: normal, and "try again later" (the registry of RFC 6455, section 11.7)."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send ``message`` to one participant."""

    participant_id: str
    message: JsonObject


@dataclass(frozen=True, slots=True)
class Close:
    """Close a participant's socket once everything before has been sent."""

    participant_id: str
    code: int = NORMAL
    reason: str = ""


Output: TypeAlias = Send | Close


@dataclass(slots=True)
class _Seat:
    """Someone who has said ``join``."""

    id: str
    name: str
    kind: Kind
    audio: bool
    video: bool
    key: str | None = None
    epoch: int = 0

    def view(self) -> JsonObject:
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "audio": self.audio,
            "video": self.video,
        }


class RoomState:
    """One room. ``connect`` gives each socket an id that is never given again; ``disconnect`` is always called last."""

    def __init__(
        self,
        name: str,
        *,
        ice_servers: Sequence[JsonObject] = (),
        capacity: int = CAPACITY,
        waiting_capacity: int = WAITING_CAPACITY,
    ) -> None:
        self.name = name
        self.lobby = False
        self.host: str | None = None
        self._ice_servers = list(ice_servers)
        self._capacity = capacity
        self._waiting_capacity = waiting_capacity
        self._connected: set[str] = set()
        """Sockets that have not joined yet. The three sets of ids have nobody in common."""
        self._members: dict[str, _Seat] = {}
        """Who is in the meeting, in the order they came in."""
        self._waiting: dict[str, _Seat] = {}
        """Who is in the lobby, in the order they knocked."""
        self._keys: dict[str, int] = {}
        """Keys of those who were let in, with the latest epoch: they come back without knocking."""
        self._chat: deque[JsonObject] = deque(maxlen=CHAT_HISTORY)
        self._ids = 0
        self._chat_ids = 0
        self._out: list[Output] = []

    @property
    def empty(self) -> bool:
        """Whether no socket is left."""
        return not (self._connected or self._members or self._waiting)

    @property
    def connections(self) -> int:
        """Sockets in the room, the lobby and on their way there."""
        return len(self._connected) + len(self._members) + len(self._waiting)

    def participants(self) -> list[Participant]:
        """Who is in the meeting, in the order they came in."""
        return [
            Participant(seat.id, seat.name, is_bot=seat.kind == "bot", is_host=seat.id == self.host)
            for seat in self._members.values()
        ]

    def joined(self, participant_id: str) -> bool:
        """Whether the participant has said ``join``, in the meeting or in the lobby."""
        return participant_id in self._members or participant_id in self._waiting

    # What happens

    def connect(self) -> str:
        """A socket has opened; returns the id of its participant."""
        self._ids += 1
        participant_id = f"p{self._ids}"
        self._connected.add(participant_id)
        return participant_id

    def receive(self, participant_id: str, message: ClientMessage, now: float) -> list[Output]:
        """Take a message of a participant. ``now``: Unix seconds, shown with chat messages."""
        if not (participant_id in self._connected or self.joined(participant_id)):
            return []  # Said while the socket was being closed: they are out already.
        try:
            self._dispatch(participant_id, message, now)
        except InvalidRequest as fault:
            self._send(participant_id, wire.error(fault))
        return self._take()

    def disconnect(self, participant_id: str) -> list[Output]:
        """A socket is gone, for whatever reason; harmless for one that had left before."""
        self._connected.discard(participant_id)
        self._drop(participant_id)
        return self._take()

    # Rules

    def _dispatch(self, sender: str, message: ClientMessage, now: float) -> None:
        if isinstance(message, wire.Leave):
            self._connected.discard(sender)
            self._drop(sender)
            self._out.append(Close(sender, reason="left"))
            return
        if isinstance(message, wire.Join):
            self._join(sender, message)
            return
        seat = self._require_seat(sender, message)
        match message:
            case wire.SetState():
                self._set_state(seat, message)
            case wire.Signal():
                if message.to == sender or message.to not in self._members:
                    raise _unknown(message.to, "to", "in the meeting")
                self._send(message.to, {"type": "signal", "from": sender, "data": message.data})
            case wire.Chat():
                self._post(seat, message.text, now)
            case _:
                self._require_host(sender)
                self._obey_host(message)

    def _require_seat(self, sender: str, message: ClientMessage) -> _Seat:
        if sender in self._connected:
            raise InvalidRequest('The first message must be "join".', field="type", code="not_joined")
        if sender in self._waiting:
            if not isinstance(message, wire.SetState):
                raise InvalidRequest(
                    "You are in the lobby; wait until the host admits you.", field="type", code="waiting"
                )
            return self._waiting[sender]
        return self._members[sender]

    def _require_host(self, sender: str) -> None:
        if sender != self.host:
            raise InvalidRequest("Only the host can do this.", field="type", code="not_host")

    def _join(self, sender: str, message: wire.Join) -> None:
        if sender not in self._connected:
            raise InvalidRequest("You have joined already.", field="type", code="already_joined")
        if message.key is not None:
            self._replace(message.key, message.epoch)
        waits = self.lobby and self.host is not None and message.key not in self._keys
        full = len(self._waiting) >= self._waiting_capacity if waits else self._full
        self._connected.discard(sender)
        if full:
            place = "The lobby" if waits else "This meeting"
            limit = self._waiting_capacity if waits else self._capacity
            fault = InvalidRequest(f"{place} is full: {limit} participants at most.", code="room_full")
            self._send(sender, wire.error(fault))
            self._out.append(Close(sender, TRY_LATER, "room_full"))
            return
        seat = _Seat(sender, message.name, message.kind, message.audio, message.video, message.key, message.epoch)
        if waits and self.host is not None:
            self._waiting[sender] = seat
            self._send(sender, {"type": "waiting"})
            self._send(self.host, {"type": "knock", "participant": seat.view()})
        else:
            self._enter(seat, lobby=message.lobby)

    def _replace(self, key: str, epoch: int) -> None:
        """Make way for the key's holder coming again. Raises InvalidRequest for one that comes late."""
        seats = [*self._members.values(), *self._waiting.values()]
        old = next((seat for seat in seats if seat.key == key), None)
        if epoch < max(self._keys.get(key, 0), old.epoch if old is not None else 0):
            raise InvalidRequest("Another has taken your place.", field="epoch", code="replaced")
        if old is not None:
            self._send_away(old.id, "replaced")

    @property
    def _full(self) -> bool:
        return len(self._members) >= self._capacity

    def _enter(self, seat: _Seat, *, lobby: bool = False) -> None:
        """Put ``seat`` into the meeting and tell everyone, the newcomer first."""
        others = list(self._members.values())
        becomes_host = self.host is None and seat.kind == "person"
        turns_lobby_on = becomes_host and lobby and not self.lobby
        if becomes_host:
            self.host = seat.id
        if turns_lobby_on:
            self.lobby = True
        self._members[seat.id] = seat
        if seat.key is not None:
            self._keys[seat.key] = seat.epoch
        self._send(
            seat.id,
            {
                "type": "joined",
                "you": seat.id,
                "room": self.name,
                "host": self.host,
                "lobby": self.lobby,
                "participants": [other.view() for other in others],
                "ice_servers": self._ice_servers,
                "chat": list(self._chat),
            },
        )
        self._broadcast({"type": "participant_joined", "participant": seat.view()}, but=seat.id)
        if becomes_host:
            self._broadcast({"type": "host", "participant": seat.id}, but=seat.id)
        if turns_lobby_on:
            self._broadcast({"type": "lobby", "enabled": True}, but=seat.id)

    def _drop(self, participant_id: str) -> None:
        """Forget a participant and tell those whom it concerns."""
        if self._waiting.pop(participant_id, None) is not None:
            self._withdraw_knock(participant_id)
        if self._members.pop(participant_id, None) is None:
            return
        self._broadcast({"type": "participant_left", "participant": participant_id})
        if participant_id == self.host:
            self._pass_host_on()
        elif self.host is None:
            self._let_in_without_host()

    def _pass_host_on(self) -> None:
        self.host = next((seat.id for seat in self._members.values() if seat.kind == "person"), None)
        if self.host is not None:
            self._broadcast({"type": "host", "participant": self.host})
        self._let_in_without_host()
        if self.host is not None:
            for seat in self._waiting.values():
                self._send(self.host, {"type": "knock", "participant": seat.view()})

    def _let_in_without_host(self) -> None:
        """Nobody is left to ask: those who wait come in, in order, until one of them is host."""
        while self.host is None and self._waiting and not self._full:
            self._enter(self._waiting.pop(next(iter(self._waiting))))

    def _set_state(self, seat: _Seat, message: wire.SetState) -> None:
        seat.audio, seat.video = message.audio, message.video
        if seat.id in self._members:
            state = {"type": "state", "participant": seat.id, "audio": seat.audio, "video": seat.video}
            self._broadcast(state, but=seat.id)

    def _post(self, seat: _Seat, text: str, now: float) -> None:
        self._chat_ids += 1
        entry: JsonObject = {
            "id": f"m{self._chat_ids}",
            "from": seat.id,
            "name": seat.name,
            "text": text,
            "at": round(now, 3),
        }
        self._chat.append(entry)
        self._broadcast({"type": "chat", **entry})

    def _obey_host(self, message: ClientMessage) -> None:
        match message:
            case wire.Admit(participant):
                seat = self._require_waiting(participant)
                if self._full:
                    raise InvalidRequest(
                        f"The meeting is full: {self._capacity} participants at most.",
                        field="participant",
                        code="room_full",
                    )
                self._admit(seat)
            case wire.Deny(participant):
                self._require_waiting(participant)
                self._send_away(participant, "denied")
            case wire.Remove(participant):
                if participant == self.host or participant not in self._members:
                    raise _unknown(participant, "participant", "in the meeting")
                self._keys.pop(self._members[participant].key or "", None)
                self._send_away(participant, "removed")
            case wire.SetLobby(enabled):
                self._set_lobby(enabled)
            case wire.End():
                self._end()

    def _require_waiting(self, participant_id: str) -> _Seat:
        if participant_id not in self._waiting:
            raise _unknown(participant_id, "participant", "in the lobby")
        return self._waiting[participant_id]

    def _admit(self, seat: _Seat) -> None:
        del self._waiting[seat.id]
        self._withdraw_knock(seat.id)
        self._enter(seat)

    def _withdraw_knock(self, participant_id: str) -> None:
        if self.host is not None:
            self._send(self.host, {"type": "knock_withdrawn", "participant": participant_id})

    def _send_away(self, participant_id: str, word: str) -> None:
        self._send(participant_id, {"type": word})
        self._out.append(Close(participant_id, reason=word))
        self._drop(participant_id)

    def _set_lobby(self, enabled: bool) -> None:
        """Switching the lobby off lets in whoever waits, as far as there is room."""
        if enabled != self.lobby:
            self.lobby = enabled
            self._broadcast({"type": "lobby", "enabled": enabled})
        if not enabled:
            for seat in list(self._waiting.values()):
                if self._full:
                    break
                self._admit(seat)

    def _end(self) -> None:
        everyone = [*self._members, *self._waiting]
        self._members.clear()
        self._waiting.clear()
        self._chat.clear()
        self._keys.clear()
        self.host, self.lobby = None, False
        for participant_id in everyone:
            self._send(participant_id, {"type": "ended"})
            self._out.append(Close(participant_id, reason="ended"))

    # What is to be done

    def _send(self, participant_id: str, message: JsonObject) -> None:
        self._out.append(Send(participant_id, message))

    def _broadcast(self, message: JsonObject, *, but: str | None = None) -> None:
        for participant_id in self._members:
            if participant_id != but:
                self._send(participant_id, message)

    def _take(self) -> list[Output]:
        out, self._out = self._out, []
        return out


def _unknown(participant_id: str, field: str, where: str) -> InvalidRequest:
    return InvalidRequest(
        f"No other participant {participant_id!r} is {where}.", field=field, code="unknown_participant"
    )
