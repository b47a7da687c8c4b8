"""Attendee's calls about meetings: what the bot is to do there, who was there, and what was said."""

# No "from __future__ import annotations" here: FastAPI reads the endpoints' annotations, and `Account` is local.
import asyncio
import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from rejoinder.api.attendee import answers as shapes
from rejoinder.api.attendee import bodies, views
from rejoinder.api.attendee.bots import MAX_FILE_BODY, MAX_FILE_BYTES, PREFIX, image_of
from rejoinder.api.attendee.create import parse_message, transcription_settings
from rejoinder.api.attendee.describe import answers
from rejoinder.api.attendee.errors import AttendeeRoute
from rejoinder.api.attendee.fields import block, body_of, data_of, parse_time, required, words
from rejoinder.api.attendee.pages import here, of_list
from rejoinder.api.body import read_json
from rejoinder.api.context import BotId, Context, Json
from rejoinder.api.describe import body, query
from rejoinder.api.meetstream.fields import typed
from rejoinder.control.attendee import async_transcription
from rejoinder.control.service import BotService
from rejoinder.core.bot import Bot
from rejoinder.core.transcript import Segment
from rejoinder.errors import InvalidRequest, NotFound, NotReady, ProviderError
from rejoinder.media.clip import decode

RECORDING_LIFE_S = 1800
BATCH = "meetstream"
"""Our engine for recordings, by the name it has among providers."""
_STRING = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_CURSOR = query("cursor", "Of a neighbouring page: its URL is in the answer.", _STRING)
_UPDATED_AFTER = query("updated_after", "Only what came later.", _TIME)
_ASYNC_ID = query("async_transcription_id", "The transcription to read; left out: as transcribed live.", _STRING)
_PARTICIPANT_QUERY = (
    query("id", "Only this participant.", _STRING),
    query("is_host", "Only hosts, or only others.", {"type": "boolean"}),
)
_EVENT_QUERY = (query("after", "Only what came later.", _TIME), query("before", "Only what came earlier.", _TIME))
_AUDIO_TYPE = re.compile(r"audio/[A-Za-z0-9.+-]{1,60}")


def meetings_router(context: Context) -> APIRouter:
    """The calls. All want ``Authorization: Token <key>``."""
    router = APIRouter(prefix=PREFIX, route_class=AttendeeRoute, tags=["attendee"])
    _add_files(router, context)
    _add_words(router, context)
    _add_lists(router, context)
    _add_recording(router, context)
    _add_transcript(router, context)
    return router


def _add_files(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.attendee_account)]
    service = context.service

    @router.post(
        "/{bot_id}/output_audio",
        operation_id="attendee_output_audio",
        summary="Say a sound file (Attendee)",
        response_class=Response,
        responses=answers(None, 400, 404, 413),
        openapi_extra=body(bodies.AUDIO),
    )
    async def output_audio(request: Request, account: Account, bot_id: BotId) -> Response:
        """MP3, WAV and whatever else FFmpeg reads, after what the bot is saying."""
        given = body_of(await read_json(request, MAX_FILE_BODY), ("type", "data"))
        kind = typed(given, "type", "string") or required(given, "type")
        if not _AUDIO_TYPE.fullmatch(kind):
            raise InvalidRequest("type must be a kind of sound, such as audio/mp3", field="type")
        data = data_of(given, "data", MAX_FILE_BYTES)
        await asyncio.to_thread(decode, data, "data")
        await service.play(bot_id, account, data, kind)
        return Response(status_code=200)

    @router.post(
        "/{bot_id}/output_image",
        operation_id="attendee_output_image",
        summary="Show a picture (Attendee)",
        response_class=Response,
        responses=answers(None, 400, 404, 413),
        openapi_extra=body(bodies.IMAGE),
    )
    async def output_image(request: Request, account: Account, bot_id: BotId) -> Response:
        """As the bot's video, until the next one."""
        given = body_of(await read_json(request, MAX_FILE_BODY), ("type", "data"))
        await service.show(bot_id, account, await asyncio.to_thread(image_of, given))
        return Response(status_code=200)


def _add_words(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.attendee_account)]
    service = context.service

    @router.post(
        "/{bot_id}/speech",
        operation_id="attendee_speech",
        summary="Say a text (Attendee)",
        response_class=Response,
        responses=answers(None, 400, 404, 413),
        openapi_extra=body(bodies.SPEECH),
    )
    async def speech(request: Request, account: Account, bot_id: BotId) -> Response:
        """In the built-in voice."""
        given = body_of(await read_json(request), ("text", "text_to_speech_settings"))
        required(given, "text")
        text = words(given, "text", bodies.MAX_SPEECH_CHARS) or ""
        _check_voice(given)
        await service.speak(bot_id, account, text)
        return Response(status_code=200)

    @router.post(
        "/{bot_id}/send_chat_message",
        operation_id="attendee_send_chat_message",
        summary="Write to the chat (Attendee)",
        response_class=Response,
        responses=answers(None, 400, 404, 413),
        openapi_extra=body(bodies.CHAT_MESSAGE),
    )
    async def send_chat_message(request: Request, account: Account, bot_id: BotId) -> Response:
        """Post a message to the meeting's chat as the bot."""
        given = body_of(await read_json(request), ("to", "to_user_uuid", "message"))
        await service.send_message(bot_id, account, parse_message(given))
        return Response(status_code=200)


