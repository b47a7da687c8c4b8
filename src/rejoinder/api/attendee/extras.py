"""Attendee's health and version, and clear words for its calls that this server does not have."""

# No "from __future__ import annotations" here: FastAPI reads the endpoints' annotations.
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from rejoinder import __version__
from rejoinder.api.attendee import answers as shapes
from rejoinder.api.attendee.bots import PREFIX
from rejoinder.api.attendee.describe import answers
from rejoinder.api.attendee.errors import AttendeeRoute
from rejoinder.api.context import BotId, Context, Json
from rejoinder.errors import InvalidRequest, NotFound

COLLECTIONS = ("calendars", "calendar_events", "zoom_oauth_connections", "app_sessions")
BOT_CALLS = (
    ("POST", "output_video"),
    ("POST", "admit_from_waiting_room"),
    ("POST", "change_gallery_view_page"),
    ("PATCH", "voice_agent_settings"),
    ("PATCH", "transcription_settings"),
)
_ALL = ["GET", "POST", "PATCH", "PUT", "DELETE"]


def extras_router(context: Context) -> APIRouter:
    """``/health/`` and ``/version/`` want no key."""
    router = APIRouter(route_class=AttendeeRoute, tags=["attendee"])

    @router.get(
        "/health/",
        operation_id="attendee_health",
        summary="Whether the server works (Attendee)",
        responses=answers(shapes.Health, 503, key=False),
    )
    async def health() -> Json:
        """Database and file store answer."""
        await context.service.check()
        return Json({"status": "ok"})

    @router.get(
        "/version/",
        operation_id="attendee_version",
        summary="Get the server's version (Attendee)",
        responses=answers(shapes.Version, key=False),
    )
    async def version() -> Json:
        """Of rejoinder."""
        return Json({"version": __version__})

    Account = Annotated[str, Depends(context.attendee_account)]

    def without(name: str) -> Callable[..., Coroutine[Any, Any, Json]]:
        async def missing(account: Account) -> Json:
            raise NotFound(f"{name} are not supported by this server.")

        return missing

    def unable(name: str) -> Callable[..., Coroutine[Any, Any, Json]]:
        async def refused(account: Account, bot_id: BotId) -> Json:
            await context.service.get(bot_id, account)
            raise InvalidRequest(f"{name} is not supported by this server.")

        return refused

    for name in COLLECTIONS:
        for path in (f"/api/v1/{name}", f"/api/v1/{name}/{{rest:path}}"):
            router.add_api_route(path, without(name), methods=_ALL, include_in_schema=False)
    for method, name in BOT_CALLS:
        path = f"{PREFIX}/{{bot_id}}/{name}"
        router.add_api_route(path, unable(name), methods=[method], include_in_schema=False)
    return router
