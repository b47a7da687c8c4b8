"""Bots over HTTP: create, list, look at, remove and delete them (contract 2, 4.1 to 4.4, 4.11)."""

# No "from __future__ import annotations" here: FastAPI reads the endpoints' annotations, and `Account` is local.
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response

from rejoinder.api.attendee import bots as attendee
from rejoinder.api.attendee.answers import AttendeeBots, AttendeeError, AttendeeFieldErrors
from rejoinder.api.attendee.dialect import DIALECTS, HEADER, told
from rejoinder.api.attendee.errors import answered
from rejoinder.api.body import MAX_CREATE_BYTES, read_json
from rejoinder.api.context import BotId, Context, Json
from rejoinder.api.describe import answers, body, query
from rejoinder.api.meetstream import answers as shapes
from rejoinder.api.meetstream import bodies, requests, views
from rejoinder.api.meetstream.queries import DEFAULT_PAGE, PLATFORMS, parse_list
from rejoinder.api.outside import check_urls
from rejoinder.control.service import MAX_PAGE
from rejoinder.core.bot import BotStatus
from rejoinder.errors import InvalidRequest

PREFIX = "/api/v1/bots"
_CREATED = {"new": 201, "duplicate": 200, "replayed": 507}
"""507 is MeetStream's answer to a repeated Idempotency-Key, and a success (contract 1.3)."""
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")

_LIST_QUERY = [
    query("status", "Only bots in this status.", {"type": "string", "enum": [status.value for status in BotStatus]}),
    query("platform", "Only bots on this platform.", {"type": "string", "enum": list(PLATFORMS)}),
    query("from", "Only bots created on this day (UTC) or later.", {"type": "string", "format": "date"}),
    query("to", "Only bots created on this day (UTC) or earlier.", {"type": "string", "format": "date"}),
    query(
        "custom_attr",
        "Only bots with these custom attributes: `custom_attr[tenant]=t1`. Values are JSON, or plain words.",
        {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 10},
        style="deepObject",
        explode=True,
    ),
    query("cursor", "The `nextCursor` of the page before.", {"type": "string"}),
    query("limit", "Bots on a page.", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}),
    query("meeting_url", "Attendee's: only bots of this meeting.", {"type": "string"}),
    query("deduplication_key", "Attendee's: only bots with this key.", {"type": "string"}),
    query("states", "Attendee's: only bots in these states, by commas.", {"type": "string"}),
    query("join_at_after", "Attendee's: only bots for then or later.", {"type": "string", "format": "date-time"}),
    query("join_at_before", "Attendee's: only bots for earlier.", {"type": "string", "format": "date-time"}),
    {
        **query(HEADER, "In whose form to answer.", {"type": "string", "enum": list(DIALECTS)}),
        "in": "header",
    },
]
_LISTED = answers(shapes.BotList | AttendeeBots)
_LISTED[400] = {
    "model": shapes.Message | AttendeeFieldErrors | AttendeeError,
    "description": "The query cannot be read: `message` names the field, in Attendee's form the key does.",
}


def bots_router(context: Context) -> APIRouter:
    """The bot endpoints. All want ``Authorization: Token <key>``."""
    router = APIRouter(prefix=PREFIX, tags=["bots"])
    _add_create(router, context)
    _add_reads(router, context)
    _add_log(router, context)
    _add_ends(router, context)
    return router


def _add_create(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.account)]
    service = context.service

    async def create_bot(
        request: Request,
        account: Account,
        idempotency_key: Annotated[
            str | None,
            Header(
                alias="Idempotency-Key", description="A second request with it answers 507 and the first one's bot."
            ),
        ] = None,
    ) -> Json:
        """Send a bot to a meeting, now or at `join_at`. Does not wait until it has joined.

        200: there is a bot with this `deduplication_key` for this meeting already. 409: for another meeting.
        """
        key = _checked_key(idempotency_key)
        config = requests.parse_create(await read_json(request, MAX_CREATE_BYTES), datetime.now(UTC))
        await check_urls(config, context.settings)
        made = await service.create(config, account, idempotency_key=key)
        return Json(views.created(made), _CREATED[made.outcome])

    known: dict[int | str, dict[str, Any]] = answers(shapes.CreatedBot, 400, 409, 413, status=201)
    known[200] = {"model": shapes.CreatedBot, "description": "The bot with this `deduplication_key`."}
    known[507] = {"model": shapes.ReplayedBot, "description": "The bot made with this `Idempotency-Key`."}
    router.add_api_route(
        "/create_bot",
        create_bot,
        methods=["POST"],
        status_code=201,
        operation_id="create_bot",
        summary="Create a bot",
        responses=known,
        openapi_extra=body(bodies.CREATE),
    )
    router.add_api_route("/create_agent", create_bot, methods=["POST"], status_code=201, include_in_schema=False)


