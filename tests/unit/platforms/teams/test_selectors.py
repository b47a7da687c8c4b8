"""Every selector finds its element, and only texts of the platform count, on small pages written from what is known."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright

from rejoinder.browser.chromium import find_chromium
from rejoinder.browser.inject import source
from rejoinder.platforms.teams.platform import TeamsDriver

SELECTORS = TeamsDriver().selectors
PAGES = sorted((Path(__file__).parents[3] / "fixtures" / "pages" / "teams").glob("*.html"))
GERMAN_ONLY_BY_TEXT = {"continue_browser", "name_field", "join", "computer_audio", "without_av", "hangup", "notice_ok"}
_MARKED = """name => [...document.querySelectorAll("[data-finds]")]
  .filter((element) => element.dataset.finds.split(" ").includes(name)).length"""

pytestmark = pytest.mark.browser


def test_the_file_is_dated_and_has_both_languages() -> None:
    assert SELECTORS.seen >= "2026-11"
    for name, phrases in SELECTORS.texts.items():
        assert len(phrases) >= 2, f"{name} has one phrase: no German?"


def test_every_selector_finds_its_element_and_what_people_write_is_not_read() -> None:
    found: dict[str, set[str]] = {}

    async def test() -> None:
        table = {
            name: [{"css": one.css, "labels": one.labels and list(one.labels)} for one in alternatives]
            for name, alternatives in SELECTORS.selectors.items()
        }
        async with async_playwright() as playwright:
            path = find_chromium(os.environ.get("REJOINDER_CHROMIUM"))
            browser = await playwright.chromium.launch(executable_path=path, args=["--disable-gpu"])
            page = await browser.new_page()
            for file in PAGES:
                await page.set_content(file.read_text("utf-8"))
                snapshot = await page.evaluate(source("snapshot.js"), {"selectors": table, "ignore": SELECTORS.ignore})
                await _matches(page, table, file.name, snapshot, found)
            await browser.close()

    asyncio.run(test())
    assert set().union(*found.values()) == set(SELECTORS.selectors)
    german = set().union(*(names for file, names in found.items() if ".de." in file))
    assert german >= GERMAN_ONLY_BY_TEXT


async def _matches(page: Any, table: Any, file: str, snapshot: Any, found: dict[str, set[str]]) -> None:
    for name in snapshot["visible"]:
        argument = {"find": name, "selectors": table, "ignore": []}
        element = (await page.evaluate_handle(source("snapshot.js"), argument)).as_element()
        marks = (await element.get_attribute("data-finds") or "").split()
        assert name in marks, f"{file}: {name} finds {await element.evaluate('e => e.outerHTML')}"
    for name in table:
        if await page.evaluate(_MARKED, name):
            assert name in snapshot["visible"], f"{file}: {name} does not find its element"
    found[file] = set(snapshot["visible"])
    said = " ".join(snapshot["texts"])
    for words in ("removed from", "has ended", "wurde beendet"):
        assert words not in said, f"{file}: what people write is read as the platform's words"
