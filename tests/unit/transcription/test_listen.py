"""A track becomes words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from rejoinder.agent.base import STT_RATE, Samples
from rejoinder.transcription.listen import Listener


class Level:
    """Scores windows by their level."""

    window = 512

    def __init__(self) -> None:
        self.rest = np.zeros(0, np.float32)

    def __call__(self, samples: Samples) -> list[float]:
        self.rest = np.concatenate((self.rest, samples))
        count = len(self.rest) // 512
        windows, self.rest = self.rest[: count * 512].reshape(count, 512), self.rest[count * 512 :]
        return [float(level > 0.01) for level in np.sqrt(np.mean(np.square(windows), axis=1))]


def track(block: int) -> Iterator[Samples]:
    audio = np.zeros(100 * STT_RATE, np.float32)
    for start in (10, 50, 99.5):
        audio[int(start * STT_RATE) : int((start + 1.5) * STT_RATE)] = 0.1
    for start in range(0, len(audio), block):
        yield audio[start : start + block]


@pytest.mark.parametrize("block", [320, 16_000, 1_000_000, 100 * STT_RATE])
def test_each_stretch_is_read_once_and_placed(block: int) -> None:
    lengths: list[float] = []
    told: list[float] = []

    def recognise(samples: Samples) -> str:
        lengths.append(float(np.sum(samples > 0) / STT_RATE))
        return f"word{len(lengths)} more"

    words = list(Listener(Level(), recognise, told.append).hear(track(block)))
    assert [said[0].text for said in words] == ["word1", "word2", "word3"]
    assert [said[0].start for said in words] == pytest.approx([10, 50, 99.5], abs=0.03)
    assert [said[-1].end for said in words] == pytest.approx([11.5, 51.5, 100], abs=0.03)
    assert lengths == pytest.approx([1.5, 1.5, 0.5], abs=0.04)
    assert told == sorted(told)
    assert told[-1] == 100


def test_audio_is_not_kept() -> None:
    listener = Listener(Level(), lambda samples: "", lambda seconds: None)
    kept = []

    def blocks() -> Iterator[Samples]:
        for block in track(1600):
            yield block
            kept.append(sum(map(len, listener._kept)) / STT_RATE)

    assert list(listener.hear(blocks())) == []
    assert max(kept) < 4


def test_nothing_at_all() -> None:
    told: list[float] = []
    assert list(Listener(Level(), lambda samples: "no", told.append).hear([])) == []
    assert told == [0.0]
