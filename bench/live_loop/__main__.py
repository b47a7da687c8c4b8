"""``python -m bench.live_loop``: the whole comparison. Writes ``bench/out/live_loop.json`` and prints a table.

``--quick`` does less of everything; ``--subject ours`` runs one subject; the whole run takes about 12 minutes.
Subjects take turns, so that whatever else the machine does hits all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.live_loop import clips, environment, report
from bench.live_loop.analysis import Run, cpu_per_minute, overload
from bench.live_loop.runner import CLIPS, SUBJECTS, Job, Runner, finish, start

OUT = environment.ROOT / "bench" / "out" / "live_loop.json"
PEERS = ("pipecat", "livekit")
POINTS = (10, 50, 100)


def latency_jobs(subjects: list[str], quick: bool) -> list[Job]:
    """What is compared, but for CPU: block by block, the subjects taking turns within a block."""
    blocks: list[tuple[int, Job]] = [
        # (rounds, job for each subject)
        (1 if quick else 2, Job("", "voice_to_voice", "cloud", count=3 if quick else 6)),
        (1, Job("", "voice_to_voice", "zero", count=2 if quick else 6)),
        (1 if quick else 2, Job("", "barge_in", "long", count=3 if quick else 6)),
        (1, Job("", "false_interruption", "long_cloud", sessions=6 if quick else 12)),
    ]
    if not quick:
        blocks.insert(2, (1, Job("", "voice_to_voice", "cloud_token_tts", count=3)))
    return [
        replace(job, subject=subject, seed=1 + 3 * turn)
        for rounds, job in blocks
        for turn in range(rounds)
        for subject in subjects
    ]


def record_jobs(subjects: list[str]) -> list[list[Job]]:
    """For the record: the peers less tuned, both at the same time (a core each)."""
    peers = [subject for subject in subjects if subject in PEERS]
    return [
        [Job(peer, "barge_in", "long", variant="tuned", count=5) for peer in peers],
        [Job(peer, "false_interruption", "long_cloud", variant="default", sessions=6) for peer in peers],
    ]


@dataclass(slots=True)
class Load:
    """What the ``cpu`` scenario gave."""

    points: dict[str, dict[int, Run]]
    """Per subject and number of sessions."""
    harness: dict[str, float] = field(default_factory=dict)
    """CPU seconds per session-minute of the harness alone."""
    noisy: dict[str, float] = field(default_factory=dict)
    """Ours in a room of -50 dBFS, where no level gate saves work."""


def measure_load(subjects: list[str], quick: bool, peers: Path | None, silero: Path | None) -> Load:
    """All CPU points, the subjects taking turns. With 10 sessions there are two rounds, of which the cheaper counts:
    what else the machine does only ever adds to a process's CPU time."""
    seconds = 10.0 if quick else 14.0
    load = Load({subject: {} for subject in subjects})
    runner = Runner(peers, silero)
    for count in (10,) if quick else (10, *POINTS):
        for subject in subjects:
            points = load.points[subject]
            if too_many := [point for point, run in points.items() if overload(run) is not None and point < count]:
                points[count] = Run(failed=f"not tried: {too_many[0]} sessions were already too many")
                continue
            run, before = runner.load(_load_job(subject, count, seconds)), points.get(count)
            if before is None or _cheaper(run, before):
                points[count] = run
    # the harness on the other core, beside ours in a noisy room
    alone = [replace(_load_job("harness", count, seconds), pin="first") for count in ((10,) if quick else (10, 100))]
    processes = [start(job, peers, silero) for job in alone]
    if "ours" in subjects:
        run = runner.load(replace(_load_job("ours", 10, seconds), room_db=-50.0))
        if overload(run) is None:
            load.noisy["n10"] = round(cpu_per_minute(run), 3)
    for job, process in zip(alone, processes, strict=True):
        run = finish(process, job)
        if run.failed is None:
            load.harness[f"n{job.sessions}"] = round(cpu_per_minute(run), 3)
    return load


