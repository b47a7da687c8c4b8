"""The API with a full table: creates a second, and how long a page of the list takes among 100,000 bots.

The server runs without workers, and the created bots are due tomorrow, so that nothing else happens. Times are those of
a client on the same computer, over HTTP, one request at a time; creates come from eight clients at once.

``list_ms``: the first page. ``list_deep_ms``: pages far down, by cursor. ``list_status_ms``: of one status.
``list_attribute_ms``: bots with a custom attribute that one in a thousand has.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bench.grounds import databases, opened
from bench.harness import Served, serve, spread, table, write
from rejoinder.core.bot import Bot, BotConfig, BotStatus
from rejoinder.media.loop import new_event_loop
from rejoinder.storage import tables as t
from rejoinder.storage.database import Database, database_url
from rejoinder.storage.keys import DEFAULT_ACCOUNT
from rejoinder.storage.rows import attribute_rows, bot_row

CLIENTS = 8
CHUNK = 2000
PAGES = 40
STATUSES = (*[BotStatus.DONE] * 96, BotStatus.FAILED, BotStatus.FAILED, BotStatus.DENIED, BotStatus.CANCELLED)
TENANTS = 1000
SPAN_S = 90 * 86_400.0
"""Over how long the bots in the table were created."""


def rows(count: int, now: float) -> Iterator[dict[str, Any]]:
    """A table full of bots of the past, in no order."""
    luck = random.Random(1)
    for number in range(count):
        config = BotConfig(
            meeting_link=f"http://127.0.0.1:8080/room/meeting-{number}",
            bot_name="Notetaker",
            callback_url="https://example.com/hook",
            custom_attributes={"tenant": f"t{number % TENANTS}", "source": "bench"},
        )
        at = now - luck.random() * SPAN_S
        bot = Bot(str(uuid.UUID(int=luck.getrandbits(128), version=4)), DEFAULT_ACCOUNT, config, at, updated_at=at)
        bot.status, bot.message, bot.platform, bot.closed = luck.choice(STATUSES), "Completed", "local", True
        yield {**bot_row(bot), "told": {"bot.joining": 1, "bot.done": 1}}


async def filled(url: str | None, data: Path, count: int) -> None:
    """Write them straight into the table."""
    database = Database(database_url(url, data))
    try:
        held: list[dict[str, Any]] = []
        async with database.begin() as connection:
            for row in rows(count, time.time()):
                held.append(row)
                if len(held) == CHUNK:
                    await written(connection, held)
                    held = []
            if held:
                await written(connection, held)
    finally:
        await database.close()


async def written(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    """Some bots, and by what they are found."""
    await connection.execute(t.bots.insert(), rows)
    keys = ("id", "account", "created_at", "custom_attributes")
    found = [one for row in rows for one in attribute_rows(*(row[key] for key in keys))]
    await connection.execute(t.attributes.insert(), found)


async def creates(served: Served, seconds: float) -> float:
    """Creates a second."""
    when = datetime.fromtimestamp(time.time() + 86_400, UTC).isoformat()
    end = time.monotonic() + seconds
    made = 0

    async def client(number: int) -> None:
        nonlocal made
        while time.monotonic() < end:
            await served.create_bot(f"scale-{number}", bot_name="Robin", join_at=when)
            made += 1

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(client(number))
    return made / (time.monotonic() - began)


async def page(served: Served, **query: Any) -> tuple[float, dict[str, Any]]:
    """Milliseconds and answer."""
    began = time.perf_counter()
    async with served.http.get(f"{served.url}/api/v1/bots", params=query) as response:
        answer = await response.json()
        if response.status != 200:
            raise RuntimeError(f"list: {response.status} {answer}")
    return 1000 * (time.perf_counter() - began), answer


async def lists(served: Served, pages: int) -> dict[str, Any]:
    """How long pages take."""
    await page(served)
    found: dict[str, list[float]] = {}
    for _ in range(pages):
        found.setdefault("list_ms", []).append((await page(served))[0])
        found.setdefault("list_status_ms", []).append((await page(served, status="Denied"))[0])
        tenant = random.randrange(TENANTS)
        took, answer = await page(served, **{"custom_attr[tenant]": f"t{tenant}"})
        found.setdefault("list_attribute_ms", []).append(took)
    cursor = (await page(served, limit=100))[1]["nextCursor"]
    for _ in range(pages):
        took, answer = await page(served, limit=100, cursor=cursor)
        cursor = answer["nextCursor"]
        found.setdefault("list_deep_ms", []).append(took)
    return {name: spread(values) for name, values in found.items()}


async def measure(kind: str, count: int, seconds: float, pages: int) -> dict[str, Any]:
    """All of it on one kind of database."""
    with opened(kind) as url, tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        settings = {"WORKERS": "0", "RATE_LIMIT_PER_MINUTE": "", **({"DATABASE_URL": url} if url else {})}
        async with serve(data, agent=False, settings=settings) as served:
            empty = await creates(served, seconds)
            await filled(url, data, count)
            return {
                "bots": count,
                "creates_per_s": round(await creates(served, seconds), 1),
                "creates_per_s_empty": round(empty, 1),
                **await lists(served, pages),
            }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bots", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="5,000 bots")
    parser.add_argument("--database", choices=databases(), action="append", help="only this one")
    options = parser.parse_args()
    quick = options.quick or os.environ.get("BENCH_QUICK")
    count, seconds, pages = (5000, 2.0, 10) if quick else (options.bots, 10.0, PAGES)
    figures: dict[str, Any] = {}
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        for kind in options.database or databases():
            print(f"  {kind}", file=sys.stderr, flush=True)
            figures[kind] = runner.run(measure(kind, count, seconds, pages))
    for kind, found in figures.items():
        table(list(found.items()), f"api_scale on {kind}")
    print(f"  -> {write('api_scale', figures)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
