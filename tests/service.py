"""Bots that exist only in dictionaries: the whole of what the HTTP API asks for, without a database or meetings.

A bot is in its meeting as soon as it is created; :meth:`FakeService.finish` gives it everything a meeting leaves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rejoinder.control.service import (
    Counts,
    Created,
    Detail,
    ListQuery,
    Page,
    ParticipantEvent,
    SpeakerChunk,
    SpeakerTimeline,
)
from rejoinder.core import attendee
from rejoinder.core.bot import Bot, BotConfig, BotStatus
from rejoinder.core.lifecycle import TABLE, Moment
from rejoinder.core.records import Attendance, ChatLine, Delivery, FileKind, Happening, StoredFile, TranscriptJob
from rejoinder.core.transcript import Segment, Word
from rejoinder.errors import Conflict, InvalidRequest, NotAuthorised, NotFound, NotReady, ProviderError, Unavailable
from rejoinder.storage.links import Links

START = 1_790_000_000.0
MEETINGS = "http://room/"
PROVIDERS = ("meetstream", "deepgram")
SEGMENTS = (
    Segment("p1", "Ada L", (Word("Hello", 0.5, 0.8, 0.99), Word("all.", 0.9, 1.4, 0.97))),
    Segment("p2", "Ben", (Word("Hi", 2.0, 2.3), Word("Ada.", 2.4, 2.8))),
)
WAV = b"RIFF" + bytes(range(256)) * 8


class FakeKeys:
    """Keys and their accounts."""

    def __init__(self, **accounts: str) -> None:
        self.accounts = accounts
        self.asked = 0
        self.dialects: dict[str, str] = {}

    async def authenticate(self, token: str) -> str:
        self.asked += 1
        try:
            return self.accounts[token]
        except KeyError:
            raise NotAuthorised("Invalid token.") from None

    async def dialect(self, token: str) -> str | None:
        return self.dialects.get(token)


class FakeBlobs:
    """Files in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def size(self, key: str) -> int:
        if key not in self.files:
            raise NotFound("There is no such file.")
        return len(self.files[key])

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        data = self.files[key][start:end]
        for first in range(0, len(data), 500):
            yield data[first : first + 500]


@dataclass
class Record:
    """Everything of one bot."""

    bot: Bot
    idempotency_key: str | None = None
    happenings: list[Happening] = field(default_factory=list)
    attendances: list[Attendance] = field(default_factory=list)
    chats: list[ChatLine] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    jobs: list[TranscriptJob] = field(default_factory=list)
    live: list[Segment] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    events: list[ParticipantEvent] = field(default_factory=list)
    said: list[tuple[str, Any]] = field(default_factory=list)
    """Commands it was given."""


