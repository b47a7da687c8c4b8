"""Looking things up: the half of the product's verbs that change nothing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import orjson
from sqlalchemy import ColumnElement, Row, Table, and_, false, func, literal, or_, select, text, tuple_
from sqlalchemy.exc import SQLAlchemyError

from rejoinder.control.service import (
    MAX_PAGE,
    Counts,
    Detail,
    ListQuery,
    Page,
    ParticipantEvent,
    Place,
    SpeakerChunk,
    SpeakerTimeline,
)
from rejoinder.core.attendee import EVENTS, NO_ENGINE
from rejoinder.core.bot import Bot
from rejoinder.core.records import Attendance, ChatLine, Delivery, Happening, StoredFile, TranscriptJob
from rejoinder.core.transcript import Segment
from rejoinder.errors import InvalidRequest, NotFound, Unavailable
from rejoinder.storage import tables as t
from rejoinder.storage.blobs import Blobs
from rejoinder.storage.database import Database
from rejoinder.storage.rows import (
    attendance_of,
    attribute_digest,
    bot_of,
    chat_of,
    delivery_of,
    file_of,
    happening_of,
    segment_of,
    transcript_of,
)

SAMPLES_PER_S = 48_000
MOST_ROWS = 10_000
"""Of a bot's log, chat and the like in one answer."""


@asynccontextmanager
async def reported() -> AsyncIterator[None]:
    """Says Unavailable where the database fails; what went wrong is for the log, not for callers."""
    try:
        yield
    except SQLAlchemyError as error:
        if _disk_failed(error):
            raise Unavailable(
                "The database's disk is full or cannot be written to; try again when there is room."
            ) from error
        raise Unavailable(f"The database does not answer ({type(error).__name__}); try again.") from error


def _disk_failed(error: SQLAlchemyError) -> bool:
    """Whether the database could not write: by SQLite's names of its result codes, or PostgreSQL's code 53100."""
    cause: BaseException | None = getattr(error, "orig", None)
    while cause is not None:
        name = getattr(cause, "sqlite_errorname", None) or ""
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")):
            return True
        if getattr(cause, "sqlstate", None) == "53100":
            return True
        cause = cause.__cause__
    return False


