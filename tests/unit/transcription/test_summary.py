"""Minutes of meetings by a model with a short memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakeLanguageModel
from rejoinder.agent.base import Message
from rejoinder.core.transcript import Segment, Word
from rejoinder.errors import ProviderError
from rejoinder.transcription.summary import (
    ANSWER_TOKENS,
    CHARS_PER_TOKEN,
    CONTEXT_TOKENS,
    NOTES_TOKENS,
    NOTHING,
    cut,
    minutes,
    spoken_lines,
    summarise,
)

ANSWER = "## Summary\n\nAll is well.\n\n## Decisions\n\n- Ship it.\n\n## Action items\n\n- Ada writes the notes.\n"


class Model(FakeLanguageModel):
    """Keeps the lines of its answers."""

    async def stream(self, messages: Sequence[Message], *, max_tokens: int = 200) -> AsyncIterator[str]:
        self.asked.append(list(messages))
        yield self.answer if isinstance(self.answer, str) else self.answer(messages)


def said(who: str, text: str, at: float = 0.0) -> Segment:
    return Segment(who, who, tuple(Word(word, at, at) for word in text.split()))


def long_meeting(words: int) -> list[Segment]:
    return [said(("Ada", "Bo", "Cy")[index % 3], f"number{index} " + "blah " * 49) for index in range(words // 50)]


def test_a_short_meeting_is_one_question() -> None:
    model = Model(ANSWER)
    assert asyncio.run(summarise(model, [said("Ada", "Shall we ship it?"), said("Bo", "Yes.")])) == minutes(ANSWER)
    ((system, user),) = model.asked
    assert system.role == "system"
    assert user.content.endswith("Ada: Shall we ship it?\nBo: Yes.")


def test_a_silent_meeting_asks_nobody() -> None:
    model = Model(ANSWER)
    assert "Nothing was said" in asyncio.run(summarise(model, [Segment("1", "Ada", ())]))
    assert model.asked == []


@pytest.mark.parametrize("words", [3_000, 20_000, 120_000])
def test_a_long_meeting_is_read_whole_in_parts_that_fit(words: int) -> None:
    def answer(messages: Sequence[Message]) -> str:
        return ANSWER if "minutes of a meeting from" in messages[0].content else "- a point " * 30

    model = Model(answer)
    text = asyncio.run(summarise(model, long_meeting(words)))
    assert text == minutes(ANSWER)
    for messages in model.asked:
        tokens = sum(len(message.content) for message in messages) / CHARS_PER_TOKEN
        assert tokens + (ANSWER_TOKENS if messages is model.asked[-1] else NOTES_TOKENS) <= CONTEXT_TOKENS
    read = " ".join(messages[1].content for messages in model.asked)
    assert all(f"number{index} " in read for index in range(words // 50))
    assert len(model.asked) < words / 500


def test_a_model_that_fails_is_an_error() -> None:
    model = FakeLanguageModel(error=ProviderError("gone", provider="fake"))
    with pytest.raises(ProviderError):
        asyncio.run(summarise(model, [said("Ada", "Hello")]))


def test_what_one_says_in_a_row_is_one_line() -> None:
    assert spoken_lines([said("Ada", "a"), said("Ada", "b"), said("Bo", "c"), said("Ada", "d")]) == [
        "Ada: a b",
        "Bo: c",
        "Ada: d",
    ]


def test_parts_are_of_about_the_same_length() -> None:
    parts = cut([f"Ada: {'x' * 90}"] * 11, 1000)
    assert len(parts) == 2
    assert abs(len(parts[0]) - len(parts[1])) < 200


def test_a_line_that_is_too_long_names_its_speaker_again() -> None:
    parts = cut(["Ada: " + "word " * 100], 200)
    assert all(part.startswith("Ada: word") and len(part) <= 200 for part in parts)
    assert sum(part.count("word") for part in parts) == 100


@given(st.lists(st.text("ab: \n", max_size=300)), st.integers(50, 400))
def test_no_part_is_too_long(lines: list[str], room: int) -> None:
    parts = cut(lines, room)
    assert all(len(part) <= room for part in parts)
    assert sum(part.count("a") for part in parts) >= sum(line.count("a") for line in lines)


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        "```markdown\n# Summary\nAll is well.\n# Decisions\n- Ship it.\n# Action Items\n- Ada writes the notes.\n```",
        "All is well.\n\n**Decisions:**\n- Ship it.\n\n**Action items**\n- Ada writes the notes.",
        "Summary: All is well.\nDecision:\n- Ship it.\nAction items:\n- Ada writes the notes.",
        "**Summary:** All is well.\n## Decisions:\n- Ship it.\n### Action item\n- Ada writes the notes.",
    ],
)
def test_headings_of_all_kinds_become_the_same(answer: str) -> None:
    assert minutes(answer) == ANSWER


def test_a_section_without_anything_says_so() -> None:
    text = minutes("We talked about decisions, and made none.")
    assert text.startswith("## Summary\n\nWe talked about decisions, and made none.\n\n## Decisions\n\n" + NOTHING)
    assert minutes("").count(NOTHING) == 3
