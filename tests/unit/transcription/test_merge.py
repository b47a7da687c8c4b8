"""Tracks become one conversation."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from rejoinder.core.transcript import Segment, Word
from rejoinder.transcription.merge import LONGEST_S, PAUSE_S, merge


def said(who: str, text: str, start: float, word_s: float = 0.3) -> Segment:
    words = text.split()
    return Segment(
        who.lower(),
        who,
        tuple(Word(word, start + index * word_s, start + (index + 1) * word_s) for index, word in enumerate(words)),
    )


def lines(*segments: Segment) -> list[str]:
    return [f"{segment.speaker}: {segment.text}" for segment in merge(segments)]


def test_speakers_take_turns() -> None:
    assert lines(said("Ada", "Hello there", 0), said("Ada", "Fine", 4), said("Bo", "How are you", 1)) == [
        "Ada: Hello there",
        "Bo: How are you",
        "Ada: Fine",
    ]


def test_a_short_pause_is_closed_and_a_long_one_not() -> None:
    assert lines(said("Ada", "one", 0), said("Ada", "two", 1.2), said("Ada", "three", 3)) == [
        "Ada: one two",
        "Ada: three",
    ]


def test_a_question_in_a_pause_comes_between() -> None:
    assert lines(said("Ada", "we could do it", 0), said("Ada", "next week", 2), said("Bo", "when", 1.4)) == [
        "Ada: we could do it",
        "Bo: when",
        "Ada: next week",
    ]


def test_who_is_spoken_over_goes_on_after_the_sentence() -> None:
    assert lines(said("Ada", "We have a plan. It is a good one.", 0), said("Bo", "mhm", 0.5)) == [
        "Ada: We have a plan.",
        "Bo: mhm",
        "Ada: It is a good one.",
    ]


def test_all_that_is_said_at_once_is_kept() -> None:
    assert sorted(lines(said("Ada", "yes", 0), said("Bo", "no", 0), said("Cy", "maybe", 0))) == [
        "Ada: yes",
        "Bo: no",
        "Cy: maybe",
    ]


def test_people_of_one_name_stay_apart() -> None:
    first, second = Segment("1", "Ada", (Word("a", 0, 1),)), Segment("2", "Ada", (Word("b", 1, 2),))
    assert len(merge([first, second])) == 2


def test_a_monologue_has_places_to_go_to() -> None:
    parts = merge([said("Ada", "word word word end. " * 200, 0)])
    assert len(parts) > 3
    assert all(part.end - part.start < LONGEST_S + 5 for part in parts)


def test_nothing() -> None:
    assert merge([]) == []
    assert merge([Segment("p", "Ada", ())]) == []


word_lists = st.lists(
    st.tuples(st.sampled_from("ABC"), st.floats(0, 100), st.floats(0, 3), st.sampled_from(["a", "b.", "c?"])),
    max_size=40,
)


@given(word_lists)
def test_every_word_is_there_once(rows: list[tuple[str, float, float, str]]) -> None:
    segments = [Segment(who, who, (Word(text, start, start + length),)) for who, start, length, text in rows]
    merged = merge(segments)
    flat = [(segment.speaker, word.start, word.end, word.text) for segment in merged for word in segment.words]
    assert sorted(flat) == sorted((who, start, start + length, text) for who, start, length, text in rows)
    starts = [segment.start for segment in merged]
    assert starts == sorted(starts)
    for segment, following in itertools.pairwise(merged):
        if segment.participant_id == following.participant_id and segment.end - segment.start <= LONGEST_S:
            assert following.start - segment.end > PAUSE_S
