"""Which platform a link belongs to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.core.links import platform_of


@pytest.mark.parametrize(
    ("link", "platform"),
    [
        ("https://meet.google.com/aaa-bbbb-ccc", "GMeet"),
        ("meet.google.com/aaa-bbbb-ccc", "GMeet"),
        (" HTTPS://MEET.GOOGLE.COM/aaa-bbbb-ccc?authuser=0", "GMeet"),
        ("https://zoom.us/j/111", "Zoom"),
        ("https://us05web.zoom.us/j/111?pwd=x", "Zoom"),
        ("https://acme.zoomgov.com/j/111", "Zoom"),
        ("https://teams.microsoft.com/l/meetup-join/19%3ameeting", "Teams"),
        ("https://gov.teams.microsoft.us/l/meetup-join/x", "Teams"),
        ("https://teams.live.com/meet/9", "Teams"),
        ("http://127.0.0.1:8080/room/standup", "Room"),
        ("https://bots.example/room/standup", "Room"),
        ("https://zoom.us.evil.example/j/1", "Room"),
        ("https://notzoom.us/j/1", "Room"),
        ("https://evil.example/zoom.us", "Room"),
        ("https://zoom.us@evil.example/", "Room"),
        ("https://[::1", "Room"),
        ("", "Room"),
    ],
)
def test_links(link: str, platform: str) -> None:
    assert platform_of(link) == platform


@given(st.text())
def test_any_text_has_an_answer(link: str) -> None:
    assert platform_of(link) in ("GMeet", "Zoom", "Teams", "Room")
