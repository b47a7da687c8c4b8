"""The built-in room over HTTP: its pages, its websocket, and inviting the assistant."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import structlog
from fastapi import APIRouter, Request, Response, WebSocket
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from rejoinder import room
from rejoinder.api.security import PAGE_HEADERS, foreign_page, same_origin
from rejoinder.errors import InvalidRequest, RejoinderError
from rejoinder.room.hub import RoomHub, check_room_name
from rejoinder.room.limits import Allowance
from rejoinder.room.wire import MAX_NAME
from rejoinder.settings import Settings

log = structlog.get_logger(__name__)

Invite: TypeAlias = Callable[[str, str | None], Awaitable[dict[str, Any]]]
"""Send a bot into a room: room name, name of the bot or None; answers ``{"bot_id": ...}``."""

INVITES_PER_MINUTE = 6
MAX_INVITE_BYTES = 4096

_STATIC = Path(room.__file__).with_name("static")


def room_router(hub: RoomHub, settings: Settings, *, invite: Invite | None = None) -> APIRouter:
    """Pages, static files and websocket of the built-in room.

    ``invite`` is what the page's "Invite the assistant" button calls; without it the button is not offered.
    """
    router = APIRouter(include_in_schema=False)
    _add_pages(router)
    _add_live(router, hub, settings)
    if invite is not None:
        _add_invite(router, hub, settings, invite)

    @router.get("/room/{name}/info")
    async def info(name: str) -> Response:
        """What someone about to join may know: how many are in, whether they will have to wait."""
        if (refusal := _bad_name_json(name)) is not None:
            return refusal
        return _json(
            {
                "name": name,
                "people": len(hub.people(name)),
                "lobby": hub.lobby(name),
                "can_invite": invite is not None,
            }
        )

    return router


def _add_pages(router: APIRouter) -> None:
    files = StaticFiles(directory=_STATIC)

    @router.get("/")
    async def landing() -> Response:
        return FileResponse(_STATIC / "index.html", headers=PAGE_HEADERS)

    @router.get("/room/{name}")
    async def page(name: str) -> Response:
        try:
            check_room_name(name)
        except InvalidRequest as fault:
            return _not_found_page(name, str(fault))
        return FileResponse(_STATIC / "room.html", headers=PAGE_HEADERS)

    @router.get("/static/room/{path:path}")
    async def static(path: str, request: Request) -> Response:
        try:
            response = await files.get_response(path, request.scope)
        except HTTPException as fault:
            return Response("Not found", fault.status_code, media_type="text/plain")
        # "no-cache" means ask each time (answered with 304), so the modules of a page never mix versions.
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _add_live(router: APIRouter, hub: RoomHub, settings: Settings) -> None:
    @router.websocket("/room/{name}/ws")
    async def live(websocket: WebSocket, name: str) -> None:
        if foreign_page(websocket.headers, settings.base_url):
            # Else any page a person has open could listen in on rooms of their own machine.
            log.warning("room socket refused", origin=websocket.headers.get("origin"))
            await websocket.close(1008, "foreign origin")
            return
        await hub.serve(websocket, name)


def _add_invite(router: APIRouter, hub: RoomHub, settings: Settings, invite: Invite) -> None:
    allowances: dict[str, Allowance] = {}

    def allowed(room_name: str, now: float) -> bool:
        for name in [name for name, allowance in allowances.items() if allowance.whole(now)]:
            del allowances[name]
        fresh = Allowance(burst=INVITES_PER_MINUTE, per_second=INVITES_PER_MINUTE / 60)
        return allowances.setdefault(room_name, fresh).take(1, now)

    @router.post("/room/{name}/invite")
    async def invite_bot(name: str, request: Request) -> Response:
        """Bring a bot into a room that someone is in. Only for our own page."""
        if (refusal := _bad_name_json(name)) is not None:
            return refusal
        if not same_origin(request.headers, settings.base_url):
            return _fault(403, "foreign_origin", "Only the room's own page may invite.")
        try:
            bot_name = await _bot_name(request)
        except InvalidRequest as fault:
            return _fault(422, fault.code, str(fault), fault.field)
        if not hub.people(name):
            return _fault(409, "empty_room", "Join the meeting before you invite the assistant.")
        if not allowed(name, time.monotonic()):
            return _fault(429, "too_many", f"At most {INVITES_PER_MINUTE} invitations a minute. Wait a little.")
        try:
            return _json(await invite(name, bot_name))
        except InvalidRequest as fault:
            return _fault(422, fault.code, str(fault), fault.field)
        except RejoinderError as fault:
            log.warning("invitation failed", room=name, error=str(fault))
            return _fault(503, "unavailable", str(fault))


async def _bot_name(request: Request) -> str | None:
    """The ``bot_name`` of an invitation's JSON body, or None."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise InvalidRequest("The body must be application/json.", code="not_json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_INVITE_BYTES:
            raise InvalidRequest(f"The body may have at most {MAX_INVITE_BYTES} bytes.", code="too_large")
    try:
        data = orjson.loads(bytes(body))
    except orjson.JSONDecodeError as fault:
        raise InvalidRequest(f"The body is not valid JSON: {fault}.", code="not_json") from None
    if not isinstance(data, dict):
        raise InvalidRequest("The body must be a JSON object.", code="not_json")
    name = data.get("bot_name")
    if name is None:
        return None
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= MAX_NAME:
        raise InvalidRequest(f'"bot_name" must be a string of 1 to {MAX_NAME} characters.', field="bot_name")
    return name.strip()


def _json(data: object, status: int = 200) -> JSONResponse:
    return JSONResponse(data, status, headers={"Cache-Control": "no-store"})


def _fault(status: int, code: str, message: str, field: str | None = None) -> JSONResponse:
    return _json({"code": code, "message": message, **({"field": field} if field else {})}, status)


def _bad_name_json(name: str) -> JSONResponse | None:
    try:
        check_room_name(name)
    except InvalidRequest as fault:
        return _fault(404, fault.code, str(fault), fault.field)
    return None


def _not_found_page(name: str, why: str) -> HTMLResponse:
    """Tell what is wrong with the name, and offer the nearest one that would do."""
    near = re.sub(r"[^a-z0-9]+", "-", name.lower())[:64].strip("-")
    offer = f'<p><a class="button primary" href="/room/{near}">Go to “{near}” instead</a></p>' if near else ""
    template = (_STATIC / "not-found.html").read_text(encoding="utf-8")
    html = template.replace("{{why}}", escape(why)).replace("{{offer}}", offer)
    return HTMLResponse(html, 404, headers=PAGE_HEADERS)
