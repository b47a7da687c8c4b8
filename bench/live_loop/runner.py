"""Starts subject processes and collects what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.live_loop import environment
from bench.live_loop.analysis import Run

SUBJECTS = ("ours", "pipecat", "livekit")
CLIPS = environment.ROOT / "bench" / "out" / "audio" / "live_loop.npz"
ATTEMPTS = 3
"""A run with a late feeder is repeated; after so many there is no figure."""


@dataclass(frozen=True, slots=True)
class Job:
    """One subject process."""

    subject: str
    scenario: str
    profile: str
    variant: str = "fast"
    count: int = 6
    sessions: int = 1
    seconds: float = 15.0
    seed: int = 1
    room_db: float = -66.0
    pin: str | None = None
    limit_s: float = 150.0

    @property
    def title(self) -> str:
        """For the progress line."""
        sessions = f" x{self.sessions}" if self.sessions > 1 else ""
        variant = "" if self.variant == "fast" else f" ({self.variant})"
        return f"{self.scenario} {self.profile} {self.subject}{variant}{sessions}"


def command(job: Job, peers: Path | None) -> list[str]:
    """The command line of a job."""
    own = job.subject in ("ours", "harness")
    if not own and peers is None:
        raise ValueError(f"{job.subject} needs the peers' environment")
    line = [sys.executable if own else str(peers), "-m", f"bench.live_loop.subject_{job.subject}"]
    line += ["--scenario", job.scenario, "--profile", job.profile, "--variant", job.variant]
    line += ["--clips", str(CLIPS), "--count", str(job.count), "--sessions", str(job.sessions)]
    line += ["--seconds", str(job.seconds), "--seed", str(job.seed), "--room-db", str(job.room_db)]
    return [*line, "--pin", job.pin] if job.pin else line


def _events(text: str) -> Iterator[dict[str, object]]:
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            yield event


def start(job: Job, peers: Path | None, silero: Path | None) -> subprocess.Popen[str]:
    """Start a job's process."""
    paths = [str(environment.ROOT)]
    if job.subject == "ours":
        paths.insert(0, str(environment.ROOT / "src"))
    extra = {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    if silero is not None:
        extra["REJOINDER_BENCH_SILERO"] = str(silero)
    return subprocess.Popen(
        command(job, peers),
        env={**os.environ, **extra},
        cwd=environment.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def finish(process: subprocess.Popen[str], job: Job) -> Run:
    """Wait for a job and read what it said; one that takes too long is stopped and has failed."""
    try:
        text, _ = process.communicate(timeout=job.limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        text, _ = process.communicate()
        run = Run.of(_events(text))
        run.failed = run.failed or f"took longer than {job.limit_s:.0f} s"
        return run
    return Run.of(_events(text))


def _lag(run: Run) -> str:
    return f"feeder p95 {run.lag['p95'] * 1000:.1f} ms" if run.lag else str(run.failed)


class Runner:
    """Runs jobs one after the other, prints progress, repeats late runs and counts them."""

    def __init__(self, peers: Path | None, silero: Path | None) -> None:
        self._peers = peers
        self._silero = silero
        self.repeated: list[str] = []
        self.failed: list[str] = []

    def run(self, job: Job) -> Run | None:
        """A run whose feeder was on time, or None (the reason is kept in ``failed``)."""
        for _ in range(ATTEMPTS):
            run = finish(start(job, self._peers, self._silero), job)
            if run.failed is not None:
                self.failed.append(f"{job.title}: {run.failed}")
                print(f"  {job.title}: failed: {run.failed}", flush=True)
                return None
            if not run.late:
                print(f"  {job.title}: {_lag(run)}", flush=True)
                return run
            self.repeated.append(f"{job.title}: {_lag(run)}")
            print(f"  {job.title}: {_lag(run)}, too late, again", flush=True)
        self.failed.append(f"{job.title}: the feeder was late {ATTEMPTS} times")
        return None

    def together(self, jobs: list[Job]) -> list[Run | None]:
        """Jobs at the same time, not repeated; None for those that were late or failed."""
        processes = [start(job, self._peers, self._silero) for job in jobs]
        runs = []
        for job, process in zip(jobs, processes, strict=True):
            run = finish(process, job)
            bad = run.failed or ("late feeder" if run.late else None)
            print(f"  {job.title}: {bad or _lag(run)}", flush=True)
            if bad:
                self.failed.append(f"{job.title}: {bad}")
            runs.append(None if bad else run)
        return runs

    def load(self, job: Job) -> Run:
        """A ``cpu`` run, used or refused by ``analysis.overload``, never repeated."""
        run = finish(start(job, self._peers, self._silero), job)
        print(f"  {job.title}: {_lag(run)}", flush=True)
        return run
