"""What a user's server may get wrong, and the pictures it may show: through a live bot's socket, in a room."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from PIL import Image
from playwright.async_api import Page, async_playwright

from chromium import FLAGS, chromium_path
from rejoinder.rehearsal import Person
from stage import Stage

QUADRANTS = np.array([[[220, 30, 30], [30, 180, 40]], [[40, 60, 220], [230, 220, 40]]], np.uint8)
"""Red, green / blue, yellow."""
COLOUR_TOLERANCE = 40
"""Out of 255, for 4:2:0 chroma and a video codec."""
CHUNK = base64.b64encode(bytes(960)).decode()


@pytest.fixture(scope="module")
def call(stage: Stage) -> tuple[str, Person]:
    found: list[tuple[str, Person]] = []

    async def gather() -> None:
        ada = await stage.person("Ada", "commands")
        found.append((await stage.connected_bot("commands"), ada))

    stage.keep(gather())
    return found[0]


def command(name: str, **fields: Any) -> str:
    return json.dumps({"command": name, **fields})


def pictures(kind: str, turned: bool = False) -> bytes:
    """Four coloured quarters as a JPEG or PNG; ``turned``: upside down."""
    colours = QUADRANTS[::-1, ::-1] if turned else QUADRANTS
    file = io.BytesIO()
    Image.fromarray(colours.repeat(180, axis=0).repeat(320, axis=1)).save(file, kind, quality=95)
    return file.getvalue()


@asynccontextmanager
async def web_server() -> AsyncIterator[str]:
    """A user's web server on loopback: /picture.jpg, /text, /away (redirects to a private address), else 404."""

    async def picture(_: web.Request) -> web.Response:
        return web.Response(body=pictures("JPEG", turned=True), content_type="image/jpeg")

    async def text(_: web.Request) -> web.Response:
        return web.Response(text="no picture")

    async def away(_: web.Request) -> web.Response:
        raise web.HTTPFound("http://10.255.255.1/picture.jpg")

    app = web.Application()
    app.add_routes([web.get("/picture.jpg", picture), web.get("/text", text), web.get("/away", away)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


BAD: dict[str, tuple[str, str, str | None, str | None]] = {
    "malformed JSON": ('{"command": "sendaudio", ', "invalid_json", None, None),
    "not an object": ("[1, 2]", "not_an_object", None, None),
    "unknown command": (command("dance"), "unknown_command", "dance", "command"),
    "no command": ("{}", "missing_field", None, "command"),
    "other bot": (command("interrupt", bot_id="someone-else"), "wrong_bot_id", "interrupt", "bot_id"),
    "missing audio": (command("sendaudio", sample_rate=48000), "missing_field", "sendaudio", "audiochunk"),
    "bad base64": (command("sendaudio", audiochunk="***"), "invalid_base64", "sendaudio", "audiochunk"),
    "odd byte count": (
        command("sendaudio", audiochunk=base64.b64encode(bytes(961)).decode()),
        "odd_byte_count",
        "sendaudio",
        "audiochunk",
    ),
    "rate in kHz": (
        command("sendaudio", audiochunk=CHUNK, sample_rate=48),
        "invalid_sample_rate",
        "sendaudio",
        "sample_rate",
    ),
    "rate as text": (
        command("sendaudio", audiochunk=CHUNK, sample_rate="48000"),
        "invalid_sample_rate",
        "sendaudio",
        "sample_rate",
    ),
    "stereo": (command("sendaudio", audiochunk=CHUNK, channels=2), "unsupported_channels", "sendaudio", "channels"),
    "mp3": (command("sendaudio", audiochunk=CHUNK, encoding="mp3"), "unsupported_encoding", "sendaudio", "encoding"),
    "empty chat": (command("sendmsg", message=""), "empty_text", "sendmsg", "message"),
    "chat without role": (command("sendchat", text="hi", is_final=True), "missing_field", "sendchat", "role"),
    "undecodable image": (
        command("sendimg", img=base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(99)).decode()),
        "invalid_image",
        "sendimg",
        "img",
    ),
    "image that is none": (command("sendimg", img=CHUNK), "invalid_image", "sendimg", "img"),
    "image URL of a private address": (
        command("sendimg_url", img_url="http://10.255.255.1/picture.jpg"),
        "refused",
        "sendimg_url",
        "img_url",
    ),
    "image URL of a metadata service": (
        command("sendimg_url", img_url="http://169.254.169.254/latest"),
        "refused",
        "sendimg_url",
        "img_url",
    ),
    "image URL without host": (
        command("sendimg_url", img_url="http:///a.png"),
        "invalid_url",
        "sendimg_url",
        "img_url",
    ),
    "image URL refused": (
        command("sendimg_url", img_url="http://127.0.0.1:9/a.png"),
        "failed",
        "sendimg_url",
        "img_url",
    ),
    "20 MB message": (
        command("sendaudio", audiochunk="A" * 20 * 2**20),
        "message_too_large",
        None,
        None,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_message_is_answered_and_the_next_command_works(
    stage: Stage, call: tuple[str, Person], name: str
) -> None:
    text, code, verb, field = BAD[name]
    check(stage, call, text, code, verb, field)


@pytest.mark.parametrize(("path", "code"), [("/nothing.jpg", "failed"), ("/text", "invalid"), ("/away", "refused")])
def test_an_image_url_that_leads_nowhere(stage: Stage, call: tuple[str, Person], path: str, code: str) -> None:
    bot, ada = call

    async def scene() -> None:
        async with web_server() as url:
            await bad_message(
                stage, bot, ada, command("sendimg_url", img_url=url + path), code, "sendimg_url", "img_url"
            )

    stage.play(scene())


def check(stage: Stage, call: tuple[str, Person], text: str, code: str, verb: str | None, field: str | None) -> None:
    stage.play(bad_message(stage, *call, text, code, verb, field))


async def bad_message(
    stage: Stage, bot: str, ada: Person, text: str, code: str, verb: str | None, field: str | None
) -> None:
    seed = stage.seed
    seed.control_messages.clear()
    ada.chats.clear()
    await seed.send_raw(bot, text)
    await seed.wait(lambda seen: seen.control_messages)
    (answer,) = seed.control_messages
    assert answer["type"] == "error"
    assert (answer["code"], answer["command"], answer.get("field")) == (code, verb, field)
    assert len(answer["message"]) > 10
    await seed.send(bot, {"command": "sendmsg", "bot_id": bot, "message": "still here"})
    await ada.until(lambda: [chat.text for chat in ada.chats] == ["still here"], 10, "the next command")
    await stage.until_status(bot, "InMeeting")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "meeting_link"),
        ({"meeting_link": ""}, "meeting_link"),
        ({"meeting_link": "http://127.0.0.1:1/room/standup"}, "meeting_link"),
        ({"meeting_link": "{url}/room/No Such Room"}, "meeting_link"),
        ({"meeting_link": "{url}/room/a", "socket_connection_url": "http://x.example"}, "socket_connection_url"),
        (
            {"meeting_link": "{url}/room/a", "live_audio_required": {"websocket_url": "ws://10.0.0.1/"}},
            "live_audio_required",
        ),
    ],
)
def test_a_bad_create_call_names_the_field(stage: Stage, body: dict[str, Any], field: str) -> None:
    async def scene() -> None:
        link = body.get("meeting_link")
        sent = body if link is None else {**body, "meeting_link": link.replace("{url}", stage.url)}
        async with stage.http.post("/api/v1/bots/create_bot", json=sent) as response:
            assert response.status == 400
            assert field in (await response.json())["message"]

    stage.play(scene())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer key-of-the-tests"}, 401),
        ({"Authorization": "Token wrong"}, 403),
    ],
    ids=["none", "other scheme", "wrong"],
)
def test_a_create_call_without_the_right_token(stage: Stage, headers: dict[str, str], status: int) -> None:
    async def scene() -> None:
        async with aiohttp.ClientSession(stage.url, headers=headers) as http:
            async with http.post("/api/v1/bots/create_bot", json={"meeting_link": stage.link("a")}) as response:
                assert response.status == status
                assert (await response.json())["message"]

    stage.play(scene())


