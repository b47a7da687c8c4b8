"""The bot endpoints of MeetStream's REST API."""

# No "from __future__ import annotations" here: FastAPI reads the endpoints' annotations, and `Account` is local.
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, Depends, Request

from rejoinder.api.auth import authenticator
from rejoinder.api.errors import BodyTooLarge
from rejoinder.api.meetstream import requests, views
from rejoinder.control.keys import KeyStore
from rejoinder.control.service import BotService
from rejoinder.core.bot import BotConfig
from rejoinder.errors import InvalidRequest
from rejoinder.outgoing import check_url
from rejoinder.settings import Settings

MAX_BODY_BYTES = 2**20
"""Of a create call; MeetStream publishes no limit."""

_SOCKET = {
    "anyOf": [
        {"type": "object", "properties": {"websocket_url": {"type": "string", "format": "uri"}}},
        {"type": "string", "format": "uri"},
    ]
}
_CREATE_DOCS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["meeting_link"],
                    "properties": {
                        **{name: {"type": kind} for name, kind in requests.FIELDS.items()},
                        "socket_connection_url": _SOCKET,
                        "live_audio_required": _SOCKET,
                    },
                },
            }
        },
    }
}


def bots_router(settings: Settings, service: BotService, keys: KeyStore) -> APIRouter:
    """Create, list, look at and remove bots. All endpoints want ``Authorization: Token <key>``."""
    router = APIRouter(prefix="/api/v1/bots", tags=["bots"])
    Account = Annotated[str, Depends(authenticator(keys))]

    @router.post("/create_bot", status_code=201, openapi_extra=_CREATE_DOCS)
    async def create_bot(request: Request, account: Account) -> dict[str, Any]:
        """Send a bot to a meeting."""
        config = requests.parse_create(await read_json(request, MAX_BODY_BYTES), datetime.now(UTC))
        await _check_urls(config, settings)
        return views.created(await service.create(config, account))

    router.add_api_route("/create_agent", create_bot, methods=["POST"], status_code=201, include_in_schema=False)

    @router.get("")
    async def list_bots(account: Account) -> dict[str, Any]:
        """All bots of the account, newest first."""
        return views.listing(service.list(account))

    @router.get("/{bot_id}/status")
    async def status(bot_id: str, account: Account) -> dict[str, Any]:
        """Where a bot is in its life."""
        return views.status(service.get(bot_id, account))

    @router.get("/{bot_id}/turns")
    async def turns(bot_id: str, account: Account) -> dict[str, Any]:
        """One record per answer of the built-in agent: what was said and how long each stage took."""
        return {"bot_id": bot_id, "turns": list(service.turns(bot_id, account))}

    @router.get("/{bot_id}/remove_bot")
    @router.post("/{bot_id}/remove_bot")
    async def remove_bot(bot_id: str, account: Account) -> dict[str, Any]:
        """Make a bot leave. MeetStream's reference says GET, its quickstart POST."""
        return views.removed(await service.remove(bot_id, account))

    return router


async def read_json(request: Request, limit: int) -> Any:
    """A JSON body of at most ``limit`` bytes. Raises BodyTooLarge or InvalidRequest."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(f"The body may have at most {limit} bytes.", code="too_large")
    if not body:
        raise InvalidRequest("The body is empty; a JSON object is expected.")
    try:
        return orjson.loads(bytes(body))
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}", code="invalid_json") from None


async def _check_urls(config: BotConfig, settings: Settings) -> None:
    """Tell the caller at once of URLs that could never be used. They are checked again when they are.

    A host with a placeholder in it is only known once there is a bot.
    """
    for url, schemes, field in (
        (config.control_socket_url, ("ws", "wss"), "socket_connection_url.websocket_url"),
        (config.audio_socket_url, ("ws", "wss"), "live_audio_required.websocket_url"),
        (config.bot_image_url, ("http", "https"), "bot_image_url"),
    ):
        if url is not None and "{" not in urlsplit(url).netloc:
            await check_url(url, schemes, settings, field=field)
