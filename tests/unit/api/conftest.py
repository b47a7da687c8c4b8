from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from pydantic import SecretStr

from rejoinder.api.app import create_app
from rejoinder.control.keys import KeyStore
from rejoinder.settings import Settings

from .fake_service import FakeService


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys.json", SecretStr("key"))


@pytest.fixture
def client(service: FakeService, keys: KeyStore) -> Iterator[TestClient]:
    room = APIRouter()

    @room.get("/boom")
    async def boom(number: int = 0) -> None:
        raise ZeroDivisionError

    app = create_app(Settings(allow_loopback_urls=True), service, keys, room)
    with TestClient(app, headers={"Authorization": "Token key"}) as client:
        yield client
