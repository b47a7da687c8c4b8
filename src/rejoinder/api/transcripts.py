"""Transcripts over HTTP (contract 5)."""

# No "from __future__ import annotations" here: FastAPI reads the endpoints' annotations, and `Account` is local.
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from rejoinder.api.body import read_json
from rejoinder.api.bots import PREFIX
from rejoinder.api.context import BotId, Context, Json, TranscriptId
from rejoinder.api.describe import Responses, answers, body, query
from rejoinder.api.meetstream import bodies, requests
from rejoinder.api.meetstream import media_answers as shapes
from rejoinder.api.meetstream import media_views as views
from rejoinder.api.meetstream.queries import FORMATS, transcript_form
from rejoinder.api.recordings import AUDIO_LIFE_S, linked
from rejoinder.bridges.meetstream import transcript as transcripts
from rejoinder.control.service import BotService
from rejoinder.core.bot import Bot
from rejoinder.core.records import FileKind, TranscriptJob
from rejoinder.core.transcript import Segment
from rejoinder.errors import Conflict, NotFound, NotReady, ProviderError
from rejoinder.outgoing import check_url
from rejoinder.transcription import formats

TRANSCRIPT_LIFE_S = AUDIO_LIFE_S
"""How long download links live (contract 14)."""
TYPES = {
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "txt": "text/plain",
    "md": "text/markdown",
}
_WRITERS: dict[str, Callable[[Sequence[Segment]], str]] = {
    "vtt": formats.vtt,
    "srt": formats.srt,
    "txt": formats.txt,
    "md": formats.markdown,
}
_Found = tuple[TranscriptJob, Bot, Sequence[Segment]]
_QUERY = [
    query("raw", "The shape of speech services instead of segments.", {"type": "string", "enum": ["true", "false"]}),
    query("format", "Not in MeetStream's API.", {"type": "string", "enum": list(FORMATS), "default": "json"}),
]
_DOWNLOADS: tuple[tuple[FileKind, str], ...] = (
    ("transcript_raw", "raw_transcript"),
    ("transcript", "processed_transcript"),
)


def transcripts_router(context: Context) -> APIRouter:
    """What was said, in writing. All endpoints want ``Authorization: Token <key>``."""
    router = APIRouter(tags=["transcripts"])
    _add_jobs(router, context)
    _add_reads(router, context)
    return router


def _add_jobs(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.account)]
    service = context.service

    @router.post(
        f"{PREFIX}/{{bot_id}}/transcribe",
        operation_id="transcribe_bot",
        summary="Transcribe the recording (again)",
        responses=answers(shapes.Transcribing, 400, 404, 409, 413),
        openapi_extra=body(bodies.TRANSCRIBE),
    )
    async def transcribe(request: Request, account: Account, bot_id: BotId) -> Json:
        """Begins a transcription; earlier ones stay. `callback_url` gets one webhook when it is done."""
        provider, options, callback_url = requests.parse_transcribe(await read_json(request))
        await service.get(bot_id, account)  # an unknown bot is told before any name is looked up
        if callback_url is not None:
            await check_url(callback_url, ("http", "https"), context.settings, field="callback_url")
        return Json(views.transcribing(await service.transcribe(bot_id, account, provider, options, callback_url)))

    @router.get(
        f"{PREFIX}/{{bot_id}}/transcriptions",
        operation_id="list_transcriptions",
        summary="List a bot's transcriptions",
        responses=answers(shapes.Transcriptions, 404),
    )
    async def transcriptions(account: Account, bot_id: BotId) -> Json:
        """Oldest first. The download links live one hour."""
        jobs = await service.transcripts(bot_id, account)
        return Json(views.transcriptions(bot_id, jobs, await _downloads(service, bot_id, account, jobs)))


