from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.browser import wire


def test_an_audio_block_is_read_as_the_page_writes_it() -> None:
    pcm = np.arange(-480, 480, dtype=np.int16)
    block = wire.decode(struct.pack("<BBId", 1, 7, 4_000_000_000, 1234.5) + pcm.tobytes())
    assert isinstance(block, wire.Audio)
    assert (block.track, block.number, block.ms) == (7, 4_000_000_000, 1234.5)
    assert np.array_equal(block.pcm, pcm)


def test_a_block_without_samples_is_20_ms_of_silence() -> None:
    block = wire.decode(struct.pack("<BBId", 1, 0, 0, 0.0))
    assert isinstance(block, wire.Audio)
    assert len(block.pcm) == 960
    assert not block.pcm.any()


def test_a_position_is_read() -> None:
    assert wire.decode(struct.pack("<BBIdd", 2, 1, 3, 48000.0, 9.0)) == wire.Position(True, 3, 48000, 9.0)


def test_a_fact_is_read_and_may_lack_time_and_data() -> None:
    assert wire.decode('{"k": "chat", "t": 5, "d": {"text": "hi"}}') == wire.Said("chat", 5.0, {"text": "hi"})
    assert wire.decode('{"k": "beat"}') == wire.Said("beat", 0.0, {})


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x09",
        b"\x01\x00",
        struct.pack("<BBId", 1, 0, 0, 0.0) + b"x",
        struct.pack("<BBId", 1, 0, 0, float("nan")),
        struct.pack("<BBId", 1, 0, 0, 0.0) + bytes(2 * wire.MAX_BLOCK + 2),
        struct.pack("<BBIdd", 2, 1, 3, float("inf"), 9.0),
        "[]",
        "{",
        '{"k": 1}',
        '{"k": "a", "d": []}',
        '{"k": "a", "t": "now"}',
        '{"k": "' + "a" * wire.MAX_TEXT + '"}',
    ],
)
def test_what_no_page_of_ours_sends_is_refused(frame: bytes | str) -> None:
    with pytest.raises(ValueError):
        wire.decode(frame)


@given(st.binary(max_size=64) | st.text(max_size=64))
def test_rubbish_raises_nothing_but_value_errors(frame: bytes | str) -> None:
    with suppress(ValueError):
        wire.decode(frame)


def test_the_frames_to_the_page() -> None:
    assert wire.speech(np.array([1, -2], np.int16)) == b"\x01\x00\x01\x00\xfe\xff"
    assert wire.flush(258) == b"\x02\x00\x02\x01\x00\x00"
    assert wire.image(b"jpeg") == b"\x03\x00jpeg"
    assert wire.tell("go", {"now": True}) == '{"k":"go","d":{"now":true}}'


def test_page_time_becomes_loop_time_by_the_fastest_message() -> None:
    clock = wire.PageClock()
    assert clock.loop_time(1000.0, 51.010) == pytest.approx(51.010)
    assert clock.loop_time(2000.0, 52.002) == pytest.approx(52.002)
    assert clock.loop_time(3000.0, 53.300) == pytest.approx(53.002)


def test_a_page_cannot_date_anything_into_the_future() -> None:
    clock = wire.PageClock()
    clock.loop_time(1000.0, 51.0)
    assert clock.loop_time(900_000.0, 52.0) == 52.0
