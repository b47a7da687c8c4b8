"""The process that holds the local language model: ``python -m rejoinder.vendors.llama.serve``.

It reads one line of JSON from its standard input (:class:`Orders`), answers with one line ``{"url": ...}``
on its standard output once it serves an OpenAI-compatible API there, and ends with its parent: when standard
input closes. A process of its own, because a model that computes for seconds must not share an interpreter
with audio.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import ctypes
import hmac
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web

NICE = 5
"""Lower priority than audio: it computes for seconds, a frame of sound is late after milliseconds."""
BATCH = 32
"""Tokens of a prompt read at a time. A request can be cut short only between batches; larger ones gain
little."""
WAITING = 8
"""Requests that may wait for a free slot."""
CACHE_MIB = 512
"""Memory for the prompts of meetings that wait for their turn."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What to serve. ``context`` is tokens per request, ``parallel`` the number of requests at a time."""

    model: str
    key: str
    threads: int
    context: int
    parallel: int

    def line(self) -> bytes:
        """As the child reads it."""
        return json.dumps(asdict(self)).encode() + b"\n"


def _die_with_parent() -> None:
    """On Linux, be killed when the parent dies without closing our standard input."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG


def _watch_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _engine(orders: Orders) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = orders.model
    params.api_keys = [orders.key]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = orders.parallel
    params.n_ctx = orders.context * orders.parallel
    params.n_batch = params.n_ubatch = BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = orders.threads
    params.cpuparams.poll = params.cpuparams_batch.poll = 0  # waiting threads must not take a core from audio
    params.cache_prompt = True
    params.cache_ram_mib = CACHE_MIB
    params.verbosity = -1  # its log would hold what people said
    params.ui = params.endpoint_slots = False
    return xllamacpp.Server(params)


class Completions:
    """``POST /v1/chat/completions``, streamed.

    llama.cpp's own server notices only after a second that nobody listens any more; here an answer that was given up
    ends with its next token, and the slot with the meeting's prompt is free for the next one.
    """

    def __init__(self, engine: Any, key: str, parallel: int) -> None:
        self._engine = engine
        self._key = key
        self._threads = concurrent.futures.ThreadPoolExecutor(parallel + WAITING, "answer")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request with server-sent events, as OpenAI's API does."""
        if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {self._key}"):
            return web.json_response({"error": {"message": "unknown key"}}, status=401)
        body = json.dumps({**await request.json(), "stream": True})
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[str | None] = asyncio.Queue()
        given_up = threading.Event()

        def pass_on(chunk: str) -> bool:
            loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            return given_up.is_set()

        def compute() -> None:
            try:
                if not given_up.is_set():
                    self._engine.handle_chat_completions(body, pass_on)
            except Exception as error:
                pass_on(json.dumps({"error": {"code": 400, "message": str(error)}}))
            finally:
                loop.call_soon_threadsafe(chunks.put_nowait, None)

        working = loop.run_in_executor(self._threads, compute)
        try:
            return await self._stream(request, chunks)
        finally:
            given_up.set()
            await asyncio.shield(working)

    async def _stream(self, request: web.Request, chunks: asyncio.Queue[str | None]) -> web.StreamResponse:
        first = await chunks.get()
        if first is None or '"error"' in first[:10]:
            return web.Response(text=first or "{}", status=400, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        chunk: str | None = first
        while chunk is not None:
            await response.write(f"data: {chunk}\n\n".encode())
            chunk = await chunks.get()
        await response.write(b"data: [DONE]\n\n")
        return response


async def _serve(orders: Orders, ready: Callable[[str], None]) -> None:
    engine = await asyncio.to_thread(_engine, orders)
    app = web.Application(client_max_size=8 * 2**20)
    app.router.add_post("/v1/chat/completions", Completions(engine, orders.key, orders.parallel).answer)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    ready(f"http://{host}:{port}/v1")
    await asyncio.Event().wait()


def main() -> None:
    """Serve until the parent is gone."""
    _die_with_parent()
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the library prints does not belong on our answer line
    orders = Orders(**json.loads(sys.stdin.buffer.readline()))
    if hasattr(os, "nice"):
        os.nice(NICE)
    threading.Thread(target=_watch_parent, daemon=True).start()

    def ready(url: str) -> None:
        answer.write(json.dumps({"url": url}) + "\n")
        answer.flush()

    asyncio.run(_serve(orders, ready))


if __name__ == "__main__":
    main()
