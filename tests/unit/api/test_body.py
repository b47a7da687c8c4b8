"""JSON bodies."""

from __future__ import annotations

import pytest

from rejoinder.api.body import MAX_DEPTH, parse_json
from rejoinder.errors import InvalidRequest


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def test_what_can_be_kept() -> None:
    assert parse_json(b'{"a": [1, "\\\\u0000", null]}') == {"a": [1, "\\u0000", None]}
    assert parse_json(nested(MAX_DEPTH - 1))


@pytest.mark.parametrize(
    "body",
    [b"{", b"NaN", b'"\\ud800"', b'{"a": "\\u0000"}', b'{"\\u0000": 1}', b'["\\u0000"]', nested(MAX_DEPTH + 1)],
)
def test_what_cannot(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_json(body)
