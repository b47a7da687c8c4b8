"""Stretches of speech in a recording."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from rejoinder.transcription.spans import (
    AFTER_WINDOWS,
    BEFORE_WINDOWS,
    CUT_FROM_WINDOWS,
    LONGEST_WINDOWS,
    ONSET,
    ONSET_WINDOWS,
    PAUSE_WINDOWS,
    Span,
    Spans,
)


def found(scores: list[float]) -> list[Span]:
    spans = Spans()
    result = [span for score in scores if (span := spans.window(score)) is not None]
    last = spans.end()
    return [*result, last] if last is not None else result


def test_speech_with_a_little_around_it() -> None:
    assert found([0.0] * 50 + [0.9] * 30 + [0.0] * 50) == [Span(50 - BEFORE_WINDOWS, 80 + AFTER_WINDOWS)]


def test_a_click_is_no_speech() -> None:
    assert found([0.0] * 20 + [0.9] + [0.0] * 20) == []


def test_a_short_pause_is_part_of_it_and_a_long_one_is_not() -> None:
    assert len(found([0.9] * 20 + [0.0] * (PAUSE_WINDOWS - 1) + [0.9] * 20)) == 1
    assert len(found([0.9] * 20 + [0.0] * PAUSE_WINDOWS + [0.9] * 20)) == 2


def test_what_is_open_at_the_end_is_kept() -> None:
    assert found([0.0] * 20 + [0.9] * 10) == [Span(20 - BEFORE_WINDOWS, 30)]


def test_long_speech_is_cut_in_its_longest_pause() -> None:
    scores = [0.9] * 350 + [0.1] * 4 + [0.9] * 50 + [0.1] * 8 + [0.9] * 50 + [0.1] * 2 + [0.9] * 300
    first, second = found(scores)
    assert first == Span(0, 408)
    assert second == Span(408, len(scores))


def test_speech_without_any_pause_is_cut_where_it_is_weakest() -> None:
    scores = [0.99] * 400 + [0.6] + [0.99] * 400
    assert found(scores)[0] == Span(0, 400)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 300)), max_size=12))
def test_no_speech_is_lost_and_no_span_too_long(stretches: list[tuple[float, int]]) -> None:
    scores = [score for score, length in stretches for _ in range(length)]
    spans = Spans()
    result, kept_from = [], 0
    for index, score in enumerate(scores):
        needed = spans.needed_from
        assert needed >= kept_from
        assert index - needed <= LONGEST_WINDOWS + BEFORE_WINDOWS
        kept_from = needed
        if (span := spans.window(score)) is not None:
            assert span.start >= kept_from
            result.append(span)
    if (last := spans.end()) is not None:
        result.append(last)
    for span, following in itertools.pairwise(result):
        assert span.end <= following.start
    assert all(0 < span.end - span.start <= LONGEST_WINDOWS for span in result)
    assert all(span.end <= len(scores) for span in result)
    inside = {index for span in result for index in range(span.start, span.end)}
    for index in range(len(scores) - ONSET_WINDOWS + 1):
        if all(score >= ONSET for score in scores[index : index + ONSET_WINDOWS]):
            assert index in inside
    assert CUT_FROM_WINDOWS < LONGEST_WINDOWS
