"""Cutting a token stream into speakable pieces."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from rejoinder.agent.sentences import Pieces


def cut(text: str, first_words: int = 3) -> list[str]:
    pieces = Pieces(first_words)
    found = []
    for token in re.findall(r"\s*\S+", text):
        found += pieces.feed(token)
    return found + pieces.end()


def test_the_first_piece_is_a_few_words_then_sentences() -> None:
    assert cut("Our next release comes on Friday at noon. Ben writes the text. Fine.") == [
        "Our next release",
        "comes on Friday at noon.",
        "Ben writes the text.",
        "Fine.",
    ]


def test_the_first_punctuation_ends_the_first_piece() -> None:
    assert cut("Sure, the release is on Friday.")[0] == "Sure,"


def test_the_first_piece_does_not_end_on_a_weak_word() -> None:
    assert cut("It is in the garden behind the house.")[0] == "It is in the garden"


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    assert cut("Well, Dr. Smith paid 3.5 dollars. Then he left.") == [
        "Well,",
        "Dr. Smith paid 3.5 dollars.",
        "Then he left.",
    ]


def test_a_word_that_is_still_growing_is_not_spoken() -> None:
    pieces = Pieces(2)
    assert pieces.feed("The dead") == []
    assert pieces.feed("line") == []
    assert pieces.feed(" is") == ["The deadline"]


def test_pieces_grow_so_that_a_list_is_heard_without_gaps() -> None:
    numbers = ", ".join("one two three four five six seven eight nine ten eleven twelve thirteen fourteen".split())
    assert cut(numbers.capitalize() + ".") == [
        "One,",
        "two, three, four,",
        "five, six, seven, eight, nine, ten,",
        "eleven, twelve, thirteen, fourteen.",
    ]


def test_a_long_sentence_without_punctuation_does_not_leave_the_listener_waiting() -> None:
    pieces = cut(
        "Light enters each drop and bends and then reflects inside it before it leaves and spreads its colours."
    )
    assert [len(piece.split()) for piece in pieces[:2]] == [3, 8]


def test_a_very_long_sentence_is_cut_at_a_clause() -> None:
    long = "Yes, " + "this goes on and on and on without any full stop at all, " * 4 + "and then it ends."
    assert max(len(piece) for piece in cut(long)) < 200


@given(st.lists(st.text("abc.,!? \n", max_size=8), max_size=40))
def test_nothing_is_lost_or_doubled(tokens: list[str]) -> None:
    pieces = Pieces()
    found: list[str] = []
    for token in tokens:
        found += pieces.feed(token)
    found += pieces.end()
    assert "".join("".join(found).split()) == "".join("".join(tokens).split())
