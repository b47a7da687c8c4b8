"""The ruler of the separation bench."""

from __future__ import annotations

import numpy as np

from bench.separation_ruler import WHISTLES_HZ, Layout, blocks_by_name, confidences, right_words, share, whistled
from rejoinder.core.events import SpeakerLabelled
from rejoinder.core.participant import Participant

ADA_HZ, BEN_HZ = WHISTLES_HZ
WHISTLES = {"Ada": ADA_HZ, "Ben": BEN_HZ}


def voice(seconds: float, hz: float) -> np.ndarray:
    """A rough voice: 150 Hz and its harmonics, with a whistle."""
    times = np.arange(round(seconds * 48_000)) / 48_000
    tones = sum(np.sin(2 * np.pi * 150 * part * times) / part for part in range(1, 15))
    return whistled((4000 * np.asarray(tones)).astype(np.int16), hz)


def test_words_count_in_their_order_and_under_the_name_they_were_said_by() -> None:
    assert right_words("The cat sat on the mat.", "the cat sat on the mat") == (6, 6)
    assert right_words("The cat sat on the mat.", "Well, the cat on a mat") == (4, 6)
    assert right_words("one two three", "three two one") == (1, 3)
    assert right_words("one two", "") == (0, 2)


def test_blocks_are_told_apart_by_their_whistle() -> None:
    ada, ben = voice(1.0, ADA_HZ), voice(1.0, BEN_HZ)
    heard = {"Ada": np.concatenate([ada, ben[:4800]]), "Ben": ben[4800:], "Unknown": np.zeros(9600, np.int16)}
    blocks = blocks_by_name(WHISTLES, heard)
    assert blocks == {"Ada": {"Ada": 50}, "Ben": {"Ada": 5, "Ben": 45}}
    assert share(blocks["Ben"], "Ben", "Unknown", 50) == {"right": 0.9, "wrong": 0.1, "unknown": 0.0, "lost": 0.0}
    assert share({"Unknown": 1, "Ada": 3}, "Ada", "Unknown", 8) == {
        "right": 0.375,
        "wrong": 0.0,
        "unknown": 0.125,
        "lost": 0.5,
    }


def test_sound_that_came_late_in_a_burst_is_laid_where_it_was_said() -> None:
    layout, said = Layout(), voice(0.4, ADA_HZ)
    blocks = [said[start : start + 960] for start in range(0, len(said), 960)]
    for number, block in enumerate(blocks):
        layout.hear("Ada", 1.0 + max(0.3, (number + 1) * 0.02), block)  # the first 0.3 s waited for their name
    track = layout.tracks()["Ada"]
    assert np.flatnonzero(track)[0] / 48_000 - 1.0 < 0.01
    assert len(track) == 48_000 + len(said)


def test_confidence_is_stated_by_source() -> None:
    ada = Participant("a", "Ada")
    labels = [
        SpeakerLabelled(0, ada, "csrc", 0.6),
        SpeakerLabelled(1, ada, "csrc", 0.8),
        SpeakerLabelled(0, ada, "dom", 0.5),
    ]
    assert confidences(labels) == {"csrc": {"mean": 0.7, "told": 2}, "dom": {"mean": 0.5, "told": 1}}
