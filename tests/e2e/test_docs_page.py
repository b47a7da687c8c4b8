"""The documentation page in a real browser: it shows every operation, and requests can be made from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from chromium import launch, new_page
from memory_server import memory_server
from service import FakeService

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def service() -> Iterator[FakeService]:
    with memory_server() as service:
        yield service


@pytest.fixture(scope="module")
def page(service: FakeService) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = new_page(browser)
        page.goto(f"{service.base_url}/docs")
        page.wait_for_selector("details.operation")
        yield page
        browser.close()


def attempt(page: Page, operation: str, *values: str, body: str | None = None) -> str:
    """Fill in an operation's form, send it, and read the answer."""
    page.evaluate("id => { location.hash = id }", operation)
    view = page.locator(f"#{operation}")
    for index, value in enumerate(values):
        view.locator("form input").nth(index).fill(value)
    if body is not None:
        view.locator("textarea").fill(body)
    view.locator("button[type=submit]").click()
    page.wait_for_function("id => document.querySelector(`#${id} form + pre`).textContent !== ''", arg=operation)
    return view.locator("form + pre").inner_text()


def test_every_operation_is_listed_without_errors(service: FakeService) -> None:
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = new_page(browser)
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request", lambda request: problems.append(request.url) if service.base_url not in request.url else None
        )
        page.goto(f"{service.base_url}/docs")
        page.wait_for_selector("details.operation")
        operations = page.locator("details.operation")
        assert operations.count() > 45
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        page.wait_for_function("document.querySelectorAll('form button').length > 45")
        create = page.locator("#create_bot").inner_text()
        assert "meeting_link" in create
        assert "everyone_left_timeout" in create
        assert "507" in create
        attendee = page.locator("#attendee_create_bot").inner_text()
        assert "meeting_url" in attendee
        assert "only_participant_in_meeting_timeout_seconds" in attendee
        browser.close()
    assert problems == []


def test_trying_operations_out(page: Page, service: FakeService) -> None:
    assert attempt(page, "list_bots").startswith("401 ")
    page.fill("#key", "key")
    made = attempt(page, "create_bot", body='{"meeting_link": "http://room/a", "custom_attributes": {"t": "1 & 2"}}')
    assert made.startswith("201 ")
    (bot_id,) = service.records
    assert bot_id in made
    assert '"status": "InMeeting"' in attempt(page, "get_bot_status", bot_id)
    service.finish(bot_id)
    assert "Hello all." in attempt(page, "get_transcript", f"tr-{bot_id}", "", "vtt")
    assert attempt(page, "send_message", bot_id, body='{"message": "x"}').startswith("409 ")
    theirs = attempt(page, "attendee_create_bot", body='{"meeting_url": "http://room/a", "bot_name": "Robin"}')
    assert theirs.startswith("201 ")
    assert '"state": "joined_not_recording"' in theirs
