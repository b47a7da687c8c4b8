"""Reading a prompt ahead in steps."""

from __future__ import annotations

from rejoinder.agent.base import Message
from rejoinder.vendors.llama.ahead import STEP, cut, known, steps


def prompt(system: str, user: str = "") -> list[Message]:
    messages = [Message("system", system)]
    return [*messages, Message("user", user)] if user else messages


def test_what_two_prompts_have_in_common() -> None:
    assert known(prompt("abcdef", "hello"), prompt("abcdef", "help")) == 6 + 3
    assert known(prompt("abcdef", "hello"), prompt("abcxef", "hello")) == 3
    assert known(prompt("abc", "hello"), prompt("abcdef", "hello")) == 3
    assert known(prompt("abc"), prompt("xyz")) == 0
    assert known(prompt("abc"), [Message("user", "abc")]) == 0
    assert known(prompt("abc"), []) == 0


def test_a_prompt_is_cut_within_its_messages() -> None:
    messages = prompt("abcdef", "hello")
    assert cut(messages, 4) == prompt("abcd")
    assert cut(messages, 6) == prompt("abcdef")
    assert cut(messages, 8) == prompt("abcdef", "he")
    assert cut(messages, 99) == messages
    assert cut(messages, 0) == []


def test_steps_go_on_from_what_was_read_and_end_with_the_whole() -> None:
    messages = prompt("a" * STEP, "b" * STEP)
    assert list(steps(messages, STEP // 2)) == [
        prompt("a" * STEP, "b" * (STEP // 2)),
        messages,
    ]
    assert list(steps(messages, 2 * STEP)) == []