# -- pictures ---------------------------------------------------------------------------------------------------

_LOOK = """() => {
    const video = document.querySelector('.tile:not(.own) video');
    if (!video || video.videoWidth === 0) return null;
    const canvas = document.createElement('canvas');
    canvas.width = 4; canvas.height = 4;
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0, 4, 4);
    return Array.from(context.getImageData(0, 0, 4, 4).data);
}"""


async def sees(page: Page, colours: np.ndarray) -> None:
    """Wait until the bot's video on a page shows these quarters."""
    seen = None
    for _ in range(150):
        data = await page.evaluate(_LOOK)
        if data is not None:
            pixels = np.array(data).reshape(4, 4, 4)[..., :3]
            seen = pixels[[0, 0, 3, 3], [0, 3, 0, 3]].reshape(2, 2, 3)
            if np.abs(seen.astype(int) - colours).max() <= COLOUR_TOLERANCE:
                return
        await page.wait_for_timeout(100)
    raise AssertionError(f"the bot's video shows {seen}, expected {colours}")


@pytest.mark.browser
def test_pictures_are_seen_in_the_browser(stage: Stage) -> None:
    async def scene() -> None:
        async with async_playwright() as playwright, web_server() as url:
            browser = await playwright.chromium.launch(
                executable_path=chromium_path(),
                headless=True,
                args=[*FLAGS, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"],
            )
            page = await browser.new_page()
            await page.goto(stage.link("gallery"))
            await page.fill("#name", "Ada")
            await page.click("#join")
            bot = await stage.connected_bot("gallery")
            await page.locator(".tile:not(.own)").wait_for()
            image = base64.b64encode(pictures("PNG")).decode()
            await stage.seed.send(bot, {"command": "sendimg", "bot_id": bot, "img": image})
            await sees(page, QUADRANTS)
            await stage.seed.send(bot, {"command": "sendimg_url", "bot_id": bot, "img_url": f"{url}/picture.jpg"})
            await sees(page, QUADRANTS[::-1, ::-1])
            await browser.close()

    stage.play(scene())
