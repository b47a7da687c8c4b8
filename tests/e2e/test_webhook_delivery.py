"""Webhooks from the outbox in a database to real receivers on loopback."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from meetstream import verify_webhook_signature
from pydantic import SecretStr

from rejoinder import outgoing
from rejoinder.core.records import Delivery
from rejoinder.settings import Settings
from rejoinder.storage.database import Database, database_url
from rejoinder.storage.outbox import SqlOutbox
from rejoinder.storage.tables import metadata
from rejoinder.webhooks.courier import Courier
from rejoinder.webhooks.send import Sender

STRICT = Settings()
LOOPBACK = Settings(allow_loopback_urls=True)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """An HTTP server that keeps what came. ``answer`` makes each answer."""

    answer: Handler
    port: int = 0
    scheme: str = "http"
    got: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    async def take(self, request: web.Request) -> web.StreamResponse:
        assert request.method == "POST"
        self.got.append((await request.read()).decode())
        self.headers.append(dict(request.headers))
        return await self.answer(request)

    @asynccontextmanager
    async def up(self, certificate: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
        runner = web.ServerRunner(web.Server(self.take), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=certificate, reuse_address=True).start()
        self.port = runner.addresses[0][1]
        self.scheme = "https" if certificate else "http"
        try:
            yield self
        finally:
            await runner.cleanup()


async def fine(request: web.Request) -> web.Response:
    return web.Response(status=204)


def failing(times: int, status: int = 500) -> Handler:
    """Fail so often, then take all."""
    left = times

    async def answer(request: web.Request) -> web.Response:
        nonlocal left
        left -= 1
        return web.Response(status=status if left >= 0 else 200, text="out of order")

    return answer


def redirecting(to: str, status: int = 307) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": to})

    return answer


class Post:
    """A bot's outbox on SQLite with its courier."""

    def __init__(self, database: Database, settings: Settings, timeout_s: float) -> None:
        self.database = database
        self.outbox = SqlOutbox(database)
        self.sender = Sender(settings, timeout_s=timeout_s)

    async def add(self, url: str, *bodies: str, retries: int = 0) -> None:
        async with self.database.begin() as connection:
            for body in bodies:
                await self.outbox.add(
                    connection,
                    bot_id="b1",
                    account="acme",
                    url=url,
                    event="bot.done",
                    body=body.encode(),
                    retries=retries,
                    at=time.time(),
                )

    async def drain(self) -> list[Delivery]:
        async def over() -> bool:
            return False

        await Courier(self.outbox, self.sender.send).run("b1", over)
        return list(await self.outbox.list("b1"))

    async def send(self, url: str, retries: int = 0) -> Delivery:
        """Send one webhook, and what became of it."""
        await self.add(url, "one", retries=retries)
        return (await self.drain())[-1]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    def run(
        scene: Callable[[Post], Coroutine[Any, Any, None]], settings: Settings = LOOPBACK, timeout_s: float = 5.0
    ) -> None:
        async def bounded() -> None:
            database = Database(database_url(None, tmp_path))
            post = Post(database, settings, timeout_s)
            try:
                async with database.begin() as connection:
                    await connection.run_sync(metadata.create_all)
                async with asyncio.timeout(25):
                    await scene(post)
            finally:
                await post.sender.close()
                await database.close()

        asyncio.run(bounded())

    return run


Play = Callable[..., None]


