"""The web application: routes and errors, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import APIRouter, FastAPI

from rejoinder import __version__
from rejoinder.api.bots import bots_router
from rejoinder.api.errors import install
from rejoinder.control.keys import KeyStore
from rejoinder.control.service import BotService
from rejoinder.settings import Settings


def create_app(
    settings: Settings,
    service: BotService,
    keys: KeyStore,
    room_router: APIRouter | None = None,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """Build the application. ``room_router`` adds the built-in room, ``lifespan`` runs around the serving."""
    app = FastAPI(
        title="rejoinder",
        version=__version__,
        summary="Meeting bots you host yourself.",
        docs_url="/docs",
        redoc_url=None,
        lifespan=lifespan,
    )
    install(app)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        """Answers as long as the event loop does."""
        return {"status": "ok"}

    app.include_router(bots_router(settings, service, keys))
    if room_router is not None:
        app.include_router(room_router)
    return app
