"""The HTTP API on a real port, with bots that exist only in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from rejoinder.api.app import create_app
from rejoinder.settings import Settings
from service import FakeKeys, FakeService


@contextmanager
def memory_server() -> Iterator[FakeService]:
    """Serve until the block ends. ``base_url`` of the service is the server's address; the key is "key"."""
    service = FakeService()
    settings = Settings(port=0, allow_loopback_urls=True)
    app = create_app(settings, service, FakeKeys(key="default"), service.blobs, service.links)  # type: ignore[arg-type]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    service.base_url = f"http://127.0.0.1:{port}"
    try:
        yield service
    finally:
        server.should_exit = True
        thread.join(5)