def _check_voice(body: dict[str, Any]) -> None:
    """Google's settings are taken; the built-in voice speaks."""
    settings = block(body, "text_to_speech_settings", ("google",))
    google = block(settings, "google", ("voice_language_code", "voice_name"), "text_to_speech_settings.")
    for name in ("voice_language_code", "voice_name"):
        words(google, name, 100, "text_to_speech_settings.google.")


def _add_lists(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.attendee_account)]
    service = context.service

    def paged(request: Request, rows: list[dict[str, Any]]) -> Json:
        query = request.query_params
        place = here(context.settings.base_url, request.url.path, query.multi_items())
        return Json(of_list(rows, query.get("cursor"), place))

    @router.get(
        "/{bot_id}/chat_messages",
        operation_id="attendee_chat_messages",
        summary="Get the meeting's chat (Attendee)",
        responses=answers(shapes.AttendeeChats, 400, 404),
        openapi_extra={"parameters": [_CURSOR, _UPDATED_AFTER]},
    )
    async def chat_messages(request: Request, account: Account, bot_id: BotId) -> Json:
        """Oldest first, 25 on a page."""
        after = _time(request, "updated_after")
        return paged(request, views.chats(bot_id, await service.chats(bot_id, account), after))

    @router.get(
        "/{bot_id}/participants",
        operation_id="attendee_participants",
        summary="Get who was there (Attendee)",
        responses=answers(shapes.AttendeeParticipants, 400, 404),
        openapi_extra={"parameters": [_CURSOR, *_PARTICIPANT_QUERY]},
    )
    async def participants(request: Request, account: Account, bot_id: BotId) -> Json:
        """Each person once, in the order they first came; 25 on a page."""
        rows = views.participants(bot_id, await service.participant_events(bot_id, account))
        ident, host = request.query_params.get("id"), request.query_params.get("is_host")
        if host not in (None, "", "true", "True", "false", "False"):
            raise InvalidRequest("is_host must be true or false", field="is_host")
        wanted = None if not host else host.lower() == "true"
        rows = [row for row in rows if not ident or row["id"] == ident]
        return paged(request, [row for row in rows if wanted is None or row["is_host"] is wanted])

    @router.get(
        "/{bot_id}/participant_events",
        operation_id="attendee_participant_events",
        summary="Get who came, went and spoke (Attendee)",
        responses=answers(shapes.AttendeeParticipantEvents, 400, 404),
        openapi_extra={"parameters": [_CURSOR, *_EVENT_QUERY]},
    )
    async def participant_events(request: Request, account: Account, bot_id: BotId) -> Json:
        """Oldest first, 25 on a page."""
        after, before = _time(request, "after"), _time(request, "before")
        events = [
            event
            for event in await service.participant_events(bot_id, account)
            if (after is None or event.at > after) and (before is None or event.at < before)
        ]
        return paged(request, views.participant_events(bot_id, events))


def _add_recording(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.attendee_account)]
    service = context.service

    @router.get(
        "/{bot_id}/recording",
        operation_id="attendee_recording",
        summary="Get the recording (Attendee)",
        responses=answers(shapes.AttendeeRecording, 404),
    )
    async def recording(account: Account, bot_id: BotId) -> Json:
        """In the format the bot was made with. The link lives 30 minutes."""
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

    @router.get(
        "/{bot_id}/transcript",
        operation_id="attendee_get_transcript",
        summary="Get what was said (Attendee)",
        responses=answers(list[shapes.AttendeeUtterance], 400, 404),
        openapi_extra={"parameters": [_ASYNC_ID, _UPDATED_AFTER]},
    )
    async def transcript(request: Request, account: Account, bot_id: BotId) -> Json:
        """As it was transcribed while people spoke, or by a transcription of the recording. Empty while it is made."""
        bot = await service.get(bot_id, account)
        wanted = request.query_params.get("async_transcription_id")
        segments, began_at = await _segments(service, bot, wanted or None)
        host = views.hosts(await service.participant_events(bot_id, account))
        return Json(views.utterances(segments, began_at, host, _time(request, "updated_after")))

    @router.post(
        "/{bot_id}/transcript",
        operation_id="attendee_transcribe",
        summary="Transcribe the recording again (Attendee)",
        status_code=201,
        responses=answers(shapes.AsyncTranscription, 400, 404, 413, status=201),
        openapi_extra=body(bodies.TRANSCRIBE),
    )
    async def transcribe(request: Request, account: Account, bot_id: BotId) -> Json:
        """By the built-in engine; the webhook `async_transcription.state_change` tells when it is done."""
        given = body_of(await read_json(request), ("transcription_settings",))
        transcription_settings(given)
        await service.get(bot_id, account)
        job = await service.transcribe(bot_id, account, BATCH, {}, None)
        return Json(async_transcription(job), 201)

    @router.delete(
        "/{bot_id}/transcript",
        operation_id="attendee_delete_transcript",
        summary="Delete all transcripts (Attendee)",
        response_class=Response,
        responses=answers(None, 400, 404),
    )
    async def delete_transcript(account: Account, bot_id: BotId) -> Response:
        """Of this bot; its recording stays."""
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
