"""A worker process's insides: models, media thread, sessions and the engine that gives them work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from rejoinder import plugins, tracing
from rejoinder.agent.agent import Services
from rejoinder.app.stores import Stores, host_id
from rejoinder.control.aftermath import Aftermath
from rejoinder.control.output import Output
from rejoinder.control.worker import Work
from rejoinder.engine.dbos_runner import DbosRunner, RunnerOptions
from rejoinder.engine.supervisor import announce
from rejoinder.media.loop import MediaLoop
from rejoinder.session.parts import Parts
from rejoinder.settings import Settings
from rejoinder.storage.outbox import SqlOutbox
from rejoinder.webhooks.courier import Courier
from rejoinder.webhooks.send import Sender

log = structlog.get_logger(__name__)

COURIER_POLL_S = 5.0
"""Couriers are woken when there is something to send; this is for what the waking missed."""


class Worker:
    """Runs bots and jobs in this process. ``models``: folders of the local models; None runs without any.

    ``load`` makes the agent's services on the media loop.
    """

    def __init__(
        self,
        stores: Stores,
        models: Mapping[str, Path] | None,
        load: Callable[..., Any] = plugins.load_services,
    ) -> None:
        self.media = MediaLoop()
        self.services: Services | None = None
        self.runner: DbosRunner | None = None
        self._stores = stores
        self._models = models
        self._load = load
        self._sender = Sender(stores.settings)
        self._work: Work | None = None
        self._meetings: plugins.Meetings | None = None

    @property
    def worker_id(self) -> str:
        """How the database knows this process; after :meth:`start`."""
        assert self.runner is not None
        return self.runner.worker_id

    async def start(self) -> None:
        """Load the models and begin to take work."""
        stores, settings = self._stores, self._stores.settings
        self.media.start()
        if self._models is not None:
            self.services = await self.media.run(self._load(settings, self._models))
        live, batch = await self.media.run(plugins.transcribers(settings, self._models, self.services))
        llm = self.services.llm if self.services is not None else None
        aftermath = Aftermath(
            stores.database, stores.engine, stores.ledger, stores.blobs, stores.spool, stores.cleaner, batch, llm
        )
        courier = Courier(SqlOutbox(stores.database), self._sender.send, poll_s=COURIER_POLL_S)
        work = self._work = Work(
            stores.database,
            stores.ledger,
            stores.spool,
            stores.cleaner,
            aftermath,
            courier,
            self.media,
            Output(stores.blobs, self.media),
        )
        options = RunnerOptions(
            host_id(settings.data_dir), settings.capacity, beat_s=settings.heartbeat_s, lease_s=settings.lease_s
        )
        self.runner = DbosRunner(stores.database, work, work.handlers, options)
        work.owner = lambda: self.worker_id
        meetings = self._meetings = plugins.Meetings(settings, plugins.engine(settings))
        work.start(Parts(settings, meetings, self.services, live, stores.spool_folder))
        stores.bots.poke = work.hurry
        announce(self.runner.worker_id)
        await self.runner.start()

    async def stop(self, drain_s: float) -> None:
        """Take nothing new, let bots go on for a while, hand over the others."""
        if self.runner is not None:
            await self.runner.drain(drain_s)
            await self.runner.close()
        if self._work is not None:
            await self._work.close()
        await self._sender.close()
        if self._meetings is not None:
            await self.media.run(self._meetings.close())
        if self.services is not None:
            await self.media.run(_close(self.services))
        self.media.stop()


async def _close(services: Services) -> None:
    for service in (services.transcriber, services.llm, services.voice, services.turn_model):
        close = getattr(service, "close", None)
        if close is not None:
            result = close()
            if asyncio.iscoroutine(result):
                await result


async def work(settings: Settings, models: Mapping[str, Path] | None, stop: asyncio.Event) -> None:
    """A worker process: until ``stop``, then drain. The database is the only thing it shares with others."""
    tracing.configure()
    stores = Stores(settings)
    await stores.open()
    worker = Worker(stores, models)
    try:
        await worker.start()
        await stop.wait()
    finally:
        await worker.stop(settings.drain_s)
        await stores.close()
        tracing.shutdown()
