"""Zoom's links, commands and selector file."""

from __future__ import annotations

from pathlib import Path

import pytest
from zoom_pages import page

from rejoinder.browser.joinflow import Click, Type
from rejoinder.errors import InvalidRequest
from rejoinder.platforms.zoom.platform import MAX_CHAT, SELECTORS, ZoomDriver, driver
from rejoinder.settings import Settings


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://zoom.us/j/123456789", "https://app.zoom.us/wc/123456789/join"),
        ("zoom.us/j/123 456 7890", "https://app.zoom.us/wc/1234567890/join"),
        ("https://us05web.zoom.us/j/84335626851?pwd=aB.1", "https://app.zoom.us/wc/84335626851/join?pwd=aB.1"),
        (
            "https://zoom.us/j/123456789?pwd=a%2Bb%3D&uname=Eve#success",
            "https://app.zoom.us/wc/123456789/join?pwd=a%2Bb%3D",
        ),
        ("https://zoom.us/j/123456789?tk=T&pwd=p", "https://app.zoom.us/wc/123456789/join?tk=T&pwd=p"),
        ("https://app.zoom.us/wc/123456789/join?fromPWA=1&pwd=p", "https://app.zoom.us/wc/123456789/join?pwd=p"),
        ("https://zoom.us/wc/join/123456789", "https://app.zoom.us/wc/123456789/join"),
        # A company's own address may ask for its sign-in; personal, webinar and event links say what they are.
        ("https://acme.zoom.us/j/123456789?pwd=p", "https://acme.zoom.us/j/123456789?pwd=p"),
        ("http://acme.zoom.us/my/room", "https://acme.zoom.us/my/room"),
        ("https://events.zoom.us/ejl/abc", "https://events.zoom.us/ejl/abc"),
        ("https://www.zoomgov.com/j/1234567890", "https://www.zoomgov.com/j/1234567890"),
        ("https://zoom.us/my/ann", "https://zoom.us/my/ann"),
    ],
)
def test_links(link: str, expected: str) -> None:
    assert driver().matches(link)
    assert driver().entry_url(link, Settings()) == expected


@pytest.mark.parametrize(
    "link", ["https://zoom.us/j/abc", "https://zoom.us/j/123", "https://zoom.us/", "https://a:b@zoom.us/j/123456789"]
)
def test_links_that_lead_nowhere(link: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        driver().entry_url(link, Settings())
    assert error.value.field == "meeting_link"


@pytest.mark.parametrize(
    "link",
    [
        "https://meet.google.com/abc",
        "https://zoom.us.evil.example/j/123456789",
        "https://example.com/zoom.us/j/1",
        "ftp://zoom.us/j/123456789",
    ],
)
def test_links_of_others(link: str) -> None:
    assert not driver().matches(link)


def test_what_it_is_called() -> None:
    assert (driver().name, driver().platform) == ("zoom", "Zoom")


def test_guest_leaves_by_the_red_button_and_a_host_never_ends_it_for_all() -> None:
    leave = driver().commands.leave
    guest = [step.selector for step in leave(page(visible=("leave_button",))) if isinstance(step, Click)]
    host = [step.selector for step in leave(page(visible=("end_button",))) if isinstance(step, Click)]
    assert guest == ["leave_button", "leave_confirm"]
    assert host == ["end_button", "leave_as_host"]
    assert all(step.optional for step in leave(page()) if isinstance(step, Click))


def test_chat_opens_its_panel_and_cuts_what_is_too_long() -> None:
    chat = driver().commands.chat
    assert chat(page(), "hello") is None
    closed = chat(page(visible=("chat_open",)), "hello")
    assert Click("chat_open") in closed
    assert closed[-1] == Click("chat_send")
    long = chat(page(visible=("chat_field", "chat_send")), "x" * (MAX_CHAT + 1))
    assert [len(step.text) for step in long if isinstance(step, Type)] == [MAX_CHAT, 1]


def test_mute_reads_what_the_button_would_do() -> None:
    mute = driver().commands.mute
    assert Click("mic_on") in mute(page(visible=("mic_on",)), True)
    assert mute(page(visible=("mic_off",)), True) == []
    assert Click("mic_off") in mute(page(visible=("mic_off",)), False)
    assert mute(page(), True) is None


def test_captions_directly_or_through_more() -> None:
    captions = driver().commands.captions
    assert captions(page(visible=("captions_hide",)), True) == []
    assert captions(page(visible=("captions_show",)), True) == [Click("captions_show")]
    assert Click("more_button") in captions(page(visible=("more_button",)), True)
    assert captions(page(), True) is None


def test_operator_replaces_the_selectors(tmp_path: Path) -> None:
    folder = tmp_path / "zoom"
    folder.mkdir()
    (folder / "selectors.toml").write_text(SELECTORS.read_text().replace("#input-for-name", "#new-name"))
    found = driver(Settings(selectors_dir=tmp_path)).selectors
    assert found.selectors["name_field"][0].css == "#new-name"
    (folder / "selectors.toml").write_text('[meta]\nseen = "2027-01"\n[selectors]\nname_field = ["#x"]\n')
    with pytest.raises(InvalidRequest, match="browser_join"):
        driver(Settings(selectors_dir=tmp_path))


def test_page_script_hides_nothing() -> None:
    script = ZoomDriver().page_script
    for word in ("webdriver", "userAgent", "plugins", "isTrusted", "fetch(", "XMLHttpRequest", "localStorage"):
        assert word not in script
