"""Writes a bot's life down: its status, its log and the webhooks they cause, in one transaction each."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rejoinder.control.attendee import Teller
from rejoinder.core.bot import Bot, BotStatus
from rejoinder.core.entries import (
    Answered,
    Came,
    Chatted,
    Entry,
    Noted,
    Reached,
    RecordingSet,
    Transcribed,
    Went,
)
from rejoinder.core.lifecycle import IllegalTransition, Moment, Rule, apply
from rejoinder.core.records import Attendance
from rejoinder.engine.base import Engine, Job
from rejoinder.errors import Fenced
from rejoinder.settings import Settings
from rejoinder.storage import tables as t
from rejoinder.storage.database import Database
from rejoinder.storage.outbox import SqlOutbox
from rejoinder.storage.rows import bot_of, state_row, words_json
from rejoinder.webhooks import payloads

log = structlog.get_logger(__name__)

ERROR = "bot.error"
DELIVER = "deliver"
"""The job that sends a bot's webhooks."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Who writes: the worker that took the bot up for the ``epoch``-th time."""

    owner: str
    epoch: int


@dataclass(slots=True)
class _Draft:
    """A bot inside a transaction."""

    bot: Bot
    told: dict[str, int]
    webhooks: int = 0


class Ledger:
    """All writing to a bot that exists goes through :meth:`write`."""

    def __init__(self, database: Database, engine: Engine, settings: Settings) -> None:
        self._database = database
        self._engine = engine
        self._settings = settings
        self._outbox = SqlOutbox(database)
        self.teller = Teller(self.post)

    async def write(self, bot_id: str, entries: Sequence[Entry], fence: Fence | None = None) -> Bot | None:
        """Write entries down in order; steps that cannot be taken from the bot's status are left out. The bot as it
        is then; None if it was deleted.

        Raises Fenced when ``fence`` is not the bot's present owner; nothing is written then.
        """
        async with self._database.begin() as connection:
            if fence is not None:
                await self._check(connection, bot_id, fence)
            return await self.write_in(connection, bot_id, entries)

    async def write_in(self, connection: AsyncConnection, bot_id: str, entries: Sequence[Entry]) -> Bot | None:
        """The same inside the caller's transaction, by whoever needs no fence."""
        row = (await connection.execute(select(t.bots).where(t.bots.c.id == bot_id).with_for_update())).first()
        if row is None:
            return None
        draft = _Draft(bot_of(row), dict(row.told))
        for entry in entries:
            await self._enter(connection, draft, entry)
        await self._save(connection, draft)
        if draft.webhooks and (draft.bot.closed or draft.bot.status is BotStatus.SCHEDULED):
            # No courier is there before the meeting, and after it, it may have gone home.
            await self.send_courier(connection, bot_id)
        return draft.bot

    async def take_up(self, bot_id: str, fence: Fence) -> Bot | None:
        """The bot, for the worker that owns it now; sets its courier on its way. Raises Fenced."""
        async with self._database.begin() as connection:
            await self._check(connection, bot_id, fence)
            row = (await connection.execute(select(t.bots).where(t.bots.c.id == bot_id).with_for_update())).first()
            if row is None:
                return None
            draft = _Draft(bot_of(row), dict(row.told))
            draft.bot.epoch = fence.epoch
            await self._save(connection, draft)
            if tells(draft.bot):
                await self._engine.submit(courier(bot_id, str(fence.epoch), fence.epoch), connection)
            return draft.bot

    async def send_courier(self, connection: AsyncConnection, bot_id: str) -> None:
        """Have the bot's waiting webhooks sent."""
        await self._engine.submit(courier(bot_id, uuid.uuid4().hex), connection)

    async def _check(self, connection: AsyncConnection, bot_id: str, fence: Fence) -> None:
        owned = select(t.ownership.c.owner, t.ownership.c.epoch).where(t.ownership.c.bot_id == bot_id)
        row = (await connection.execute(owned.with_for_update())).first()
        if row is None or (row.owner, row.epoch) != (fence.owner, fence.epoch):
            raise Fenced(f"bot {bot_id} is not {fence.owner}'s (epoch {fence.epoch}) any more")

    async def _save(self, connection: AsyncConnection, draft: _Draft) -> None:
        draft.bot.updated_at = time.time()
        change = update(t.bots).where(t.bots.c.id == draft.bot.id)
        await connection.execute(change.values(told=draft.told, **state_row(draft.bot)))

    async def _enter(self, connection: AsyncConnection, draft: _Draft, entry: Entry) -> None:
        bot = draft.bot
        match entry:
            case Reached():
                if not await self._reached(connection, draft, entry):
                    return
            case Noted(event=event, at=at, message=message, data=data):
                await _insert(connection, t.happenings, bot, at=at, event=event, message=message, data=data)
                if event == ERROR and bot.config.callback_url is not None:
                    # MeetStream's one webhook without a step: a service the bot uses in the meeting has failed.
                    body = {"bot_id": bot.id, "event": ERROR, "bot_status": bot.status.value, "message": message}
                    await self.post(connection, bot, bot.config.callback_url, ERROR, body, at)
                    draft.webhooks += 1
            case Came():
                if not await self._came(connection, draft, entry):
                    return
            case Went():
                await self._went(connection, draft, entry)
            case Chatted(line=line):
                await _insert(
                    connection,
                    t.chats,
                    bot,
                    message_id=line.id,
                    participant_id=line.participant_id,
                    name=line.name,
                    text=line.text,
                    at=line.at,
                    own=line.own,
                )
            case Answered(turn=turn):
                await _insert(connection, t.turns, bot, body=turn)
            case Transcribed(segment=segment):
                await _insert(
                    connection,
                    t.segments,
                    bot,
                    participant_id=segment.participant_id,
                    speaker=segment.speaker,
                    words=words_json(segment),
                )
            case RecordingSet(state=state):
                bot.recording = state
        if bot.config.attendee is not None:
            draft.webhooks += await self.teller.tell(connection, bot, entry)

    async def _reached(self, connection: AsyncConnection, draft: _Draft, entry: Reached) -> bool:
        """Whether the step could be taken."""
        bot, moment = draft.bot, entry.moment
        try:
            step = apply(bot.status, draft.told, moment)
        except IllegalTransition as error:
            log.info("step left out", bot_id=bot.id, reason=str(error))
            return False
        message = entry.message or step.rule.message
        if not bot.status.over:  # afterwards it goes on saying why the stay ended
            bot.message = message
        bot.status = step.status
        _follow(bot, moment, entry.at, step.rule)
        if bot.status.over:
            await self._all_gone(connection, bot)
        data = {} if entry.reason is None else {"reason": entry.reason}
        await _insert(connection, t.happenings, bot, at=entry.at, event=moment.value, message=message, data=data)
        if not step.tell:
            return True
        draft.told[moment.value] = draft.told.get(moment.value, 0) + 1
        if bot.config.callback_url is not None:
            body = payloads.lifecycle(
                bot, moment, message, entry.at, speaker_id=entry.speaker_id, transcript_id=bot.transcript_id
            )
            await self.post(connection, bot, bot.config.callback_url, str(step.rule.event), body, entry.at)
            draft.webhooks += 1
        return True

    async def post(
        self, connection: AsyncConnection, bot: Bot, url: str, event: str, body: dict[str, Any] | bytes, at: float
    ) -> None:
        """Put a webhook into the outbox."""
        retries = bot.config.callback_retries
        await self._outbox.add(
            connection,
            bot_id=bot.id,
            account=bot.account,
            url=url,
            event=event,
            body=body if isinstance(body, bytes) else payloads.encode(body),
            retries=self._settings.webhook_retries if retries is None else retries,
            at=at,
        )

    async def _all_gone(self, connection: AsyncConnection, bot: Bot) -> None:
        """Nobody is known to be there any more when the bot is not."""
        there = (t.participants.c.bot_id == bot.id) & t.participants.c.left_at.is_(None)
        await connection.execute(update(t.participants).where(there).values(left_at=bot.ended_at))

    async def _came(self, connection: AsyncConnection, draft: _Draft, entry: Came) -> bool:
        """Someone whom an earlier worker's bot saw come, and who is still there, is not told again: False."""
        who, bot, p = entry.participant, draft.bot, t.participants.c
        here = (p.bot_id == bot.id) & (p.participant_id == who.id) & p.left_at.is_(None)
        known = await connection.execute(update(t.participants).where(here).values(epoch=bot.epoch))
        if known.rowcount:
            return False
        await _insert(
            connection,
            t.participants,
            bot,
            epoch=bot.epoch,
            participant_id=who.id,
            name=who.name,
            is_bot=who.is_bot,
            joined_at=entry.at,
        )
        await self._tell_participant(
            connection, draft, Attendance(who.id, who.name, who.is_bot, entry.at), "join", entry.at
        )
        return True

    async def _went(self, connection: AsyncConnection, draft: _Draft, entry: Went) -> None:
        who, bot, p = entry.participant, draft.bot, t.participants.c
        here = (p.bot_id == bot.id) & (p.participant_id == who.id) & p.left_at.is_(None)
        await connection.execute(update(t.participants).where(here).values(left_at=entry.at))
        stay = Attendance(who.id, who.name, who.is_bot, entry.at, entry.at)
        await self._tell_participant(connection, draft, stay, "leave", entry.at)

    async def _tell_participant(
        self, connection: AsyncConnection, draft: _Draft, stay: Attendance, action: Literal["join", "leave"], at: float
    ) -> None:
        bot = draft.bot
        event = f"participant_events.{action}"
        for target in bot.config.participant_webhooks:
            if event in target.events:
                relative = at - (bot.started_at or at)
                body = payloads.participant(bot, stay, action, at, relative)
                await self.post(connection, bot, target.url, event, body, at)
                draft.webhooks += 1


