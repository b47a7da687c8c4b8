"""Changing what was asked for before a bot sets out, and deleting what it left while the bot itself is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rejoinder.control.cleaning import prefix_of, remove_folder
from rejoinder.control.ledger import Ledger
from rejoinder.core.attendee import EVENTS
from rejoinder.core.bot import Bot, BotConfig, BotStatus
from rejoinder.core.entries import Reached
from rejoinder.core.lifecycle import Moment
from rejoinder.core.links import platform_of
from rejoinder.engine.base import BOT, Engine
from rejoinder.errors import Conflict, NotFound
from rejoinder.storage import tables as t
from rejoinder.storage.blobs import Blobs
from rejoinder.storage.database import Database
from rejoinder.storage.rows import attribute_rows, bot_of, config_json
from rejoinder.webhooks import attendee as payloads

CONTENT = (
    t.turns,
    t.chats,
    t.participants,
    t.participant_events,
    t.commands,
    t.files,
    t.transcripts,
    t.segments,
    t.summaries,
)
"""Tables of what was said and done in a meeting."""
TRANSCRIPT_FILES = ("transcript", "transcript_raw")


class Editor:
    """Works on bots of which the caller has made sure that they are the account's.

    ``known`` raises InvalidRequest for a link that is no meeting here. ``spool``: this host's recordings under way.
    ``lead_s``: how long before its time a scheduled bot is woken.
    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        ledger: Ledger,
        blobs: Blobs,
        known: Callable[[str], None],
        spool: Path,
        lead_s: float,
    ) -> None:
        self._database = database
        self._engine = engine
        self._ledger = ledger
        self._blobs = blobs
        self._known = known
        self._spool = spool
        self._lead_s = lead_s

    async def change(self, bot: Bot, edit: Callable[[BotConfig], BotConfig], *, early: bool) -> Bot:
        """Replace a bot's config. ``early``: only while it is scheduled. Raises Conflict, InvalidRequest."""
        if early and bot.status is not BotStatus.SCHEDULED:
            raise Conflict("The bot is no longer scheduled.")
        new = edit(bot.config)
        if new.meeting_link != bot.config.meeting_link:
            self._known(new.meeting_link)
        moved = new.join_at is not None and new.join_at != bot.config.join_at
        if moved and not await self._engine.reschedule(BOT, bot.id, (new.join_at or 0.0) - self._lead_s):
            raise Conflict("The bot is no longer scheduled.")
        async with self._database.begin() as connection:
            row = (await connection.execute(select(t.bots).where(t.bots.c.id == bot.id).with_for_update())).first()
            if row is None:
                raise NotFound("Bot not found.")
            now = bot_of(row)
            if early and now.status is not BotStatus.SCHEDULED:
                raise Conflict("The bot is no longer scheduled.")
            now.config = edit(now.config)
            now.platform = platform_of(now.config.meeting_link)
            await connection.execute(
                update(t.bots)
                .where(t.bots.c.id == bot.id)
                .values(
                    config=config_json(now.config),
                    custom_attributes=now.config.custom_attributes,
                    join_at=now.config.join_at,
                    platform=now.platform,
                )
            )
            await connection.execute(delete(t.attributes).where(t.attributes.c.bot_id == bot.id))
            rows = attribute_rows(bot.id, now.account, now.created_at, now.config.custom_attributes)
            if rows:
                await connection.execute(t.attributes.insert(), rows)
        return now

    async def erase(self, bot: Bot) -> Bot:
        """Delete the files and rows of a closed bot. Files first: whoever is interrupted begins again."""
        await self._remove_files(bot)
        async with self._database.begin() as connection:
            # Whoever is still working on the bot waits for this row, and then finds that its data is gone.
            await connection.execute(select(t.bots.c.id).where(t.bots.c.id == bot.id).with_for_update())
            await self._remove_rows(connection, bot)
            moment = Reached(Moment.MEDIA_EXPIRED, time.time(), "Data deleted")
            after = await self._ledger.write_in(connection, bot.id, [moment])
        await self._remove_files(bot)
        if after is None:
            raise NotFound("Bot not found.")
        return after

    async def _remove_files(self, bot: Bot) -> None:
        await self._blobs.delete_prefix(prefix_of(bot.id))
        await asyncio.to_thread(remove_folder, self._spool / bot.id)

    async def _remove_rows(self, connection: AsyncConnection, bot: Bot) -> None:
        for table in CONTENT:
            await connection.execute(delete(table).where(table.c.bot_id == bot.id))
        h, d = t.happenings.c, t.deliveries.c
        steps = {moment.value for moment in Moment} | {*EVENTS}
        await connection.execute(delete(t.happenings).where(h.bot_id == bot.id, h.event.not_in(steps)))
        told = d.event.in_(payloads.SENT - {payloads.STATE_CHANGE}) | d.event.like("participant_events.%")
        await connection.execute(delete(t.deliveries).where(d.bot_id == bot.id, told))
        change = update(t.bots).where(t.bots.c.id == bot.id)
        await connection.execute(change.values(transcript_id=None, transcript_status=None))

    async def delete_transcripts(self, bot: Bot) -> int:
        """Delete all transcripts of a bot. How many there were."""
        async with self._database.begin() as connection:
            row = select(t.transcripts.c.status).where(t.transcripts.c.bot_id == bot.id)
            states = (await connection.execute(row)).scalars().all()
            if "Processing" in states:
                raise Conflict("A transcript is being made; try again when it is done.")
            kinds = (t.files.c.bot_id == bot.id) & t.files.c.kind.in_(TRANSCRIPT_FILES)
            keys = (await connection.execute(select(t.files.c.key).where(kinds))).scalars().all()
            await connection.execute(delete(t.files).where(kinds))
            live = await connection.execute(delete(t.segments).where(t.segments.c.bot_id == bot.id))
            for table in (t.transcripts, t.summaries):
                await connection.execute(delete(table).where(table.c.bot_id == bot.id))
            change = update(t.bots).where(t.bots.c.id == bot.id)
            await connection.execute(change.values(transcript_id=None, transcript_status=None))
        for key in keys:
            await self._blobs.delete(key)
        return len(states) + (1 if live.rowcount else 0)
