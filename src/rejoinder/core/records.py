"""What is written down of a bot's life, and handed out by the API. Times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a bot's log. ``event``: a lifecycle event ("bot.inmeeting") or a note ("socket.lost")."""

    at: float
    event: str
    message: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A message of the meeting's chat. ``own``: the bot wrote it."""

    id: str
    participant_id: str
    name: str
    text: str
    at: float
    own: bool = False


@dataclass(frozen=True, slots=True)
class Attendance:
    """One stay of a participant; ``left_at`` is None while they are in the meeting."""

    participant_id: str
    name: str
    is_bot: bool
    joined_at: float
    left_at: float | None = None


FileKind = Literal["audio", "recording", "track", "speech", "transcript", "transcript_raw", "screenshot", "evidence"]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A finished file in the blob store.

    ``key`` is its place there, ``name`` what a download is called, ``owner_id`` the participant of a "track" or the
    transcript's id. ``info`` is what the API tells of it (for audio: sample_rate, channels, codec).
    """

    kind: FileKind
    key: str
    name: str
    content_type: str
    size: int
    duration_s: float | None = None
    owner_id: str | None = None
    owner_name: str | None = None
    info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TranscriptJob:
    """One transcription of a bot's recording after the meeting."""

    id: str
    bot_id: str
    provider: str
    options: dict[str, Any]
    status: Literal["Processing", "Success", "Failed"]
    created_at: float
    error: str | None = None
    callback_url: str | None = None
    """Set when the API's ``transcribe`` asked for it: it gets exactly one webhook there."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook, to be sent or sent. ``body`` are the bytes that are signed and sent.

    Deliveries of one bot to one URL go out in the order of ``id``. ``status``: pending; delivered; failed (no try
    left); refused (the URL may not be reached from here).
    """

    id: int
    bot_id: str
    url: str
    event: str
    body: bytes
    retries: int
    created_at: float
    status: Literal["pending", "delivered", "failed", "refused"] = "pending"
    attempts: int = 0
    next_at: float = 0.0
    last_error: str | None = None
    last_status: int | None = None
    """HTTP status of the last answer."""
    delivered_at: float | None = None
