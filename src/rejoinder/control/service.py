"""What the HTTP API asks of whatever keeps and runs the bots: the verbs of the product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Page:
    """Some bots, and where the next page begins (None: this is the last)."""

    bots: Sequence[Bot]
    next_cursor: str | None


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

    async def counts(self) -> Counts:
        """For monitoring."""
        ...

    async def check(self) -> None:
        """Raises Unavailable, with the reason, when the database or the file store does not answer."""
        ...
