"""What every subject process does: open sessions, feed them in real time, let people speak, print raw times.

A framework under test is bound by two small classes (``Framework``, ``Session``); everything measured is in here and
in ``scenarios``, the same for all.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, TextIO

from bench.live_loop import clips, scenarios
from bench.live_loop.clips import Clip, Pcm
from bench.live_loop.device import Device
from bench.live_loop.mic import CHUNK_S, Ears, Mic, Utterance
from bench.live_loop.services import PROFILES, Profile, Services
from bench.live_loop.stats import percentile

PHASES = 4
"""Sessions are fed at this many moments within each 20 ms, as independent callers would be."""

OPENING_LIMIT_S = 60.0
"""A framework that needs longer to open its sessions has failed the point."""


@dataclass(slots=True)
class Seat:
    """One session's surroundings: the person, the loudspeaker, the services, and what was noted."""

    index: int
    profile: Profile
    variant: str
    clips: dict[str, Clip]
    room_db: float
    device: Device = field(default_factory=Device)
    vad_stops: list[float] = field(default_factory=list)
    """When the subject's own voice activity detector said that speech is over."""
    notes: list[str] = field(default_factory=list)
    services: Services = field(init=False)
    mic: Mic = field(init=False)
    session: Session = field(init=False)

    def __post_init__(self) -> None:
        self.services = Services(self.profile)
        self.mic = Mic(1000 + self.index, self.room_db, self._said)

    def _said(self, utterance: Utterance) -> None:
        self.session.utterance_began()
        loop = asyncio.get_running_loop()
        Ears(self.profile.stt_s, self.session.transcript).heard(utterance, loop.call_later)


class Session(Protocol):
    """One conversation inside the framework under test."""

    async def hear(self, chunk: Pcm) -> None:
        """20 ms of 16 kHz audio; must return at once."""
        ...

    def utterance_began(self) -> None:
        """The person begins to speak: what a transcriber knew before is not this utterance's text."""
        ...

    def transcript(self, text: str, final: bool, utterance: Utterance) -> None:
        """The mock transcriber understood something; called on the loop."""
        ...


class Framework(Protocol):
    """A loop under test."""

    def settings(self, variant: str) -> dict[str, Any]:
        """What was set, for the record."""
        ...

    async def open(self, seat: Seat) -> Session:
        """Start a session whose audio goes to ``seat.device`` and whose services are ``seat.services``."""
        ...


class Feeder:
    """Gives every session its 20 ms on time, and keeps how late it was."""

    def __init__(self, seats: list[Seat]) -> None:
        phases = min(PHASES, len(seats))
        self._groups = [seats[phase::phases] for phase in range(phases)]
        self.lags: list[float] = []
        self.running = True

    async def run(self) -> None:
        step = CHUNK_S / len(self._groups)
        due = time.perf_counter() + step
        while self.running:
            for group in self._groups:
                wait = due - time.perf_counter()
                if wait > 0:
                    await asyncio.sleep(wait)
                elif len(self.lags) % 8 == 0:
                    await asyncio.sleep(0)
                self.lags.append(time.perf_counter() - due)
                for seat in group:
                    await seat.session.hear(seat.mic.next_chunk(due))
                due += step


def rss_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_s() -> float:
    """CPU time of this process so far, all threads, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _measure(framework: Framework, options: argparse.Namespace, emit: Callable[..., None]) -> None:
    voices = clips.load(Path(options.clips))
    profile = PROFILES[options.profile]
    seats = [Seat(index, profile, options.variant, voices, options.room_db) for index in range(options.sessions)]
    async with asyncio.timeout(OPENING_LIMIT_S):
        seats[0].session = await framework.open(seats[0])
        base = rss_mb()  # with the models loaded
        for seat in seats[1:]:
            seat.session = await framework.open(seat)
    feeder = Feeder(seats)
    plan = scenarios.SCENARIOS[options.scenario](seats, options.count, options.seconds, options.seed)
    gc.collect()
    async with asyncio.TaskGroup() as group:
        feeding = group.create_task(feeder.run())
        await asyncio.sleep(plan.settle_s)
        people = [group.create_task(script) for script in plan.scripts]
        start, cpu, ticks = time.perf_counter(), cpu_s(), len(feeder.lags)
        await asyncio.wait(people, timeout=plan.limit_s)
        wall, cpu, lags = time.perf_counter() - start, cpu_s() - cpu, feeder.lags[ticks:]
        for person in people:
            person.cancel()
        feeder.running = False
        await feeding
    rss = rss_mb()
    emit("load", cpu_s=cpu, wall_s=wall, sessions=len(seats), rss_base_mb=base, rss_mb=rss)
    emit("lag", p50=percentile(lags, 0.5), p95=percentile(lags, 0.95), max=max(lags), n=len(lags))
    now = time.perf_counter()
    for seat in seats:
        _tell(seat, now, emit)


def _tell(seat: Seat, now: float, emit: Callable[..., None]) -> None:
    seat.device.advance(now)
    said = [{"name": u.clip.name, "text": u.clip.text, "onset": u.onset, "end": u.end} for u in seat.mic.utterances]
    emit(
        "session",
        index=seat.index,
        utterances=said,
        spans=[[span.start, span.end, span.first, span.last] for span in seat.device.spans],
        vad_stops=seat.vad_stops,
        llm_requests=seat.services.llm_requests,
        tts_requests=seat.services.tts_requests,
        notes=seat.notes,
    )


def main(make: Callable[[], Framework], packages: tuple[str, ...]) -> None:
    """Entry point of a subject process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenario", choices=sorted(scenarios.SCENARIOS), required=True)
    parser.add_argument("--profile", choices=sorted(PROFILES), required=True)
    parser.add_argument("--clips", required=True)
    parser.add_argument("--variant", default="fast")
    parser.add_argument("--count", type=int, default=6)
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--room-db", type=float, default=-66.0, help="the room's own noise, dBFS rms")
    parser.add_argument("--pin", choices=("first", "last"), help="stay on one core")
    options = parser.parse_args()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints does not mix with the events

    def emit(event: str, **values: Any) -> None:
        out.write(json.dumps({"event": event, **values}) + "\n")
        out.flush()

    if options.pin:
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(cores) if options.pin == "last" else min(cores)})
    try:
        import uvloop

        framework = make()
        versions = {name: metadata.version(name) for name in packages}
        emit(
            "about",
            versions=versions,
            settings=framework.settings(options.variant),
            profile=asdict(PROFILES[options.profile]),
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_measure(framework, options, emit))
            emit("done")
            _leave(out)
    except BaseException as error:
        emit("failed", error=f"{type(error).__name__}: {error}", where=traceback.format_exc()[-2000:])
    _leave(out)


def _leave(out: TextIO) -> None:
    """End the process at once: nothing is measured any more, and closing a hundred sessions takes its time."""
    out.close()
    sys.stderr.flush()
    os._exit(0)
