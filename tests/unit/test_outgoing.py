"""The guard for URLs that users give."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from rejoinder import outgoing
from rejoinder.errors import InvalidRequest
from rejoinder.outgoing import check_url, download_image, image_type, parse_url, refusal
from rejoinder.settings import Settings

STRICT = Settings()
LOOPBACK = Settings(allow_loopback_urls=True)
PRIVATE = Settings(allow_private_urls=True)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)

LOOPBACKS = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
PRIVATES = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fd12::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
]
NEVER = [
    "169.254.169.254",
    "169.254.1.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "2001:db8::1",
]


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses(address: str) -> None:
    assert all(refusal(address, settings) is None for settings in (STRICT, LOOPBACK, PRIVATE))


@pytest.mark.parametrize("address", LOOPBACKS)
def test_loopback_addresses(address: str) -> None:
    assert refusal(address, STRICT) == "a loopback address"
    assert refusal(address, LOOPBACK) is None
    assert refusal(address, PRIVATE) is None


@pytest.mark.parametrize("address", PRIVATES)
def test_private_addresses(address: str) -> None:
    assert refusal(address, STRICT) == "a private address"
    assert refusal(address, LOOPBACK) is not None
    assert refusal(address, PRIVATE) is None


@pytest.mark.parametrize("address", NEVER)
def test_addresses_no_setting_opens(address: str) -> None:
    assert all(refusal(address, settings) is not None for settings in (STRICT, LOOPBACK, PRIVATE))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "http://h/x",
        "//h/x",
        "wss://",
        "wss:///path",
        "wss://h:99999/",
        "wss://h:0/",
        "wss://h:x/",
        "wss://[::1/",
        "wss://h/a b",
        "wss://h/\n",
        "wss://h\\@i/",
        "wss://h/#x",
        "wss://" + "h" * 3000,
    ],
)
def test_what_is_no_socket_url(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^my_field ") as caught:
        parse_url(url, ("ws", "wss"), "my_field")
    assert caught.value.field == "my_field"


def test_parts() -> None:
    parsed = parse_url("WSS://user:pw@Example.com/{bot_id}/audio?x=1", ("ws", "wss"))
    assert (parsed.scheme, parsed.host, parsed.port) == ("wss", "example.com", 443)
    assert parse_url("ws://[::1]:8000/", ("ws",)).host == "::1"
    assert parse_url("http://h", ("http",)).port == 80


def answer(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name resolve to ``addresses``."""

    def getaddrinfo(host: object, port: int, *args: object, **kwargs: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


# Spellings that the resolver, and not the look of them, turns into loopback addresses.
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]", "[::ffff:7f00:1]", "localhost"],
)
def test_the_resolver_decides(host: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^url: the host .* is a loopback address") as caught:
        asyncio.run(check_url(f"ws://{host}:9/", ("ws",), STRICT))
    assert caught.value.code == "refused"
    checked = asyncio.run(check_url(f"ws://{host}:9/", ("ws",), LOOPBACK))
    assert checked.port == 9
    assert set(checked.addresses) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_one_bad_address_among_good_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "8.8.8.8", "10.0.0.1")
    with pytest.raises(InvalidRequest, match="private"):
        asyncio.run(check_url("wss://x.example/", ("wss",), STRICT))
    answer(monkeypatch, "8.8.8.8", "8.8.4.4", "8.8.8.8")
    assert asyncio.run(check_url("wss://x.example/", ("wss",), STRICT)).addresses == ("8.8.8.8", "8.8.4.4")


def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*args: object, **kwargs: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(InvalidRequest, match="cannot be resolved") as caught:
        asyncio.run(check_url("wss://x.example/", ("wss",), STRICT, field="f"))
    assert (caught.value.code, caught.value.field) == ("unresolvable", "f")


def test_magic_bytes() -> None:
    assert image_type(PNG) == "image/png"
    assert image_type(b"\xff\xd8\xff\xe1..") == "image/jpeg"
    assert image_type(b"GIF89a") is None
    assert image_type(b"") is None


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    server = web.Server(handler)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def fetch(handler: Callable[[web.Request], Any], path: str = "/", settings: Settings = LOOPBACK) -> bytes:
    async def scene() -> bytes:
        async with serving(handler) as base:
            return await download_image(base + path, settings)

    return asyncio.run(scene())


def refused(handler: Callable[[web.Request], Any], words: str, path: str = "/", settings: Settings = LOOPBACK) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        fetch(handler, path, settings)
    assert caught.value.field == "img_url"
    assert "img_url" in str(caught.value)


async def give_png(request: web.Request) -> web.Response:
    return web.Response(body=PNG, content_type="text/plain")


async def hop(request: web.Request) -> web.Response:
    """``/n`` redirects n times, then gives an image."""
    left = int(request.path[1:])
    if left == 0:
        return web.Response(body=PNG)
    raise web.HTTPFound(f"/{left - 1}")


def redirect_to(url: str) -> Callable[[web.Request], Any]:
    async def handler(request: web.Request) -> web.Response:
        raise web.HTTPFound(url)

    return handler


def test_an_image_is_downloaded() -> None:
    assert fetch(give_png) == PNG
    assert fetch(hop, "/3") == PNG


def test_too_many_redirects() -> None:
    refused(hop, "more than 3 redirects", "/4")


def test_a_loopback_image_is_refused_by_default() -> None:
    refused(give_png, "loopback", settings=STRICT)


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/",
        "http://10.0.0.1/",
        "http://[::ffff:a9fe:a9fe]/",
    ],
)
def test_a_redirect_into_the_network_is_refused(target: str) -> None:
    refused(redirect_to(target), "address is a (private|link-local)")


def test_a_redirect_to_another_scheme_is_refused() -> None:
    refused(redirect_to("file:///etc/passwd"), "download failed")
    refused(redirect_to("http://2852039166/"), "download failed")  # decimal, which the library refuses


def test_a_name_that_turns_bad_after_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the check sees a public address, the connection would get a loopback one."""
    reached = []

    async def handler(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response(body=PNG)

    async def harmless(*args: object, **kwargs: object) -> None:
        return None

    monkeypatch.setattr(outgoing, "check_url", harmless)
    refused(handler, "loopback", settings=STRICT)
    assert reached == []


def test_what_is_no_image() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(body=b"<html>", content_type="image/png")

    async def missing(request: web.Request) -> web.Response:
        raise web.HTTPNotFound

    refused(page, "JPEG or PNG")
    refused(missing, "answered 404")


def test_too_many_bytes_even_without_a_length() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(PNG * 100)
            sent += 1

    refused(
        endless,
        "more than 100000 bytes",
        settings=Settings(allow_loopback_urls=True, max_image_bytes=100_000),
    )
    assert sent < 2000


def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "DOWNLOAD_TIMEOUT_S", 0.05)

    async def silent(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    refused(silent, "no image within")


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/a.png"
        with pytest.raises(InvalidRequest, match="cannot be reached"):
            asyncio.run(download_image(url, LOOPBACK))
