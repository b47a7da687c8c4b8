"""``google_meet`` and ``teams`` of MeetStream's create call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rejoinder.api.meetstream.requests import parse_create
from rejoinder.core.signin import SignIn

NOW = datetime(2026, 9, 1, 10, 0, tzinfo=UTC)
MEET = "https://meet.google.com/abc-defg-hij"
TEAMS = "https://teams.microsoft.com/l/meetup-join/x"


def read(link: str, **blocks: Any) -> SignIn | None:
    return parse_create({"meeting_link": link, **blocks}, NOW).sign_in


def google(**block: Any) -> SignIn | None:
    return read(MEET, google_meet={"login_required": True, "google_login_domain": "work.example", **block})


def test_the_domain_is_the_group_and_the_address_the_account() -> None:
    assert google() == SignIn("work.example")
    assert google(google_login_domain=" Work.Example ") == SignIn("work.example")
    assert google(sign_in_email="Bob@Work.Example") == SignIn("work.example", "bob@work.example")
    assert google(sign_in_email="bob@work.example", strict_email=True) == SignIn(
        "work.example", "bob@work.example", strict=True
    )
    assert google(sign_in_email="", strict_email=None) == SignIn("work.example")


def test_teams_is_strict_unless_told_otherwise() -> None:
    block = {"login_required": True, "teams_login_domain": "work.example", "sign_in_email": "bob@work.example"}
    assert read(TEAMS, teams=block) == SignIn("work.example", "bob@work.example", strict=True)
    assert read(TEAMS, teams={**block, "strict_email": False}) == SignIn("work.example", "bob@work.example")


def test_only_the_block_of_the_meetings_platform_counts() -> None:
    block = {"login_required": True, "google_login_domain": "work.example", "teams_login_domain": "work.example"}
    assert read(TEAMS, google_meet=block) is None
    assert read(MEET, teams=block) is None
    assert read("https://zoom.us/j/1", teams=block, google_meet=block) is None
    assert read("http://room/a", teams=block, google_meet=block) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"login_required": False},
        {"login_required": None},
        {"login_required": "yes"},
        {"google_login_domain": None},
        {"google_login_domain": ""},
        {"google_login_domain": 5},
        {"google_login_domain": "../up"},
        {"sign_in_email": 5},
        {"sign_in_email": "two words"},
        {"strict_email": "no"},
    ],
)
def test_a_malformed_block_is_a_guest(wrong: dict[str, Any]) -> None:
    assert google(**wrong) is None


@pytest.mark.parametrize("block", [None, {}, "", [], 5, True])
def test_what_is_no_block_is_a_guest(block: Any) -> None:
    assert read(MEET, google_meet=block) is None
    assert read(TEAMS, teams=block) is None
