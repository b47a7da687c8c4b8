"""Fixtures of the tests that hold for every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rejoinder.storage.database import database_url
from servers import Postgres, postgres_bin


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for all tests; each of its ``url()`` is a new, empty database."""
    if postgres_bin() is None:
        pytest.skip("PostgreSQL is not installed")
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty database of each kind."""
    if request.param == "sqlite":
        return database_url(None, tmp_path)
    server: Postgres = request.getfixturevalue("postgres")
    return database_url(server.url(), tmp_path)
