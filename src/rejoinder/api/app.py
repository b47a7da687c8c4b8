"""The web application: routes and errors, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import APIRouter, FastAPI

from rejoinder import __version__
from rejoinder.api.attendee import bots as attendee_bots
from rejoinder.api.attendee import meetings as attendee_meetings
from rejoinder.api.attendee.extras import extras_router
from rejoinder.api.auth import attendee_authenticator, authenticator, dialect_teller
from rejoinder.api.bots import bots_router
from rejoinder.api.context import Context
from rejoinder.api.deliveries import deliveries_router
from rejoinder.api.describe import describer
from rejoinder.api.docs import docs_router
from rejoinder.api.errors import install
from rejoinder.api.files import files_router
from rejoinder.api.hosts import KnownHosts, known_hosts
from rejoinder.api.limits import Authenticator, Limits
from rejoinder.api.meetings import meetings_router
from rejoinder.api.monitoring import monitoring_router
from rejoinder.api.observe import Observed
from rejoinder.api.recordings import recordings_router
from rejoinder.api.transcripts import transcripts_router
from rejoinder.control.service import BotService
from rejoinder.settings import Settings
from rejoinder.storage.blobs import Blobs
from rejoinder.storage.links import Links

TAGS = [
    {"name": "bots", "description": "Send bots to meetings, and see what becomes of them."},
    {"name": "meetings", "description": "What happens in a meeting, and what the bot does in it."},
    {"name": "recordings", "description": "Links to finished recordings."},
    {"name": "transcripts", "description": "What was said."},
    {"name": "webhooks", "description": "What was sent to your webhooks."},
    {
        "name": "attendee",
        "description": "The same bots for clients of Attendee's API, with its words, fields and errors. "
        "`GET /api/v1/bots`, `pause_recording` and `resume_recording` above answer in both forms.",
    },
    {"name": "files", "description": "Downloads."},
    {"name": "monitoring", "description": "For those who run the server."},
]


def create_app(
    settings: Settings,
    service: BotService,
    keys: Authenticator,
    blobs: Blobs,
    links: Links,
    room_router: APIRouter | None = None,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """Build the application.

    ``keys`` says who asks, ``blobs`` and ``links`` serve downloads. ``room_router`` adds the built-in room,
    ``lifespan`` runs around the serving.
    """
    app = FastAPI(
        title="rejoinder",
        version=__version__,
        summary="Meeting bots you host yourself.",
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.openapi = describer(app)  # type: ignore[method-assign]
    install(app)
    app.add_middleware(KnownHosts, hosts=known_hosts(settings))
    app.add_middleware(Observed)  # outermost: it sees every request and answer
    limits = Limits(settings.rate_limit_per_minute)
    context = Context(
        settings,
        service,
        limits,
        authenticator(keys, limits),
        attendee_authenticator(keys, limits),
        dialect_teller(keys),
    )
    for make in (bots_router, meetings_router, recordings_router, transcripts_router, deliveries_router):
        app.include_router(make(context))
    for make in (attendee_bots.bots_router, attendee_meetings.meetings_router, extras_router):
        app.include_router(make(context))
    app.include_router(files_router(blobs, links))
    app.include_router(monitoring_router(settings, service))
    app.include_router(docs_router())
    if room_router is not None:
        app.include_router(room_router)
    return app
