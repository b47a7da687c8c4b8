"""Where audio belongs, whatever the network and the quartzes do."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rejoinder.media.frame import Pcm
from rejoinder.recording.align import AHEAD_S, HOLD_S, Aligner, Placed

RATE = 48_000
BLOCK = 960


def ms(value: float) -> int:
    return round(value * RATE / 1000)


def numbered(count: int, first: int = 0) -> Pcm:
    """Samples that tell their place in the stream."""
    return (np.arange(first, first + count) % 30_000).astype(np.int16)


class Stream:
    """Feeds 20 ms blocks; ``quiet`` as the aligner asks for it."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.aligner = Aligner(lambda pcm: quiet)
        self.sent = 0
        self.placed: list[Placed] = []

    def send(self, *arrivals: int) -> None:
        for arrival in arrivals:
            self.placed += self.aligner.push(arrival, numbered(BLOCK, self.sent))
            self.sent += BLOCK

    def end(self) -> list[Placed]:
        self.placed += self.aligner.flush()
        return self.placed


def test_a_late_joiner_starts_where_their_first_sample_was_heard() -> None:
    stream = Stream()
    stream.send(*(ms(60_000 + 20 * number) for number in range(1, 20)))
    first = stream.end()[0]
    assert first.at == ms(60_000)
    assert all(later.at == earlier.at + BLOCK for earlier, later in pairwise(stream.placed))


def test_a_block_is_held_until_it_is_known_whether_it_was_late() -> None:
    stream = Stream()
    stream.send(ms(20))
    assert stream.aligner.due(ms(20 + 1000 * HOLD_S) - 1) == []
    assert stream.aligner.waiting
    assert [placed.at for placed in stream.aligner.due(ms(20 + 1000 * HOLD_S))] == [0]


def test_when_the_first_block_is_late_the_next_ones_tell() -> None:
    stream = Stream()
    stream.send(*[ms(1090)] * 4, *(ms(1000 + 20 * number) for number in range(5, 20)))
    assert stream.end()[0].at == ms(1000)


@pytest.mark.parametrize("stall", [60, 100, 480, 3000])
def test_a_burst_after_a_stall_is_not_shifted(stall: int) -> None:
    stream = Stream()
    stream.send(*(ms(20 * number) for number in range(1, 51)))
    stream.send(*[ms(1000 + stall)] * (stall // 20))
    stream.send(*(ms(1000 + stall + 20 * number) for number in range(1, 50)))
    assert [placed.at for placed in stream.end()] == [BLOCK * number for number in range(len(stream.placed))]


@pytest.mark.parametrize("gap", [60, 400, 10_000])
def test_a_gap_becomes_silence(gap: int) -> None:
    stream = Stream()
    stream.send(*(ms(20 * number) for number in range(1, 51)))
    stream.send(*(ms(1000 + gap + 20 * number) for number in range(1, 51)))
    places = [placed.at for placed in stream.end()]
    assert places[49:51] == [ms(980), ms(1000 + gap)]


def test_of_a_stall_in_which_audio_was_lost_only_that_is_missing() -> None:
    stream = Stream()
    stream.send(*(ms(20 * number) for number in range(1, 51)))
    stream.send(*[ms(1500)] * 10)  # 500 ms without audio, of which 200 ms come late
    stream.send(*(ms(1500 + 20 * number) for number in range(1, 50)))
    assert stream.end()[50].at == ms(1300)


@pytest.mark.parametrize(
    ("ppm", "quiet", "tolerance_ms"), [(400, True, 5), (-400, True, 5), (400, False, 12), (-400, False, 12)]
)
def test_drift_of_the_quartzes_is_corrected(ppm: float, quiet: bool, tolerance_ms: float) -> None:
    """Five minutes at 400 ppm drift by as much as an hour at 33 ppm, and faster."""
    luck = np.random.default_rng(1)
    stream = Stream(quiet=quiet)
    count = 15_000
    arrived = 0
    worst = 0
    for number in range(1, count):
        true_end = number * BLOCK / (1 + ppm * 1e-6)
        arrived = max(arrived, round(true_end + luck.uniform(0, ms(15))))
        if number % 700 == 0:
            arrived += ms(100)
        before = len(stream.placed)
        stream.send(arrived)
        for index in range(before, len(stream.placed)):
            at, pcm = stream.placed[index]
            if index > 200:
                worst = max(worst, abs(at + len(pcm) - round((index + 1) * BLOCK / (1 + ppm * 1e-6))))
    assert len(stream.placed) > count - 50
    assert worst < ms(tolerance_ms)


def test_a_stretched_block_keeps_its_wave() -> None:
    """Correcting drift in speech must not click: no step between samples larger than the tone itself has."""
    aligner = Aligner(lambda pcm: False)
    wave = (8000 * np.sin(2 * np.pi * 300 * np.arange(20 * RATE) / RATE)).astype(np.int16)
    placed: list[Placed] = []
    for number in range(900):
        placed += aligner.push(round((number + 1) * BLOCK * 1.001), wave[number * BLOCK : (number + 1) * BLOCK])
    whole = np.concatenate([pcm for _, pcm in placed]).astype(int)
    assert len(whole) > sum(BLOCK for _ in placed)  # it was stretched
    assert np.abs(np.diff(whole)).max() <= 2 * np.abs(np.diff(wave[:BLOCK].astype(int))).max()


def test_a_sender_faster_than_time_cannot_run_away() -> None:
    stream = Stream()
    for number in range(1, 2000):
        stream.send(ms(10 * number))
    last = stream.end()[-1]
    assert last.at + len(last.pcm) <= ms(20_000) + round(AHEAD_S * RATE) + BLOCK


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 2_000)), min_size=1, max_size=60),
    st.booleans(),
)
def test_nothing_overlaps_and_nothing_comes_before_the_beginning(steps: list[tuple[int, int]], quiet: bool) -> None:
    aligner = Aligner(lambda pcm: quiet)
    now, end = 0, 0
    placed: list[Placed] = []
    for wait, count in steps:
        now += wait
        placed += aligner.push(now, numbered(count))
    placed += aligner.flush()
    for at, pcm in placed:
        assert at >= end
        end = at + len(pcm)
    assert end == aligner.end or not placed
