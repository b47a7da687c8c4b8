"""The recorder with a full room: what it costs, whether it grows, how well its files line up.

People and the bot are simulated and the clock is the bench's own, so an hour is recorded in minutes. Each person speaks
a third of the time (noise with the rhythm of syllables, over a noise floor of -62 dBFS), has a quartz of their own
(-40 to +40 ppm off) and a network: every block is up to 15 ms late, and now and then nothing comes for 100 ms and then
all at once.

``cpu_core``: CPU seconds of the recorder per second of meeting, and in each quarter of it.
``rss_mb``: memory at the end, what it grew by since the first minute, and the most of it, joining included.
``drift_ms``: a word said at a known time is looked for (cross-correlation) in its person's file and in the mix, once a
    minute; the largest distance from where it belongs. Files cannot be further apart than twice that.
``join_s``: from the spool to the finished files.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.harness import quantile, rss_mb, table, write
from rejoinder.core.participant import Participant
from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm
from rejoinder.recording.join import Recording, finish, read_track_pcm
from rejoinder.recording.recorder import POLL_S, Recorder

ROUND_S = 6.0
TALK_S = 2.0
WORD_S = 0.4
PPM = 40e-6
LATE_S = 0.015
STALL_S, STALLS_PER_S = 0.1, 0.1
SEARCH_S = 0.2
BED = 26.0
"""RMS of the noise floor."""


@dataclass
class Person:
    """A voice, a quartz and a network."""

    number: int
    people: int
    block: int
    voice: Pcm
    """One round; it starts with the first word."""
    sent: int = 0
    stalled_until: float = 0.0
    arrived: float = 0.0

    @property
    def id(self) -> str:
        return f"p{self.number}"

    @property
    def rate(self) -> float:
        """Samples their clock makes in one of our seconds."""
        return MEETING_RATE * (1 + PPM * (2 * self.number / max(1, self.people - 1) - 1))

    @property
    def first_word(self) -> float:
        return 1.0 + self.number * ROUND_S / self.people

    def blocks(self, until: float, luck: random.Random) -> Iterator[tuple[float, str, Pcm]]:
        """(arrival, person, samples) of all blocks that are complete before ``until``."""
        while (ready := (self.sent + self.block) / self.rate) < until:
            place = round((self.sent / self.rate - self.first_word) * MEETING_RATE) % (len(self.voice) - FRAME_SAMPLES)
            if luck.random() < STALLS_PER_S * self.block / MEETING_RATE:
                self.stalled_until = ready + STALL_S
            self.arrived = max(self.arrived, self.stalled_until, ready + luck.random() ** 3 * LATE_S)
            yield self.arrived, self.id, self.voice[place : place + self.block]
            self.sent += self.block


def voice(number: int) -> Pcm:
    """A round of one person's audio, and a frame of its beginning once more."""
    noise = np.random.default_rng(number)
    samples = round(ROUND_S * MEETING_RATE)
    times = np.arange(samples) / MEETING_RATE
    hiss = np.convolve(noise.standard_normal(samples), np.hanning(24) / 4.0, "same")
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * (3.0 + number / 8) * times)
    loud = hiss * syllables * (times < TALK_S) * 2500 + noise.standard_normal(samples) * BED
    whole = np.clip(loud, -32768, 32767).astype(np.int16)
    return np.concatenate([whole, whole[:FRAME_SAMPLES]])


@dataclass
class Costs:
    cpu_by_quarter: list[float]
    rss_begin: float
    rss_end: float


