"""Who is being spoken to."""

from __future__ import annotations

import pytest

from rejoinder.agent.address import is_addressed


@pytest.mark.parametrize(
    ("policy", "text", "people", "since", "answers"),
    [
        ("auto", "what time is it?", 1, None, True),
        ("auto", "what time is it?", 2, None, False),
        ("auto", "robin, what time is it?", 2, None, True),
        ("auto", "and in London?", 2, 3.0, True),
        ("auto", "thanks a lot for that", 2, 3.0, False),
        ("auto", "and in London?", 2, 30.0, False),
        ("auto", "mhm", 1, None, False),
        ("auto", "", 1, None, False),
        ("addressed", "what time is it?", 1, None, False),
        ("addressed", "robin what time is it", 1, None, True),
        ("always", "the deadline is friday", 5, None, True),
    ],
)
def test_is_addressed(policy: str, text: str, people: int, since: float | None, answers: bool) -> None:
    found = is_addressed(
        text,
        policy=policy,  # type: ignore[arg-type]
        bot_name="Robin",
        people=people,
        since_answer_to_speaker=since,
    )
    assert found is answers
