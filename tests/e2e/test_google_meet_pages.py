"""Google Meet's selectors and page script on saved pages, in a real browser: what is found, and what is made of it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from rejoinder.browser.chromium import find_chromium
from rejoinder.browser.joinflow import Admitted, Click, Finish, InLobby, Note, PageSnapshot, Step, Type
from rejoinder.browser.page import BrowserPage
from rejoinder.core.outcome import Outcome
from rejoinder.platforms.driver import JoinConfig
from rejoinder.platforms.google_meet.platform import GoogleMeet

pytestmark = pytest.mark.browser

PAGES = Path(__file__).parents[1] / "fixtures" / "pages" / "google_meet"
FILES = sorted(PAGES.glob("*.html"))
MEET = GoogleMeet()

ON_PAGES = {
    "prejoin": {"name_field", "join", "mic_is_on", "camera_is_on", "tile", "preview_tile"},
    "prejoin_devices_off": {"name_field", "join", "mic_is_off", "camera_is_off", "use_devices"},
    "cookies": {"reject_cookies"},
    "lobby": {"leave", "tile", "preview_tile", "chat_open", "captions_are_off", "mic_is_on"},
    "sign_in": {"sign_in"},
    "refused_captcha": {"captcha", "captcha_frame"},
    "inside": {
        "tile", "tile_name", "self_mark", "presentation", "voice", "voice_silent", "icon", "chat_list", "chat_message",
        "chat_group", "chat_sender", "chat_text", "captions", "captions_are_on", "chat_input", "chat_send", "leave",
    },
    "inside_muted": {"mic_is_off", "camera_is_off", "chat_open"},
    "notice": {"notice_ok"},
    "leaving_host": {"just_leave"},
    "after": {"rejoin"},
}  # fmt: skip

SENSED = """
window.sensed = [];
window.__rejoinder = { epoch: 1, report: (kind, data) => sensed.push([kind, data]), on() {}, tracks: () => [] };
"""


async def in_browser(look: Callable[[Page], Awaitable[None]]) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(os.environ.get("REJOINDER_CHROMIUM")), headless=True
        )
        try:
            await look(await browser.new_page())
        finally:
            await browser.close()


@pytest.fixture(scope="module")
def snapshots() -> dict[str, PageSnapshot]:
    """Every saved page as the bot reads it, with page.js at work, by file name without ``.html``."""
    found: dict[str, PageSnapshot] = {}

    async def look(page: Page) -> None:
        reader = BrowserPage(page, MEET.selectors)
        for file in FILES:
            await page.goto(file.as_uri())
            await page.evaluate(SENSED)
            await page.evaluate(MEET.page_script)
            await page.wait_for_timeout(650 if "captcha" in file.name else 0)
            found[file.stem] = await reader.snapshot()

    asyncio.run(in_browser(look))
    return found


@pytest.mark.parametrize("lang", ["en", "de"])
def test_each_selector_finds_its_element(snapshots: dict[str, PageSnapshot], lang: str) -> None:
    for name, wanted in ON_PAGES.items():
        page = snapshots[f"{name}.{lang}"]
        assert page.responding, name
        assert wanted <= page.present, f"{name}.{lang}: {wanted - page.present} not found"


def test_every_selector_has_a_page(snapshots: dict[str, PageSnapshot]) -> None:
    assert set().union(*ON_PAGES.values()) == set(MEET.selectors.selectors)


@pytest.mark.parametrize("lang", ["en", "de"])
def test_what_is_not_there_is_not_found(snapshots: dict[str, PageSnapshot], lang: str) -> None:
    assert "join" not in snapshots[f"prejoin.{lang}"].enabled
    assert "join" in snapshots[f"prejoin_devices_off.{lang}"].enabled
    assert snapshots[f"lobby.{lang}"].counts["tile"] == snapshots[f"lobby.{lang}"].counts["preview_tile"]
    for name in ("lobby", "inside", "removed", "after", "denied"):
        assert snapshots[f"{name}.{lang}"].present.isdisjoint({"name_field", "join", "captcha", "sign_in"}), name
    assert "notice_ok" not in snapshots[f"leaving_host.{lang}"].present


@pytest.mark.parametrize("lang", ["en", "de"])
def test_what_people_write_is_not_what_meet_says(snapshots: dict[str, PageSnapshot], lang: str) -> None:
    assert snapshots[f"inside.{lang}"].says(MEET.selectors.text("removed")) is None
    assert snapshots[f"removed.{lang}"].says(MEET.selectors.text("removed")) is not None


@pytest.mark.parametrize("lang", ["en", "de"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prejoin", Type("name_field", "Rejoinder")),
        ("prejoin_devices_off", Click("use_devices", optional=True)),
        ("cookies", Click("reject_cookies", optional=True)),
        ("lobby", InLobby()),
        ("inside", Admitted()),
        ("notice", Click("notice_ok", optional=True)),
        ("denied", "denied"),
        ("unanswered", "lobby_timeout"),
        ("sign_in", "login_required"),
        ("not_found", "not_found"),
        ("removed", "removed"),
    ],
)
def test_what_is_made_of_a_page(snapshots: dict[str, PageSnapshot], lang: str, name: str, expected: Step | str) -> None:
    flow = MEET.flow(JoinConfig("", "Rejoinder"))
    steps = [step for look in range(3) for step in flow.on_snapshot(snapshots[f"{name}.{lang}"], look * 0.25)]
    if isinstance(expected, str):
        assert isinstance(steps[0], Finish)
        assert isinstance(steps[0].outcome, Outcome)
        assert steps[0].outcome.reason == expected
    else:
        assert steps[0] == expected


@pytest.mark.parametrize("lang", ["en", "de"])
def test_questions_for_people_are_written_down(snapshots: dict[str, PageSnapshot], lang: str) -> None:
    for name, event in (("consent", "consent_needed"), ("refused_captcha", "captcha")):
        flow = MEET.flow(JoinConfig("", "Rejoinder"))
        steps = [step for look in range(30) for step in flow.on_snapshot(snapshots[f"{name}.{lang}"], look * 0.25)]
        assert [step.event for step in steps if isinstance(step, Note)] == [event]
        assert len(steps) == 1


@pytest.mark.parametrize("lang", ["en", "de"])
def test_the_page_script_reads_people_voices_chat_and_captions(lang: str) -> None:
    facts: list[Any] = []

    async def look(page: Page) -> None:
        await page.goto((PAGES / f"inside.{lang}.html").as_uri())
        await page.evaluate(SENSED)
        await page.evaluate(MEET.page_script)
        await page.evaluate("""() => {
            const sign = document.querySelectorAll('[jsname=QgSmzd]')[1];
            let step = 0;
            setInterval(() => (sign.className = 'IisKdb look' + (step++ % 3)), 180);
        }""")
        await page.wait_for_timeout(1900)
        facts.extend(json.loads(await page.evaluate("JSON.stringify(sensed)")))

    asyncio.run(in_browser(look))
    assert not [fact for fact in facts if fact[0] == "script_error"]
    people = next(data["all"] for kind, data in facts if kind == "people")
    assert [(one["name"], one["me"]) for one in people] == [
        ("You" if lang == "en" else "Du", True),
        ("Ada Lovelace", False),
    ]
    assert ["voices", {"ids": ["spaces/s/devices/2"]}] in facts
    chat = [data for kind, data in facts if kind == "chat"]
    assert [(one["name"], one["id"], one["message"]) for one in chat] == [("Ada Lovelace", "spaces/s/devices/2", "m1")]
    captions = [data for kind, data in facts if kind == "caption"]
    assert [one["final"] for one in captions] == [False, True]
    assert {one["name"] for one in captions} == {"Ada Lovelace"}