def record(people: list[Person], folder: Path, seconds: int) -> Costs:
    """Feed the recorder second by second; only what it does itself counts."""
    luck = random.Random(1)
    now = 0.0
    recorder = Recorder(folder, lambda: now, 1_000_000.0, worker=None, on_problem=lambda text: sys.exit(text))
    for person in people:
        recorder.joined(Participant(person.id, f"Person {person.number}"))
    silence = np.zeros(FRAME_SAMPLES, np.int16)
    quarters, rss_begin = [0.0] * 4, 0.0
    waiting: list[tuple[float, str, Pcm]] = []
    for second in range(seconds):
        waiting += [block for person in people for block in person.blocks(second + 1.0, luck)]
        waiting += [(second + number / 50, "", silence) for number in range(50)]
        waiting.sort(key=lambda block: block[0])
        begun = time.process_time()
        looked = float(second)
        taken = 0
        for now, who, pcm in waiting:
            if now >= second + 1:
                break
            if who:
                recorder.hear(who, pcm)
            else:
                recorder.spoke(pcm)
            if now - looked >= POLL_S:
                recorder.work()
                looked = now
            taken += 1
        quarters[4 * second // seconds] += time.process_time() - begun
        del waiting[:taken]
        if second == min(60, seconds // 4):
            rss_begin = rss_mb(os.getpid())
        if second % 300 == 299:
            print(f"  {(second + 1) // 60} min recorded", file=sys.stderr, flush=True)
    recorder.end()
    recorder.work()
    return Costs([4 * spent / seconds for spent in quarters], rss_begin, rss_mb(os.getpid()))


def misplaced(person: Person, file: str, audio: Iterator[np.ndarray], seconds: int) -> list[float]:
    """Distances (ms) of the person's words from where they belong, once a minute and at the end."""
    word = person.voice[: round(WORD_S * MEETING_RATE)].astype(np.float32)
    rounds = int((seconds - person.first_word - TALK_S) / ROUND_S)
    chosen = sorted({*range(0, rounds, 10), rounds - 1})
    reach = round(SEARCH_S * MEETING_RATE)
    found: list[float] = []
    held, start = np.zeros(0, np.float32), 0
    for number in chosen:
        at = round((person.first_word + number * ROUND_S) * MEETING_RATE)
        begin, end = at - reach, at + len(word) + reach
        while start + len(held) < end and (block := next(audio, None)) is not None:
            if start + len(held) < begin:
                start, held = start + len(held), block
            else:
                held = np.concatenate([held, block])
        part = held[begin - start : end - start]
        if len(part) <= len(word):
            raise RuntimeError(f"{file} is too short")
        size = 1 << (len(part) + len(word)).bit_length()
        match = np.fft.irfft(np.fft.rfft(part, size) * np.conj(np.fft.rfft(word, size)))[: len(part) - len(word) + 1]
        found.append((int(np.argmax(match)) - reach) / MEETING_RATE * 1000)
    return found


def wav_blocks(path: Path) -> Iterator[np.ndarray]:
    """A WAV's samples by the second."""
    samples = np.memmap(path, "<i2", "r", offset=44)
    for start in range(0, len(samples), MEETING_RATE):
        yield samples[start : start + MEETING_RATE].astype(np.float32)


def measure(people: list[Person], folder: Path, seconds: int) -> dict[str, Any]:
    """Record, join, look."""
    costs = record(people, folder / "1", seconds)
    begun = time.monotonic()
    recording: Recording = finish([folder / "1"], folder / "out")
    join_s = time.monotonic() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    assert recording.wav is not None
    files = {track.participant_id: track.path for track in recording.tracks}
    print("  looking for the words", file=sys.stderr, flush=True)
    off: list[float] = []
    for person in people:
        off += misplaced(person, files[person.id].name, read_track_pcm(files[person.id], MEETING_RATE), seconds)
        off += misplaced(person, recording.wav.name, wav_blocks(recording.wav), seconds)
    sizes = [path.stat().st_size for path in files.values()]
    return {
        "people": len(people),
        "minutes": seconds / 60,
        "cpu_core": round(sum(costs.cpu_by_quarter) / 4, 4),
        "cpu_core_by_quarter": {str(number + 1): round(cpu, 4) for number, cpu in enumerate(costs.cpu_by_quarter)},
        "rss_mb": round(costs.rss_end, 1),
        "rss_mb_growth": round(costs.rss_end - costs.rss_begin, 1),
        "rss_mb_peak_with_join": round(peak, 1),
        "drift_ms": round(max(abs(value) for value in off), 2),
        "drift_ms_p50": round(quantile([abs(value) for value in off], 0.5), 2),
        "words": len(off),
        "join_s": round(join_s, 2),
        "track_mb": round(sum(sizes) / len(sizes) / 1e6, 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the meeting")
    parser.add_argument("--quick", action="store_true", help="three minutes")
    options = parser.parse_args()
    seconds = 180 if options.quick else round(60 * options.minutes)
    people = [
        Person(number, options.people, FRAME_SAMPLES // (1 + number % 2), voice(number))
        for number in range(options.people)
    ]
    folder = Path(tempfile.mkdtemp(prefix="rejoinder-bench-"))
    try:
        figures = measure(people, folder, seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table(list(figures.items()), f"Recording {options.people} people for {seconds / 60:g} min")
    print(f"\nwritten to {write('recorder', figures)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
