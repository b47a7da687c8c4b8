"""Which profile a bot may use."""

from __future__ import annotations

import pytest

from rejoinder.core.signin import SignIn, fitting, profile_name

NAMES = [
    "work.example",
    "work.example/zoe",
    "work.example/bob@work.example",
    "work",
    "home/bob",
    "work.example.org/bob",
]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("work", "work"),
        (" Work.Example/Bob+1@Work.Example ", "work.example/bob+1@work.example"),
        ("xn--mnchen-3ya.de/notes", "xn--mnchen-3ya.de/notes"),
        ("google_meet", "google_meet"),
        ("a" * 100, "a" * 100),
        ("a" * 101, None),
        ("", None),
        ("work/", None),
        ("/work", None),
        ("a/b/c", None),
        ("../up", None),
        (".hidden", None),
        ("two words", None),
        ("a~b", None),
        ("ü", None),
    ],
)
def test_names(given: str, kept: str | None) -> None:
    assert profile_name(given) == kept


def test_a_group_is_all_its_accounts_and_no_others() -> None:
    assert fitting(NAMES, SignIn("work.example")) == [
        "work.example",
        "work.example/bob@work.example",
        "work.example/zoe",
    ]
    assert fitting(NAMES, SignIn("work")) == ["work"]
    assert fitting(NAMES, SignIn("example")) == []


def test_the_account_asked_for_comes_first() -> None:
    assert fitting(NAMES, SignIn("work.example", "zoe"))[0] == "work.example/zoe"
    assert fitting(NAMES, SignIn("work.example", "zoe@work.example")) == [
        "work.example/zoe",
        "work.example",
        "work.example/bob@work.example",
    ]
    assert fitting(NAMES, SignIn("work.example", "nobody")) == fitting(NAMES, SignIn("work.example"))


def test_strict_takes_no_other() -> None:
    assert fitting(NAMES, SignIn("work.example", "zoe@work.example", strict=True)) == ["work.example/zoe"]
    assert fitting(NAMES, SignIn("work.example", "bob@work.example", strict=True)) == ["work.example/bob@work.example"]
    assert fitting(NAMES, SignIn("work.example", "zoe@else.where", strict=True)) == []
