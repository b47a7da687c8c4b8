from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient

from rejoinder.api.app import create_app
from rejoinder.settings import Settings
from service import FakeKeys, FakeService

HOST = "http://localhost"
LINK = "http://room/standup"

Serve = Callable[..., TestClient]


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def keys() -> FakeKeys:
    return FakeKeys(key="default", other="acme")


@pytest.fixture
def serve(service: FakeService, keys: FakeKeys) -> Iterator[Serve]:
    """Makes clients of servers with given settings."""
    room = APIRouter(include_in_schema=False)

    @room.get("/boom")
    async def boom(number: int = 0) -> None:
        raise ZeroDivisionError

    opened: list[TestClient] = []

    def make(**settings: object) -> TestClient:
        known = Settings(allow_loopback_urls=True, **settings)  # type: ignore[arg-type]
        app = create_app(known, service, keys, service.blobs, service.links, room)  # type: ignore[arg-type]
        client = TestClient(app, base_url=HOST, headers={"Authorization": "Token key"}, client=("127.0.0.1", 5))
        client.__enter__()
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.__exit__()


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve()


@pytest.fixture
def bot_id(client: TestClient) -> str:
    """A bot in a meeting."""
    return str(client.post("/api/v1/bots/create_bot", json={"meeting_link": LINK}).json()["bot_id"])


@pytest.fixture
def done(client: TestClient, service: FakeService) -> str:
    """A bot that was in a meeting of two, with everything it left."""
    body = {"meeting_link": LINK, "bot_name": "Robin", "audio_separate_streams": True}
    made = str(client.post("/api/v1/bots/create_bot", json=body).json()["bot_id"])
    service.finish(made)
    return made
