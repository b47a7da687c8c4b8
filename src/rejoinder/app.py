"""Composition: from settings to a running server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from rejoinder import plugins
from rejoinder.agent.agent import Services
from rejoinder.api.app import create_app
from rejoinder.api.room import room_router
from rejoinder.control.bots import Bots
from rejoinder.control.keys import DEFAULT_ACCOUNT, KeyStore
from rejoinder.core.bot import AgentConfig, BotConfig
from rejoinder.media.loop import MediaLoop
from rejoinder.room.hub import RoomHub
from rejoinder.room.ice import ice_servers
from rejoinder.session import Parts
from rejoinder.settings import Settings

log = structlog.get_logger(__name__)

GREETING = "Hi, I'm {name}. Ask me anything."
START_TIMEOUT_S = 20.0


class Server:
    """The API, the room and the bots of one process.

    ``models``: folders of the local models; None runs without an agent. ``load`` makes the agent's services on the
    media loop.
    """

    def __init__(
        self,
        settings: Settings,
        models: Mapping[str, Path] | None,
        load: Callable[..., Any] = plugins.load_services,
    ) -> None:
        self.settings = settings
        self.media = MediaLoop()
        self.hub = RoomHub(ice_servers=ice_servers(settings.ice_servers))
        self.keys = KeyStore(settings.data_dir / "keys.json", settings.api_key)
        self.bots = Bots(self.media, settings.base_url)
        self.services: Services | None = None
        self._models = models
        self._load = load
        self._server: uvicorn.Server | None = None
        invite = self.invite if models is not None else None
        self.app = create_app(
            settings, self.bots, self.keys, room_router(self.hub, settings, invite=invite), self._lifespan
        )

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        self.media.start()
        if self._models is not None:
            self.services = await self.media.run(self._load(self.settings, self._models))
        meetings = plugins.meetings(self.settings, plugins.engine(self.settings))
        self.bots.serve(Parts(self.settings, meetings, self.services))
        try:
            yield
        finally:
            await self.bots.close()
            if self.services is not None:
                await self.media.run(_close(self.services))
            self.media.stop()

    async def invite(self, room: str, bot_name: str | None = None) -> dict[str, Any]:
        """Send the assistant into a room of this server."""
        name = bot_name or "Robin"
        bot = await self.bots.create(
            BotConfig(
                meeting_link=f"{self.settings.base_url}/room/{room}",
                bot_name=name,
                agent=AgentConfig(greeting=GREETING.format(name=name)),
            ),
            DEFAULT_ACCOUNT,
        )
        return {"bot_id": bot.id}

    async def serve(self, started: Callable[[], None] | None = None) -> None:
        """Serve until told to stop (SIGINT, SIGTERM or :meth:`stop`)."""
        config = uvicorn.Config(
            self.app,
            host=self.settings.host,
            port=self.settings.port,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_ping_interval=5.0,  # a participant whose network is gone must not hold the host's role for long
            ws_ping_timeout=5.0,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
        )
        self._server = uvicorn.Server(config)
        listening = self._server.startup

        async def startup(sockets: Any = None) -> None:
            await listening(sockets)
            if self._server is not None and self._server.started and started is not None:
                started()

        self._server.startup = startup  # type: ignore[method-assign]
        await self._server.serve()

    def stop(self) -> None:
        """Ask the server to stop."""
        if self._server is not None:
            self._server.should_exit = True


async def _close(services: Services) -> None:
    for service in (services.transcriber, services.llm, services.voice, services.turn_model):
        close = getattr(service, "close", None)
        if close is not None:
            result = close()
            if asyncio.iscoroutine(result):
                await result


def first_key(keys: KeyStore) -> str | None:
    """A new API key if this installation has none yet; shown once."""
    return None if keys.list() else keys.create("first")
