"""The verbs of the product on the database: :class:`rejoinder.control.service.BotService`."""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import orjson
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rejoinder.control.accounts import refuse_busy
from rejoinder.control.attendee import first_entries, new_bot_id
from rejoinder.control.cleaning import Cleaner, prefix_of
from rejoinder.control.editing import Editor
from rejoinder.control.ledger import Ledger
from rejoinder.control.reading import Reading, reported
from rejoinder.control.service import Counts, Created, SpeakerTimeline
from rejoinder.core.bot import Bot, BotConfig, BotStatus
from rejoinder.core.entries import Reached
from rejoinder.core.lifecycle import Moment
from rejoinder.core.links import platform_of
from rejoinder.core.records import Delivery, FileKind, StoredFile, TranscriptJob
from rejoinder.core.transcript import Segment
from rejoinder.engine.base import Engine, Job
from rejoinder.errors import Conflict, InvalidRequest, NotFound, NotReady, ProviderError, Unavailable
from rejoinder.settings import Settings
from rejoinder.storage import tables as t
from rejoinder.storage.blobs import Blobs
from rejoinder.storage.database import Database
from rejoinder.storage.links import Links
from rejoinder.storage.outbox import SqlOutbox
from rejoinder.storage.rows import attribute_rows, bot_of, bot_row, segment_of

LEAD_S = 1.0
"""A scheduled bot is woken this long before its time: finding it takes the engine about as long."""
ENDED = frozenset({BotStatus.NOT_ALLOWED, BotStatus.DENIED, BotStatus.FAILED, BotStatus.MEDIA_EXPIRED})
"""Statuses that end a bot's life for Attendee's clients, even while something is still being written down."""
LEAVE_WITHIN_S = 15.0
"""How long a deletion waits for the bot to leave its meeting."""


