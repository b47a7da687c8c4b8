"""Attendee's calls about meetings: what the bot is to do there, who was there, and what was said."""

# No "from __future__ import annotations" here: FastAPI reads the endpoints' annotations, and `Account` is local.
import asyncio
import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from rejoinder.api.attendee import views
from rejoinder.api.attendee.bots import MAX_FILE_BODY, MAX_FILE_BYTES, PREFIX, image_of
from rejoinder.api.attendee.create import parse_message, transcription_settings
from rejoinder.api.attendee.errors import AttendeeRoute
from rejoinder.api.attendee.fields import block, body_of, data_of, parse_time, required, words
from rejoinder.api.attendee.pages import here, of_list
from rejoinder.api.body import read_json
from rejoinder.api.context import BotId, Context, Json
from rejoinder.api.meetstream.fields import typed
from rejoinder.control.attendee import async_transcription
from rejoinder.control.service import BotService
from rejoinder.core.bot import Bot
from rejoinder.core.transcript import Segment
from rejoinder.errors import InvalidRequest, NotFound, NotReady, ProviderError
from rejoinder.media.clip import decode

RECORDING_LIFE_S = 1800
MAX_SPEECH_CHARS = 10_000
BATCH = "meetstream"
"""Our engine for recordings, by the name it has among providers."""
_AUDIO_TYPE = re.compile(r"audio/[A-Za-z0-9.+-]{1,60}")


def meetings_router(context: Context) -> APIRouter:
    """The calls. All want ``Authorization: Token <key>``."""
    router = APIRouter(prefix=PREFIX, route_class=AttendeeRoute, include_in_schema=False)
    _add_output(router, context)
    _add_reads(router, context)
    _add_transcript(router, context)
    return router


def _add_output(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.attendee_account)]
    service = context.service

    @router.post("/{bot_id}/output_audio")
    async def output_audio(request: Request, account: Account, bot_id: BotId) -> Response:
        body = body_of(await read_json(request, MAX_FILE_BODY), ("type", "data"))
        kind = typed(body, "type", "string") or required(body, "type")
        if not _AUDIO_TYPE.fullmatch(kind):
            raise InvalidRequest("type must be a kind of sound, such as audio/mp3", field="type")
        data = data_of(body, "data", MAX_FILE_BYTES)
        await asyncio.to_thread(decode, data, "data")
        await service.play(bot_id, account, data, kind)
        return Response(status_code=200)

    @router.post("/{bot_id}/output_image")
    async def output_image(request: Request, account: Account, bot_id: BotId) -> Response:
        body = body_of(await read_json(request, MAX_FILE_BODY), ("type", "data"))
        await service.show(bot_id, account, await asyncio.to_thread(image_of, body))
        return Response(status_code=200)

    @router.post("/{bot_id}/speech")
    async def speech(request: Request, account: Account, bot_id: BotId) -> Response:
        body = body_of(await read_json(request), ("text", "text_to_speech_settings"))
        required(body, "text")
        text = words(body, "text", MAX_SPEECH_CHARS) or ""
        _check_voice(body)
        await service.speak(bot_id, account, text)
        return Response(status_code=200)

    @router.post("/{bot_id}/send_chat_message")
    async def send_chat_message(request: Request, account: Account, bot_id: BotId) -> Response:
        body = body_of(await read_json(request), ("to", "to_user_uuid", "message"))
        await service.send_message(bot_id, account, parse_message(body))
        return Response(status_code=200)


def _check_voice(body: dict[str, Any]) -> None:
    """Google's settings are taken; the built-in voice speaks."""
    settings = block(body, "text_to_speech_settings", ("google",))
    google = block(settings, "google", ("voice_language_code", "voice_name"), "text_to_speech_settings.")
    for name in ("voice_language_code", "voice_name"):
        words(google, name, 100, "text_to_speech_settings.google.")


