"""Links of Teams, and how things are done there."""

from __future__ import annotations

from pathlib import Path

import pytest

from rejoinder.browser.joinflow import Click, Control, PageSnapshot, Press, Type
from rejoinder.errors import InvalidRequest
from rejoinder.platforms.driver import JoinConfig
from rejoinder.platforms.teams.platform import driver
from rejoinder.settings import Settings

DRIVER = driver()
SETTINGS = Settings()
THREAD = "19%3ameeting_NjY%40thread.v2/0?context=%7b%22Tid%22%3a%221%22%7d"


@pytest.mark.parametrize(
    ("link", "entry"),
    [
        (f"https://teams.microsoft.com/l/meetup-join/{THREAD}", f"https://teams.microsoft.com/l/meetup-join/{THREAD}"),
        ("teams.live.com/meet/9366473044740?p=abc", "https://teams.live.com/meet/9366473044740?p=abc"),
        ("https://teams.microsoft.com/meet/293 847 1?p=x", "https://teams.microsoft.com/meet/2938471?p=x"),
        ("https://teams.cloud.microsoft/meet/29?p=x", "https://teams.cloud.microsoft/meet/29?p=x"),
        ("https://gov.teams.microsoft.us/meet/29?p=x#a", "https://gov.teams.microsoft.us/meet/29?p=x"),
        (
            "https://teams.microsoft.com/light-meetings/launch?coords=eyJ9&lightExperience=false",
            "https://teams.microsoft.com/light-meetings/launch?coords=eyJ9&anon=true&lightExperience=true",
        ),
        (
            "https://teams.microsoft.com/_#/l/meetup-join/19:m@thread.v2/0",
            "https://teams.microsoft.com/_#/l/meetup-join/19:m@thread.v2/0",
        ),
        (
            "https://teams.microsoft.com/dl/launcher/launcher.html?url=%2F_%23%2Fl%2Fmeetup-join%2F19",
            "https://teams.microsoft.com/dl/launcher/launcher.html?url=%2F_%23%2Fl%2Fmeetup-join%2F19",
        ),
    ],
)
def test_links_that_lead_to_a_meeting(link: str, entry: str) -> None:
    assert DRIVER.matches(link)
    assert DRIVER.entry_url(link, SETTINGS) == entry


@pytest.mark.parametrize(
    "link",
    [
        "https://teams.microsoft.com/",
        "https://teams.microsoft.com/l/channel/19%3a/General",
        "https://teams.microsoft.com/meet/",
        "https://teams.microsoft.com:8443/meet/1?p=x",
        "https://user:word@teams.microsoft.com/meet/1?p=x",
        "ftp://teams.microsoft.com/meet/1",
        "https://teams.microsoft.com/meet/1?p=" + "x" * 5000,
        "https://teams.microsoft.com:port/meet/1",
    ],
)
def test_links_that_lead_nowhere_are_refused_by_field(link: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        DRIVER.entry_url(link, SETTINGS)
    assert caught.value.field == "meeting_link"


def test_links_of_others_are_not_ours() -> None:
    for link in ("https://meet.google.com/abc-defg-hij", "https://teams.microsoft.com.evil.example/meet/1"):
        assert not DRIVER.matches(link)


def page(visible: str, *buttons: str) -> PageSnapshot:
    seen = frozenset(visible.split())
    return PageSnapshot(0.0, visible=seen, enabled=seen, present=seen, buttons=tuple(Control(one) for one in buttons))


def test_chat_opens_the_pane_where_needed_and_keeps_lines_together() -> None:
    chat = DRIVER.commands.chat
    assert chat(page("chat_input"), "a\nb") == [Type("chat_input", "a\nb"), Press("Enter")]
    assert chat(page("chat_button"), "a")[0] == Click("chat_button")
    assert chat(page("hangup"), "a") is None
    assert chat(page("chat_input"), "  ") == []
    parts = [step.text for step in chat(page("chat_input"), "x" * 9000) if isinstance(step, Type)]
    assert [len(part) for part in parts] == [4000, 4000, 1000]


def test_the_microphone_is_switched_only_when_its_state_is_known_and_another() -> None:
    mute = DRIVER.commands.mute
    assert mute(page("mic", "Mute mic"), True) == [Click("mic")]
    assert mute(page("mic", "Unmute mic"), True) == []
    assert mute(page("mic", "Stummschaltung aufheben"), False) == [Click("mic")]
    assert mute(page("mic", "Mute mic"), False) == []
    assert mute(page("mic"), True) is None


def test_leaving_and_captions() -> None:
    assert all(getattr(step, "optional", True) for step in DRIVER.commands.leave(page("hangup")) or [Click("")])
    captions = DRIVER.commands.captions
    assert captions(page("more captions_pane"), True) == []
    assert captions(page("hangup"), True) is None
    assert Click("captions_off", optional=True) in (captions(page("more captions_pane"), False) or [])


def test_an_operators_selectors_take_the_place_of_the_built_in_ones(tmp_path: Path) -> None:
    built_in = Path("src/rejoinder/platforms/teams/selectors.toml")
    source = Path(__file__).parents[4] / built_in
    folder = tmp_path / "teams"
    folder.mkdir()
    (folder / "selectors.toml").write_text(source.read_text("utf-8").replace("toolbar-item-badge", "other-badge"))
    other = driver(Settings(selectors_dir=tmp_path))
    assert "other-badge" in other.page_script
    assert "other-badge" not in DRIVER.page_script
    (folder / "selectors.toml").write_text('[meta]\nseen = "2026-11"\n[selectors]\njoin = ["#join"]\n')
    with pytest.raises(InvalidRequest, match=r"selectors\.toml"):
        _ = driver(Settings(selectors_dir=tmp_path)).selectors


def test_a_stay_gets_its_own_flow_and_roster() -> None:
    config = JoinConfig("https://teams.microsoft.com/meet/1", "Bot")
    assert DRIVER.flow(config) is not DRIVER.flow(config)
    assert DRIVER.roster(config) is not DRIVER.roster(config)


def test_nothing_of_the_driver_hides_what_it_is() -> None:
    for word in ("webdriver", "userAgent", "plugins", "stealth", "Math.random", "mousemove"):
        assert word not in DRIVER.page_script
