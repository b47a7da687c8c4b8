"""Zoom's selectors on small pages written from the documented facts, read by a real Chromium as a bot's page is."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from rejoinder.browser.chromium import find_chromium
from rejoinder.browser.joinflow import PageSnapshot
from rejoinder.browser.page import BrowserPage
from rejoinder.platforms.zoom.platform import ZoomDriver
from rejoinder.platforms.zoom.screens import screen_of, verdict_inside

pytestmark = pytest.mark.browser
PAGES = Path(__file__).parents[1] / "fixtures" / "pages" / "zoom"
SELECTORS = ZoomDriver().selectors


async def _read() -> dict[str, PageSnapshot]:
    async with async_playwright() as playwright:
        chromium = find_chromium(os.environ.get("REJOINDER_CHROMIUM"))
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--disable-gpu"])
        try:
            page = await browser.new_page(locale="en-US")
            reader = BrowserPage(page, SELECTORS)
            found = {}
            for file in sorted(PAGES.glob("*.html")):
                await page.set_content(file.read_text("utf-8"), wait_until="domcontentloaded")
                found[file.stem] = await reader.snapshot()
            return found
        finally:
            await browser.close()


@pytest.fixture(scope="module")
def pages() -> dict[str, PageSnapshot]:
    return asyncio.run(_read())


@pytest.mark.parametrize(
    ("name", "screen"),
    [
        ("form_en", "form"),
        ("form_de", "form"),
        ("landing_en", "landing"),
        ("landing_de", "landing"),
        ("lobby_en", "waiting"),
        ("lobby_de", "waiting"),
        ("meeting_en", "inside"),
        ("meeting_de", "inside"),
        ("host_en", "inside"),
        ("wall_en", "wall"),
        ("not_started_en", "not_started"),
        ("ended_en", "host_ended"),
        ("ended_de", "host_ended"),
    ],
)
def test_page_is_known_for_what_it_is(pages: dict[str, PageSnapshot], name: str, screen: str) -> None:
    assert screen_of(pages[name], SELECTORS) == screen


def test_what_people_write_ends_nothing(pages: dict[str, PageSnapshot]) -> None:
    """The meeting's page has the words of an end as a name and in the chat."""
    assert verdict_inside(pages["meeting_en"], SELECTORS) == (None, False)
    assert verdict_inside(pages["ended_en"], SELECTORS) == ("host_ended", True)
    assert verdict_inside(pages["ended_de"], SELECTORS) == ("host_ended", True)
    assert verdict_inside(pages["removed_en"], SELECTORS) == ("removed", True)


def test_every_selector_finds_its_element_somewhere(pages: dict[str, PageSnapshot]) -> None:
    found = frozenset().union(*(page.visible for page in pages.values()))
    assert sorted(set(SELECTORS.selectors) - found) == []


@pytest.mark.parametrize(
    ("name", "visible", "absent"),
    [
        ("form_en", {"form_mic_off", "form_camera_off", "passcode_field"}, {"leave_button"}),
        ("form_de", {"form_mic_off", "form_camera_off", "passcode_field"}, set()),
        (
            "meeting_en",
            {"mic_on", "camera_on", "people_open", "chat_field", "leave_confirm"},
            {"mic_off", "end_button"},
        ),
        ("meeting_de", {"mic_off", "camera_off", "captions_show", "leave_button"}, {"mic_on"}),
        ("host_en", {"end_button", "leave_as_host", "people_open"}, {"leave_button"}),
        ("overlays_en", {"media_allow", "disclaimer_agree", "cookie_reject", "captcha"}, set()),
    ],
)
def test_page_shows(pages: dict[str, PageSnapshot], name: str, visible: set[str], absent: set[str]) -> None:
    assert visible <= pages[name].visible
    assert not absent & pages[name].present