class Bots(Reading):
    """Fulfils :class:`~rejoinder.control.service.BotService`.

    ``known`` says whether a link is a meeting this server can join; it raises InvalidRequest. ``poke`` is called
    with a bot's id when there is a command for it. ``batch`` names the providers that transcribe recordings.
    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        ledger: Ledger,
        blobs: Blobs,
        links: Links,
        known: Callable[[str], None],
        batch: Callable[[], frozenset[str]],
        cleaner: Cleaner,
        settings: Settings,
    ) -> None:
        super().__init__(database)
        self._engine = engine
        self._ledger = ledger
        self._blobs = blobs
        self._links = links
        self._known = known
        self._batch = batch
        self._cleaner = cleaner
        self._settings = settings
        self._outbox = SqlOutbox(database)
        self._editor = Editor(database, engine, ledger, blobs, known, settings.data_dir / "spool", LEAD_S)
        self.poke: Callable[[str], None] = lambda bot_id: None

    # -- create -------------------------------------------------------------------------------------------------

    async def create(self, config: BotConfig, account: str, *, idempotency_key: str | None = None) -> Created:
        self._known(config.meeting_link)
        async with reported():
            earlier = await self._earlier(config, account, idempotency_key)
            if earlier is not None:
                return earlier
            if config.sign_in is not None:
                await asyncio.to_thread(refuse_busy, config, self._settings)
            try:
                return Created(await self._insert(config, account, idempotency_key), "new")
            except IntegrityError:  # the same call came twice at once
                earlier = await self._earlier(config, account, idempotency_key)
                if earlier is None:
                    self._refuse_key(config)
                    raise
                return earlier

    def _refuse_key(self, config: BotConfig) -> None:
        """Attendee's rule for deduplication keys: one live bot each, others are refused."""
        if config.attendee is not None and config.deduplication_key is not None:
            raise InvalidRequest(
                "deduplication_key: there is a bot with this key that has not ended", field="deduplication_key"
            )

    async def _earlier(self, config: BotConfig, account: str, idempotency_key: str | None) -> Created | None:
        """The bot an earlier call with the same key made. If both keys are given, the header's wins."""
        keys = ((t.bots.c.idempotency_key, idempotency_key), (t.bots.c.deduplication_key, config.deduplication_key))
        for column, key in keys:
            if key is None or (config.attendee is not None and column is t.bots.c.deduplication_key):
                continue
            async with self._database.read() as connection:
                found = select(t.bots).where(t.bots.c.account == account, column == key)
                row = (await connection.execute(found)).first()
            if row is None:
                continue
            bot = bot_of(row)
            if column is t.bots.c.idempotency_key:
                return Created(bot, "replayed")
            if bot.config.meeting_link != config.meeting_link:
                raise Conflict("deduplication_key was used for another meeting.")
            return Created(bot, "duplicate")
        return None

    async def _insert(self, config: BotConfig, account: str, idempotency_key: str | None) -> Bot:
        now = time.time()
        bot = Bot(new_bot_id(config), account, config, now, updated_at=now, platform=platform_of(config.meeting_link))
        if config.transcript is not None and not config.transcript.streaming:
            bot.transcript_id = str(uuid.uuid4())
        scheduled = config.join_at is not None and config.join_at > now
        async with self._database.begin() as connection:
            if config.attendee is not None and config.deduplication_key is not None:
                await self._free_key(connection, account, config)
            await connection.execute(
                t.bots.insert().values(
                    **bot_row(bot),
                    told={},
                    idempotency_key=idempotency_key,
                    deduplication_key=config.deduplication_key,
                )
            )
            if rows := attribute_rows(bot.id, account, now, config.custom_attributes):
                await connection.execute(t.attributes.insert(), rows)
            when = config.join_at - LEAD_S if scheduled and config.join_at is not None else None
            await self._engine.submit(Job("bot", bot.id, {}, when), connection)
            if entries := first_entries(config, now, scheduled=scheduled):
                bot = await self._ledger.write_in(connection, bot.id, entries) or bot
        return bot

    async def _free_key(self, connection: AsyncConnection, account: str, config: BotConfig) -> None:
        """Take the deduplication key from a bot that has ended, or refuse it."""
        same = (t.bots.c.account == account) & (t.bots.c.deduplication_key == config.deduplication_key)
        row = (await connection.execute(select(t.bots).where(same).with_for_update())).first()
        if row is None:
            return
        if not (row.closed or bot_of(row).status in ENDED):
            self._refuse_key(config)
        await connection.execute(update(t.bots).where(same).values(deduplication_key=None))

    # -- act ----------------------------------------------------------------------------------------------------

    async def remove(self, bot_id: str, account: str) -> Bot:
        async with reported():
            bot = await self.bot(bot_id, account)
            if bot.status is BotStatus.SCHEDULED and await self._engine.cancel("bot", bot_id):
                bot = await self._ledger.write(bot_id, [Reached(Moment.CANCELLED, time.time())]) or bot
                await self._cleaner.schedule(bot)
            elif not bot.status.over:
                await self._order(bot_id, "leave", {})
            return bot

    async def delete(self, bot_id: str, account: str) -> int:
        async with reported():
            bot = await self.remove(bot_id, account)
            deadline = time.monotonic() + LEAVE_WITHIN_S
            while not bot.status.over:
                if time.monotonic() > deadline:
                    raise Conflict("The bot is still leaving its meeting; try again.")
                await asyncio.sleep(0.1)
                bot = await self.bot(bot_id, account)
            return await self._cleaner.delete(bot)

    async def send_message(self, bot_id: str, account: str, text: str) -> None:
        async with reported():
            await self._in_meeting(bot_id, account)
            await self._order(bot_id, "send_message", {"text": text})

    async def send_image(self, bot_id: str, account: str, url: str, display_s: float | None) -> None:
        async with reported():
            await self._in_meeting(bot_id, account)
            await self._order(bot_id, "send_image", {"url": url, "display_s": display_s})

    async def set_recording(self, bot_id: str, account: str, *, paused: bool) -> None:
        async with reported():
            bot = await self._in_meeting(bot_id, account)
            if bot.recording == "none":
                raise Unavailable("The bot does not record.")
            await self._order(bot_id, "set_recording", {"paused": paused})

    async def play(self, bot_id: str, account: str, data: bytes, content_type: str) -> None:
        async with reported():
            await self._in_meeting(bot_id, account)
            key = f"{prefix_of(bot_id)}said/{uuid.uuid4().hex}"
            await self._blobs.put(key, data, content_type, "said")
            await self._order(bot_id, "play", {"key": key})

    async def speak(self, bot_id: str, account: str, text: str) -> None:
        async with reported():
            await self._in_meeting(bot_id, account)
            await self._order(bot_id, "say", {"text": text})

    async def show(self, bot_id: str, account: str, image: bytes) -> None:
        async with reported():
            await self._in_meeting(bot_id, account)
            await self._order(bot_id, "show", {"data": base64.b64encode(image).decode("ascii")})

    async def change(self, bot_id: str, account: str, edit: Callable[[BotConfig], BotConfig], *, early: bool) -> Bot:
        async with reported():
            return await self._editor.change(await self.bot(bot_id, account), edit, early=early)

    async def erase(self, bot_id: str, account: str) -> Bot:
        async with reported():
            bot = await self.bot(bot_id, account)
            if not bot.status.over:
                raise Conflict("The bot has not ended.")
            deadline = time.monotonic() + LEAVE_WITHIN_S
            while not bot.closed:
                if time.monotonic() > deadline:
                    raise Conflict("The bot's recording is still being worked on; try again.")
                await asyncio.sleep(0.1)
                bot = await self.bot(bot_id, account)
            return await self._editor.erase(bot)

    async def delete_transcripts(self, bot_id: str, account: str) -> int:
        async with reported():
            return await self._editor.delete_transcripts(await self.bot(bot_id, account))

    async def _in_meeting(self, bot_id: str, account: str) -> Bot:
        bot = await self.bot(bot_id, account)
        if not bot.status.in_meeting:
            raise Conflict(f"The bot is not in a meeting: its status is {bot.status.value}.")
        return bot

    async def _order(self, bot_id: str, kind: str, body: dict[str, Any]) -> None:
        async with self._database.begin() as connection:
            order = t.commands.insert().values(bot_id=bot_id, kind=kind, body=body, created_at=time.time())
            await connection.execute(order)
        self.poke(bot_id)

    # -- files and transcripts ----------------------------------------------------------------------------------

    async def files(self, bot_id: str, account: str, kind: FileKind) -> Sequence[StoredFile]:
        async with reported():
            bot = await self.bot(bot_id, account)
            if bot.audio_status is None and not bot.closed:
                raise NotReady("The recording is not finished yet.")
            return await self.files_of(bot_id, kind)

    async def link(self, file: StoredFile, life_s: int) -> str:
        signed = await self._blobs.sign(file.key, life_s)
        if signed is not None:
            return signed
        token = self._links.make(file.key, file.name, file.content_type, time.time() + life_s)
        return f"{self._settings.base_url}/media/{token}/{quote(file.name)}"

    async def speaker_timeline(self, bot_id: str, account: str) -> SpeakerTimeline:
        await self.files(bot_id, account, "audio")
        async with reported():
            bot = await self.bot(bot_id, account)
            return await self.speakers(bot, self._blobs)

    async def transcribe(
        self, bot_id: str, account: str, provider: str, options: dict[str, Any], callback_url: str | None
    ) -> TranscriptJob:
        if provider not in self._batch():
            known = ", ".join(sorted(self._batch())) or "none"
            raise InvalidRequest(f'provider: this server has no "{provider}"; it has: {known}', field="provider")
        async with reported():
            bot = await self.bot(bot_id, account)
            if bot.audio_status is None:
                raise Conflict("The recording is not finished yet.")
            if not await self.files_of(bot_id, "audio"):
                raise Conflict("There is no recording to transcribe.")
            job = TranscriptJob(
                str(uuid.uuid4()), bot_id, provider, options, "Processing", time.time(), None, callback_url
            )
            async with self._database.begin() as connection:
                await add_transcript(connection, job)
                await connection.execute(
                    update(t.bots).where(t.bots.c.id == bot_id).values(transcript_id=job.id, transcript_status=None)
                )
                await self._engine.submit(Job("transcribe", job.id, {"transcript_id": job.id}), connection)
            return job

    async def transcript(self, transcript_id: str, account: str) -> tuple[TranscriptJob, Bot, Sequence[Segment]]:
        async with reported():
            job, bot = await self.transcript_row(transcript_id, account)
            if job.status == "Processing":
                raise NotReady("Transcript is still being processed. Current status: Processing")
            if job.status == "Failed":
                raise ProviderError(job.error or "The transcription failed.", provider=job.provider)
            file = next(
                (file for file in await self.files_of(bot.id, "transcript_raw") if file.owner_id == job.id), None
            )
            if file is None:
                raise NotFound("Transcript not found.")
            body = b"".join([part async for part in self._blobs.read(file.key)])
            return job, bot, [segment_of(segment) for segment in orjson.loads(body)["segments"]]

    async def summary(self, bot_id: str, account: str) -> str:
        async with reported():
            bot = await self.bot(bot_id, account)
            known = await self.summary_row(bot_id)
            if known is None or (known.status == "Failed" and time.time() - known.created_at > 60):
                if not self._settings.summaries or not await self._has_words(bot):
                    raise NotFound("There is no transcript to summarise.")
                await self._start_summary(bot_id, again=known is not None)
                raise NotReady("The summary is being written.")
            if known.status == "Failed":
                raise NotFound(known.error or "There is no summary.")
            if known.status != "Success":
                raise NotReady("The summary is being written.")
            return str(known.text)

    async def _has_words(self, bot: Bot) -> bool:
        if await self.files_of(bot.id, "transcript_raw"):
            return True
        async with self._database.read() as connection:
            found = select(t.segments.c.id).where(t.segments.c.bot_id == bot.id).limit(1)
            return bot.closed and (await connection.execute(found)).first() is not None

    async def _start_summary(self, bot_id: str, *, again: bool) -> None:
        async with self._database.begin() as connection:
            if again:
                await connection.execute(delete(t.summaries).where(t.summaries.c.bot_id == bot_id))
            await connection.execute(
                t.summaries.insert().values(bot_id=bot_id, status="Processing", created_at=time.time())
            )
            job = Job("summarise", f"{bot_id}:{uuid.uuid4().hex}", {"bot_id": bot_id})
            await self._engine.submit(job, connection)

    # -- webhooks -----------------------------------------------------------------------------------------------

    async def redeliver(self, bot_id: str, account: str, delivery_id: int) -> Delivery:
        async with reported():
            await self.bot(bot_id, account)
            delivery = await self._outbox.requeue(bot_id, delivery_id, time.time())
            async with self._database.begin() as connection:
                await self._ledger.send_courier(connection, bot_id)
            return delivery

    # -- monitoring ---------------------------------------------------------------------------------------------

    async def counts(self) -> Counts:
        async with reported():
            return await self.count()

    async def check(self) -> None:
        async with reported():
            await self._database.check()
        await self._blobs.check()


async def add_transcript(connection: AsyncConnection, job: TranscriptJob) -> None:
    """Keep a transcription that is to be made."""
    await connection.execute(
        t.transcripts.insert().values(
            id=job.id,
            bot_id=job.bot_id,
            provider=job.provider,
            options=job.options,
            status=job.status,
            created_at=job.created_at,
            callback_url=job.callback_url,
        )
    )
