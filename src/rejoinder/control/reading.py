"""Looking things up: the half of the product's verbs that change nothing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import orjson
from sqlalchemy import ColumnElement, Row, Table, and_, false, func, literal, or_, select, text, tuple_, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
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
        b = t.bots.c
        wanted: list[ColumnElement[bool]] = [b.account == account]
        if query.status is not None:
            wanted.append(b.status == query.status.value)
        if query.platform is not None:
            wanted.append(b.platform == query.platform)
        if query.created_from is not None:
            wanted.append(b.created_at >= query.created_from)
        if query.created_to is not None:
            wanted.append(b.created_at < query.created_to)
        wanted += [self._has_attribute(name, value) for name, value in query.attributes.items()]
        if query.meeting_link is not None:
            wanted.append(t.bots.c.config["meeting_link"].as_string() == query.meeting_link)
        if query.deduplication_key is not None:
            wanted.append(t.bots.c.config["deduplication_key"].as_string() == query.deduplication_key)
        if query.join_from is not None:
            wanted.append(b.join_at >= query.join_from)
        if query.join_to is not None:
            wanted.append(b.join_at < query.join_to)
        if query.places is not None:
            wanted.append(or_(false(), *(_at(place) for place in query.places)))
        order = (b.created_at.desc(), b.id.desc())
        if query.cursor is not None:
            at, ident = _read_cursor(query.cursor)
            # Compared as pairs: with OR, PostgreSQL would read and sort all that is left.
            here, there = tuple_(b.created_at, b.id), tuple_(literal(at), literal(ident))
            wanted.append(here > there if query.backwards else here < there)
        if query.backwards:
            order = (b.created_at.asc(), b.id.asc())
        found = select(t.bots).where(*wanted).order_by(*order).limit(limit + 1)
        async with reported(), self._database.read() as connection:
            rows = (await connection.execute(found)).all()
        bots = [bot_of(row) for row in rows[:limit]]
        further = cursor_of(bots[-1]) if len(rows) > limit else None
        return Page(bots[::-1] if query.backwards else bots, further)

    def _has_attribute(self, name: str, value: Any) -> ColumnElement[bool]:
        """Equality of one custom attribute with a JSON value, whatever its type."""
        column = t.bots.c.custom_attributes
        if not self._database.sqlite:
            contains: ColumnElement[bool] = type_coerce(column, JSONB).contains({name: value})
            return contains
        path = '$."' + name.replace('"', '""') + '"'
        kind, found = func.json_type(column, path), func.json_extract(column, path)
        if value is None:
            return kind == "null"
        if isinstance(value, bool):
            return kind == ("true" if value else "false")
        if isinstance(value, dict | list):
            return found == func.json(orjson.dumps(value).decode())
        return and_(kind.in_(("integer", "real") if isinstance(value, int | float) else ("text",)), found == value)

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
