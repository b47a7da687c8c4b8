"""A room without sockets, for telling its rules as conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rejoinder.room import wire
from rejoinder.room.state import Close, Output, RoomState, Send

NOW = 1_790_000_000.1234
OFFER = {"description": {"type": "offer", "sdp": "v=0"}}


class Room:
    """A room under test: says what each participant is sent and whose socket is closed."""

    def __init__(self, **options: Any) -> None:
        self.state = RoomState("standup", **options)
        self.sent: dict[str, list[dict[str, Any]]] = {}
        self.closed: dict[str, Close] = {}

    def _do(self, outputs: Sequence[Output]) -> None:
        self.sent = {}
        for output in outputs:
            if isinstance(output, Send):
                assert output.participant_id not in self.closed, "sent after close"
                self.sent.setdefault(output.participant_id, []).append(output.message)
            else:
                assert output.participant_id not in self.closed, "closed twice"
                self.closed[output.participant_id] = output

    def say(self, who: str, message: wire.ClientMessage) -> None:
        self._do(self.state.receive(who, message, NOW))

    def gone(self, who: str) -> None:
        self._do(self.state.disconnect(who))

    def join(self, name: str = "Ada", **fields: Any) -> str:
        who = self.state.connect()
        self.say(who, wire.Join(name, **fields))
        return who

    def types(self, who: str) -> list[str]:
        return [message["type"] for message in self.sent.get(who, [])]

    def only(self, who: str) -> dict[str, Any]:
        assert list(self.sent) == [who], self.sent
        (message,) = self.sent[who]
        return message

    def names(self) -> list[str]:
        return [participant.name for participant in self.state.participants()]

    def refused(self, who: str, code: str, field: str | None) -> None:
        """The last message was answered with this error, and with nothing else."""
        error = self.only(who)
        assert (error["type"], error["code"], error.get("field")) == ("error", code, field)
        assert len(error["message"]) > 10


def guarded() -> tuple[Room, str]:
    """A room with its lobby on, and its host."""
    room = Room()
    return room, room.join("Ada", lobby=True)
