"""Judgements on words."""

from __future__ import annotations

import pytest

from rejoinder.agent.words import is_backchannel, is_echo, names, normalised, sounds_finished


@pytest.mark.parametrize("text", ["", "uh", "Mm-hm.", "Yeah, okay.", "I see.", "got it", "Right right right."])
def test_backchannels(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize("text", ["no", "stop", "wait", "what?", "yeah but why", "okay so the deadline is friday"])
def test_not_backchannels(text: str) -> None:
    assert not is_backchannel(text)


def test_a_question_is_finished_and_a_hanging_word_is_not() -> None:
    assert sounds_finished("When is it?") > sounds_finished("It is on Friday.") > 0 > sounds_finished("and so the")
    assert sounds_finished("well,") < 0
    assert sounds_finished("") == 0


@pytest.mark.parametrize(
    ("text", "name", "called"),
    [
        ("Robin, when is it?", "Robin", True),
        ("robyn when is it", "Robin", True),
        ("hey re joinder can you help", "Rejoinder", True),
        ("rob went home", "Robin", False),
        ("the cabin is cold", "Robin", False),
        ("ask meeting bot", "Meeting Bot", True),
        ("", "Robin", False),
    ],
)
def test_names(text: str, name: str, called: bool) -> None:
    assert names(text, name) is called


def test_the_bots_own_words_come_back_are_an_echo() -> None:
    spoken = "The capital of France is Paris, a city on the Seine."
    assert is_echo("capital of France is Paris", spoken)
    assert is_echo("the capital of friends is Paris a city", spoken)
    assert not is_echo("what is the capital of Spain then", spoken)
    assert not is_echo("is", spoken)


def test_normalised_forgets_case_and_punctuation() -> None:
    assert normalised("What's the Deadline?") == normalised("what’s the deadline")
