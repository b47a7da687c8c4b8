"""The process that transcribes recordings, from its parent's side."""

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rejoinder.agent.base import Samples
from rejoinder.core.transcript import Word
from rejoinder.errors import ProviderError
from rejoinder.transcription.base import TrackAudio
from rejoinder.transcription.local_batch import LocalBatch, Orders, Reports, read_orders, unsupported, write_orders


def blocks(count: int) -> Iterator[Samples]:
    for _ in range(count):
        yield np.zeros(160, np.float32)


TRACKS = (TrackAudio("p1", "Ada", partial(blocks, 2)), TrackAudio("p2", "Grace", partial(blocks, 3)))

CHILD = """
import os, sys, time
from pathlib import Path
from rejoinder.transcription.local_batch import Reports, read_orders
from rejoinder.core.transcript import Word
orders = read_orders(sys.stdin.buffer)
Path("{pid}").write_text(str(os.getpid()))
def say(line):
    print(line, flush=True)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a transcriber whose child runs some lines."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(body: str) -> LocalBatch:
        (tmp_path / "fake_child.py").write_text(CHILD.format(pid=tmp_path / "pid") + body)
        return LocalBatch("fake_child", {})

    return make


def test_orders_reach_the_other_side() -> None:
    orders = Orders({"model": Path("folder")}, TRACKS)
    got = read_orders(io.BytesIO(write_orders(orders)))
    assert got.folders == orders.folders
    assert [track.name for track in got.tracks] == ["Ada", "Grace"]
    assert len(list(got.tracks[1].blocks())) == 3


def test_a_track_that_cannot_be_sent_is_an_error() -> None:
    with pytest.raises(ProviderError, match="handed"):
        write_orders(Orders({}, (TrackAudio("p", "Ada", lambda: iter(())),)))


def test_reports() -> None:
    reports = Reports(TRACKS)
    reports.take(Reports.progress(0, 30.0).encode())
    reports.take(Reports.progress(1, 12.5).encode())
    reports.take(Reports.words(1, [Word("Héllo.", 1.0, 1.5)]).encode())
    assert reports.seconds == 42.5
    assert not reports.finished
    (segment,) = reports.segments
    assert (segment.participant_id, segment.speaker, segment.text, segment.end) == ("p2", "Grace", "Héllo.", 1.5)
    reports.take(Reports.end().encode())
    assert reports.finished


@pytest.mark.parametrize("line", [b"", b"no", b"[]", b"{}", b'{"words": [], "track": 7}', b'{"words": 3, "track": 0}'])
def test_nonsense_is_an_error(line: bytes) -> None:
    with pytest.raises(ProviderError):
        Reports(TRACKS).take(line)


@pytest.mark.parametrize("options", [{}, {"language": "auto"}, {"language": "en-GB"}, {"language_code": "en_us"}])
def test_english_is_understood(options: dict[str, Any]) -> None:
    assert unsupported(options) is None


def test_another_language_is_refused(child: Any) -> None:
    with pytest.raises(ProviderError, match='English only; language is "de"'):
        asyncio.run(child("").transcribe(TRACKS, {"language": "de"}))


def test_segments_and_progress_come_back(child: Any) -> None:
    batch = child(
        """
for number, track in enumerate(orders.tracks):
    say(Reports.words(number, [Word(track.name, 0.0, 1.0)]))
    say(Reports.progress(number, 10.0 * len(list(track.blocks()))))
say(Reports.end())
"""
    )
    told: list[float] = []
    segments = asyncio.run(batch.transcribe(TRACKS, {}, told.append))
    assert [(segment.speaker, segment.text) for segment in segments] == [("Ada", "Ada"), ("Grace", "Grace")]
    assert told == [20.0, 50.0]


def test_no_tracks_no_process(child: Any, tmp_path: Path) -> None:
    assert asyncio.run(child("").transcribe([], {})) == []
    assert not (tmp_path / "pid").exists()


@pytest.mark.parametrize(
    ("body", "message", "retryable"),
    [
        ("os._exit(3)", "ended \\(3\\)", True),
        ('say(Reports.error("The model is gone."))', "The model is gone", False),
        ('say("rubbish"); time.sleep(60)', "nonsense", False),
    ],
)
def test_a_child_that_fails_is_an_error(child: Any, tmp_path: Path, body: str, message: str, retryable: bool) -> None:
    with pytest.raises(ProviderError, match=message) as caught:
        asyncio.run(child(body).transcribe(TRACKS, {}))
    assert caught.value.retryable is retryable
    assert gone(tmp_path)


def test_cancelling_ends_the_child(child: Any, tmp_path: Path) -> None:
    async def work() -> None:
        task = asyncio.get_running_loop().create_task(child("time.sleep(60)").transcribe(TRACKS, {}))
        for _ in range(250):
            if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
                break
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    asyncio.run(work())
    assert time.monotonic() - began < 3
    assert gone(tmp_path)


def gone(folder: Path) -> bool:
    """Whether the child is no more."""
    try:
        os.kill(int((folder / "pid").read_text()), 0)
    except ProcessLookupError:
        return True
    return False
