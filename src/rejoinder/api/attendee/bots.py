"""Attendee's calls about bots: create, look at, change, send away, delete, and switch the recording."""

# No "from __future__ import annotations" here: FastAPI reads the endpoints' annotations, and `Account` is local.
import asyncio
import base64
import io
import time
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from PIL import Image

from rejoinder.api.attendee import answers as shapes
from rejoinder.api.attendee import bodies, create, views
from rejoinder.api.attendee.describe import answers
from rejoinder.api.attendee.errors import AttendeeRoute
from rejoinder.api.attendee.fields import data_of, required
from rejoinder.api.attendee.pages import here
from rejoinder.api.attendee.queries import parse_list
from rejoinder.api.body import read_json
from rejoinder.api.context import BotId, Context, Json
from rejoinder.api.describe import body
from rejoinder.api.meetstream.fields import typed
from rejoinder.api.outside import check_urls
from rejoinder.control.service import BotService
from rejoinder.core.bot import Bot
from rejoinder.errors import Conflict, InvalidRequest
from rejoinder.media.image import picture
from rejoinder.settings import Settings

PREFIX = "/api/v1/bots"
MAX_FILE_BYTES = 10 * 2**20
MAX_FILE_BODY = MAX_FILE_BYTES * 4 // 3 + 2**17
"""A file in base64, and the rest of the body."""
JPEG_QUALITY = 90
SETTLE_S = 2.0
"""How long an answer waits for the bot to do what was asked, so that it shows the new state."""
_LEAVABLE = frozenset(
    {
        "joining",
        "waiting_room",
        "joined_not_recording",
        "joined_recording_permission_denied",
        "joined_recording",
        "joined_recording_paused",
        "leaving",
    }
)


def image_of(body: dict[str, Any], path: str = "") -> bytes:
    """``{type, data}`` as a JPEG file of the size bots show. Blocks. Raises InvalidRequest."""
    kind = typed(body, "type", "string", path) or required(body, "type", path)
    if kind not in create.IMAGE_TYPES:
        wanted = " or ".join(create.IMAGE_TYPES)
        raise InvalidRequest(f"{path}type must be {wanted}", field=f"{path}type")
    shown = picture(data_of(body, "data", MAX_FILE_BYTES, path), f"{path}data")
    file = io.BytesIO()
    Image.fromarray(shown).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _bot_image(body: dict[str, Any]) -> tuple[str, str]:
    return "image/jpeg", base64.b64encode(image_of(body, "bot_image.")).decode("ascii")


def rules(settings: Settings) -> create.Rules:
    """What create calls may say now."""
    return create.Rules(_bot_image, time.time(), settings.allow_loopback_urls or settings.allow_private_urls)


async def shown(service: BotService, bot: Bot) -> dict[str, Any]:
    """A bot as it is now."""
    return views.bot_object(bot, (await service.lives([bot]))[bot.id])


async def state_of(service: BotService, bot: Bot) -> str:
    """A bot's state."""
    return views.state(bot, (await service.lives([bot]))[bot.id])


async def settled(service: BotService, bot: Bot, done: Callable[[Bot, str], bool]) -> Json:
    """The bot once ``done(bot, state)``, or after :data:`SETTLE_S`."""
    end = time.monotonic() + SETTLE_S
    while not done(bot, await state_of(service, bot)) and time.monotonic() < end:
        await asyncio.sleep(0.05)
        bot = await service.get(bot.id, bot.account)
    return Json(await shown(service, bot))


async def switch_recording(service: BotService, bot: Bot, *, paused: bool) -> Json:
    """Pause or resume: only from the other state."""
    state, wanted = await state_of(service, bot), "joined_recording" if paused else "joined_recording_paused"
    if state != wanted:
        raise Conflict(f"The bot is {state}; its recording can be {'paused' if paused else 'resumed'} in {wanted}.")
    if bot.recording == "none":
        raise Conflict("The bot makes no recording.")
    await service.set_recording(bot.id, bot.account, paused=paused)
    return await settled(service, bot, lambda _, now: now != wanted)