def _add_reads(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.attendee_account)]
    service = context.service

    def paged(request: Request, rows: list[dict[str, Any]]) -> Json:
        query = request.query_params
        place = here(context.settings.base_url, request.url.path, query.multi_items())
        return Json(of_list(rows, query.get("cursor"), place))

    @router.get("/{bot_id}/chat_messages")
    async def chat_messages(request: Request, account: Account, bot_id: BotId) -> Json:
        after = _time(request, "updated_after")
        return paged(request, views.chats(bot_id, await service.chats(bot_id, account), after))

    @router.get("/{bot_id}/participants")
    async def participants(request: Request, account: Account, bot_id: BotId) -> Json:
        rows = views.participants(bot_id, await service.participant_events(bot_id, account))
        ident, host = request.query_params.get("id"), request.query_params.get("is_host")
        if host not in (None, "", "true", "True", "false", "False"):
            raise InvalidRequest("is_host must be true or false", field="is_host")
        wanted = None if not host else host.lower() == "true"
        rows = [row for row in rows if not ident or row["id"] == ident]
        return paged(request, [row for row in rows if wanted is None or row["is_host"] is wanted])

    @router.get("/{bot_id}/participant_events")
    async def participant_events(request: Request, account: Account, bot_id: BotId) -> Json:
        after, before = _time(request, "after"), _time(request, "before")
        events = [
            event
            for event in await service.participant_events(bot_id, account)
            if (after is None or event.at > after) and (before is None or event.at < before)
        ]
        return paged(request, views.participant_events(bot_id, events))

    @router.get("/{bot_id}/recording")
    async def recording(account: Account, bot_id: BotId) -> Json:
        audio = await service.files(bot_id, account, "audio")
        made = await service.files(bot_id, account, "recording") or audio
        if not made:
            raise NotFound("There is no recording of this bot.")
        bot = await service.get(bot_id, account)
        began_at = _began_at(bot, audio[0].info.get("began_at") if audio else None)
        url = await service.link(made[-1], RECORDING_LIFE_S)
        return Json({"url": url, "start_timestamp_ms": round(began_at * 1000)})


def _time(request: Request, name: str) -> float | None:
    value = request.query_params.get(name)
    return parse_time(value, name) if value else None


def _began_at(bot: Bot, told: float | None = None) -> float:
    return told or bot.started_at or bot.created_at


def _add_transcript(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.attendee_account)]
    service = context.service

    @router.get("/{bot_id}/transcript")
    async def transcript(request: Request, account: Account, bot_id: BotId) -> Json:
        bot = await service.get(bot_id, account)
        wanted = request.query_params.get("async_transcription_id")
        segments, began_at = await _segments(service, bot, wanted or None)
        host = views.hosts(await service.participant_events(bot_id, account))
        return Json(views.utterances(segments, began_at, host, _time(request, "updated_after")))

    @router.post("/{bot_id}/transcript")
    async def transcribe(request: Request, account: Account, bot_id: BotId) -> Json:
        body = body_of(await read_json(request), ("transcription_settings",))
        transcription_settings(body)
        await service.get(bot_id, account)
        job = await service.transcribe(bot_id, account, BATCH, {}, None)
        return Json(async_transcription(job), 201)

    @router.delete("/{bot_id}/transcript")
    async def delete_transcript(account: Account, bot_id: BotId) -> Response:
        await service.delete_transcripts(bot_id, account)
        return Response(status_code=200)


async def _segments(service: BotService, bot: Bot, wanted: str | None) -> tuple[list[Segment], float]:
    """What was said, and the time it counts from: as transcribed live, or by one transcription of the recording."""
    if wanted is None:
        live = await service.live_segments(bot.id, bot.account)
        if live or bot.transcript_id is None:
            return list(live), _began_at(bot)
    try:
        job, owner, segments = await service.transcript(wanted or bot.transcript_id or "", bot.account)
    except NotReady:
        return [], _began_at(bot)
    except ProviderError as error:
        raise InvalidRequest(f"The transcription failed: {error}") from None
    if job.bot_id != bot.id:
        raise NotFound("There is no such transcription of this bot.")
    audio = await service.files(owner.id, owner.account, "audio")
    return list(segments), _began_at(owner, audio[0].info.get("began_at") if audio else None)
