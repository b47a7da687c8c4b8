"""``kill -9`` of the worker that runs a bot, again and again in one meeting.

Everything is real: server, two workers, database, room, WebRTC. A person in the room speaks all the time, in a code
that tells where a piece of it belongs (``bench/position.py``), and notes when the bot is there.

``back_s``: from the kill until the person sees the bot in the room again.
``lost``: kills after which it never came. ``doubled``: how often the person saw two of it at once.
``audio_lost_s``: what is missing of the person's speech in the recording around a kill, less ``back_s``: what was not
    written down yet when the worker died, and what the new bot's media connection takes.
``webhooks``: those of the meeting against the catalogue; ``bot.joining`` may come three times, all others once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import itertools
import os
import random
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("WRTC_ALLOW_LOOPBACK", "1")

import aiohttp
import av
import numpy as np

from bench.grounds import Hooks, Witness, databases, opened, owner_pid, receiving
from bench.harness import Served, quantile, serve, spread, table, write
from bench.position import heard, lost_after, resolve, sound, times_of
from rejoinder import plugins
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.media.loop import new_event_loop
from rejoinder.settings import Settings

EXPECTED = (
    "bot.joining",
    "bot.inmeeting",
    "bot.recording",
    "bot.leaving",
    "bot.stopped",
    "manifest.completed",
    "audio.processed",
    "bot.done",
)
MOST_JOININGS = 3
BACK_WITHIN_S = 60.0
PAUSE_S = (2.5, 5.5)
"""Between the bot's return and the next kill."""
CHUNK = 50
"""Symbols said in one go."""


def judge(received: Sequence[str], expected: Sequence[str] = EXPECTED) -> dict[str, int]:
    """Webhooks received against those expected: how many came, are missing, came twice, came too early."""
    joinings = received.count(expected[0])
    rest = [name for name in received if name != expected[0]]
    ranks = [expected.index(name) if name in expected else len(expected) for name in rest]
    late_joinings = [
        place for place, name in enumerate(received) if name == expected[0] and expected[3] in received[:place]
    ]
    disordered = sum(after < before for before, after in itertools.pairwise(ranks))
    return {
        "sent": len(received),
        "missing": sum(name not in received for name in expected),
        "repeated": sum(max(0, rest.count(name) - 1) for name in set(rest)) + max(0, joinings - MOST_JOININGS),
        "out_of_order": disordered + len(late_joinings) + (joinings > 0 and received[0] != expected[0]),
    }


