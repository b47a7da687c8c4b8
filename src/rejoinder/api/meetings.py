"""Bots in their meetings over HTTP: who is there, the chat, and what the bot is to do (contract 4.8 to 4.10, 4.12,
4.13)."""

# No "from __future__ import annotations" here: FastAPI reads the endpoints' annotations, and `Account` is local.
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from rejoinder.api.attendee.answers import AttendeeBot, AttendeeError
from rejoinder.api.attendee.bots import switch_recording
from rejoinder.api.attendee.errors import answered
from rejoinder.api.body import read_json
from rejoinder.api.bots import PREFIX
from rejoinder.api.context import BotId, Context, Json
from rejoinder.api.describe import answers, body
from rejoinder.api.meetstream import answers as shapes
from rejoinder.api.meetstream import bodies, media_answers, media_views, requests, views
from rejoinder.outgoing import check_url

_SWITCHED = answers(shapes.Accepted | AttendeeBot, 404, 409)
_SWITCHED[400] = {"model": AttendeeError, "description": "Not in its present state (a bot made by Attendee's call)."}


def meetings_router(context: Context) -> APIRouter:
    """What happens in meetings. All endpoints want ``Authorization: Token <key>``."""
    router = APIRouter(prefix=PREFIX, tags=["meetings"])
    _add_reads(router, context)
    _add_recording(router, context)
    _add_output(router, context)
    return router


def _add_reads(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.account)]
    service = context.service

    @router.get(
        "/{bot_id}/get_participants",
        operation_id="get_participants",
        summary="Get who was there",
        responses=answers(list[media_answers.Participant], 404),
    )
    async def get_participants(account: Account, bot_id: BotId) -> Json:
        """Each person once, in the order they first came."""
        return Json(media_views.participants(await service.attendances(bot_id, account)))

    @router.get(
        "/{bot_id}/get_chats",
        operation_id="get_chats",
        summary="Get the meeting's chat",
        responses=answers(media_answers.Chats, 404),
    )
    async def get_chats(account: Account, bot_id: BotId) -> Json:
        """All messages, oldest first, and by speaker."""
        bot = await service.get(bot_id, account)
        return Json(media_views.chats(bot, await service.chats(bot_id, account)))

    @router.get(
        "/{bot_id}/get_speaker_timeline",
        operation_id="get_speaker_timeline",
        summary="Get who spoke when",
        responses=answers(media_answers.Timeline, 202, 404),
    )
    async def get_speaker_timeline(account: Account, bot_id: BotId) -> Json:
        """As byte offsets into the samples of the recording."""
        return Json(media_views.speaker_timeline(await service.speaker_timeline(bot_id, account)))


def _add_recording(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.account)]
    service, limits = context.service, context.limits

    async def switch(request: Request, account: str, bot_id: str, *, paused: bool) -> Response:
        bot = await service.get(bot_id, account)
        if bot.config.attendee is not None:
            return await answered(request, lambda _: switch_recording(service, bot, paused=paused))
        limits.recording(account, bot_id)
        await service.set_recording(bot_id, account, paused=paused)
        return Json(views.accepted(bot_id, "pause_recording" if paused else "resume_recording"))

    @router.post(
        "/{bot_id}/pause_recording",
        operation_id="pause_recording",
        summary="Pause the recording",
        responses=_SWITCHED,
    )
    async def pause_recording(request: Request, account: Account, bot_id: BotId) -> Response:
        """The bot stays; until it resumes, the recording is silent. At most 30 switches a minute and bot.

        A bot that was made by Attendee's call answers in Attendee's form, and 400 where others answer 409.
        """
        return await switch(request, account, bot_id, paused=True)

    @router.post(
        "/{bot_id}/resume_recording",
        operation_id="resume_recording",
        summary="Go on recording",
        responses=_SWITCHED,
    )
    async def resume_recording(request: Request, account: Account, bot_id: BotId) -> Response:
        """After a pause. At most 30 switches a minute and bot. Attendee's bots: as with `pause_recording`."""
        return await switch(request, account, bot_id, paused=False)


def _add_output(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.account)]
    service = context.service

    @router.post(
        "/{bot_id}/send_message",
        operation_id="send_message",
        summary="Write to the chat",
        responses=answers(shapes.Accepted, 400, 404, 409, 413),
        openapi_extra=body(bodies.MESSAGE),
    )
    async def send_message(request: Request, account: Account, bot_id: BotId) -> Json:
        """Post a message to the meeting's chat as the bot."""
        text = requests.parse_message(await read_json(request))
        await service.send_message(bot_id, account, text)
        return Json(views.accepted(bot_id, "send_message"))

    @router.post(
        "/{bot_id}/send_image",
        operation_id="send_image",
        summary="Show a picture",
        responses=answers(shapes.Accepted, 400, 404, 409, 413),
        openapi_extra=body(bodies.IMAGE),
    )
    async def send_image(request: Request, account: Account, bot_id: BotId) -> Json:
        """Show a picture as the bot's video, for a time or until the next one."""
        url, display_s = requests.parse_image(await read_json(request))
        await service.get(bot_id, account)  # an unknown bot is told before any name is looked up
        await check_url(url, ("http", "https"), context.settings, field="img_url")
        await service.send_image(bot_id, account, url, display_s)
        return Json(views.accepted(bot_id, "send_image"))
