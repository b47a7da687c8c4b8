"""What is different about bots of Attendee's dialect: ids, first entries, and the webhooks of what happens."""

from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rejoinder.core import attendee
from rejoinder.core.bot import Bot, BotConfig
from rejoinder.core.entries import Came, Chatted, Entry, Noted, Reached, Spoke, Transcribed, Went
from rejoinder.core.lifecycle import Moment
from rejoinder.core.participant import Participant
from rejoinder.core.records import TranscriptJob
from rejoinder.core.transcript import Segment
from rejoinder.storage import tables as t
from rejoinder.storage.rows import happening_of
from rejoinder.webhooks import attendee as payloads

ID_LETTERS = 16
_LETTERS = string.ascii_letters + string.digits
BUILT_IN = frozenset({"meeting_closed_captions"})
"""Transcription settings that ask for no service of somebody else's."""


def new_bot_id(config: BotConfig) -> str:
    """An id in the manner of the dialect the bot was created in."""
    if config.attendee is None:
        return str(uuid.uuid4())
    return "bot_" + "".join(secrets.choice(_LETTERS) for _ in range(ID_LETTERS))


def first_entries(config: BotConfig, now: float, *, scheduled: bool) -> list[Entry]:
    """What is written down of a bot when it is created."""
    entries: list[Entry] = []
    if scheduled:
        entries.append(Reached(Moment.SCHEDULED, now))
    elif config.attendee is not None:  # Attendee's bots are "joining" from their first moment on
        entries.append(Reached(Moment.JOINING, now))
    if config.attendee is not None:
        asked = [*config.attendee.settings.get("transcription_settings", {})]
        if asked and asked[0] not in BUILT_IN:
            message = f"transcription_settings.{asked[0]}: the built-in engine transcribes instead"
            entries.append(Noted("transcription.mapped", now, message))
    return entries


class Post(Protocol):
    """Puts a webhook into the outbox, in the caller's transaction."""

    async def __call__(
        self, connection: AsyncConnection, bot: Bot, url: str, event: str, body: bytes, at: float
    ) -> None:
        """``body`` is sent as it is."""
        ...


class Teller:
    """Tells the webhooks of a bot what happens to it. Every call answers how many webhooks it has put in the outbox."""

    def __init__(self, post: Post) -> None:
        self._post = post

    async def tell(self, connection: AsyncConnection, bot: Bot, entry: Entry) -> int:
        """After ``entry`` was written down."""
        match entry:
            case Reached(moment=moment) if moment.value in attendee.EVENTS:
                return await self._steps(connection, bot)
            case Noted(event=attendee.PAUSED | attendee.RESUMED):
                return await self._steps(connection, bot)
            case Came(participant=who, at=at):
                return await self._event(connection, bot, who, "join", at)
            case Went(participant=who, at=at):
                return await self._event(connection, bot, who, "leave", at)
            case Spoke(participant=who, speaking=speaking, at=at):
                return await self._event(connection, bot, who, "speech_start" if speaking else "speech_stop", at)
            case Chatted(line=line) if not line.own:  # whoever answers chat messages must not answer the bot's own
                return await self._tell(connection, bot, payloads.CHAT, payloads.chat_message(bot.id, line), line.at)
            case Transcribed(segment=segment):
                return await self._said(connection, bot, segment)
        return 0

    async def transcribed(self, connection: AsyncConnection, bot: Bot, job: TranscriptJob, at: float) -> int:
        """A transcription that was asked for afterwards is done, or has failed."""
        return await self._tell(connection, bot, payloads.ASYNC_TRANSCRIPTION, async_transcription(job), at)

    async def _steps(self, connection: AsyncConnection, bot: Bot) -> int:
        """What the last line of the log means."""
        if not _wants(bot, payloads.STATE_CHANGE):
            return 0
        h = t.happenings.c
        found = select(t.happenings).where(h.bot_id == bot.id, h.event.in_([*attendee.EVENTS])).order_by(h.id)
        life = attendee.Life(records=bot.config.record)
        steps: list[attendee.Step] = []
        for row in await connection.execute(found):
            steps = life.take(happening_of(row))
        for step in steps:
            await self._tell(connection, bot, payloads.STATE_CHANGE, payloads.state_change(step), step.at)
        return len(steps)

    async def _event(self, connection: AsyncConnection, bot: Bot, who: Participant, event: str, at: float) -> int:
        row = t.participant_events.insert().values(
            bot_id=bot.id, participant_id=who.id, name=who.name, is_host=who.is_host, event=event, at=at
        )
        made = await connection.execute(row.returning(t.participant_events.c.id))
        ident = int(made.scalar_one())
        trigger = attendee.SPEECH if event.startswith("speech") else payloads.JOIN_LEAVE
        data = payloads.participant_event(bot.id, ident, (who.id, who.name, who.is_host), event, at)
        return await self._tell(connection, bot, trigger, data, at)

    async def _said(self, connection: AsyncConnection, bot: Bot, segment: Segment) -> int:
        if not _wants(bot, payloads.TRANSCRIPT):
            return 0
        p = t.participant_events.c
        known = select(p.is_host).where(p.bot_id == bot.id, p.participant_id == segment.participant_id)
        host = (await connection.execute(known.order_by(p.id.desc()).limit(1))).scalar_one_or_none()
        began_at = bot.started_at or bot.created_at
        data = payloads.utterance(segment, began_at, bool(host))
        return await self._tell(connection, bot, payloads.TRANSCRIPT, data, began_at + segment.end)

    async def _tell(self, connection: AsyncConnection, bot: Bot, trigger: str, data: dict[str, Any], at: float) -> int:
        urls = _wants(bot, trigger)
        for url in urls:
            body = payloads.encode(payloads.envelope(bot, trigger, data, str(uuid.uuid4())))
            await self._post(connection, bot, url, trigger, body, at)
        return len(urls)


def async_transcription(job: TranscriptJob) -> dict[str, Any]:
    """A transcription that was asked for afterwards, as the API and its webhook show it. Pure."""
    state = {"Processing": "in_progress", "Success": "complete", "Failed": "failed"}[job.status]
    return {
        "id": job.id,
        "state": state,
        "created_at": payloads.iso(job.created_at),
        "failure_data": None if job.error is None else {"reason": job.error},
    }


def _wants(bot: Bot, trigger: str) -> Sequence[str]:
    """Where a trigger of a bot is to be told."""
    config = bot.config.attendee
    return [] if config is None else [hook.url for hook in config.webhooks if trigger in hook.triggers]
