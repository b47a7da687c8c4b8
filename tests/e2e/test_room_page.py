"""People meet in the built-in room: a real server, real Chromium, real WebRTC."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from chromium import launch, new_page
from people import People, Robin, Server, connected, has_class, heard, serving, tone, wait_state

pytestmark = pytest.mark.browser

ADA_HZ, GRACE_HZ = 620.0, 1430.0


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def ada_browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = launch(playwright, tone(tmp_path_factory.mktemp("ada") / "ada.wav", ADA_HZ))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def grace_browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = launch(playwright, tone(tmp_path_factory.mktemp("grace") / "grace.wav", GRACE_HZ))
    yield browser
    browser.close()


@pytest.fixture
def people(server: Server, request: pytest.FixtureRequest) -> Iterator[People]:
    room = request.node.name.removeprefix("test_").replace("_", "-")[:64]
    people = People(server, room)
    yield people
    for page in people.pages:
        page.context.close()
    assert people.errors == []


def test_two_people_hear_see_and_read_each_other(people: People, ada_browser: Browser, grace_browser: Browser) -> None:
    ada = people.join(ada_browser, "Ada Lovelace")
    assert ada.locator("#alone").is_visible()
    grace = people.join(grace_browser, "Grace Hopper")
    connected(ada)
    connected(grace)

    expect(ada.locator(".tile:not(.own) .tile-name")).to_have_text("Grace Hopper")
    expect(grace.locator(".tile:not(.own) .tile-name")).to_have_text("Ada Lovelace")
    expect(grace.locator(".tile:not(.own)")).to_have_class(has_class("host"))
    assert not ada.locator("#alone").is_visible()

    for page, hertz in ((ada, GRACE_HZ), (grace, ADA_HZ)):
        found, share = heard(page)
        assert abs(found - hertz) < 12, f"expected {hertz} Hz, heard {found}"
        assert share > 0.3
    expect(ada.locator(".tile:not(.own)")).to_have_class(has_class("speaking"))
    mutes(grace, ada)
    shows_the_camera(grace, ada)
    chat(ada, grace)


def mutes(grace: Page, ada: Page) -> None:
    """Grace mutes herself: Ada sees it and hears nothing, until she unmutes."""
    grace.keyboard.press("m")
    expect(grace.locator("#mic")).to_have_attribute("aria-pressed", "false")
    expect(ada.locator(".tile:not(.own)")).to_have_class(has_class("muted"))
    expect(ada.locator(".tile:not(.own)")).not_to_have_class(has_class("speaking"))
    assert heard(ada, 1.2)[1] == 0.0, "sound came through the mute"
    packets = [r for r in ada.evaluate("rejoinder.stats('p2')") if r["type"] == "inbound-rtp"]
    assert any(r["kind"] == "audio" and r["packetsReceived"] > 100 for r in packets)
    grace.keyboard.press("m")
    expect(ada.locator(".tile:not(.own)")).not_to_have_class(has_class("muted"))
    assert abs(heard(ada)[0] - GRACE_HZ) < 12


def shows_the_camera(grace: Page, ada: Page) -> None:
    """Grace's moving picture reaches Ada, and goes when she switches it off."""
    grace.keyboard.press("v")
    video = ada.locator(".tile:not(.own) video")
    expect(video).to_be_visible()
    ada.wait_for_function(
        "() => document.querySelector('.tile:not(.own) video').getVideoPlaybackQuality().totalVideoFrames > 5"
    )
    grace.keyboard.press("v")
    expect(video).to_be_hidden()


def chat(ada: Page, grace: Page) -> None:
    """Both write; keyboard shortcuts sleep while someone types."""
    ada.keyboard.press("c")
    ada.locator("#chat-input").press_sequentially("my cv: https://example.org/a.")
    ada.keyboard.press("Enter")
    expect(grace.locator("#unread")).to_have_text("1")
    grace.click("#open-chat")
    message = grace.locator(".message")
    expect(message.locator(".message-name")).to_have_text("Ada Lovelace")
    expect(message.locator(".message-text")).to_have_text("my cv: https://example.org/a.")
    expect(message.locator("a")).to_have_attribute("href", "https://example.org/a")
    grace.fill("#chat-input", "<b>thanks</b>")
    grace.keyboard.press("Enter")
    expect(ada.locator(".message-text").nth(1)).to_have_text("<b>thanks</b>")
    expect(ada.locator("#mic")).to_have_attribute("aria-pressed", "true")
    expect(ada.locator("#camera")).to_have_attribute("aria-pressed", "false")


