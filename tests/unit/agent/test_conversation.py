"""What the model is told of the meeting."""

from __future__ import annotations

from rejoinder.agent.base import Message
from rejoinder.agent.conversation import Conversation, Line, heard_words


def test_lines_become_messages_with_names_and_own_words_as_assistant() -> None:
    talk = Conversation("Robin")
    talk.note("Ada joined", 1.0)
    talk.add(Line("Ada", "It is due Friday.", 2.0))
    talk.add(Line("Ben", "Robin, when is it due?", 3.0))
    talk.add(Line("Robin", "On Friday.", 4.0, own=True))
    messages = talk.messages("Ada", "Thanks")
    assert messages[0].role == "system"
    assert "Robin" in messages[0].content
    assert messages[1:] == [
        Message("user", "(Ada joined)\nAda: It is due Friday."),
        Message("user", "Ben: Robin, when is it due?"),
        Message("assistant", "On Friday."),
        Message("user", "Ada: Thanks"),
    ]


def test_a_speculative_prompt_is_what_the_committed_one_will_be() -> None:
    talk = Conversation("Robin")
    talk.add(Line("Ada", "Hello.", 1.0))
    ahead = talk.messages("Ada", "When is it?")
    talk.add(Line("Ada", "When is it?", 2.0))
    assert talk.messages() == ahead


def test_an_answer_that_was_cut_off_is_told_as_an_event() -> None:
    talk = Conversation("Robin")
    talk.add(Line("Robin", "The capital of", 1.0, own=True, cut=True))
    assert talk.messages("Ada", "Stop.")[1:] == [
        Message("user", '(Robin said "The capital of" and was interrupted.)\nAda: Stop.'),
    ]


def test_the_prompt_grows_only_at_its_end_until_its_older_half_goes() -> None:
    talk = Conversation("Robin")
    heads = set()
    for number in range(400):
        talk.add(Line("Ada", f"This is sentence number {number} of a very long meeting.", float(number)))
        heads.add(talk.messages()[1].content[:60])
    assert len(heads) <= 6
    assert sum(len(message.content) for message in talk.messages()) < 12_000
    assert "number 399" in talk.messages()[-1].content


def test_heard_words_are_whole_words() -> None:
    assert heard_words("one two three four", 0, 100) == ""
    assert heard_words("one two three four", 50, 100) == "one two"
    assert heard_words("one two three four", 100, 100) == "one two three four"
    assert heard_words("one", 10, 0) == ""
