"""What a meeting tells a bot. The counterpart of :mod:`rejoinder.core.commands`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
    """The bot's stay is over. ``reason``: left, denied, lobby_timeout, removed, ended, lost, or replaced (another
    worker runs the bot now). ``cause``: a more exact word for it (:data:`rejoinder.core.outcome.Reason`), if known."""

    reason: str
    message: str
    cause: str | None = None


LabelSource = Literal["track", "csrc", "dom", "captions", "mixed"]
"""How it is known who speaks on a track: the platform gives each person one; contributing sources of the packets; what
the page shows (a tile that glows); captions; or not at all, because everybody is on it."""


@dataclass(frozen=True, slots=True)
class SpeakerLabelled:
    """From now on a track is known, or better known, to carry someone. ``confidence``: 0..1."""

    track: int
    participant: Participant
    source: LabelSource
    confidence: float


@dataclass(frozen=True, slots=True)
class CaptionReceived:
    """The platform's own caption of what someone says; ``final``: it will not change."""

    participant: Participant
    text: str
    final: bool


MeetingEvent = (
    ParticipantJoined | ParticipantLeft | ChatReceived | InLobby | Admitted | Ended | SpeakerLabelled | CaptionReceived
)
