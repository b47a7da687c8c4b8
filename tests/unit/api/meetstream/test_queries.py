"""The query of lists and transcripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.api.meetstream.queries import DEFAULT_PAGE, parse_list, transcript_form
from rejoinder.control.service import MAX_PAGE, ListQuery
from rejoinder.core.bot import BotStatus
from rejoinder.errors import InvalidRequest

DAY = 86_400.0
SEPTEMBER_1 = 1_788_220_800.0  # 2026-09-01T00:00:00Z


def test_nothing_asked() -> None:
    assert parse_list([]) == ListQuery(limit=DEFAULT_PAGE)
    assert parse_list([("status", ""), ("cursor", ""), ("limit", ""), ("other", "x")]) == ListQuery()


def test_everything_asked() -> None:
    query = parse_list(
        [
            ("status", "inmeeting"),
            ("platform", "gmeet"),
            ("from", "2026-09-01"),
            ("to", "2026-09-01"),
            ("custom_attr[tenant]", "t1"),
            ("custom_attr[n]", "3"),
            ("custom_attr[quoted]", '"3"'),
            ("custom_attr[a[b]]", '{"x": [1, null]}'),
            ("cursor", "c"),
            ("limit", "7"),
        ]
    )
    attributes = {"tenant": "t1", "n": 3, "quoted": "3", "a[b]": {"x": [1, None]}}
    assert query == ListQuery(BotStatus.IN_MEETING, "GMeet", SEPTEMBER_1, SEPTEMBER_1 + DAY, attributes, "c", 7)


def test_times_of_day_and_statuses_as_they_were_once_written() -> None:
    query = parse_list([("from", "2026-09-01T01:00:00+01:00"), ("to", "2026-09-01T00:00:00Z"), ("status", "FAILED")])
    assert (query.created_from, query.created_to, query.status) == (SEPTEMBER_1, SEPTEMBER_1, BotStatus.FAILED)
    assert parse_list([("status", "Error")]).status is BotStatus.FAILED


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("status", "Asleep", "status"),
        ("platform", "WebEx", "platform"),
        ("from", "yesterday", "from"),
        ("to", "9999-12-31", "to"),
        ("limit", "0", "limit"),
        ("limit", str(MAX_PAGE + 1), "limit"),
        ("limit", "٣", "limit"),
        ("cursor", "a\0b", "NUL"),
        ("cursor", "x" * 1001, "1000 characters"),
        ("custom_attr[a]", '"\\u0000"', "NUL"),
        ("custom_attr[a]", '{"x": ["\\u0000"]}', "NUL"),
        ("custom_attr[a]", "[" * 500 + "]" * 500, "custom_attr is nested"),
    ],
)
def test_what_is_refused(name: str, value: str, word: str) -> None:
    with pytest.raises(InvalidRequest, match=word):
        parse_list([(name, value)])


def test_too_many_filters() -> None:
    with pytest.raises(InvalidRequest, match="custom_attr"):
        parse_list([(f"custom_attr[{number}]", "1") for number in range(11)])


@given(st.lists(st.tuples(st.sampled_from(["status", "from", "to", "limit", "cursor", "custom_attr[x]"]), st.text())))
def test_anything_is_read_or_refused(items: list[tuple[str, str]]) -> None:
    try:
        query = parse_list(items)
    except InvalidRequest:
        return
    assert 1 <= query.limit <= MAX_PAGE


def test_forms_of_a_transcript() -> None:
    assert transcript_form(None, None) == (False, "json")
    assert transcript_form("True", "VTT") == (True, "vtt")
    assert transcript_form("false", "md") == (False, "md")
    for raw, form in (("maybe", None), (None, "docx")):
        with pytest.raises(InvalidRequest):
            transcript_form(raw, form)