class Reading:
    """Queries. The account is part of each; another's bots are not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bot(self, bot_id: str, account: str) -> Bot:
        """A bot, inside a caller's :func:`reported`."""
        async with self._database.read() as connection:
            found = select(t.bots).where(t.bots.c.id == bot_id, t.bots.c.account == account)
            row = (await connection.execute(found)).first()
        if row is None:
            raise NotFound("Bot not found.")
        return bot_of(row)

    async def get(self, bot_id: str, account: str) -> Bot:
        """See :class:`~rejoinder.control.service.BotService`, here and below."""
        async with reported():
            return await self.bot(bot_id, account)

    async def list(self, account: str, query: ListQuery) -> Page:
        limit = max(1, min(query.limit, MAX_PAGE))
        found = select(t.bots).where(*_wanted(query))
        by: tuple[ColumnElement[Any], ColumnElement[Any]] = (t.bots.c.created_at, t.bots.c.id)
        if query.attributes:
            # In the order of an index: however many bots have the attribute, no more than a page of them is read.
            first, *others = [attribute_digest(name, value) for name, value in query.attributes.items()]
            a = t.attributes.c
            found = found.join(t.attributes, a.bot_id == t.bots.c.id).where(a.account == account, a.digest == first)
            found = found.where(*(_has(digest) for digest in others))
            by = (a.created_at, a.bot_id)
        else:
            found = found.where(t.bots.c.account == account)
        at, ident = by
        if query.created_from is not None:
            found = found.where(at >= query.created_from)
        if query.created_to is not None:
            found = found.where(at < query.created_to)
        if query.cursor is not None:
            # Compared as pairs: with OR, PostgreSQL would read and sort all that is left.
            here, there = tuple_(at, ident), tuple_(*map(literal, _read_cursor(query.cursor)))
            found = found.where(here > there if query.backwards else here < there)
        order = (at.asc(), ident.asc()) if query.backwards else (at.desc(), ident.desc())
        async with reported(), self._database.read() as connection:
            rows = (await connection.execute(found.order_by(*order).limit(limit + 1))).all()
        bots = [bot_of(row) for row in rows[:limit]]
        further = cursor_of(bots[-1]) if len(rows) > limit else None
        return Page(bots[::-1] if query.backwards else bots, further)

    async def detail(self, bot_id: str, account: str) -> Detail:
        bot = await self.get(bot_id, account)
        return Detail(bot, await self.happenings(bot_id, account), await self.attendances(bot_id, account))

    async def happenings(self, bot_id: str, account: str) -> Sequence[Happening]:
        return [happening_of(row) for row in await self._rows(t.happenings, bot_id, account)]

    async def attendances(self, bot_id: str, account: str) -> Sequence[Attendance]:
        return [attendance_of(row) for row in await self._rows(t.participants, bot_id, account)]

    async def chats(self, bot_id: str, account: str) -> Sequence[ChatLine]:
        return [chat_of(row) for row in await self._rows(t.chats, bot_id, account)]

    async def turns(self, bot_id: str, account: str) -> Sequence[dict[str, Any]]:
        return [dict(row.body) for row in await self._rows(t.turns, bot_id, account)]

    async def live_segments(self, bot_id: str, account: str) -> Sequence[Segment]:
        return [segment_of(dict(row._mapping)) for row in await self._rows(t.segments, bot_id, account)]

    async def deliveries(self, bot_id: str, account: str) -> Sequence[Delivery]:
        return [delivery_of(row) for row in await self._rows(t.deliveries, bot_id, account)]

    async def lives(self, bots: Sequence[Bot]) -> Mapping[str, Sequence[Happening]]:
        logs: dict[str, list[Happening]] = {bot.id: [] for bot in bots}
        h = t.happenings.c
        found = select(t.happenings).where(h.bot_id.in_([*logs]), h.event.in_([*EVENTS, NO_ENGINE]))
        async with reported(), self._database.read() as connection:
            for row in await connection.execute(found.order_by(h.id)):
                logs[row.bot_id].append(happening_of(row))
        return logs

    async def participant_events(self, bot_id: str, account: str) -> Sequence[ParticipantEvent]:
        rows = await self._rows(t.participant_events, bot_id, account)
        return [ParticipantEvent(row.id, row.participant_id, row.name, row.is_host, row.event, row.at) for row in rows]

    async def transcripts(self, bot_id: str, account: str) -> Sequence[TranscriptJob]:
        rows = await self._rows(t.transcripts, bot_id, account, t.transcripts.c.created_at)
        return [transcript_of(row) for row in rows]

    async def _rows(
        self, table: Table, bot_id: str, account: str, order: ColumnElement[Any] | None = None
    ) -> Sequence[Row[Any]]:
        async with reported():
            await self.bot(bot_id, account)
            async with self._database.read() as connection:
                found = select(table).where(table.c.bot_id == bot_id)
                ordered = found.order_by(table.c.id if order is None else order).limit(MOST_ROWS)
                return (await connection.execute(ordered)).all()

    async def files_of(self, bot_id: str, kind: str) -> Sequence[StoredFile]:
        """A bot's files of one kind, in the order they were made."""
        async with self._database.read() as connection:
            found = select(t.files).where(t.files.c.bot_id == bot_id, t.files.c.kind == kind).order_by(t.files.c.id)
            return [file_of(row) for row in (await connection.execute(found)).all()]

    async def transcript_row(self, transcript_id: str, account: str) -> tuple[TranscriptJob, Bot]:
        """A transcription and its bot. Raises NotFound."""
        async with self._database.read() as connection:
            found = select(t.transcripts).where(t.transcripts.c.id == transcript_id)
            row = (await connection.execute(found)).first()
            if row is None:  # promised by a create call, not begun
                promised = select(t.bots).where(t.bots.c.transcript_id == transcript_id, t.bots.c.account == account)
                owner = (await connection.execute(promised)).first()
        if row is not None:
            try:
                return transcript_of(row), await self.bot(row.bot_id, account)
            except NotFound:
                raise NotFound("Transcript not found.") from None
        if owner is None:
            raise NotFound("Transcript not found.")
        bot = bot_of(owner)
        config = bot.config.transcript
        provider = config.provider if config is not None else ""
        status: Literal["Failed", "Processing"] = "Failed" if bot.closed else "Processing"
        error = "There was nothing to transcribe." if bot.closed else None
        return TranscriptJob(transcript_id, bot.id, provider, {}, status, bot.created_at, error), bot

    async def summary_row(self, bot_id: str) -> Row[Any] | None:
        """What is known of a bot's summary."""
        async with self._database.read() as connection:
            found = select(t.summaries).where(t.summaries.c.bot_id == bot_id)
            return (await connection.execute(found)).first()

    async def speakers(self, bot: Bot, blobs: Blobs) -> SpeakerTimeline:
        """Who spoke when, from the file the recording left."""
        audio = next(iter(await self.files_of(bot.id, "audio")), None)
        chunks: list[SpeakerChunk] = []
        for file in await self.files_of(bot.id, "speech"):
            body = orjson.loads(b"".join([part async for part in blobs.read(file.key)]))
            chunks += [
                SpeakerChunk(ident, name, round(start * SAMPLES_PER_S), round(end * SAMPLES_PER_S))
                for ident, name, start, end in body
            ]
        return SpeakerTimeline(bot.started_at or bot.created_at, chunks, audio)

    async def count(self) -> Counts:
        """For monitoring, inside a caller's :func:`reported`."""
        async with self._database.read() as connection:
            bots = await connection.execute(select(t.bots.c.status, func.count()).group_by(t.bots.c.status))
            sent = await connection.execute(select(t.deliveries.c.status, func.count()).group_by(t.deliveries.c.status))
            alive = await connection.execute(
                select(func.count(), func.coalesce(func.sum(t.workers.c.capacity), 0)).where(
                    t.workers.c.dead.is_(False), t.workers.c.seen > text(f"{self._database.now_sql} - 60")
                )
            )
            workers, capacity = alive.one()
            return Counts(
                dict(tuple(row) for row in bots),
                dict(tuple(row) for row in sent),
                int(workers),
                int(capacity),
            )