def courier(bot_id: str, name: str, epoch: int | None = None) -> Job:
    """The job that sends what is in a bot's outbox. With ``epoch`` it stays until the bot is closed or a later epoch's
    courier is there."""
    return Job(DELIVER, f"{bot_id}:{name}", {"bot_id": bot_id, "epoch": epoch})


def tells(bot: Bot) -> bool:
    """Whether anyone is told of what happens to this bot."""
    hooks = bot.config.attendee.webhooks if bot.config.attendee is not None else ()
    return bot.config.callback_url is not None or bool(bot.config.participant_webhooks or hooks)


def _follow(bot: Bot, moment: Moment, at: float, rule: Rule) -> None:
    """What a step means beyond the status."""
    if moment is Moment.IN_MEETING and bot.started_at is None:
        bot.started_at = at
    if bot.status.over and bot.ended_at is None:
        bot.ended_at = at
        bot.recording = "none"
    bot.audio_status = rule.extra.get("audio_status", bot.audio_status)
    transcript = rule.extra.get("transcript_status")
    if transcript in ("Success", "Failed"):
        bot.transcript_status = transcript
    if moment in (Moment.DONE, Moment.CANCELLED):
        bot.closed = True


async def _insert(connection: AsyncConnection, table: Any, bot: Bot, **values: Any) -> None:
    await connection.execute(table.insert().values(bot_id=bot.id, **values))
