"""What the HTTP API asks of whatever keeps and runs the bots: the verbs of the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from rejoinder.core.bot import Bot, BotConfig, BotStatus
from rejoinder.core.records import Attendance, ChatLine, Delivery, FileKind, Happening, StoredFile, TranscriptJob
from rejoinder.core.transcript import Segment

MAX_PAGE = 100


@dataclass(frozen=True, slots=True)
class Created:
    """A create call's outcome: a ``new`` bot; the ``replayed`` one of the same Idempotency-Key; or the ``duplicate``
    with the same deduplication key."""

    bot: Bot
    outcome: Literal["new", "replayed", "duplicate"]


@dataclass(frozen=True, slots=True)
class Place:
    """A status, and optionally what the recording must be."""

    status: BotStatus
    recording: Literal["none", "on", "paused"] | None = None


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which bots to list, newest first. ``created_from`` <= created_at < ``created_to``, Unix seconds.

    ``attributes``: all of these custom attributes, by equality. ``cursor``: as :class:`Page` gave it.
    """

    status: BotStatus | None = None
    platform: str | None = None
    created_from: float | None = None
    created_to: float | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    limit: int = 50
    backwards: bool = False
    """The page before the cursor instead of the one after it; ``next_cursor`` is then where the one before begins."""
    meeting_link: str | None = None
    deduplication_key: str | None = None
    join_from: float | None = None
    join_to: float | None = None
    places: Sequence[Place] | None = None
    """In one of these; none of them: no bots."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some bots, and where the next page begins (None: this is the last)."""

    bots: Sequence[Bot]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ParticipantEvent:
    """A participant came (join), went (leave), began (speech_start) or stopped to speak (speech_stop)."""

    id: int
    participant_id: str
    name: str
    is_host: bool
    event: str
    at: float


@dataclass(frozen=True, slots=True)
class Detail:
    """All that is known of a bot."""

    bot: Bot
    happenings: Sequence[Happening]
    attendances: Sequence[Attendance]


@dataclass(frozen=True, slots=True)
class SpeakerChunk:
    """Somebody spoke: from ``start`` to ``end``, in samples of the mixed recording (48 kHz mono)."""

    participant_id: str
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SpeakerTimeline:
    """Who spoke when in the mixed recording. ``audio`` is None while it is not finished."""

    began_at: float
    chunks: Sequence[SpeakerChunk]
    audio: StoredFile | None


@dataclass(frozen=True, slots=True)
class Counts:
    """For monitoring: bots by status, deliveries by status, live workers and their total capacity."""

    bots: Mapping[str, int]
    deliveries: Mapping[str, int]
    workers: int
    capacity: int