def test_the_lobby(people: People, ada_browser: Browser, grace_browser: Browser) -> None:
    ada = people.join(ada_browser, "Ada", lobby=True)
    expect(ada.locator("#lobby-sign")).to_be_visible()

    grace = people.join(grace_browser, "Grace", state="waiting")
    expect(grace.locator("#notice-title")).to_have_text("The host will let you in soon")
    assert grace.evaluate("rejoinder.participants.length") == 0
    toast = ada.locator(".toast.knock")
    expect(toast).to_contain_text("Grace asks to come in")
    toast.get_by_role("button", name="Deny").click()
    wait_state(grace, "over")
    expect(grace.locator("#notice-title")).to_have_text("The host did not let you in")
    expect(toast).to_have_count(0)

    grace.click("#notice-action")  # Ask again
    expect(grace.locator("#presence")).to_contain_text("The host will let you in")
    grace.click("#join")
    wait_state(grace, "waiting")
    toast.get_by_role("button", name="Admit").click()
    wait_state(grace, "joined")
    connected(ada)
    connected(grace)
    assert abs(heard(grace)[0] - ADA_HZ) < 12

    ada.click("#open-people")
    row = ada.locator("#people-list .person", has_text="Grace")
    row.get_by_role("button").click()
    expect(row.get_by_role("button")).to_have_text("Sure?")
    wait_state(grace, "joined")
    row.get_by_role("button").click()
    wait_state(grace, "over")
    expect(grace.locator("#notice-title")).to_have_text("You were removed from the meeting")
    expect(ada.locator(".tile")).to_have_count(1)

    # A guest who gives up takes the knock along; the people panel shows it meanwhile.
    grace.click("#notice-action")
    grace.click("#join")
    expect(ada.locator("#waiting-list .person-name")).to_have_text("Grace")
    grace.click("#notice-action")
    expect(ada.locator("#waiting")).to_be_hidden()


def test_the_host_leaves_and_the_next_one_ends_it(people: People, ada_browser: Browser, grace_browser: Browser) -> None:
    ada = people.join(ada_browser, "Ada")
    grace = people.join(grace_browser, "Grace")
    linus = people.join(grace_browser, "Linus")
    connected(linus, 2)
    assert grace.locator("#host-tools").is_hidden()
    ada.click("#leave")
    ada.click("#leave-self")
    expect(ada.locator("#notice-title")).to_have_text("You left the meeting")
    grace.wait_for_function("() => rejoinder.host === rejoinder.me")
    linus.wait_for_function("() => rejoinder.host === 'p2' && rejoinder.participants.length === 1")
    expect(linus.locator(".tile.host .tile-name")).to_have_text("Grace")
    grace.click("#open-people")
    grace.click("#end-all")
    grace.click("#leave-all")
    for page in (grace, linus):
        wait_state(page, "over")
        expect(page.locator("#notice-title")).to_have_text("The meeting has ended")
    assert people.room not in people.server.hub.rooms()


def test_a_refused_microphone_still_lets_one_listen(
    people: People, playwright: Playwright, ada_browser: Browser
) -> None:
    ada = people.join(ada_browser, "Ada")
    browser = launch(playwright, ask="deny")
    try:
        grace = people.open(browser, phone=True)
        fault = grace.locator("#fault")
        expect(fault).to_have_attribute("data-code", "refused")
        expect(fault).to_contain_text("Your microphone is blocked")
        grace.fill("#name", "Grace")
        expect(grace.locator("#join")).to_have_text("Join and listen")
        grace.click("#join")
        wait_state(grace, "joined")
        connected(grace)
        assert abs(heard(grace)[0] - ADA_HZ) < 12
        expect(ada.locator(".tile:not(.own)")).to_have_class(has_class("muted"))
        grace.click("#mic")
        expect(grace.locator(".toast.error")).to_contain_text("Your microphone is blocked")
        expect(grace.locator("#mic")).to_have_attribute("aria-pressed", "false")
    finally:
        people.pages.remove(grace)
        browser.close()


@pytest.mark.parametrize(("host", "code"), [("meet.test", "insecure"), ("127.0.0.1", "missing")])
def test_what_is_wrong_with_the_microphone_is_said(
    server: Server, playwright: Playwright, host: str, code: str
) -> None:
    browser = launch(playwright, devices=False, flags=["--host-resolver-rules=MAP meet.test 127.0.0.1"])
    try:
        page = new_page(browser)
        page.goto(f"{server.url.replace('127.0.0.1', host)}/room/{code}")
        expect(page.locator("#fault")).to_have_attribute("data-code", code)
        page.fill("#name", "Ada")
        page.click("#join")
        wait_state(page, "joined")
    finally:
        browser.close()


