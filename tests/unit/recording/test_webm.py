"""Opus in WebM, live and finished."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rejoinder.recording import opus, webm
from rejoinder.recording.webm import Block


def blocks(count: int, first: int = 0) -> list[Block]:
    """Packets that tell their number."""
    return [Block(first + number, b"\xf8" + (first + number).to_bytes(4, "big") * 30) for number in range(count)]


def live(*clusters: list[Block]) -> bytes:
    return webm.live_head() + b"".join(webm.cluster(one) for one in clusters)


def read(tmp_path: Path, data: bytes) -> list[Block]:
    path = tmp_path / "x.webm"
    path.write_bytes(data)
    return list(webm.read_live(path))


def test_what_was_written_live_is_read_back(tmp_path: Path) -> None:
    far = blocks(25, 900_000)  # five hours on
    assert read(tmp_path, live(blocks(25), blocks(3, 40), far)) == blocks(25) + blocks(3, 40) + far


def test_a_file_torn_anywhere_gives_all_that_is_whole(tmp_path: Path) -> None:
    written = blocks(25) + blocks(25, 25)
    data = live(written[:25], written[25:])
    counts = []
    for length in range(0, len(data) + 1, 7):
        found = read(tmp_path, data[:length])
        assert found == written[: len(found)]
        counts.append(len(found))
    assert counts == sorted(counts)
    size = len(written[0].packet) + 6
    assert len(read(tmp_path, data[: len(data) - 1])) == 49
    assert len(read(tmp_path, data[: len(data) - 3 * size])) == 47


def test_bytes_that_do_not_belong_there_cost_only_their_cluster(tmp_path: Path) -> None:
    head, first, second = webm.live_head(), webm.cluster(blocks(25)), webm.cluster(blocks(25, 25))
    assert read(tmp_path, head + first + bytes(5000) + second) == blocks(50)
    torn = first[:400]  # half written, and then the disk was full for a while
    found = read(tmp_path, head + torn + second)
    assert found[-25:] == blocks(25, 25)
    assert found[:-25] == blocks(len(found) - 25)


def test_no_file_and_an_empty_one_hold_nothing(tmp_path: Path) -> None:
    assert list(webm.read_live(tmp_path / "none.webm")) == []
    assert read(tmp_path, b"") == []
    assert read(tmp_path, webm.live_head()) == []


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([webm.cluster(blocks(3)), b"\x1fC\xb6u"])), max_size=8)
)
def test_any_bytes_can_be_read(parts: list[bytes]) -> None:
    file = io.BytesIO(b"".join(parts))
    for body in webm._clusters(file):
        list(webm._blocks(body))


def test_the_head_is_that_of_libopus() -> None:
    encoder = opus.Encoder()
    encoder.encode(opus.NO_SOUND)
    assert encoder._codec.extradata == opus.head()
    assert encoder.encode(opus.NO_SOUND) == opus.SILENCE


@pytest.fixture
def minute(tmp_path: Path) -> Path:
    """A minute of silence with a second of noise at 40 s."""
    encoder = opus.Encoder()
    noise = np.random.default_rng(0).normal(0, 3000, 50 * 960).astype(np.int16)
    path = tmp_path / "minute.webm"
    with path.open("wb") as file:
        writer = webm.Finished(file)
        for number in range(3000):
            inside = 2000 <= number < 2050
            writer.add(encoder.encode(noise[(number - 2000) * 960 :][:960] if inside else opus.NO_SOUND))
        writer.close()
    return path


def test_a_finished_file_has_a_duration_and_can_be_seeked(minute: Path) -> None:
    with av.open(str(minute)) as container:
        stream = container.streams.audio[0]
        assert (container.format.name, stream.codec_context.name) == ("matroska,webm", "opus")
        assert (stream.rate, stream.layout.nb_channels) == (48_000, 1)
        assert container.duration == 60_000_000
        container.seek(40_000_000)
        frame = next(container.decode(audio=0))
        assert 39.9 <= frame.time <= 40.1
        read_s = container.demux(audio=0)
        assert sum(1 for packet in read_s if packet.size) <= 1000  # it did not begin at the beginning


def test_the_audio_is_where_it_was_put(minute: Path) -> None:
    with av.open(str(minute)) as container:
        audio = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(audio) == 60 * 48_000 - opus.PRE_SKIP
    loud = np.flatnonzero(np.abs(audio) > 0.02)
    assert abs(loud[0] - 40 * 48_000) < 100
    assert abs(loud[-1] - 41 * 48_000) < 300
