"""Fixtures of the tests that run a whole installation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stage import Stage, open_stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One installation for the tests of a file."""
    with open_stage(tmp_path_factory.mktemp("data")) as stage:
        yield stage
