"""After the meeting: files, transcripts, summary, and ``bot.done``. Each step may be repeated after a crash."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from rejoinder.agent.base import LanguageModel
from rejoinder.bridges.meetstream import transcript as shapes
from rejoinder.control.bots import add_transcript
from rejoinder.control.cleaning import Cleaner, prefix_of, remove_folder
from rejoinder.control.ledger import Ledger
from rejoinder.control.reading import Reading
from rejoinder.control.shipping import Spool
from rejoinder.core.bot import Bot, BotStatus
from rejoinder.core.entries import Entry, Reached
from rejoinder.core.lifecycle import Moment
from rejoinder.core.records import StoredFile, TranscriptJob
from rejoinder.core.transcript import Segment
from rejoinder.engine.base import Engine, Job
from rejoinder.errors import NotFound, ProviderError, RejoinderError
from rejoinder.recording.encode import TYPES, compress, encoder
from rejoinder.recording.join import Recording, finish, read_track_pcm
from rejoinder.storage import tables as t
from rejoinder.storage.blobs import Blobs
from rejoinder.storage.database import Database
from rejoinder.storage.rows import bot_of, file_row, segment_json, segment_of, transcript_of
from rejoinder.transcription.base import BatchTranscriber, TrackAudio
from rejoinder.transcription.merge import merge
from rejoinder.transcription.summary import summarise
from rejoinder.webhooks import payloads

log = structlog.get_logger(__name__)

TRANSCRIBE = "transcribe"
SUMMARISE = "summarise"
RATE = 16_000


class Aftermath:
    """What workers do for bots that have left. ``batch``: transcribers by provider; ``llm`` writes summaries."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        ledger: Ledger,
        blobs: Blobs,
        spool: Spool,
        cleaner: Cleaner,
        batch: Mapping[str, BatchTranscriber],
        llm: LanguageModel | None,
    ) -> None:
        self._database = database
        self._reading = Reading(database)
        self._engine = engine
        self._ledger = ledger
        self._blobs = blobs
        self._spool = spool
        self._cleaner = cleaner
        self._batch = batch
        self._llm = llm

    # -- the recording ------------------------------------------------------------------------------------------

    async def settle(self, bot_id: str) -> None:
        """Make the recording's files, then have it transcribed, or close the bot."""
        bot = await self._bot(bot_id)
        if bot is not None and not bot.status.over:  # the stay ended without a word: a defect of ours
            bot = await self._ledger.write(
                bot_id, [Reached(Moment.FAILED, time.time(), "The bot stopped unexpectedly.", reason="crashed")]
            )
        if bot is None:
            return
        if bot.closed:
            await self._cleaner.schedule(bot)
            return
        await self._evidence(bot)
        if bot.audio_status is None:
            await self._media(bot)
        if await self._promised_transcript(bot):
            return
        await self._close(bot_id, [])

    async def _media(self, bot: Bot) -> None:
        with tempfile.TemporaryDirectory(dir=self._spool.workshop()) as folder:
            try:
                folders = await self._spool.folders(bot.id)
                recording = await asyncio.to_thread(finish, folders, Path(folder)) if folders else None
                if recording is None or recording.wav is None:
                    await self._happened(bot.id, Moment.MANIFEST_SKIPPED, Moment.AUDIO_SKIPPED)
                    await self._spool.remove(bot.id)
                    return
                await self._happened(bot.id, Moment.UPLOADING)
                files = await self._upload(bot, recording, Path(folder))
                await self._keep(bot.id, files)
            except NotFound:
                await self._blobs.delete_prefix(prefix_of(bot.id))  # it was deleted meanwhile
                return
        await self._happened(bot.id, Moment.MANIFEST_COMPLETED, Moment.AUDIO_PROCESSED)
        await self._spool.remove(bot.id)

    async def _upload(self, bot: Bot, recording: Recording, folder: Path) -> list[StoredFile]:
        prefix = prefix_of(bot.id)
        assert recording.wav is not None
        sound = {"sample_rate": 48_000, "channels": 1}
        files = [
            StoredFile(
                "audio",
                f"{prefix}audio.wav",
                "audio.wav",
                "audio/wav",
                await self._blobs.put(f"{prefix}audio.wav", recording.wav, "audio/wav", "audio.wav"),
                recording.duration_s,
                info={**sound, "codec": "pcm_s16le", "began_at": recording.began_at},
            )
        ]
        files += await self._compressed(bot, recording, folder)
        for track in recording.tracks:
            key = f"{prefix}tracks/{track.path.name}"
            size = await self._blobs.put(key, track.path, "audio/webm", track.path.name)
            files.append(
                StoredFile(
                    "track",
                    key,
                    track.path.name,
                    "audio/webm",
                    size,
                    track.duration_s,
                    track.participant_id,
                    track.name,
                    {**sound, "codec": "opus", "bot": track.bot},
                )
            )
        speech = orjson.dumps([[s.participant_id, s.name, s.start_s, s.end_s] for s in recording.speech])
        key = f"{prefix}speech.json"
        size = await self._blobs.put(key, speech, "application/json", "speech.json")
        files.append(StoredFile("speech", key, "speech.json", "application/json", size))
        return files

    async def _compressed(self, bot: Bot, recording: Recording, folder: Path) -> list[StoredFile]:
        """The recording in the format that Attendee's create call asked for; the WAV is there in any case."""
        config = bot.config.attendee
        if config is None or config.recording_format == "none" or recording.wav is None:
            return []
        kind = config.recording_format
        path, name = folder / f"recording.{kind}", f"recording.{kind}"
        try:
            await asyncio.get_running_loop().run_in_executor(encoder, compress, recording.wav, path, kind)
        except OSError as error:
            log.warning("recording not compressed", bot_id=bot.id, error=str(error))
            return []
        key = f"{prefix_of(bot.id)}{name}"
        size = await self._blobs.put(key, path, TYPES[kind], name)
        return [StoredFile("recording", key, name, TYPES[kind], size, recording.duration_s)]

    async def _keep(self, bot_id: str, files: Sequence[StoredFile]) -> None:
        """Write rows for files; those of the same place are replaced. Raises NotFound if the bot is gone."""
        async with self._database.begin() as connection:
            found = select(t.bots.c.status).where(t.bots.c.id == bot_id).with_for_update()
            if (await connection.execute(found)).scalar_one_or_none() == BotStatus.MEDIA_EXPIRED.value:
                raise NotFound("The bot's data was deleted.")
            for file in files:
                await connection.execute(t.files.delete().where(t.files.c.bot_id == bot_id, t.files.c.key == file.key))
                try:
                    await connection.execute(t.files.insert().values(bot_id=bot_id, **file_row(file)))
                except IntegrityError as error:
                    raise NotFound("Bot not found.") from error

    async def _evidence(self, bot: Bot) -> None:
        """What was saved where joining or staying failed."""
        folder = self._spool.evidence(bot.id)
        found = await asyncio.to_thread(lambda: sorted(path for path in folder.glob("*") if path.is_file()))
        files = []
        for path in found:
            picture = path.suffix == ".png"
            content_type = "image/png" if picture else "text/plain; charset=utf-8"  # HTML of strangers is not shown
            key = f"{prefix_of(bot.id)}evidence/{path.name}"
            size = await self._blobs.put(key, path, content_type, path.name)
            files.append(StoredFile("screenshot" if picture else "evidence", key, path.name, content_type, size))
        if files:
            try:
                await self._keep(bot.id, files)
            except NotFound:
                await self._blobs.delete_prefix(prefix_of(bot.id))
        await asyncio.to_thread(remove_folder, folder)

    # -- the transcript -----------------------------------------------------------------------------------------

    async def _promised_transcript(self, bot: Bot) -> bool:
        """Begin the transcription the create call asked for; it closes the bot. False: there is none to begin."""
        wanted = bot.config.transcript
        if wanted is None or wanted.streaming or bot.transcript_id is None:
            return False
        if not await self._reading.files_of(bot.id, "audio"):
            await self._happened(bot.id, Moment.TRANSCRIPTION_SKIPPED)
            return False
        async with self._database.begin() as connection:
            found = select(t.transcripts).where(t.transcripts.c.id == bot.transcript_id)
            if (await connection.execute(found)).first() is None:
                made = TranscriptJob(
                    bot.transcript_id, bot.id, wanted.provider, wanted.options, "Processing", time.time()
                )
                await add_transcript(connection, made)
            job = Job(TRANSCRIBE, bot.transcript_id, {"transcript_id": bot.transcript_id, "closes": True})
            await self._engine.submit(job, connection)
        return True

    async def transcribe(self, args: dict[str, Any]) -> None:
        """The job. A provider's failure is an outcome; anything else is tried again by the engine."""
        async with self._database.read() as connection:
            found = select(t.transcripts).where(t.transcripts.c.id == args["transcript_id"])
            row = (await connection.execute(found)).first()
        if row is None:
            return
        job = transcript_of(row)
        bot = await self._bot(job.bot_id)
        if bot is None:
            return
        error = job.error
        if job.status == "Processing":
            error = await self._make_transcript(bot, job)
        if args.get("closes"):
            await self._close(bot.id, _transcribed(error))
        elif job.callback_url is not None:
            await self._call_back(bot, job, error)
        elif bot.config.attendee is not None:
            await self._tell_attendee(bot, job, error)

    async def _make_transcript(self, bot: Bot, job: TranscriptJob) -> str | None:
        """None, or what went wrong."""
        transcriber = self._batch.get(job.provider)
        error: str | None = None
        try:
            if transcriber is None:
                raise ProviderError(f'This server has no provider "{job.provider}".', provider=job.provider)
            segments = merge(await self._heard(bot, job, transcriber))
            await self._keep(bot.id, await self._store_transcript(bot, job, segments))
        except NotFound:
            await self._blobs.delete_prefix(prefix_of(bot.id))
            return None
        except RejoinderError as failure:
            error = str(failure)
            log.warning("transcription failed", bot_id=bot.id, error=error)
        async with self._database.begin() as connection:
            status = "Success" if error is None else "Failed"
            change = update(t.transcripts).where(t.transcripts.c.id == job.id).values(status=status, error=error)
            await connection.execute(change)
            latest = update(t.bots).where(t.bots.c.id == bot.id, t.bots.c.transcript_id == job.id)
            await connection.execute(latest.values(transcript_status=status))
        return error

    async def _heard(self, bot: Bot, job: TranscriptJob, transcriber: BatchTranscriber) -> list[Segment]:
        files = [file for file in await self._reading.files_of(bot.id, "track") if not file.info.get("bot")]
        with tempfile.TemporaryDirectory(dir=self._spool.workshop()) as folder:
            tracks = []
            for number, file in enumerate(files):
                path = Path(folder) / f"{number}.webm"
                await self._blobs.fetch(file.key, path)
                tracks.append(
                    TrackAudio(file.owner_id or "", file.owner_name or "", partial(read_track_pcm, path, RATE))
                )
            return await transcriber.transcribe(tracks, job.options)

    async def _store_transcript(self, bot: Bot, job: TranscriptJob, segments: Sequence[Segment]) -> list[StoredFile]:
        began_at = await self._began_at(bot)
        processed = orjson.dumps(shapes.formatted(segments, began_at))
        raw = orjson.dumps({**shapes.raw(job, segments), "segments": [segment_json(one) for one in segments]})
        files = []
        for kind, body in (("transcript", processed), ("transcript_raw", raw)):
            key = f"{prefix_of(bot.id)}transcripts/{job.id}/{kind}.json"
            size = await self._blobs.put(key, body, "application/json", f"{kind}.json")
            files.append(StoredFile(kind, key, f"{kind}.json", "application/json", size, owner_id=job.id))  # type: ignore[arg-type]
        return files

    async def _began_at(self, bot: Bot) -> float:
        audio = await self._reading.files_of(bot.id, "audio")
        return float(audio[0].info["began_at"]) if audio else bot.started_at or bot.created_at

    async def _call_back(self, bot: Bot, job: TranscriptJob, error: str | None) -> None:
        """Exactly one webhook, to the URL the call named."""
        assert job.callback_url is not None
        moment = Moment.TRANSCRIPTION_PROCESSED if error is None else Moment.TRANSCRIPTION_FAILED
        body = payloads.lifecycle(bot, moment, error or "Transcription completed", time.time(), transcript_id=job.id)
        body.pop("custom_attributes", None)  # the contract's exception for these
        async with self._database.begin() as connection:
            await self._ledger.post(connection, bot, job.callback_url, moment.value, body, time.time())
            await self._ledger.send_courier(connection, bot.id)

    async def _tell_attendee(self, bot: Bot, job: TranscriptJob, error: str | None) -> None:
        done = replace(job, status="Success" if error is None else "Failed", error=error)
        async with self._database.begin() as connection:
            if await self._ledger.teller.transcribed(connection, bot, done, time.time()):
                await self._ledger.send_courier(connection, bot.id)

    # -- the summary --------------------------------------------------------------------------------------------

    async def summarise(self, args: dict[str, Any]) -> None:
        """The job: a summary of the latest transcript, or of what was transcribed live."""
        bot = await self._bot(args["bot_id"])
        if bot is None:
            return
        summary, error = None, None
        try:
            if self._llm is None:
                raise ProviderError("This server runs without a language model.", provider="llm")
            segments = await self._segments(bot)
            if not segments:
                raise ProviderError("Nothing was said.", provider="llm")
            summary = await summarise(self._llm, segments)
        except RejoinderError as failure:
            error = str(failure)
        async with self._database.begin() as connection:
            change = update(t.summaries).where(t.summaries.c.bot_id == bot.id)
            status = "Success" if error is None else "Failed"
            await connection.execute(change.values(status=status, text=summary, error=error, created_at=time.time()))

    async def _segments(self, bot: Bot) -> list[Segment]:
        files = await self._reading.files_of(bot.id, "transcript_raw")
        if files:
            body = b"".join([part async for part in self._blobs.read(files[-1].key)])
            return [segment_of(segment) for segment in orjson.loads(body)["segments"]]
        async with self._database.read() as connection:
            found = select(t.segments).where(t.segments.c.bot_id == bot.id).order_by(t.segments.c.id)
            return [segment_of(dict(row._mapping)) for row in (await connection.execute(found)).all()]

    # -- helpers ------------------------------------------------------------------------------------------------

    async def _close(self, bot_id: str, before: Sequence[Moment | tuple[Moment, str]]) -> None:
        now = time.time()
        entries: list[Entry] = []
        for step in before:
            moment, message = step if isinstance(step, tuple) else (step, None)
            entries.append(Reached(moment, now, message))
        bot = await self._bot(bot_id)
        if bot is not None and not bot.closed:
            bot = await self._ledger.write(bot_id, [*entries, Reached(Moment.DONE, now)])
        if bot is not None:
            await self._cleaner.schedule(bot)

    async def _happened(self, bot_id: str, *moments: Moment) -> None:
        await self._ledger.write(bot_id, [Reached(moment, time.time()) for moment in moments])

    async def _bot(self, bot_id: str) -> Bot | None:
        async with self._database.read() as connection:
            row = (await connection.execute(select(t.bots).where(t.bots.c.id == bot_id))).first()
        return None if row is None else bot_of(row)


def _transcribed(error: str | None) -> list[Moment | tuple[Moment, str]]:
    if error is not None:
        return [(Moment.TRANSCRIPTION_FAILED, error)]
    return [Moment.TRANSCRIPTION_PROCESSED, Moment.TRANSCRIPTION_READY]