def certificate(folder: Path, name: str, subject: str) -> tuple[ssl.SSLContext, Path]:
    """A server's self-signed certificate for ``subject`` (as in subjectAltName), and its file."""
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=test"
    subprocess.run(
        [*command.split(), "-keyout", key, "-out", cert, "-addext", f"subjectAltName={subject}"],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


def test_delivered_once_and_signed(play: Play) -> None:
    async def scene(post: Post) -> None:
        async with Receiver(fine).up() as receiver:
            await post.add(receiver.url, '{"event":"bot.joining"}', '{"event":"Zoë"}')
            found = await post.drain()
            assert receiver.got == ['{"event":"bot.joining"}', '{"event":"Zoë"}']
        for delivery, headers in zip(found, receiver.headers, strict=True):
            assert verify_webhook_signature(delivery.body, headers["X-MeetStream-Signature"], "s3cret")
            assert headers["Content-Type"] == "application/json"
            assert headers["X-Rejoinder-Delivery"] == str(delivery.id)
            assert (delivery.status, delivery.attempts, delivery.last_status) == ("delivered", 1, 204)
            assert delivery.last_error is None
            assert delivery.delivered_at is not None
            assert abs(delivery.delivered_at - time.time()) < 5

    play(scene, Settings(allow_loopback_urls=True, webhook_secret=SecretStr("s3cret")))


def test_no_retry_by_default(play: Play) -> None:
    async def scene(post: Post) -> None:
        async with Receiver(failing(1)).up() as receiver:
            await post.add(receiver.url, "one", "two")
            first, second = await post.drain()
            assert receiver.got == ["one", "two"]
        assert (first.status, first.attempts, first.last_status) == ("failed", 1, 500)
        assert first.last_error == "the receiver answered 500: out of order"
        assert second.status == "delivered"

    play(scene)


def test_a_receiver_that_is_down_for_three_seconds(play: Play) -> None:
    """Meanwhile another URL gets its webhooks, and both keep their order."""

    async def scene(post: Post) -> None:
        away, there = Receiver(fine), Receiver(fine)
        async with away.up():
            pass  # now its port is known, and closed
        async with there.up(), asyncio.TaskGroup() as group:
            await post.add(away.url, "1", "2", "3", retries=5)
            await post.add(there.url, "4", "5")
            began = time.monotonic()
            drained = group.create_task(post.drain())
            while there.got != ["4", "5"]:
                assert time.monotonic() - began < 3.0, "the other URL is held up"
                await asyncio.sleep(0.02)
            await asyncio.sleep(began + 3.0 - time.monotonic())
            async with away.up():
                found = await drained
            assert time.monotonic() - began < 15.0
        assert away.got == ["1", "2", "3"]
        assert {delivery.status for delivery in found} == {"delivered"}
        assert 2 <= found[0].attempts <= 4
        assert [delivery.attempts for delivery in found[1:]] == [1, 1, 1, 1]

    play(scene)


def test_order_is_kept_across_retries(play: Play) -> None:
    async def scene(post: Post) -> None:
        async with Receiver(failing(1, 503)).up() as receiver:
            await post.add(receiver.url, "1", "2", "3", retries=1)
            await post.drain()
            assert receiver.got == ["1", "1", "2", "3"]

    play(scene)


def test_gone_is_final(play: Play) -> None:
    async def scene(post: Post) -> None:
        async with Receiver(failing(9, 410)).up() as receiver:
            delivery = await post.send(receiver.url, retries=9)
            assert (delivery.status, delivery.attempts) == ("failed", 1)

    play(scene)


def test_a_slow_receiver(play: Play) -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(6)
        return web.Response()

    async def dripping(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        for _ in range(60):
            await response.write(b".")
            await asyncio.sleep(0.1)
        return response

    async def scene(post: Post) -> None:
        for answer in (slow, dripping):
            async with Receiver(answer).up() as receiver:
                began = time.monotonic()
                delivery = await post.send(receiver.url)
                assert time.monotonic() - began < 4
                assert (delivery.status, delivery.last_error) == ("failed", "no answer within 0.4 seconds")

    play(scene, timeout_s=0.4)


def test_a_long_error_is_cut(play: Play) -> None:
    async def chatty(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        await response.write(b"bad\x00\xff\n \x1b[31m" + b"x" * 1_000_000)
        return response

    async def scene(post: Post) -> None:
        async with Receiver(chatty).up() as receiver:
            delivery = await post.send(receiver.url)
        assert (delivery.last_error or "").startswith("the receiver answered 500: bad")
        assert len(delivery.last_error or "") == 500
        assert (delivery.last_error or "").isprintable()

    play(scene)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_keep_the_body(play: Play, status: int) -> None:
    async def scene(post: Post) -> None:
        async with Receiver(fine).up() as second, Receiver(redirecting(second.url, status)).up() as first:
            assert (await post.send(first.url)).status == "delivered"
            assert (first.got, second.got) == (["one"], ["one"])

    play(scene)


def test_what_is_no_redirect(play: Play) -> None:
    async def scene(post: Post) -> None:
        async with Receiver(fine).up() as second, Receiver(redirecting(second.url, 303)).up() as first:
            delivery = await post.send(first.url)
            assert (delivery.status, delivery.last_status, second.got) == ("failed", 303, [])
        async with Receiver(redirecting("/again")).up() as receiver:
            delivery = await post.send(receiver.url)
            assert (delivery.status, delivery.last_error) == ("failed", "more than 3 redirects")
            assert len(receiver.got) == 4

    play(scene)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://169.254.169.254/latest/", "link-local"),
        ("http://10.0.0.1/", "private"),
        ("http://[::ffff:10.0.0.1]/", "private"),
        ("file:///etc/passwd", "http://"),
        ("http://[::1/", "not a valid URL"),
    ],
)
def test_a_redirect_into_the_network_is_refused(play: Play, target: str, words: str) -> None:
    async def scene(post: Post) -> None:
        async with Receiver(redirecting(target)).up() as receiver:
            delivery = await post.send(receiver.url, retries=5)
            assert (delivery.status, delivery.attempts) == ("refused", 1)
            assert words in (delivery.last_error or "")

    play(scene)


def test_loopback_is_refused_by_default(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directly, by its name, and behind a redirect from an address that is allowed."""

    def rule(address: str, settings: Settings, real: Any = outgoing.refusal) -> str | None:
        return None if address == "127.0.0.1" else real(address, settings)

    async def scene(post: Post) -> None:
        async with Receiver(fine).up() as receiver:
            for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost")):
                delivery = await post.send(url, retries=5)
                assert (delivery.status, delivery.attempts) == ("refused", 1)
                assert "loopback" in (delivery.last_error or "")
            monkeypatch.setattr(outgoing, "refusal", rule)
            assert (await post.send(receiver.url)).status == "delivered"
            inner = receiver.url.replace("127.0.0.1", "127.0.0.2")
            async with Receiver(redirecting(inner)).up() as first:
                assert (await post.send(first.url)).status == "refused"
                assert first.got == ["one"]
            assert receiver.got == ["one"]

    play(scene, STRICT)


def test_a_certificate_nobody_trusts(play: Play, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path, "own", "IP:127.0.0.1")

    async def scene(post: Post) -> None:
        async with Receiver(fine).up(context) as receiver:
            delivery = await post.send(receiver.url)
            assert delivery.status == "failed"
            assert "certificate was not accepted: self-signed" in (delivery.last_error or "")
            assert receiver.got == []

    play(scene)


def test_trusted_certificates(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For another name; for the right one; and a redirect from there to an unencrypted address."""
    wrong, wrong_file = certificate(tmp_path, "wrong", "DNS:other.example")
    right, right_file = certificate(tmp_path, "right", "IP:127.0.0.1")
    trust = ssl.create_default_context()
    for file in (wrong_file, right_file):
        trust.load_verify_locations(file)
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trust)

    async def scene(post: Post) -> None:
        async with Receiver(fine).up(wrong) as receiver:
            delivery = await post.send(receiver.url)
            assert delivery.status == "failed"
            assert "certificate was not accepted" in (delivery.last_error or "")
            assert receiver.got == []
        async with Receiver(fine).up(right) as receiver:
            assert (await post.send(receiver.url)).status == "delivered"
        async with Receiver(fine).up() as open_one, Receiver(redirecting(open_one.url)).up(right) as receiver:
            delivery = await post.send(receiver.url, retries=3)
            assert (delivery.status, open_one.got) == ("refused", [])
            assert "https://" in (delivery.last_error or "")

    play(scene)


def test_receivers_that_do_not_speak_http(play: Play) -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        writer.close()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def scene(post: Post) -> None:
        for talk in (garbage, silent):
            async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
                port = server.sockets[0].getsockname()[1]
                delivery = await post.send(f"http://user:s3cret@127.0.0.1:{port}/hook")
                assert delivery.status == "failed"
                assert "s3cret" not in (delivery.last_error or "")

    play(scene)


def test_names_and_urls_that_lead_nowhere(play: Play) -> None:
    async def scene(post: Post) -> None:
        delivery = await post.send("http://no-such-host.invalid/hook", retries=0)
        assert (delivery.status, delivery.last_error) == ("failed", "the receiver's name cannot be resolved")
        for url in ("gopher://x.example/", "http://", "nonsense"):
            assert (await post.send(url, retries=9)).status == "refused"

    play(scene)
