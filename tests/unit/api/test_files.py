"""Downloads by signed links."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rejoinder.api.app import create_app
from rejoinder.api.files import Unsatisfiable, part_of
from rejoinder.settings import Settings
from rejoinder.storage.blobs import LocalBlobs
from service import WAV, FakeKeys, FakeService

from .conftest import HOST


@pytest.fixture
def url(service: FakeService) -> str:
    service.blobs.files["b/a.wav"] = WAV
    return f"/media/{service.links.make('b/a.wav', 'Ünder way.wav', 'audio/wav', time.time() + 60)}/a.wav"


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-500", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-500", (0, 100)),
        ("bytes=99-99", (99, 100)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_ranges(header: str | None, part: tuple[int, int] | None) -> None:
    assert part_of(header, 100) == part


@pytest.mark.parametrize(("header", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0)])
def test_ranges_outside_the_file(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        part_of(header, size)


def test_a_download_needs_no_key_and_can_harm_nobody(client: TestClient, url: str) -> None:
    answer = client.get(url, headers={"Authorization": ""})
    assert (answer.status_code, answer.content) == (200, WAV)
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-length"] == str(len(WAV))
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert "filename*=UTF-8''%C3%9Cnder%20way.wav" in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_parts(client: TestClient, url: str) -> None:
    part = client.get(url, headers={"Range": "bytes=700-1499"})
    assert (part.status_code, part.content) == (206, WAV[700:1500])
    assert part.headers["content-range"] == f"bytes 700-1499/{len(WAV)}"
    assert part.headers["content-length"] == "800"
    tag = part.headers["etag"]
    assert client.get(url, headers={"Range": "bytes=0-0", "If-Range": tag}).status_code == 206
    assert client.get(url, headers={"Range": "bytes=0-0", "If-Range": '"other"'}).status_code == 200
    outside = client.get(url, headers={"Range": f"bytes={len(WAV)}-"})
    assert (outside.status_code, outside.headers["content-range"]) == (416, f"bytes */{len(WAV)}")
    head = client.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(WAV)))


def test_links_that_are_none(client: TestClient, service: FakeService, url: str) -> None:
    token = url.split("/")[2]
    old = service.links.make("b/a.wav", "a.wav", "audio/wav", time.time() - 1)
    for bad in (token[:-2], "x", token.replace(".", ""), old, "%00", "a.b"):
        answer = client.get(f"/media/{bad}/a.wav")
        assert answer.status_code == 403, bad
        assert "link" in answer.json()["message"]
    service.blobs.files.clear()
    assert client.get(url).status_code == 404


def test_an_empty_file(client: TestClient, service: FakeService, url: str) -> None:
    service.blobs.files["b/a.wav"] = b""
    answer = client.get(url)
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


def test_from_the_real_store(service: FakeService, keys: FakeKeys, tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    data = bytes(range(256)) * 8192  # more than one piece
    asyncio.run(blobs.put("bots/b/a.webm", data, "audio/webm", "a.webm"))
    app = create_app(Settings(), service, keys, blobs, service.links)
    link = f"/media/{service.links.make('bots/b/a.webm', 'a.webm', 'audio/webm', time.time() + 60)}/a.webm"
    with TestClient(app, base_url=HOST) as client:
        assert client.get(link).content == data
        part = client.get(link, headers={"Range": "bytes=1000000-1999999"})
        assert (part.status_code, part.content) == (206, data[1_000_000:2_000_000])
        asyncio.run(blobs.delete("bots/b/a.webm"))
        assert client.get(link).status_code == 404