class BotService(Protocol):
    """Every call raises NotFound for a bot that does not exist, was deleted, or belongs to another account, and
    Unavailable when the database does not answer."""

    async def create(self, config: BotConfig, account: str, *, idempotency_key: str | None = None) -> Created:
        """Keep a bot and set it on its way (now or at ``join_at``); does not wait until it has joined.

        Raises InvalidRequest with field ``meeting_link`` for a link that is no meeting known here, and Conflict when
        the deduplication key was used for another meeting.
        """
        ...

    async def get(self, bot_id: str, account: str) -> Bot:
        """The bot as it is now."""
        ...

    async def list(self, account: str, query: ListQuery) -> Page:
        """One page of the account's bots. Raises InvalidRequest for a cursor that is none of ours."""
        ...

    async def detail(self, bot_id: str, account: str) -> Detail:
        """All that is known of a bot."""
        ...

    async def remove(self, bot_id: str, account: str) -> Bot:
        """Make the bot leave, or cancel it before it joins; harmless when it has left."""
        ...

    async def delete(self, bot_id: str, account: str) -> int:
        """Remove the bot (leaving first if need be) and all it left: files, transcripts, rows. How many objects."""
        ...

    async def send_message(self, bot_id: str, account: str, text: str) -> None:
        """Post to the meeting's chat. Raises Conflict when the bot is not in a meeting."""
        ...

    async def send_image(self, bot_id: str, account: str, url: str, display_s: float | None) -> None:
        """Show a picture as the bot's video, for a time or until the next. Raises Conflict, InvalidRequest."""
        ...

    async def set_recording(self, bot_id: str, account: str, *, paused: bool) -> None:
        """Pause or resume. Raises Conflict when the bot is not in a meeting, Unavailable when it does not record."""
        ...

    async def chats(self, bot_id: str, account: str) -> Sequence[ChatLine]:
        """The meeting's chat, oldest first."""
        ...

    async def attendances(self, bot_id: str, account: str) -> Sequence[Attendance]:
        """Who was there, in the order they came."""
        ...

    async def happenings(self, bot_id: str, account: str) -> Sequence[Happening]:
        """The bot's log, oldest first."""
        ...

    async def turns(self, bot_id: str, account: str) -> Sequence[dict[str, Any]]:
        """One JSON-ready record per answer of the bot's agent, oldest first."""
        ...

    async def files(self, bot_id: str, account: str, kind: FileKind) -> Sequence[StoredFile]:
        """Finished files of one kind. Raises NotReady while the bot may still make some."""
        ...

    async def link(self, file: StoredFile, life_s: int) -> str:
        """A URL that gives the file to whoever has it, without credentials, for ``life_s`` seconds; then 403."""
        ...

    async def speaker_timeline(self, bot_id: str, account: str) -> SpeakerTimeline:
        """Who spoke when. Raises NotReady."""
        ...

    async def transcribe(
        self, bot_id: str, account: str, provider: str, options: dict[str, Any], callback_url: str | None
    ) -> TranscriptJob:
        """Transcribe the recording (again). Raises Conflict while the bot has no finished recording, and
        InvalidRequest (field ``provider``) for one this server does not have."""
        ...

    async def transcripts(self, bot_id: str, account: str) -> Sequence[TranscriptJob]:
        """All transcriptions of a bot, oldest first."""
        ...

    async def transcript(self, transcript_id: str, account: str) -> tuple[TranscriptJob, Bot, Sequence[Segment]]:
        """A finished transcript. Raises NotReady while it is made and ProviderError when it failed."""
        ...

    async def live_segments(self, bot_id: str, account: str) -> Sequence[Segment]:
        """What was transcribed while people spoke, oldest first."""
        ...

    async def summary(self, bot_id: str, account: str) -> str:
        """A summary of the meeting, made when it is first asked for. Raises NotReady, and NotFound when there is
        no transcript to make one from or no language model."""
        ...

    async def deliveries(self, bot_id: str, account: str) -> Sequence[Delivery]:
        """The bot's webhooks, in order."""
        ...

    async def redeliver(self, bot_id: str, account: str, delivery_id: int) -> Delivery:
        """Send a webhook again, whatever became of it."""
        ...

    async def lives(self, bots: Sequence[Bot]) -> Mapping[str, Sequence[Happening]]:
        """The part of the bots' logs that says where they are in their lives, by bot id, oldest first."""
        ...

    async def participant_events(self, bot_id: str, account: str) -> Sequence[ParticipantEvent]:
        """Who came, went and spoke, in order; only of bots of Attendee's dialect."""
        ...

    async def change(self, bot_id: str, account: str, edit: Callable[[BotConfig], BotConfig], *, early: bool) -> Bot:
        """Change a bot's config; ``early``: in a way that is possible only while it is scheduled. Raises Conflict, and
        InvalidRequest as :meth:`create` does."""
        ...

    async def play(self, bot_id: str, account: str, data: bytes, content_type: str) -> None:
        """Say a sound file after what is already queued. Raises Conflict when the bot is not in a meeting."""
        ...

    async def speak(self, bot_id: str, account: str, text: str) -> None:
        """Say a text in the built-in voice. Raises Conflict."""
        ...

    async def show(self, bot_id: str, account: str, image: bytes) -> None:
        """Show a JPEG or PNG file as the bot's video until the next. Raises Conflict."""
        ...

    async def erase(self, bot_id: str, account: str) -> Bot:
        """Delete what a bot that is over has left, but not the bot. Raises Conflict while it is not over."""
        ...

    async def delete_transcripts(self, bot_id: str, account: str) -> int:
        """Delete all transcripts of a bot; how many there were. Raises Conflict while one is being made."""
        ...

    async def counts(self) -> Counts:
        """For monitoring."""
        ...

    async def check(self) -> None:
        """Raises Unavailable, with the reason, when the database or the file store does not answer."""
        ...
