"""What a meeting tells a bot. The counterpart of :mod:`rejoinder.core.commands`."""

from __future__ import annotations

from dataclasses import dataclass

from rejoinder.core.participant import Participant


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    """Someone is in the meeting (also sent for those already there when the bot comes in)."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """Someone left."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class ChatReceived:
    """A chat message by someone else than the bot. ``at`` is Unix seconds."""

    participant: Participant
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class InLobby:
    """The bot waits to be admitted."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The bot is in the meeting; ``me`` is how the meeting names it. Sent again, with another id perhaps, when the bot
    had lost the meeting and came back."""

    me: Participant


@dataclass(frozen=True, slots=True)
class Ended:
    """The bot's stay is over. ``reason``: left, denied, removed, lobby_timeout, ended or lost."""

    reason: str
    message: str


MeetingEvent = ParticipantJoined | ParticipantLeft | ChatReceived | InLobby | Admitted | Ended
