"""Fixtures of the tests that run a whole installation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from rejoinder.media.loop import new_event_loop
from stage import Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One installation for the tests of a file."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.get_loop()
        stage = Stage(tmp_path_factory.mktemp("data"), runner)
        runner.run(stage.open())
        yield stage
        runner.run(stage.close())
