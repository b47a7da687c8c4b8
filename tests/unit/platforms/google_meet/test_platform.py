"""Links to Google Meet, and how things are done in its page."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.browser.joinflow import Click, PageSnapshot, Type
from rejoinder.errors import InvalidRequest
from rejoinder.platforms.google_meet import platform
from rejoinder.platforms.google_meet.platform import captions, chat, driver, leave, messages, mute
from rejoinder.settings import Settings

FOLDER = Path(platform.__file__).parent


def page(*present: str) -> PageSnapshot:
    return PageSnapshot(0.0, present=frozenset(present), visible=frozenset(present))


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://meet.google.com/abc-defg-hij", "https://meet.google.com/abc-defg-hij?hl=en"),
        ("meet.google.com/abc-defg-hij", "https://meet.google.com/abc-defg-hij?hl=en"),
        (" http://meet.google.com/ABCDEFGHIJ/ ", "https://meet.google.com/abc-defg-hij?hl=en"),
        (
            "https://meet.google.com/abc-defg-hij?authuser=2&hl=de&utm_source=x#top",
            "https://meet.google.com/abc-defg-hij?authuser=2&hl=en",
        ),
        ("https://meet.google.com/lookup/Team-sync_1", "https://meet.google.com/lookup/Team-sync_1?hl=en"),
    ],
)
def test_links_lead_to_the_meeting_in_english(link: str, url: str) -> None:
    assert driver().matches(link)
    assert driver().entry_url(link, Settings()) == url


@pytest.mark.parametrize(
    "link",
    [
        "https://zoom.us/j/1",
        "https://meet.google.com.example.org/abc-defg-hij",
        "https://example.org/meet.google.com/abc-defg-hij",
        "https://user:secret@meet.google.com/abc-defg-hij",
        "ftp://meet.google.com/abc-defg-hij",
        "http://[",
        "",
    ],
)
def test_other_links_are_not_ours(link: str) -> None:
    assert not driver().matches(link)
    with pytest.raises(InvalidRequest) as caught:
        driver().entry_url(link, Settings())
    assert caught.value.field == "meeting_link"


@pytest.mark.parametrize("path", ["", "landing", "new", "abc-defg", "lookup/", "abc-defg-hij/extra", "lookup/a/b"])
def test_a_link_without_a_meeting_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        driver().entry_url(f"https://meet.google.com/{path}", Settings())
    assert caught.value.field == "meeting_link"


def test_operators_replace_the_selectors(tmp_path: Path) -> None:
    own = (FOLDER / "selectors.toml").read_text("utf-8").replace("jsname='QgSmzd'", "jsname='Other'")
    (tmp_path / "google_meet").mkdir()
    (tmp_path / "google_meet" / "selectors.toml").write_text(own, "utf-8")
    chosen = driver(Settings(selectors_dir=tmp_path))
    assert chosen.selectors.selectors["voice"][0].css == "[jsname='Other']"
    assert "jsname='Other'" in chosen.page_script
    assert "jsname='QgSmzd'" in driver(Settings()).page_script


def test_nothing_hides_that_this_is_a_bot() -> None:
    """No evasion: nothing of what detection looks at is touched, and no person is imitated."""
    words = ("webdriver", "userAgent", "plugins", "languages", "chrome.runtime", "stealth", "mousemove", "random")
    for file in (*FOLDER.glob("*.py"), FOLDER / "page.js"):
        source = file.read_text("utf-8")
        assert not [word for word in words if word in source], file.name


def test_chat_is_opened_typed_and_sent() -> None:
    assert chat(page(), "Hello") is None
    closed = [step for step in chat(page("chat_open"), "Hello") if isinstance(step, (Click, Type))]
    assert closed == [Click("chat_open"), Type("chat_input", "Hello"), Click("chat_send", within_s=2.0)]
    opened = [step for step in chat(page("chat_open", "chat_input"), "Hello") if isinstance(step, (Click, Type))]
    assert opened == [Type("chat_input", "Hello"), Click("chat_send", within_s=2.0)]


@given(st.text(st.sampled_from("ab \n"), max_size=80), st.integers(1, 20))
def test_long_messages_are_cut_between_words(text: str, limit: int) -> None:
    parts = messages(text, limit)
    assert all(0 < len(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_words_stay_whole() -> None:
    assert messages("one two three", 8) == ["one two", "three"]
    assert messages("onetwothree", 4) == ["onet", "woth", "ree"]


def test_mute_and_captions_do_nothing_when_it_is_so_already() -> None:
    assert mute(page("mic_is_off"), True) == []
    assert Click("mic_is_on") in mute(page("mic_is_on"), True)
    assert Click("mic_is_off") in mute(page("mic_is_off"), False)
    assert captions(page("captions_are_on"), True) == []
    assert Click("captions_are_off") in captions(page("captions_are_off"), True)
    assert Click("captions_are_on") in captions(page("captions_are_on"), False)
    assert mute(page(), True) is None
    assert captions(page(), False) is None


def test_leaving_ends_it_for_the_bot_only() -> None:
    clicks = [step for step in leave(page("leave")) if isinstance(step, Click)]
    assert [click.selector for click in clicks] == ["leave", "just_leave"]
    assert all(click.optional for click in clicks)
