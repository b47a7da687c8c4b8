"""What a page looked like when something went wrong: picture, HTML, texts, address, the console's last lines.

Cookies and local storage are not saved, and cookies' values are covered where the page itself shows them.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from rejoinder.browser.joinflow import PageSnapshot

if TYPE_CHECKING:
    from playwright.async_api import Page

MAX_HTML = 2 * 2**20
MAX_KEPT = 20
"""Pieces of evidence a bot keeps; the oldest go."""
_GRAB_S = 5.0
_NAME = re.compile(r"[^a-z0-9]+")
_SHORTEST_SECRET = 12
"""Characters of a cookie's value that may be one; shorter ones are settings, such as a language."""
_SECRET = re.compile(r"ws://127\.0\.0\.1:\d+/[\w-]+")


def names(folder: Path) -> list[str]:
    """The evidence in a folder, oldest first; each is ``<name>.json`` and, where to be had, ``.png`` and ``.html``."""
    return sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []


async def save(
    page: Page | None, folder: Path, what: str, snapshot: PageSnapshot | None, console: list[str], message: str
) -> str:
    """Save what can be had of a page, in at most 15 s; returns the name. Never raises: evidence must not add a fault.

    ``what`` becomes part of the name. A page that is gone leaves texts and console.
    """
    known = await asyncio.to_thread(names, folder)
    number = int(known[-1].split("-")[0]) + 1 if known else 1
    name = f"{number:04d}-{_NAME.sub('-', what.lower()).strip('-')[:40] or 'page'}"
    picture, html, cookies = None, None, None
    if page is not None and not page.is_closed():
        picture = await _try(page.screenshot(type="png", timeout=_GRAB_S * 1000, animations="disabled"))
        cookies = await _try(page.context.cookies())
        html = await _try(page.content()) if cookies is not None else None
    secrets = _values(cookies)
    shown = snapshot or PageSnapshot(0.0)
    about: dict[str, object] = {
        "what": what,
        "message": message,
        "url": shown.url.split("?")[0],
        "title": shown.title,
        "lang": shown.lang,
        "texts": list(shown.texts),
        "dialogs": list(shown.dialogs),
        "buttons": [button.label for button in shown.buttons],
        "inputs": [field.label for field in shown.inputs],
        "visible": sorted(shown.visible),
        "error": shown.error,
        "status": shown.status,
        "console": [_covered(line, secrets) for line in console[-50:]],
    }
    try:
        await asyncio.to_thread(_write, folder, name, about, picture, html, secrets)
        await asyncio.to_thread(_forget, folder, known[: max(0, len(known) + 1 - MAX_KEPT)])
    except OSError:
        return ""
    return name


async def _try(coroutine: object) -> object:
    try:
        async with asyncio.timeout(_GRAB_S):
            return await coroutine  # type: ignore[misc]
    except Exception:  # a page that is dying may raise anything
        return None


def _values(cookies: object) -> list[str]:
    """The cookies' values worth covering, the longest first."""
    found = cookies if isinstance(cookies, list) else []
    values = {str(cookie.get("value", "")) for cookie in found if isinstance(cookie, dict)}
    return sorted((value for value in values if len(value) >= _SHORTEST_SECRET), key=len, reverse=True)


def _covered(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "[cookie]")
    return _SECRET.sub("ws://[channel]", text)


def _write(
    folder: Path, name: str, about: dict[str, object], picture: object, html: object, secrets: list[str]
) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if isinstance(picture, bytes):
        (folder / f"{name}.png").write_bytes(picture)
    if isinstance(html, str):
        (folder / f"{name}.html").write_text(_covered(html, secrets)[:MAX_HTML], "utf-8")
    (folder / f"{name}.json").write_bytes(orjson.dumps(about, option=orjson.OPT_INDENT_2))


def _forget(folder: Path, old: list[str]) -> None:
    for name in old:
        for path in folder.glob(f"{name}.*"):
            path.unlink(missing_ok=True)