class Meeting:
    """One bot, one person who does not stop to talk."""

    def __init__(self, served: Served, url: str | None, data: Path, hooks: Hooks) -> None:
        self._served, self._url, self._data, self._hooks = served, url, data, hooks
        self.person = Witness(plugins.engine(Settings()), served.signalling("kills"), "Ada")
        self.robin = self.person.of("Robin")
        self.bot = ""
        self.kills: list[float] = []
        self.back: list[float | None] = []
        self.said: list[tuple[int, float]] = []
        """(first symbol, when) of each chunk."""

    async def run(self, kills: int) -> dict[str, Any]:
        """Play it; the figures."""
        await self.person.join()
        self.bot = await self._served.create_bot(
            "kills",
            bot_name="Robin",
            callback_url=self._hooks.url,
            audio_separate_streams=True,
            automatic_leave={"voice_inactivity_timeout": 3600, "everyone_left_timeout": 3600},
        )
        await self.person.until(lambda: self.robin.here, 90, "the bot")
        came = self.person.now
        async with asyncio.TaskGroup() as group:
            talking = group.create_task(self._talk(group))
            await asyncio.sleep(3.0)
            for _ in range(kills):
                await self._kill()
                await asyncio.sleep(random.uniform(*PAUSE_S))
            talking.cancel()
        end = self.person.now
        async with self._served.http.get(f"{self._served.url}/api/v1/bots/{self.bot}/remove_bot"):
            pass
        await self._served.until_status(self.bot, "Done", 60)
        await self._hooks.wait(lambda seen: "bot.done" in seen.names(self.bot), 20)
        await asyncio.sleep(1.0)
        figures = await self._figures(came, end)
        await self.person.leave()
        return figures

    async def _talk(self, group: asyncio.TaskGroup) -> None:
        """Without a gap: the next chunk is queued while one is being said."""
        number = 0
        queued: list[asyncio.Task[None]] = []
        try:
            while True:
                chunk = await asyncio.to_thread(sound, number, CHUNK)
                queued.append(group.create_task(self._say(number, chunk)))
                number += CHUNK
                if len(queued) > 1:
                    await queued.pop(0)
        except asyncio.CancelledError:
            for task in queued:
                task.cancel()
            raise

    async def _say(self, first: int, chunk: Pcm) -> None:
        said = await self.person.say(chunk)
        self.said.append((first, said.written))

    async def _kill(self) -> None:
        pid = await owner_pid(self._url, self._data, self.bot)
        if pid is None:
            raise RuntimeError("nobody has the bot")
        now = self.person.now
        os.kill(pid, signal.SIGKILL)
        self.kills.append(now)
        try:
            await self.person.until(lambda: self.robin.came_after(now) is not None, BACK_WITHIN_S, "the bot")
        except Exception as error:
            print(f"  {error}", file=sys.stderr)
            self.back.append(None)
            return
        again = self.robin.came_after(now)
        assert again is not None
        self.back.append(again - now)
        print(f"  kill {len(self.kills)}: back after {again - now:.2f} s", file=sys.stderr, flush=True)

    async def _figures(self, came: float, end: float) -> dict[str, Any]:
        back = [value for value in self.back if value is not None]
        times = times_of(self.said)
        answer = await self._served.get(f"/api/v1/bots/{self.bot}/get_audio")
        mix = await asyncio.to_thread(decoded, await download(answer["audio_url"]))
        symbols = resolve(await asyncio.to_thread(heard, mix), times, -came)
        marks = [int(np.searchsorted(times, kill)) for kill in self.kills]
        lost = lost_after(set(symbols), marks, int(np.searchsorted(times, end)) - 10)
        beyond = [missing - gap for missing, gap in zip(lost, self.back, strict=True) if gap is not None]
        return {
            "kills": len(self.kills),
            "lost": len(self.kills) - len(back),
            "doubled": sum(gap < 0 for gap in self.robin.gaps()),
            "back_s": {**spread(back, 2), "max": round(max(back), 2)},
            "audio_lost_s": {"p50": round(quantile(beyond, 0.5), 2), "max": round(max(beyond), 2)},
            "each": [[gap, missing] for gap, missing in zip(self.back, lost, strict=True)],
            "webhooks": judge(self._hooks.names(self.bot)),
            "webhook_names": self._hooks.names(self.bot),
            "meeting_s": round(end - came, 1),
            "recording_s": round(len(mix) / MEETING_RATE, 1),
        }


async def download(url: str) -> bytes:
    """A file behind a link."""
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        response.raise_for_status()
        return await response.read()


def decoded(data: bytes) -> Pcm:
    """All samples of an audio file, 48 kHz mono."""
    with av.open(io.BytesIO(data)) as file:
        resampler = av.AudioResampler("s16", "mono", MEETING_RATE)
        parts = [out.to_ndarray()[0] for frame in file.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate(parts)


async def measure(kind: str, kills: int) -> dict[str, Any]:
    """One meeting on one kind of database."""
    with opened(kind) as url, tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        settings = {"WORKERS": "2", **({"DATABASE_URL": url} if url else {})}
        async with receiving() as hooks, serve(data, agent=False, settings=settings) as served:
            return await Meeting(served, url, data, hooks).run(kills)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="three kills")
    parser.add_argument("--database", choices=databases(), action="append", help="only this one")
    options = parser.parse_args()
    kills = 3 if options.quick or os.environ.get("BENCH_QUICK") else options.kills
    figures: dict[str, Any] = {}
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        for kind in options.database or databases():
            print(f"  {kind}", file=sys.stderr, flush=True)
            figures[kind] = runner.run(measure(kind, kills))
    for kind, found in figures.items():
        table(list(found.items()), f"kill_worker on {kind}: {kills} kills in one meeting")
    # The figures stand at the top: those of the default database.
    first, *others = figures.values()
    with contextlib.suppress(ValueError):
        (other,) = others
        first = {**first, "postgres": other}
    print(f"  -> {write('kill_worker', first)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