def test_a_native_bot_is_heard_seen_and_hears(people: People, ada_browser: Browser) -> None:
    ada = people.join(ada_browser, "Ada")
    robin = Robin(people.server, people.room)
    leave = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(robin.stay(leave)))
    thread.start()
    try:
        connected(ada)
        tile = ada.locator(".tile.bot")
        expect(tile.locator(".tile-name")).to_have_text("Robin")
        expect(tile).to_have_class(has_class("speaking"))
        assert abs(heard(ada)[0] - robin.HZ) < 12
        expect(tile.locator("video")).to_be_visible()
        ada.wait_for_function("() => document.querySelector('.tile.bot video').videoWidth > 0")
        pixel = ada.evaluate(
            """() => {
              const video = document.querySelector('.tile.bot video');
              const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight).getContext('2d');
              canvas.drawImage(video, 0, 0);
              return [...canvas.getImageData(video.videoWidth / 2, video.videoHeight / 2, 1, 1).data];
            }"""
        )
        assert np.allclose(pixel[:3], (30, 60, 220), atol=25), pixel
        assert robin.loudest["p1"] > 2000
    finally:
        leave.set()
        thread.join(10)
    expect(ada.locator(".tile.bot")).to_have_count(0)
    assert not thread.is_alive()


def test_a_lost_connection_comes_back(people: People, ada_browser: Browser, grace_browser: Browser) -> None:
    ada = people.join(ada_browser, "Ada")
    grace = people.join(grace_browser, "Grace")
    connected(grace)
    grace.click("#open-chat")
    grace.fill("#chat-input", "before")
    grace.keyboard.press("Enter")
    expect(ada.locator("#unread")).to_have_text("1")
    grace.keyboard.press("Escape")
    grace.keyboard.press("m")

    outbox = people.server.hub._rooms[people.room].outboxes["p2"]
    people.server.loop.call_soon_threadsafe(outbox.close, 1012, "the server restarts")
    grace.wait_for_function("() => rejoinder.me === 'p3' && rejoinder.state === 'joined'")
    connected(grace)
    connected(ada)
    assert abs(heard(grace)[0] - ADA_HZ) < 12
    expect(ada.locator(".tile:not(.own)")).to_have_count(1)
    expect(ada.locator(".tile:not(.own)")).to_have_class(has_class("muted"))
    expect(grace.locator(".tile")).to_have_count(2)
    expect(grace.locator("#banner")).to_be_hidden()
    grace.click("#open-chat")
    expect(grace.locator(".message-text")).to_have_text(["before"])


KEEP_PEERS = """
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...options) { super(...options); peers.push(this); }
};
"""
USER = "() => peers[0].localDescription.sdp.match(/ice-ufrag:(.*)/)[1]"
FAIL = """() => {
  Object.defineProperty(peers[0], 'connectionState', {get: () => 'failed', configurable: true});
  peers[0].onconnectionstatechange();
  setTimeout(() => delete peers[0].connectionState, 200);
}"""


def test_a_failed_path_is_sought_again(people: People, ada_browser: Browser, grace_browser: Browser) -> None:
    ada = people.join(ada_browser, "Ada", script=KEEP_PEERS)
    grace = people.join(grace_browser, "Grace", script=KEEP_PEERS)
    connected(ada)
    connected(grace)
    before = ada.evaluate(USER), grace.evaluate(USER)
    ada.evaluate(FAIL)  # She answered; it is for Grace, who offered, to try again.
    grace.evaluate(FAIL)
    grace.wait_for_function("before => peers[0].currentLocalDescription.sdp.indexOf(before) < 0", arg=before[1])
    ada.wait_for_function("before => peers[0].currentLocalDescription.sdp.indexOf(before) < 0", arg=before[0])
    assert grace.evaluate("peers.length") == ada.evaluate("peers.length") == 1
    connected(ada)
    connected(grace)
    assert abs(heard(ada)[0] - GRACE_HZ) < 12
    assert abs(heard(grace)[0] - ADA_HZ) < 12


def test_the_assistant_is_invited_by_keyboard(people: People, ada_browser: Browser) -> None:
    page = people.open(ada_browser)
    page.fill("#name", "Ada")
    page.keyboard.press("Enter")
    wait_state(page, "joined")
    page.locator("#invite").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("The assistant is on its way")
    assert people.server.invited[-1] == (people.room, None)

    # All controls are reached with Tab, in the order they are seen.
    page.evaluate("document.activeElement.blur(); document.querySelector('#mic').focus()")
    reached = [page.evaluate("document.activeElement.id")]
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached == ["mic", "camera", "invite", "open-people", "open-chat", "open-settings", "leave"]
    unnamed = page.evaluate(
        "[...document.querySelectorAll('#meeting button')]"
        ".filter(b => !b.textContent.trim() && !b.getAttribute('aria-label')).length"
    )
    assert unnamed == 0
