"""Chunks of one length at the rate that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from rejoinder.bridges.attendee.feed import TAIL, Chunks, VoiceFeed
from rejoinder.bridges.attendee.realtime import RATES
from rejoinder.media.frame import MEETING_RATE, Pcm

FRAME = MEETING_RATE // 50


def wave(seconds: float, hz: float = 1000.0, rate: int = MEETING_RATE) -> Pcm:
    return (12000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.int16)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("block", [480, 960, 1440, 500])
def test_chunks_are_20_ms_each_and_carry_the_time_of_their_first_sample(rate: int, block: int) -> None:
    chunks, pcm, got = Chunks(rate), wave(1.0), []
    for start in range(0, len(pcm), block):
        got += chunks.push(96_000 + start, pcm[start : start + block])
    assert {len(chunk.pcm) for chunk in got} == {rate // 50}
    assert len(got) == 50
    for number, chunk in enumerate(got):
        assert chunk.at == pytest.approx(96_000 + number * FRAME, abs=MEETING_RATE // 1000)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hz", [440.0, 1000.0, 3000.0])
def test_the_sound_is_pure(rate: int, hz: float) -> None:
    chunks, pcm = Chunks(rate), wave(1.0, hz)
    parts = [chunk.pcm for start in range(0, len(pcm), 480) for chunk in chunks.push(start, pcm[start : start + 480])]
    heard = np.concatenate(parts)[rate // 20 : rate * 9 // 10].astype(np.float64)
    phase = 2 * np.pi * hz * np.arange(len(heard)) / rate
    basis = np.stack([np.sin(phase), np.cos(phase), np.ones_like(phase)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, heard, rcond=None)[0]
    assert 10 * np.log10(np.mean(fit**2) / np.mean((heard - fit) ** 2)) > 60


def test_what_is_above_the_rate_does_not_fold_down() -> None:
    chunks, pcm = Chunks(8_000), wave(0.5, 6000.0)
    parts = [chunk.pcm for start in range(0, len(pcm), 960) for chunk in chunks.push(start, pcm[start : start + 960])]
    assert np.abs(np.concatenate(parts)[400:]).max() < 12  # 60 dB below


def test_a_gap_begins_a_new_stretch_with_its_own_time() -> None:
    chunks = Chunks(16_000)
    assert [chunk.at for chunk in chunks.push(0, wave(0.04))] == [0, FRAME]
    (later,) = chunks.push(MEETING_RATE, wave(0.02))
    assert later.at == MEETING_RATE


def test_a_voice_is_sent_while_it_sounds_and_half_a_second_longer() -> None:
    feed, got = VoiceFeed(16_000), []
    silence = np.zeros(FRAME, np.int16)
    for number in range(250):
        talking = 50 <= number < 100 or 120 <= number < 130
        sound = wave(0.02) if talking else silence
        got += [(number, chunk) for chunk in feed.push(number * FRAME, sound)]
    sent = [number for number, _ in got]
    tail = TAIL // FRAME
    assert sent == list(range(50, 130 + tail))
    assert all(chunk.at == number * FRAME for number, chunk in got)


def test_what_codecs_make_of_a_muted_microphone_is_silence() -> None:
    feed = VoiceFeed(8_000)
    assert feed.push(0, np.full(FRAME, 16, np.int16)) == []
    assert feed.push(FRAME, np.full(FRAME, -17, np.int16))
