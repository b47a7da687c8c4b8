"""A user's webhook receiver."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web


@dataclass
class Hooks:
    """What came, in order. ``answer`` may be changed to another status."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    raw: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    answer: int = 200

    def of(self, bot: str) -> list[dict[str, Any]]:
        """The lifecycle webhooks of a bot."""
        return [body for body in self.bodies if body.get("bot_id") == bot]

    def names(self, bot: str) -> list[str]:
        """Their names."""
        return [body["event"] for body in self.of(bot)]

    async def wait(self, until: Callable[[Hooks], bool], within_s: float = 10.0) -> None:
        """Until something has come."""
        end = asyncio.get_running_loop().time() + within_s
        while not until(self):
            assert asyncio.get_running_loop().time() < end, self.bodies
            await asyncio.sleep(0.02)


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Hooks]:
    """A receiver on loopback."""
    hooks = Hooks()

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        hooks.raw.append((body, dict(request.headers)))
        hooks.bodies.append(orjson.loads(body))
        hooks.times.append(time.time())
        return web.Response(status=hooks.answer)

    app = web.Application()
    app.router.add_post("/{rest:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    hooks.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield hooks
    finally:
        await runner.cleanup()