async def _downloads(
    service: BotService, bot_id: str, account: str, jobs: Sequence[TranscriptJob]
) -> dict[str, dict[str, str]]:
    """Links to finished transcripts, by transcript id. None are known while files are still being made."""
    links: dict[str, dict[str, str]] = {}
    if not any(job.status == "Success" for job in jobs):
        return links
    for kind, name in _DOWNLOADS:
        try:
            files = await service.files(bot_id, account, kind)
        except NotReady:
            continue
        for file, url in await linked(service, files, TRANSCRIPT_LIFE_S):
            links.setdefault(file.owner_id or "", {})[name] = url
    return links


def _reads() -> Responses:
    known = answers(list[shapes.TranscriptSegment] | shapes.RawTranscript, 202, 400, 404, 409)
    known[200]["content"] = {kind: {"schema": {"type": "string"}} for kind in TYPES.values()}
    known[200]["description"] = "The transcript in the form asked for."
    known[409]["description"] = "The transcription failed; `message` says why."
    return known


def _add_reads(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.account)]
    service = context.service

    @router.get(
        "/api/v1/transcript/{transcript_id}/get_transcript",
        operation_id="get_transcript",
        summary="Get a transcript",
        responses=_reads(),
        openapi_extra={"parameters": _QUERY},
    )
    async def get_transcript(request: Request, account: Account, transcript_id: TranscriptId) -> Response:
        """A list of segments, or another form. 202 while it is made."""
        raw, form = _form(request)
        return await _written(service, await _finished(service, transcript_id, account), raw, form)

    @router.get(
        f"{PREFIX}/{{bot_id}}/get_transcript",
        operation_id="get_bot_transcript",
        summary="Get a bot's latest transcript",
        responses=_reads(),
        openapi_extra={"parameters": _QUERY},
    )
    async def get_bot_transcript(request: Request, account: Account, bot_id: BotId) -> Response:
        """Also what a streaming provider transcribed while people spoke. 202 while it is made."""
        raw, form = _form(request)
        bot = await service.get(bot_id, account)
        if bot.transcript_id is not None:
            return await _written(service, await _finished(service, bot.transcript_id, account), raw, form)
        segments = await service.live_segments(bot_id, account)
        if segments:
            return await _written(service, (_live_job(bot), bot, segments), raw, form)
        if bot.closed:
            raise NotFound("This bot has no transcript.")
        raise NotReady(_not_ready("Pending"))


def _form(request: Request) -> tuple[bool, str]:
    return transcript_form(request.query_params.get("raw"), request.query_params.get("format"))


async def _finished(service: BotService, transcript_id: str, account: str) -> _Found:
    """A finished transcript. Raises NotReady in MeetStream's words, and Conflict when it failed: 202 for ever, as
    MeetStream answers then, would keep clients waiting for nothing, and a 5xx would make them try again."""
    try:
        return await service.transcript(transcript_id, account)
    except NotReady:
        raise NotReady(_not_ready("Processing")) from None
    except ProviderError as error:
        raise Conflict(f"The transcription failed: {error}") from None


def _not_ready(state: str) -> str:
    return transcripts.processing(state)["message"]


def _live_job(bot: Bot) -> TranscriptJob:
    """What was transcribed live, as if it were a finished transcription."""
    transcript = bot.config.transcript
    provider, options = (transcript.provider, transcript.options) if transcript else ("", {})
    return TranscriptJob(bot.id, bot.id, provider, options, "Success", bot.created_at)


async def _written(service: BotService, found: _Found, raw: bool, form: str) -> Response:
    job, bot, segments = found
    if form in _WRITERS:
        return Response(_WRITERS[form](segments), media_type=f"{TYPES[form]}; charset=utf-8")
    if raw:
        url, duration_s = await _recording(service, bot)
        return Json(transcripts.raw(job, segments, audio_url=url, duration_s=duration_s))
    return Json(transcripts.formatted(segments, bot.started_at or bot.created_at))


async def _recording(service: BotService, bot: Bot) -> tuple[str | None, float | None]:
    """A link to what was transcribed and its length, as speech services tell them."""
    try:
        files = await service.files(bot.id, bot.account, "audio")
    except NotReady:
        return None, None
    if not files:
        return None, None
    return await service.link(files[-1], AUDIO_LIFE_S), files[-1].duration_s
