"""A worker process with toy bots, for the tests of the engine.

A bot writes a line four times a second until the file ``end-<bot>`` exists. Run with a JSON object as its argument.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from rejoinder.engine.dbos_runner import DbosRunner, RunnerOptions
from rejoinder.engine.supervisor import announce, watch_parent
from rejoinder.media.loop import new_event_loop
from rejoinder.storage.database import Database


def note(path: Path, **line: Any) -> None:
    """Append a line; one write, so that lines of several processes do not mix."""
    with path.open("ab", buffering=0) as file:
        file.write(json.dumps({"t": time.time(), **line}).encode() + b"\n")


class ToyBots:
    """Bots that say that they are there."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.worker = ""

    async def attend(self, bot_id: str, epoch: int) -> None:
        """Be there."""
        while not (self.out / f"end-{bot_id}").exists():
            note(self.out / f"bot-{bot_id}", worker=self.worker, bot=bot_id, epoch=epoch)
            await asyncio.sleep(0.25)

    async def settle(self, bot_id: str) -> None:
        """Say that it is over; the first time, die instead if asked to."""
        note(self.out / "settling", worker=self.worker, bot=bot_id)
        crash = self.out / f"crash-{bot_id}"
        if crash.exists():
            crash.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        note(self.out / "settled", worker=self.worker, bot=bot_id)

    async def job(self, args: dict[str, Any]) -> None:
        """A job that may take long the first time."""
        path = self.out / f"job-{args['name']}"
        note(path, worker=self.worker)
        if len(path.read_text().splitlines()) == 1:
            await asyncio.sleep(args.get("first_takes", 0.0))


async def main(options: dict[str, Any]) -> None:
    """Work until SIGTERM."""
    bots = ToyBots(Path(options["out"]))
    runner = DbosRunner(
        Database(options["url"]),
        bots,
        {"toy": bots.job},
        RunnerOptions("toys", options["capacity"], options["beat_s"], options["lease_s"], poll_s=0.1),
    )
    bots.worker = runner.worker_id
    announce(runner.worker_id)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await runner.start()
    note(bots.out / "workers", worker=runner.worker_id, pid=os.getpid())
    await stop.wait()
    await runner.drain(options["drain_s"])
    await runner.close()


if __name__ == "__main__":
    watch_parent()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main(json.loads(sys.argv[1])))
