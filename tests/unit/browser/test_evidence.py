from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast

from rejoinder.browser import evidence
from rejoinder.browser.joinflow import Control, PageSnapshot


def test_a_page_that_is_gone_leaves_what_was_known(tmp_path: Path) -> None:
    page = PageSnapshot(0.0, "https://meet.test/abc?pwd=secret", texts=("Denied",), buttons=(Control("Back"),))
    name = asyncio.run(evidence.save(None, tmp_path / "e", "Join: failed!", page, ["log: one"], "why"))
    assert name == "0001-join-failed"
    saved = json.loads((tmp_path / "e" / f"{name}.json").read_text())
    assert saved["texts"] == ["Denied"]
    assert saved["buttons"] == ["Back"]
    assert saved["console"] == ["log: one"]
    assert saved["url"] == "https://meet.test/abc", "a link's password is not written down"


def test_the_oldest_go(tmp_path: Path) -> None:
    for number in range(evidence.MAX_KEPT + 3):
        asyncio.run(evidence.save(None, tmp_path, f"step {number}", None, [], ""))
    kept = evidence.names(tmp_path)
    assert len(kept) == evidence.MAX_KEPT
    assert kept[-1] == f"{evidence.MAX_KEPT + 3:04d}-step-{evidence.MAX_KEPT + 2}"


def test_a_full_disk_adds_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert asyncio.run(evidence.save(None, tmp_path / "file" / "e", "x", None, [], "")) == ""


class Page:
    """A page that shows its own cookie."""

    def __init__(self) -> None:
        self.context = self

    def is_closed(self) -> bool:
        return False

    async def screenshot(self, **_options: object) -> bytes:
        return b"picture"

    async def cookies(self) -> list[dict[str, str]]:
        return [{"name": "session", "value": "a-secret-of-the-account"}, {"name": "lang", "value": "en"}]

    async def content(self) -> str:
        return "<p lang=en>a-secret-of-the-account</p>"


def test_cookies_are_not_saved(tmp_path: Path) -> None:
    said = ["log: a-secret-of-the-account"]
    name = asyncio.run(evidence.save(cast(Any, Page()), tmp_path, "wall", None, said, ""))
    assert (tmp_path / f"{name}.html").read_text() == "<p lang=en>[cookie]</p>"
    assert (tmp_path / f"{name}.png").read_bytes() == b"picture"
    for path in tmp_path.iterdir():
        assert b"secret" not in path.read_bytes()
