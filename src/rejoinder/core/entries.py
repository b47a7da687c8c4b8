"""What a running bot reports to be written down, in order. ``at``: Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from rejoinder.core.lifecycle import Moment
from rejoinder.core.participant import Participant
from rejoinder.core.records import ChatLine
from rejoinder.core.transcript import Segment


@dataclass(frozen=True, slots=True)
class Reached:
    """The bot's life took a step. ``speaker_id``: the bot's own participant id, told with ``bot.inmeeting``.
    ``reason``: why, in a word, where there may be several: of :mod:`rejoinder.core.leave`, of a meeting's end, or
    "requested"."""

    moment: Moment
    at: float
    message: str | None = None
    speaker_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """Something worth knowing that is no step of its life, such as "socket.lost"."""

    event: str
    at: float
    message: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Came:
    """A participant is there."""

    participant: Participant
    at: float


@dataclass(frozen=True, slots=True)
class Went:
    """A participant left."""

    participant: Participant
    at: float


@dataclass(frozen=True, slots=True)
class Spoke:
    """A participant begins (``speaking``) or stops to speak."""

    participant: Participant
    speaking: bool
    at: float


@dataclass(frozen=True, slots=True)
class Chatted:
    """A chat message was written, by someone or by the bot."""

    line: ChatLine


@dataclass(frozen=True, slots=True)
class Answered:
    """The agent's trace of one turn, JSON-ready."""

    turn: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Transcribed:
    """Something was said and transcribed live."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class RecordingSet:
    """The recording began, was paused or resumed, or is over."""

    state: Literal["none", "on", "paused"]


Entry = Reached | Noted | Came | Went | Spoke | Chatted | Answered | Transcribed | RecordingSet
