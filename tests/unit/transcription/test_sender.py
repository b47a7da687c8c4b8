"""Live transcripts over HTTP, to receivers of all kinds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from rejoinder.errors import InvalidRequest
from rejoinder.settings import Settings
from rejoinder.transcription import backlog, sender
from rejoinder.transcription.sender import LiveSender

LOCAL = Settings(allow_loopback_urls=True)


class Receiver:
    """A webhook that answers with ``statuses`` one after the other (the last one again), each after ``delay_s``."""

    def __init__(self, *statuses: int, delay_s: float = 0.0) -> None:
        self.statuses, self.delay_s = list(statuses) or [200], delay_s
        self.got: list[dict[str, Any]] = []
        self.headers: list[Any] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        self.headers.append(request.headers)
        await asyncio.sleep(self.delay_s)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 307 else {})

    @property
    def numbers(self) -> list[int]:
        return [body["n"] for body in self.got]


@asynccontextmanager
async def served(receiver: Receiver) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook?token=secret"
    finally:
        await runner.cleanup()


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(20):
            return await work()

    return asyncio.run(bounded())


def body(number: int) -> bytes:
    return json.dumps({"n": number}).encode()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "RETRIES_S", (0.01, 0.01, 0.01))
    monkeypatch.setattr(sender, "TIMEOUT_S", 0.15)


def deliver(receiver: Receiver, numbers: range, *, settings: Settings = LOCAL, **options: Any) -> list[str]:
    """Send final events; the problems reported."""
    problems: list[str] = []

    async def work() -> None:
        async with served(receiver) as url:
            live = LiveSender(url, settings, problems.append, **options)
            for number in numbers:
                live.send(body(number), speaker="ada", final=True)
            await live.close()
            live.send(body(99), speaker="ada", final=True)

    run(work)
    return problems


def test_events_arrive_in_order_with_their_headers() -> None:
    receiver = Receiver()
    problems = deliver(receiver, range(10), headers=lambda body: {"X-Signature": f"of {len(body)} bytes"})
    assert receiver.numbers == list(range(10))
    assert problems == []
    assert receiver.headers[0]["X-Signature"] == "of 8 bytes"
    assert receiver.headers[0]["Content-Type"] == "application/json"


def test_a_slow_receiver_gets_all_final_events_and_the_newest_interim_ones() -> None:
    receiver = Receiver(delay_s=0.08)

    async def work() -> None:
        async with served(receiver) as url:
            live = LiveSender(url, LOCAL, print)
            for number in range(40):
                live.send(body(number), speaker="ada", final=number % 10 == 9)
                await asyncio.sleep(0.01)
            await live.close()

    run(work)
    assert [number for number in receiver.numbers if number % 10 == 9] == [9, 19, 29, 39]
    assert receiver.numbers == sorted(receiver.numbers)
    assert len(receiver.numbers) < 15


def test_final_events_are_tried_again_and_keep_their_order() -> None:
    receiver = Receiver(500, 503, 200)
    problems = deliver(receiver, range(3))
    assert receiver.numbers == [0, 0, 0, 1, 2]
    assert len(problems) == 2
    assert "it answered 500" in problems[0]
    assert "again" in problems[1]


def test_what_is_lost_is_counted() -> None:
    receiver = Receiver(500, 500, 500, 500, 200)
    problems = deliver(receiver, range(3))
    assert receiver.numbers == [0, 0, 0, 0, 1, 2]
    assert problems[-1].endswith("again; 1 final ones were lost.")


@pytest.mark.parametrize(
    ("receiver", "reason"),
    [
        (Receiver(404), "it answered 404"),
        (Receiver(307), "redirects are not followed"),
        (Receiver(delay_s=0.5), "no answer within"),
    ],
)
def test_a_receiver_that_never_works_is_reported_once(receiver: Receiver, reason: str) -> None:
    problems = deliver(receiver, range(2))
    assert len(problems) == 2
    assert reason in problems[0]
    assert problems[1].startswith("2 final live transcripts could not be delivered")
    assert all("secret" not in problem for problem in problems)


def test_an_address_that_is_not_allowed_is_never_connected_to() -> None:
    receiver = Receiver()
    problems = deliver(receiver, range(1), settings=Settings())
    assert receiver.got == []
    assert "loopback" in problems[0]


def test_nobody_there() -> None:
    problems: list[str] = []

    async def work() -> None:
        async with served(Receiver()) as url:
            pass
        live = LiveSender(url, LOCAL, problems.append)
        live.send(body(1), speaker="ada", final=True)
        await live.close()

    run(work)
    assert "cannot be reached" in problems[0]


def test_closing_does_not_wait_for_a_receiver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "TIMEOUT_S", 30.0)
    problems: list[str] = []

    async def work() -> float:
        async with served(Receiver(delay_s=3)) as url:
            live = LiveSender(url, LOCAL, problems.append)
            for number in range(3):
                live.send(body(number), speaker="ada", final=True)
            began = asyncio.get_running_loop().time()
            await live.close(within_s=0.2)
            return asyncio.get_running_loop().time() - began

    assert run(work) < 1
    assert problems == ["3 final live transcripts could not be delivered to 127.0.0.1."]


@pytest.mark.parametrize("url", ["ftp://example.com/x", "nonsense", "http://"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    async def work() -> None:
        LiveSender(url, LOCAL, print)

    with pytest.raises(InvalidRequest) as caught:
        run(work)
    assert caught.value.field == "live_transcription_required.webhook_url"