def _checked_key(key: str | None) -> str | None:
    """An ``Idempotency-Key``; an empty one is none."""
    if not key:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequest("Idempotency-Key must be 1 to 255 printable ASCII characters", field="Idempotency-Key")
    return key


def _add_reads(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.account)]
    service = context.service

    @router.get(
        "",
        operation_id="list_bots",
        summary="List bots",
        responses=_LISTED,
        openapi_extra={"parameters": _LIST_QUERY},
    )
    async def list_bots(request: Request, account: Account) -> Response:
        """The account's bots, newest first, a page at a time.

        Attendee's API has a call of the same name. Theirs is answered when the header `X-Rejoinder-Dialect` says
        `attendee`, else when the query has a parameter that only theirs documents, else when the key was made for it.
        """
        spoken = told(request.headers.get(HEADER), request.query_params) or await context.key_dialect(request)
        if spoken == "attendee":
            return await answered(request, lambda asked: attendee.list_bots(context, asked, account))
        return Json(views.listing(await service.list(account, parse_list(request.query_params.multi_items()))))

    @router.get(
        "/{bot_id}/status",
        operation_id="get_bot_status",
        summary="Get a bot's status",
        responses=answers(shapes.BotState, 404),
    )
    async def status(account: Account, bot_id: BotId) -> Json:
        """Where a bot is in its life."""
        return Json(views.status(await service.get(bot_id, account)))

    @router.get("/{bot_id}/details", include_in_schema=False)
    @router.get(
        "/{bot_id}/detail",
        operation_id="get_bot_detail",
        summary="Get all that is known of a bot",
        responses=answers(shapes.BotDetail, 404),
    )
    async def detail(account: Account, bot_id: BotId) -> Json:
        """The request, when each stage was reached, who was there, and what has become of the recording."""
        return Json(views.detail(await service.detail(bot_id, account)))

    @router.get(
        "/{bot_id}/summary",
        operation_id="get_bot_summary",
        summary="Get a summary of the meeting",
        responses=answers(shapes.Summary, 202, 404),
    )
    async def summary(account: Account, bot_id: BotId) -> Json:
        """Made by the language model when it is first asked for; 202 until then."""
        text = await service.summary(bot_id, account)
        return Json(views.detail(await service.detail(bot_id, account), text))


def _add_log(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.account)]
    service = context.service

    @router.get(
        "/{bot_id}/turns",
        operation_id="get_bot_turns",
        summary="Get the agent's answers",
        responses=answers(shapes.Turns, 404),
    )
    async def turns(account: Account, bot_id: BotId) -> Json:
        """One record per answer of the built-in agent: what was said and how long each stage took. Not in
        MeetStream's API."""
        return Json(views.turns(bot_id, await service.turns(bot_id, account)))

    @router.get(
        "/{bot_id}/events",
        operation_id="get_bot_events",
        summary="Get a bot's log",
        responses=answers(shapes.Events, 404),
    )
    async def events(account: Account, bot_id: BotId) -> Json:
        """All that happened to a bot, oldest first. Not in MeetStream's API."""
        return Json(views.events(bot_id, await service.happenings(bot_id, account)))


def _add_ends(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.account)]
    service = context.service

    async def remove_bot(account: Account, bot_id: BotId) -> Json:
        """Make a bot leave, or cancel it before it joins; its recording is kept. Harmless when it has left.

        MeetStream's reference says GET, its quickstart POST.
        """
        return Json(views.removed(await service.remove(bot_id, account)))

    for method, operation in (("GET", "remove_bot"), ("POST", "remove_bot_by_post")):
        router.add_api_route(
            "/{bot_id}/remove_bot",
            remove_bot,
            methods=[method],
            operation_id=operation,
            summary="Remove a bot from its meeting",
            responses=answers(shapes.Removed, 404, 409),
        )

    @router.delete(
        "/{bot_id}/delete",
        operation_id="delete_bot",
        summary="Delete a bot and all it left",
        responses=answers(shapes.Deleted, 404, 409),
    )
    async def delete(account: Account, bot_id: BotId) -> Json:
        """Recordings, transcripts and everything else are gone for good; afterwards the bot is unknown."""
        return Json(views.deleted(bot_id, await service.delete(bot_id, account)))
