"""Composition: from settings to a running server."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from rejoinder import plugins, tracing
from rejoinder.agent.agent import Services
from rejoinder.api.app import create_app
from rejoinder.api.room import room_router
from rejoinder.app.stores import Stores, host_id
from rejoinder.app.worker import Worker
from rejoinder.control.service import ListQuery
from rejoinder.core.bot import NEVER_LEAVE, AgentConfig, AutomaticLeave, BotConfig
from rejoinder.engine.supervisor import Supervisor, lock_data_dir
from rejoinder.room.hub import RoomHub
from rejoinder.room.ice import ice_servers
from rejoinder.settings import Settings
from rejoinder.storage.keys import DEFAULT_ACCOUNT

log = structlog.get_logger(__name__)

GREETING = "Hi, I'm {name}. Ask me anything."
ASSISTANT = "rejoinder.assistant"
"""The custom attribute that tells the assistant of ``rejoinder run`` from users' bots."""


class Server:
    """The API and the room, and the bots: in this process, or (``worker_command``) in supervised worker processes.

    ``models``: folders of the local models; None runs without an agent. ``load`` makes the agent's services on the
    media loop. ``on_first_key`` gets the API key that is made when there is none yet.
    """

    def __init__(
        self,
        settings: Settings,
        models: Mapping[str, Path] | None,
        load: Callable[..., Any] = plugins.load_services,
        *,
        worker_command: list[str] | None = None,
        on_first_key: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings
        self.stores = Stores(settings)
        self._lock = lock_data_dir(settings.data_dir)
        self.hub = RoomHub(ice_servers=ice_servers(settings.ice_servers))
        self.keys = self.stores.keys
        self.bots = self.stores.bots
        self.worker = None if worker_command is not None else Worker(self.stores, models, load)
        self.supervisor: Supervisor | None = None
        if worker_command and settings.workers:
            self.supervisor = Supervisor(
                worker_command, settings.workers, self._worker_died, worker_environment(settings), [self._lock.fd]
            )
        self._on_first_key = on_first_key
        self._server: uvicorn.Server | None = None
        self.app = create_app(
            settings,
            self.bots,
            self.keys,
            self.stores.blobs,
            self.stores.links,
            room_router(self.hub, settings, invite=self.invite if models is not None else None),
            self._lifespan,
        )

    @property
    def services(self) -> Services | None:
        """What agents in this process think with."""
        return self.worker.services if self.worker is not None else None

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        tracing.configure()
        await self.stores.open()
        if self._on_first_key is not None and self.settings.api_key is None and not await self.keys.list():
            self._on_first_key(await self.keys.create("first"))
        # The lock says that nobody else runs on this data folder: whatever ran here before is gone.
        await self.stores.engine.retire(host=host_id(self.settings.data_dir))
        if self.worker is not None:
            await self.worker.start()
        if self.supervisor is not None:
            await self.supervisor.start()
        try:
            yield
        finally:
            if self.supervisor is not None:
                await self.supervisor.stop(self.settings.drain_s)
            if self.worker is not None:
                await self.worker.stop(drain_s=0.0)
            await self.stores.close()
            tracing.shutdown()
            self._lock.close()

    async def _worker_died(self, worker_ids: list[str]) -> None:
        await self.stores.engine.retire(worker_ids=worker_ids)

    async def invite(self, room: str, bot_name: str | None = None, *, stay: bool = False) -> dict[str, Any]:
        """Send the assistant into a room of this server; ``stay``: it waits there even when nobody comes."""
        name = bot_name or "Robin"
        if stay and (waiting := await self._waiting(room, name)) is not None:
            return {"bot_id": waiting}
        created = await self.bots.create(
            BotConfig(
                meeting_link=f"{self.settings.base_url}/room/{room}",
                bot_name=name,
                agent=AgentConfig(greeting=GREETING.format(name=name)),
                leave=NEVER_LEAVE if stay else AutomaticLeave(voice_inactivity_s=None),
                record=False,
                custom_attributes={ASSISTANT: room},
            ),
            DEFAULT_ACCOUNT,
        )
        return {"bot_id": created.bot.id}

    async def _waiting(self, room: str, name: str) -> str | None:
        """The assistant that an earlier run of this server left in the room; one with another name is sent away."""
        page = await self.bots.list(DEFAULT_ACCOUNT, ListQuery(attributes={ASSISTANT: room}))
        found = None
        for bot in page.bots:
            if bot.status.over:
                continue
            if found is None and bot.config.bot_name == name:
                found = bot.id
            else:
                await self.bots.remove(bot.id, DEFAULT_ACCOUNT)
        return found

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


WORKER_COMMAND = [sys.executable, "-m", "rejoinder", "worker", "--supervised"]


def worker_environment(settings: Settings) -> dict[str, str]:
    """The settings that came from the command line, for worker processes."""
    return {"REJOINDER_HOST": settings.host, "REJOINDER_PORT": str(settings.port)}