async def list_bots(context: Context, request: Request, account: str) -> Json:
    """One page of the account's bots, newest first."""
    items = request.query_params.multi_items()
    query = parse_list(items)
    found = await context.service.list(account, query)
    logs = await context.service.lives(found.bots)
    place = here(context.settings.base_url, request.url.path, items)
    return Json(views.listing(found, logs, place, cursor=query.cursor, backwards=query.backwards))


def bots_router(context: Context) -> APIRouter:
    """The calls. All want ``Authorization: Token <key>``."""
    router = APIRouter(prefix=PREFIX, route_class=AttendeeRoute, tags=["attendee"])
    _add_create(router, context)
    _add_changes(router, context)
    _add_ends(router, context)
    return router


def _add_create(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.attendee_account)]
    service = context.service

    @router.post(
        "",
        operation_id="attendee_create_bot",
        summary="Create a bot (Attendee)",
        status_code=201,
        responses=answers(shapes.AttendeeBot, 400, 413, status=201),
        openapi_extra=body(bodies.CREATE),
    )
    async def create_bot(request: Request, account: Account) -> Json:
        """Send a bot to a meeting, now or at `join_at`. Does not wait until it has joined."""
        given = await read_json(request, MAX_FILE_BODY)
        config = await asyncio.to_thread(create.parse_create, given, rules(context.settings))
        await check_urls(config, context.settings)
        made = await service.create(config, account)
        return Json(await shown(service, made.bot), 201)

    @router.get(
        "/{bot_id}",
        operation_id="attendee_get_bot",
        summary="Get a bot (Attendee)",
        responses=answers(shapes.AttendeeBot, 404),
    )
    async def get(account: Account, bot_id: BotId) -> Json:
        """Where the bot is in its life, and what became of its recording."""
        return Json(await shown(service, await service.get(bot_id, account)))


def _add_changes(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.attendee_account)]
    service = context.service

    @router.patch(
        "/{bot_id}",
        operation_id="attendee_change_bot",
        summary="Change a scheduled bot (Attendee)",
        responses=answers(shapes.AttendeeBot, 400, 404, 413),
        openapi_extra=body(bodies.CHANGE),
    )
    async def change(request: Request, account: Account, bot_id: BotId) -> Json:
        """What it is to do when its time comes; `metadata` also later."""
        given = await read_json(request, MAX_FILE_BODY)
        edit, early = await asyncio.to_thread(create.parse_change, given, rules(context.settings))
        return Json(await shown(service, await service.change(bot_id, account, edit, early=early)))

    @router.delete(
        "/{bot_id}",
        operation_id="attendee_delete_bot",
        summary="Delete a scheduled bot (Attendee)",
        response_class=Response,
        responses=answers(None, 400, 404),
    )
    async def delete(account: Account, bot_id: BotId) -> Response:
        """Only before it sets out."""
        bot = await service.get(bot_id, account)
        state = await state_of(service, bot)
        if state != "scheduled":
            raise Conflict(f"The bot is {state}; only a scheduled bot can be deleted.")
        await service.delete(bot_id, account)
        return Response(status_code=200)


def _add_ends(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.attendee_account)]
    service = context.service

    @router.post(
        "/{bot_id}/leave",
        operation_id="attendee_leave",
        summary="Make a bot leave (Attendee)",
        responses=answers(shapes.AttendeeBot, 400, 404),
    )
    async def leave(account: Account, bot_id: BotId) -> Json:
        """Its recording is kept."""
        bot = await service.get(bot_id, account)
        state = await state_of(service, bot)
        if state not in _LEAVABLE:
            raise Conflict(f"The bot is {state}; it cannot leave.")
        await service.remove(bot_id, account)
        return await settled(service, bot, lambda _, now: now not in _LEAVABLE - {"leaving"})

    @router.post(
        "/{bot_id}/delete_data",
        operation_id="attendee_delete_data",
        summary="Delete what a bot left (Attendee)",
        responses=answers(shapes.AttendeeBot, 400, 404),
    )
    async def delete_data(account: Account, bot_id: BotId) -> Json:
        """Recording, transcripts, chat and participants are gone for good; the bot itself stays known."""
        bot = await service.get(bot_id, account)
        state = await state_of(service, bot)
        if state not in ("ended", "fatal_error"):
            raise Conflict(f"The bot is {state}; its data can be deleted once it has ended.")
        return Json(await shown(service, await service.erase(bot_id, account)))