def _cheaper(run: Run, before: Run) -> bool:
    if overload(run) is not None:
        return False
    return overload(before) is not None or cpu_per_minute(run) < cpu_per_minute(before)


def _load_job(subject: str, count: int, seconds: float) -> Job:
    return Job(subject, "cpu", "talk", sessions=count, seconds=seconds, pin="last", limit_s=110)


def _silero() -> Path:
    """The folder of the voice activity model, fetched if need be."""
    if given := os.environ.get("REJOINDER_BENCH_SILERO"):
        return Path(given)
    from rejoinder.models.fetch import ensure
    from rejoinder.settings import Settings

    return ensure(["silero-vad"], Settings())["silero-vad"]


def _note() -> dict[str, Any]:
    return {
        "voice_to_voice_ms": "last speech sample to first bot sample; services: STT final 150 ms after speech, "
        "LLM 300 ms + 15 ms/token, TTS first audio 120 ms after a finished piece of text",
        "added_ms": "first bot sample minus the subject's own end-of-speech decision, services without latency",
        "barge_in_ms": "first speech sample over the bot to the last bot sample before 200 ms of silence; "
        "all audio leaves in 20 ms frames",
        "false_interruption_ms": "longest silence the listener hears after 'ahem' (no words), 'uh', 'yeah' (pooled), "
        "at most 8000; a lost reply counts until the next audio",
        "cpu_s_per_min": "user and system, all threads, one core, harness included (see harness); null: the process "
        "did not carry the sessions, see details.cpu_refused",
        "late_runs": "a run whose feeder was more than 20 ms late (p95) is dropped and repeated, for all alike",
        "ratio": "ours over the better peer in its fastest documented settings",
    }


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.live_loop", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="2 to 3 minutes: fewer turns, 10 sessions only")
    parser.add_argument("--subject", choices=SUBJECTS, action="append", help="only this one (may be repeated)")
    parser.add_argument("--no-cpu", action="store_true", help="leave the CPU points out")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    subjects = [name for name in SUBJECTS if not options.subject or name in options.subject]
    begun = time.monotonic()
    peers = environment.python() if any(name in PEERS for name in subjects) else None
    silero = _silero() if "ours" in subjects else None
    if not CLIPS.exists():
        clips.synthesise(CLIPS)
    runner = Runner(peers, silero)
    runs: dict[str, report.Runs] = {subject: {} for subject in subjects}
    for job in latency_jobs(subjects, options.quick):
        run = runner.run(job)
        if run is not None:
            runs[job.subject].setdefault((job.scenario, job.profile, job.variant), []).append(run)
    for jobs in [] if options.quick else record_jobs(subjects):
        for job, run in zip(jobs, runner.together(jobs), strict=True):
            if run is not None:
                runs[job.subject].setdefault((job.scenario, job.profile, job.variant), []).append(run)
    load = Load({subject: {} for subject in subjects})
    if not options.no_cpu:
        load = measure_load(subjects, options.quick, peers, silero)
    result: dict[str, Any] = {name: report.subject_figures(runs[name], load.points[name]) for name in subjects}
    if "ours" in result:
        result["ours"]["details"]["cpu_s_per_min_noisy_room"] = load.noisy
    result["harness"] = {"cpu_s_per_min": load.harness}
    result["ratio"] = report.ratios(result)
    result["meaning"] = _note()
    result["run"] = {
        "quick": options.quick,
        "seconds": round(time.monotonic() - begun),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "repeated": runner.repeated,
        "failed": runner.failed,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print("\n" + report.table(result))
    print(f"\nharness alone, CPU s per session-minute: {load.harness}")
    print(f"ratio (ours over the better peer): {result['ratio']}")
    for line in (*runner.repeated, *runner.failed):
        print(f"note: {line}")
    print(f"written: {options.out.relative_to(environment.ROOT)}" if options.out == OUT else f"written: {options.out}")


if __name__ == "__main__":
    main()