@dataclass
class FakeService:
    """Knows the meetings at ``http://room/``."""

    blobs: FakeBlobs = field(default_factory=FakeBlobs)
    links: Links = field(default_factory=lambda: Links(b"0123456789abcdef"))
    base_url: str = "http://localhost"
    records: dict[str, Record] = field(default_factory=dict)
    fail: Exception | None = None
    """Raised by every call."""
    summary_text: str | None = None

    def _record(self, bot_id: str, account: str) -> Record:
        if self.fail is not None:
            raise self.fail
        record = self.records.get(bot_id)
        if record is None or record.bot.account != account:
            raise NotFound("Bot not found.")
        return record

    def happen(self, bot_id: str, moment: Moment, message: str = "") -> None:
        """Something happens to a bot."""
        record = self.records[bot_id]
        rule = TABLE[moment]
        at = START + 10 * len(record.happenings)
        record.happenings.append(Happening(at, moment.value, message or rule.message))
        record.bot.status = rule.to or record.bot.status
        record.bot.message = message or rule.message
        record.bot.updated_at = at

    async def create(self, config: BotConfig, account: str, *, idempotency_key: str | None = None) -> Created:
        if self.fail is not None:
            raise self.fail
        await asyncio.sleep(0)
        mine = [record for record in self.records.values() if record.bot.account == account]
        for record in mine:
            if idempotency_key and record.idempotency_key == idempotency_key:
                return Created(record.bot, "replayed")
        for record in mine:
            key = record.bot.config.deduplication_key
            if key and key == config.deduplication_key:
                if record.bot.config.meeting_link != config.meeting_link:
                    raise Conflict("A bot has already been created for this meeting link.")
                return Created(record.bot, "duplicate")
        if not config.meeting_link.startswith(MEETINGS):
            raise InvalidRequest("meeting_link is no meeting known here", field="meeting_link")
        bot = Bot(f"bot-{len(self.records) + 1}", account, config, START + len(self.records))
        if config.transcript is not None and not config.transcript.streaming:
            bot.transcript_id = f"tr-{bot.id}"
        self.records[bot.id] = Record(bot, idempotency_key)
        if config.attendee is not None and config.join_at is not None:
            self.happen(bot.id, Moment.SCHEDULED)
            return Created(bot, "new")
        self.happen(bot.id, Moment.JOINING)
        self.happen(bot.id, Moment.IN_MEETING)
        bot.started_at = START + 10
        bot.recording = "on"
        return Created(bot, "new")

    async def get(self, bot_id: str, account: str) -> Bot:
        return self._record(bot_id, account).bot

    async def list(self, account: str, query: ListQuery) -> Page:
        if self.fail is not None:
            raise self.fail
        if query.cursor is not None and query.cursor not in self.records:
            raise InvalidRequest("cursor is none of ours", field="cursor")
        found = [
            record.bot
            for record in reversed(self.records.values())
            if record.bot.account == account
            and query.status in (None, record.bot.status)
            and query.platform in (None, record.bot.platform)
            and (query.created_from is None or record.bot.created_at >= query.created_from)
            and (query.created_to is None or record.bot.created_at < query.created_to)
            and all(record.bot.config.custom_attributes.get(k) == v for k, v in query.attributes.items())
        ]
        ids = [bot.id for bot in found]
        first = ids.index(query.cursor) + 1 if query.cursor in ids else 0
        page = found[first : first + query.limit]
        return Page(page, page[-1].id if first + query.limit < len(found) else None)

    async def detail(self, bot_id: str, account: str) -> Detail:
        record = self._record(bot_id, account)
        return Detail(record.bot, record.happenings, record.attendances)

    async def remove(self, bot_id: str, account: str) -> Bot:
        record = self._record(bot_id, account)
        if not record.bot.status.over:
            self.happen(bot_id, Moment.LEAVING)
        return record.bot

    async def delete(self, bot_id: str, account: str) -> int:
        record = self._record(bot_id, account)
        del self.records[bot_id]
        return len(record.files)

    def _inside(self, bot_id: str, account: str) -> Record:
        record = self._record(bot_id, account)
        if not record.bot.status.in_meeting:
            raise Conflict("The bot is not in a meeting.")
        return record

    async def send_message(self, bot_id: str, account: str, text: str) -> None:
        self._inside(bot_id, account).said.append(("message", text))

    async def send_image(self, bot_id: str, account: str, url: str, display_s: float | None) -> None:
        self._inside(bot_id, account).said.append(("image", (url, display_s)))

    async def set_recording(self, bot_id: str, account: str, *, paused: bool) -> None:
        bot = self._inside(bot_id, account).bot
        if bot.recording == "none":
            raise Unavailable("The bot does not record.")
        bot.recording = "paused" if paused else "on"
        event = attendee.PAUSED if paused else attendee.RESUMED
        self.records[bot_id].happenings.append(Happening(START + 30, event, ""))

    async def chats(self, bot_id: str, account: str) -> Sequence[ChatLine]:
        return self._record(bot_id, account).chats

    async def attendances(self, bot_id: str, account: str) -> Sequence[Attendance]:
        return self._record(bot_id, account).attendances

    async def happenings(self, bot_id: str, account: str) -> Sequence[Happening]:
        return self._record(bot_id, account).happenings

    async def turns(self, bot_id: str, account: str) -> Sequence[dict[str, Any]]:
        return self._record(bot_id, account).turns

    async def files(self, bot_id: str, account: str, kind: FileKind) -> Sequence[StoredFile]:
        record = self._record(bot_id, account)
        if not record.bot.closed:
            raise NotReady("The recording is not finished yet.")
        return [file for file in record.files if file.kind == kind]

    async def link(self, file: StoredFile, life_s: int) -> str:
        token = self.links.make(file.key, file.name, file.content_type, time.time() + life_s)
        return f"{self.base_url}/media/{token}/{file.name}"

    async def speaker_timeline(self, bot_id: str, account: str) -> SpeakerTimeline:
        audio = await self.files(bot_id, account, "audio")
        chunks = [SpeakerChunk("p1", "Ada L", 24_000, 67_200), SpeakerChunk("p2", "Ben", 96_000, 134_400)]
        return SpeakerTimeline(START, chunks, audio[0] if audio else None)

    async def transcribe(
        self, bot_id: str, account: str, provider: str, options: dict[str, Any], callback_url: str | None
    ) -> TranscriptJob:
        record = self._record(bot_id, account)
        if not record.bot.closed:
            raise Conflict("The bot has no finished recording.")
        if provider not in PROVIDERS:
            raise InvalidRequest("provider is none of this server's", field="provider")
        job_id = f"tr-{bot_id}-{len(record.jobs) + 1}"
        job = TranscriptJob(job_id, bot_id, provider, options, "Processing", START + 100, callback_url=callback_url)
        record.jobs.append(job)
        record.bot.transcript_id = job_id
        return job

    async def transcripts(self, bot_id: str, account: str) -> Sequence[TranscriptJob]:
        return self._record(bot_id, account).jobs

    async def transcript(self, transcript_id: str, account: str) -> tuple[TranscriptJob, Bot, Sequence[Segment]]:
        if self.fail is not None:
            raise self.fail
        for record in self.records.values():
            if record.bot.account != account:
                continue
            for job in record.jobs:
                if job.id == transcript_id and job.status == "Failed":
                    raise ProviderError(job.error or "", provider=job.provider)
                if job.id == transcript_id and job.status == "Success":
                    return job, record.bot, SEGMENTS
            if record.bot.transcript_id == transcript_id:
                raise NotReady("not yet")
        raise NotFound("Transcript not found.")

    async def live_segments(self, bot_id: str, account: str) -> Sequence[Segment]:
        return self._record(bot_id, account).live

    async def summary(self, bot_id: str, account: str) -> str:
        record = self._record(bot_id, account)
        if not record.jobs:
            raise NotFound("There is no transcript to summarise.")
        if self.summary_text is None:
            raise NotReady("The summary is being made.")
        return self.summary_text

    async def deliveries(self, bot_id: str, account: str) -> Sequence[Delivery]:
        return self._record(bot_id, account).deliveries

    async def redeliver(self, bot_id: str, account: str, delivery_id: int) -> Delivery:
        record = self._record(bot_id, account)
        for index, known in enumerate(record.deliveries):
            if known.id == delivery_id:
                record.deliveries[index] = replace(known, status="pending", attempts=0, delivered_at=None)
                return record.deliveries[index]
        raise NotFound("Delivery not found.")

    async def lives(self, bots: Sequence[Bot]) -> Mapping[str, Sequence[Happening]]:
        return {bot.id: self.records[bot.id].happenings for bot in bots}

    async def participant_events(self, bot_id: str, account: str) -> Sequence[ParticipantEvent]:
        return self._record(bot_id, account).events

    async def change(self, bot_id: str, account: str, edit: Any, *, early: bool) -> Bot:
        bot = self._record(bot_id, account).bot
        if early and bot.status is not BotStatus.SCHEDULED:
            raise Conflict("The bot is no longer scheduled.")
        bot.config = edit(bot.config)
        return bot

    async def play(self, bot_id: str, account: str, data: bytes, content_type: str) -> None:
        self._inside(bot_id, account).said.append(("play", (data, content_type)))

    async def speak(self, bot_id: str, account: str, text: str) -> None:
        self._inside(bot_id, account).said.append(("say", text))

    async def show(self, bot_id: str, account: str, image: bytes) -> None:
        self._inside(bot_id, account).said.append(("show", image))

    async def erase(self, bot_id: str, account: str) -> Bot:
        record = self._record(bot_id, account)
        for name in ("files", "jobs", "live", "chats", "attendances", "events"):
            getattr(record, name).clear()
        self.happen(bot_id, Moment.MEDIA_EXPIRED)
        return record.bot

    async def delete_transcripts(self, bot_id: str, account: str) -> int:
        record = self._record(bot_id, account)
        count = len(record.jobs)
        record.jobs.clear()
        record.live.clear()
        record.bot.transcript_id = None
        return count

    async def counts(self) -> Counts:
        if self.fail is not None:
            raise self.fail
        bots: dict[str, int] = {}
        for record in self.records.values():
            bots[record.bot.status.value] = bots.get(record.bot.status.value, 0) + 1
        return Counts(bots, {"pending": 2}, 1, 10)

    async def check(self) -> None:
        if self.fail is not None:
            raise self.fail

    def finish(self, bot_id: str) -> Record:
        """A meeting of two people is over, and all work on it is done."""
        record = self.records[bot_id]
        bot = record.bot
        record.attendances = [
            Attendance("p1", "Ada L", False, START + 12, START + 40),
            Attendance("p2", "Ben", False, START + 15, START + 50),
        ]
        record.chats = [
            ChatLine("m1", "p1", "Ada L", "hello", START + 20),
            ChatLine("m2", "p1", "Ada L", "again", START + 21),
            ChatLine("m3", "self", "Robin", "hi", START + 22, own=True),
        ]
        record.turns = [{"text": "hello"}]
        for moment in (Moment.LEAVING, Moment.STOPPED, Moment.UPLOADING, Moment.MANIFEST_COMPLETED):
            self.happen(bot_id, moment)
        for moment in (Moment.AUDIO_PROCESSED, Moment.TRANSCRIPTION_PROCESSED, Moment.DONE):
            self.happen(bot_id, moment)
        bot.ended_at = START + 70.4
        bot.audio_status = bot.transcript_status = "Success"
        bot.closed = True
        bot.recording = "none"
        job_id = f"tr-{bot_id}"
        bot.transcript_id = job_id
        record.jobs = [TranscriptJob(job_id, bot_id, "meetstream", {"api_key": "sk-1"}, "Success", START + 60)]
        opus = {"sample_rate": 48_000, "channels": 1, "codec": "opus"}
        record.files = [
            self._file("audio", f"{bot_id}/audio.wav", "audio/wav", duration_s=60.0),
            self._file("track", f"{bot_id}/p1.webm", "audio/webm", 61.2, "p1", "Ada L", opus),
            self._file("track", f"{bot_id}/p2.webm", "audio/webm", 30.0, "p2", "Ben", opus),
            self._file("transcript", f"{bot_id}/transcript.json", "application/json", None, job_id),
            self._file("transcript_raw", f"{bot_id}/raw.json", "application/json", None, job_id),
        ]
        body = b'{"event":"bot.done","bot_id":"' + bot_id.encode() + b'"}'
        record.deliveries = [
            Delivery(7, bot_id, "https://app.example/h", "bot.done", body, 3, START + 61, "delivered", 2, 0.0)
        ]
        return record

    def _file(
        self,
        kind: FileKind,
        key: str,
        content_type: str,
        duration_s: float | None = None,
        owner_id: str | None = None,
        owner_name: str | None = None,
        info: dict[str, Any] | None = None,
    ) -> StoredFile:
        self.blobs.files[key] = WAV
        name = key.rpartition("/")[2]
        return StoredFile(kind, key, name, content_type, len(WAV), duration_s, owner_id, owner_name, info or {})
