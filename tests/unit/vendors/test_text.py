"""What a model writes, as it is read aloud."""

from __future__ import annotations

import pytest

from rejoinder.vendors.hibari.text import speakable


@pytest.mark.parametrize(
    "plain",
    [
        "Ada said the deadline is Friday.",
        "It's 3.14, isn't it?",
        "It costs $2.00, or 1,250 in all.",
        "At 10:30 am, Dr. Smith; well...",
        "snake_case stays",
    ],
)
def test_plain_sentences_come_back_unchanged(plain: str) -> None:
    assert speakable(plain) == plain


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Bold**, *slanted*, `code`, _x_", "Bold, slanted, code, x"),
        ("# Title\n- one\n* two\n1. three", "Title\none\ntwo\n1, three"),
        ("```python\nprint()\n```", "print()"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b\n1, 2"),
        ("See [the docs](https://example.com/x).", "See the docs."),
        ("https://www.example.com/docs/api?x=1.", "example dot com slash docs slash api."),
        ("https://example.com/a/b/c/d.html is long", "example dot com is long"),
        ("Visit example.com, now.", "Visit example dot com, now."),
        ("Mail ada.b@example.com!", "Mail ada dot b at example dot com!"),
        ("version 2.0 and 1.2.3.", "version 2 point 0 and 1 point 2 point 3."),
        ("at 192.168.0.1", "at 192 dot 168 dot 0 dot 1"),
        ("2 * 3", "2 times 3"),
        ("a -> b & c", "a to b and c"),
        ("e.g. this, i.e. that", "for example this, that is that"),
        ("No. 5 on Jan. 5th", "number 5 on January 5th"),
        ("C# is on 24/7, ~5 people", "C sharp is on twenty-four seven, about 5 people"),
        ("Great \U0001f600!", "Great !"),
    ],
)
def test_markup_addresses_and_versions(written: str, spoken: str) -> None:
    assert speakable(written) == spoken


@pytest.mark.parametrize("nothing", ["", "  \n", "***", "...", "\U0001f600", "---"])
def test_nothing_to_pronounce(nothing: str) -> None:
    assert speakable(nothing) == ""
