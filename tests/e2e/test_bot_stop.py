"""A server that stops."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from structlog.testing import capture_logs

from rejoinder.media.loop import new_event_loop
from stage import Stage


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_bots_leave_cleanly_when_the_server_stops(tmp_path: Path) -> None:
    """Both users' sockets are closed with 1000, and neither tasks nor threads nor complaints stay behind."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner, capture_logs() as logs:
        stage = Stage(tmp_path, runner)
        runner.run(stage.open())

        async def scene() -> None:
            await stage.person("Ada", "closing")
            await stage.connected_bot("closing")
            await stage.connected_bot("closing", bot_name="Wren")

        stage.keep(scene())
        media = set(threads("media"))
        runner.run(stage.close())
        assert len(media - set(threads("media"))) == 1
        assert sorted(stage.seed.closed) == [("audio", 1000)] * 2 + [("control", 1000)] * 2
        assert stage.media_tasks("") == []
        left = {task.get_name() for task in asyncio.all_tasks(runner.get_loop())}
        assert left == set()
    assert [entry for entry in logs if entry["log_level"] in ("error", "critical")] == []