def _wanted(query: ListQuery) -> Iterator[ColumnElement[bool]]:
    """What a list asks of the bots themselves, but for account, attributes and order."""
    b = t.bots.c
    if query.status is not None:
        yield b.status == query.status.value
    if query.platform is not None:
        yield b.platform == query.platform
    if query.meeting_link is not None:
        yield b.config["meeting_link"].as_string() == query.meeting_link
    if query.deduplication_key is not None:
        yield b.config["deduplication_key"].as_string() == query.deduplication_key
    if query.join_from is not None:
        yield b.join_at >= query.join_from
    if query.join_to is not None:
        yield b.join_at < query.join_to
    if query.places is not None:
        yield or_(false(), *(_at(place) for place in query.places))


def _has(digest: str) -> ColumnElement[bool]:
    """Whether a bot has an attribute."""
    other = t.attributes.alias()
    return select(other.c.digest).where(other.c.bot_id == t.bots.c.id, other.c.digest == digest).exists()


def _at(place: Place) -> ColumnElement[bool]:
    status = t.bots.c.status == place.status.value
    return status if place.recording is None else and_(status, t.bots.c.recording == place.recording)


def cursor_of(bot: Bot) -> str:
    """Where a page begins that follows, or precedes, this bot."""
    return base64.urlsafe_b64encode(f"{bot.created_at!r} {bot.id}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[float, str]:
    try:
        at, ident = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
        return float(at), ident
    except (binascii.Error, ValueError):
        raise InvalidRequest("cursor: expected what nextCursor said", field="cursor") from None
