"""Word times from levels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rejoinder.agent.base import STT_RATE, Samples
from rejoinder.transcription.timing import MOST_PAUSES, Meter, Sounds, expected_s, levels, place, sounds


def speech(*stretches: tuple[float, float]) -> Samples:
    """(seconds of sound, seconds of silence after it), again and again."""
    rng = np.random.default_rng(0)
    parts = []
    for loud, quiet in stretches:
        parts.append(rng.normal(0, 0.1, round(loud * STT_RATE)))
        parts.append(rng.normal(0, 0.0005, round(quiet * STT_RATE)))
    return np.concatenate(parts).astype(np.float32)


def test_pauses_part_sounds_and_stops_inside_words_do_not() -> None:
    heard = sounds(levels(speech((0.5, 0.03), (0.5, 0.4), (0.3, 0.2))))
    assert heard.starts == pytest.approx((0.0, 1.43), abs=0.011)
    assert heard.ends == pytest.approx((1.03, 1.73), abs=0.011)


def test_background_noise_is_no_sound() -> None:
    loud = speech((0.5, 0.5), (0.5, 0.5))
    noisy = loud + np.random.default_rng(1).normal(0, 0.01, len(loud)).astype(np.float32)
    assert len(sounds(levels(noisy)).starts) == 2


def test_silence_is_one_stretch() -> None:
    assert sounds(levels(np.zeros(STT_RATE, np.float32))) == Sounds((0.0,), (1.0,))
    assert len(sounds(levels(np.zeros(0, np.float32))).starts) == 1


def test_words_go_where_the_sound_is() -> None:
    first, second = place("Hello, everyone.", Sounds((0.2, 1.5), (0.6, 2.2)), 10.0)
    assert (first.text, first.start, first.end) == ("Hello,", 10.2, 10.6)
    assert (second.text, second.start, second.end) == ("everyone.", 11.5, 12.2)


def test_a_pause_is_matched_with_the_boundary_that_fits_best() -> None:
    words = place("I think we can finish it", Sounds((0.0, 1.6), (0.9, 2.3)))
    before = [word.text for word in words if word.end <= 0.9]
    after = [word.text for word in words if word.start >= 1.6]
    assert before + after == "I think we can finish it".split()
    assert 3 <= len(before) <= 4


def test_more_pauses_than_words_and_more_words_than_pauses() -> None:
    many = Sounds(tuple(index * 0.5 for index in range(60)), tuple(index * 0.5 + 0.2 for index in range(60)))
    assert len(many.starts) > MOST_PAUSES
    (one,) = place("extraordinarily", many)
    assert (one.start, one.end) == pytest.approx((0.0, 29.7))
    assert len(place("a b c d e f g h", Sounds((0.0,), (0.1,)))) == 8


def test_no_words() -> None:
    assert place("  ", Sounds((0.0,), (1.0,))) == ()


@pytest.mark.parametrize(("short", "long"), [("a", "conversation"), ("five", "5000"), ("week", "week.")])
def test_longer_words_take_longer(short: str, long: str) -> None:
    assert expected_s(short) < expected_s(long)


texts = st.lists(st.text("abco1,.é", min_size=1, max_size=12), min_size=1, max_size=30).map(" ".join)
gaps = st.lists(st.tuples(st.floats(0.03, 3.0), st.floats(0.05, 2.0)), min_size=1, max_size=30)


@given(texts, gaps)
@settings(deadline=None, max_examples=60)
def test_words_are_in_order_apart_and_inside(text: str, stretches: list[tuple[float, float]]) -> None:
    edges = list(itertools.accumulate(value for pair in stretches for value in pair))
    heard = Sounds((0.0, *edges[1:-1:2]), tuple(edges[::2]))
    words = place(text, heard)
    assert [word.text for word in words] == text.split()
    assert words[0].start >= 0
    assert words[-1].end <= heard.ends[-1] + 0.001
    for word in words:
        assert word.end >= word.start
    for word, following in itertools.pairwise(words):
        assert following.start >= word.end - 0.0011


@given(st.lists(st.integers(0, 700), max_size=20))
def test_levels_grow_with_the_audio(sizes: list[int]) -> None:
    audio = np.random.default_rng(2).normal(0, 0.1, sum(sizes)).astype(np.float32)
    meter = Meter()
    at = 0
    for size in sizes:
        meter.push(audio[at : at + size])
        at += size
    np.testing.assert_allclose(meter.first(len(audio)), levels(audio), rtol=1e-5)
