"""Many bots scheduled for the same second.

Each has a room of its own without people, so that no WebRTC is in the way: what is measured is finding them, taking
them up, signalling and writing all of it down. One host, several workers.

``joined_once``: bots that were in their meeting, under the first epoch, exactly once.
``lag_s``: from ``join_at`` until the bot was in its meeting, by its log.
``told``, ``told_s``: how many webhooks of these the user's receiver had, and from ``join_at`` until then.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.grounds import Hooks, databases, opened, receiving
from bench.harness import Served, cpu_seconds, family, serve, spread, table, write
from rejoinder.media.loop import new_event_loop
from rejoinder.storage.database import Database, database_url

AHEAD_S = 6.0
"""Between the last create call and the time to join."""
CREATE_S = 0.05
"""What a create call is taken to need at most."""
WITHIN_S = 60.0
"""When the rest is given up."""


def figures(join_at: float, joined: Mapping[str, Sequence[float]], epochs: Mapping[str, int]) -> dict[str, Any]:
    """What became of the bots: when each was in its meeting (Unix seconds), under how many epochs it was taken up."""
    lags = [min(times) - join_at for times in joined.values() if times]
    return {
        "joined_once": sum(len(joined.get(bot, ())) == 1 and epoch == 1 for bot, epoch in epochs.items()),
        "lag_s": {**spread(lags, 2), "min": round(min(lags), 2), "max": round(max(lags), 2)},
    }


async def create_all(served: Served, hooks: Hooks, count: int) -> float:
    """Schedule them; when they are to join."""
    join_at = float(round(time.time() + AHEAD_S + count * CREATE_S))
    when = datetime.fromtimestamp(join_at, UTC).isoformat()
    gate = asyncio.Semaphore(8)

    async def one(number: int) -> None:
        async with gate:
            await served.create_bot(
                f"burst-{number}", bot_name="Robin", join_at=when, callback_url=hooks.url, record=False
            )

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))
    if time.time() > join_at - 2.0:
        raise RuntimeError("creating them took too long")
    return join_at


async def measure(kind: str, count: int, workers: int) -> dict[str, Any]:
    """One burst on one kind of database."""
    with opened(kind) as url, tempfile.TemporaryDirectory() as folder:
        settings = {
            "WORKERS": str(workers),
            "CAPACITY": str(-(-count * 6 // 5 // workers)),
            **({"DATABASE_URL": url} if url else {}),
        }
        async with receiving() as hooks, serve(Path(folder), agent=False, settings=settings) as served:
            join_at = await create_all(served, hooks, count)
            await asyncio.sleep(join_at - 2.0 - time.time())
            processes, before = family(served.pid), sum(map(cpu_seconds, family(served.pid)))

            def told() -> list[float]:
                return [
                    at for body, at in zip(hooks.bodies, hooks.times, strict=True) if body["event"] == "bot.inmeeting"
                ]

            with contextlib.suppress(AssertionError):  # the figures tell
                await hooks.wait(lambda seen: len(told()) >= count, join_at + WITHIN_S - time.time())
            spent, took = sum(map(cpu_seconds, processes)) - before, time.time() - join_at + 2.0
            await asyncio.sleep(2.0)  # would any of them come twice?
            joined, epochs = await looked_up(url, Path(folder))
            found = figures(join_at, joined, epochs)
            return {
                "bots": count,
                "workers": workers,
                **found,
                "told": len(told()),
                "told_s": spread([at - join_at for at in told()], 2),
                "cores": round(spent / took, 2),
            }


async def looked_up(url: str | None, data: Path) -> tuple[dict[str, list[float]], dict[str, int]]:
    """When each bot was in its meeting, and how often it was taken up."""
    database = Database(database_url(url, data))
    joined: dict[str, list[float]] = {}
    try:
        async with database.read() as connection:
            log = await connection.execute(text("SELECT bot_id, at FROM happenings WHERE event = 'bot.inmeeting'"))
            for row in log:
                joined.setdefault(row.bot_id, []).append(row.at)
            bots = await connection.execute(text("SELECT id, epoch FROM bots"))
            return joined, {row.id: row.epoch for row in bots}
    finally:
        await database.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bots", type=int, default=200)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="30 bots")
    parser.add_argument("--database", choices=databases(), action="append", help="only this one")
    options = parser.parse_args()
    count = 30 if options.quick or os.environ.get("BENCH_QUICK") else options.bots
    found: dict[str, Any] = {}
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        for kind in options.database or databases():
            print(f"  {kind}", file=sys.stderr, flush=True)
            found[kind] = runner.run(measure(kind, count, options.workers))
    for kind, figure in found.items():
        table(list(figure.items()), f"scheduled_burst on {kind}")
    first, *others = found.values()
    print(f"  -> {write('scheduled_burst', {**first, 'postgres': others[0]} if others else first)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
