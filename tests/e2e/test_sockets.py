"""The user socket and its codecs over real websockets on loopback, without a meeting.

``Session`` stands for a bot's session: it decodes what comes, answers errors, and keeps the commands.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from rejoinder.bridges import socket as user_socket
from rejoinder.bridges.meetstream.audio import encode_frame
from rejoinder.bridges.meetstream.control import CommandError, decode, interrupted, ready, usermsg
from rejoinder.bridges.socket import Connected, GaveUp, Lost, Manner, SocketState, UserSocket
from rejoinder.core.commands import (
    BotCommand,
    ClearAudio,
    MirrorChat,
    PlayAudio,
    SendChat,
    ShowImage,
    ShowImageUrl,
)
from rejoinder.outgoing import Checked
from rejoinder.settings import Settings
from seed_server import SeedServer, running

SETTINGS = Settings(allow_loopback_urls=True)
BOT = "bot_abc123"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
PCM = bytes(range(256)) * 10


class Session:
    """A bot's end of one socket."""

    def __init__(self, url: str, settings: Settings = SETTINGS, prefix: bool = True) -> None:
        self.commands: list[BotCommand] = []
        self.errors: list[CommandError] = []
        self.states: list[SocketState] = []
        self.socket = UserSocket(
            url,
            BOT,
            settings,
            greeting=lambda: ready(BOT, "p7"),
            on_message=self.take,
            on_state=self.states.append,
            manner=Manner(prefix_bot_id=prefix),
        )
        self.socket.start()

    def take(self, message: bytes) -> None:
        result = decode(message, BOT)
        if isinstance(result, CommandError):
            self.errors.append(result)
            self.socket.send_text(result.encode())
        else:
            self.commands += result

    async def wait(self, condition: Callable[[Session], object], within_s: float = 5.0) -> None:
        async with asyncio.timeout(within_s):
            while not condition(self):  # noqa: ASYNC110 (any test of what was seen)
                await asyncio.sleep(0.005)


def play(scene: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await scene

    asyncio.run(bounded())


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_socket, "FIRST_RETRY_S", 0.02)
    monkeypatch.setattr(user_socket, "RETRY_S", 0.02)


def test_the_seeds_server_hears_and_commands() -> None:
    async def scene() -> None:
        async with running() as server:
            control, audio = Session(server.control_url), Session(server.audio_url)
            await server.wait(lambda seen: seen.control_messages and seen.audio_messages)
            hello = {
                "type": "ready",
                "bot_id": BOT,
                "message": "Ready to receive messages",
                "speaker_id": "p7",
            }
            assert server.control_messages == server.audio_messages == [hello]

            for number in range(100):
                audio.socket.send_audio(encode_frame("p1", "Adé", number.to_bytes(2, "little") * 960))
            await server.wait(lambda seen: len(seen.frames) == 100)
            assert server.frames[0] == ("p1", "Adé", bytes(1920))
            assert [int.from_bytes(pcm[:2], "little") for _, _, pcm in server.frames] == list(range(100))

            control.socket.send_text(usermsg(BOT, "hi", "p1", "Ada", 1.0))
            control.socket.send_text(interrupted(BOT))
            await server.wait(lambda seen: len(seen.control_messages) == 3)
            assert [message["command"] for message in server.control_messages[1:]] == ["usermsg", "interrupt"]

            chunk, image = base64.b64encode(PCM).decode(), base64.b64encode(PNG).decode()
            for command in (
                {"command": "sendaudio", "bot_id": BOT, "audiochunk": chunk, "sample_rate": 48000},
                {"action": "sendaudio", "audio": chunk, "sample_rate": 16000, "encoding": "pcm16"},
                {"command": "sendmsg", "bot_id": BOT, "message": "m", "msg": "m"},
                {"command": "sendchat", "bot_id": BOT, "role": "assistant", "text": "t", "is_final": True},
                {"command": "interrupt", "bot_id": BOT, "action": "clear_audio_queue"},
                {"action": "interrupt", "type": "clear_audio_queue"},
                {"command": "sendimg", "bot_id": BOT, "img": image},
                {"command": "sendimg_url", "bot_id": BOT, "img_url": "https://x.example/a.png"},
                {"type": "ack", "bot_id": BOT},
                {"command": "ack", "bot_id": BOT, "message": "ok"},
            ):
                await server.send(BOT, command)
            expected = [
                SendChat("Bot is now live!"),
                PlayAudio(PCM, 48000),
                PlayAudio(PCM, 16000),
                SendChat("m"),
                MirrorChat("assistant", "t", True),
                ClearAudio(),
                ClearAudio(),
                ShowImage(PNG),
                ShowImageUrl("https://x.example/a.png"),
            ]
            await control.wait(lambda session: len(session.commands) == len(expected))
            assert control.commands == expected
            assert control.errors == audio.errors == []
            assert control.states == audio.states == [Connected()]

            await control.socket.close()
            await audio.socket.close()
            await server.wait(lambda seen: len(seen.closed) == 2)
            assert sorted(server.closed) == [("audio", 1000), ("control", 1000)]

    play(scene())


BAD = [
    ("{", "invalid_json"),
    ("[1]", "not_an_object"),
    ('{"command": "dance"}', "unknown_command"),
    ('{"message": "hi"}', "missing_field"),
    ('{"command": "sendmsg"}', "missing_field"),
    ('{"command": "sendmsg", "message": " "}', "empty_text"),
    ('{"command": "sendaudio", "audiochunk": "@@@"}', "invalid_base64"),
    ('{"command": "sendaudio", "audiochunk": "YWJj"}', "odd_byte_count"),
    ('{"command": "sendaudio", "audiochunk": "YWI=", "sample_rate": 48}', "invalid_sample_rate"),
    ('{"command": "sendaudio", "audiochunk": "YWI=", "channels": 2}', "unsupported_channels"),
    ('{"command": "sendmsg", "message": "hi", "bot_id": "other"}', "wrong_bot_id"),
    ('{"command": "sendimg", "img": "YWJj"}', "invalid_image"),
    ('{"command": "sendimg_url", "img_url": "x"}', "invalid_url"),
    (json.dumps({"command": "sendaudio", "audiochunk": "A" * 20_000_000}), "message_too_large"),
]


@pytest.mark.parametrize(("text", "code"), BAD, ids=[code + str(index) for index, (_, code) in enumerate(BAD)])
def test_bad_input_is_answered_and_the_socket_lives(text: str, code: str) -> None:
    async def scene() -> None:
        async with running(welcome=None) as server:
            control = Session(server.control_url)
            await server.wait(lambda seen: seen.control_messages)
            await server.send_raw(BOT, text)
            await server.wait(lambda seen: len(seen.control_messages) == 2)
            answer = server.control_messages[1]
            assert (answer["type"], answer["code"]) == ("error", code)
            assert answer["message"]
            assert "command" in answer

            await server.send(BOT, {"command": "sendmsg", "message": "still here"})
            await control.wait(lambda session: session.commands)
            assert control.commands == [SendChat("still here")]
            assert control.states == [Connected()]
            await control.socket.close()

    play(scene())


@asynccontextmanager
async def plain_server(handler: Any, **options: Any) -> AsyncIterator[tuple[Server, str]]:
    async with serve(handler, "127.0.0.1", options.pop("port", 0), compression=None, **options) as server:
        yield server, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def test_binary_and_broken_texts_do_not_end_the_session() -> None:
    """Some servers send JSON as a binary message; some send bytes that are no UTF-8."""
    got: list[Any] = []

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(b'{"command": "sendmsg", "message": "binary"}')
        await socket.send(b"\xff\xfe", text=True)
        got.append(json.loads(await socket.recv()))
        await socket.wait_closed()

    async def scene() -> None:
        async with plain_server(handler) as (_, url):
            session = Session(url)
            await session.wait(lambda _: got)
            assert session.commands == [SendChat("binary")]
            assert got[0]["code"] == "invalid_json"
            assert session.states == [Connected()]
            await session.socket.close()

    play(scene())


def test_it_connects_again_greets_again_and_keeps_texts() -> None:
    seen: list[list[Any]] = []

    async def handler(socket: ServerConnection) -> None:
        seen.append([])
        async for message in socket:
            seen[-1].append(message)
            if len(seen) == 1:
                await socket.close(1012, "restart")

    async def scene() -> None:
        async with plain_server(handler) as (_, url):
            session = Session(url)
            await session.wait(lambda it: any(isinstance(state, Lost) for state in it.states))
            assert session.socket.send_text("kept")
            await session.wait(lambda it: len(seen) == 2 and len(seen[1]) == 2)
            assert [json.loads(messages[0])["type"] for messages in seen] == ["ready", "ready"]
            assert seen[1][1] == "kept"
            lost = session.states[1]
            assert isinstance(lost, Lost)
            assert (lost.reason, lost.attempt) == ("closed with 1012 restart", 1)
            assert session.states[2] == Connected()
            await session.socket.close()

    play(scene())


def test_a_server_that_comes_up_late_and_one_that_goes_away() -> None:
    async def scene() -> None:
        async with running(welcome=None) as first:
            port = first.port
        session = Session(f"ws://127.0.0.1:{port}/{{bot_id}}/control")
        await session.wait(lambda it: len(it.states) >= 3)
        assert all(isinstance(state, Lost) for state in session.states)
        async with running(welcome=None, port=port) as second:
            await second.wait(lambda seen: seen.control_messages)
            assert session.states[-1] == Connected()
        await session.wait(lambda it: isinstance(it.states[-1], Lost))
        await session.socket.close()

    play(scene())


def test_it_gives_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_socket, "MAX_TRIES", 4)
    count = 0

    async def handler(socket: ServerConnection) -> None:
        """Takes the greeting and hangs up, every time."""
        nonlocal count
        count += 1
        await socket.recv()
        await socket.close(1003)

    async def scene() -> None:
        async with plain_server(handler) as (_, url):
            session = Session(url)
            await session.wait(lambda it: it.states and isinstance(it.states[-1], GaveUp))
            assert [state.attempt for state in session.states if isinstance(state, Lost)] == [1, 2, 3]
            assert session.states[-1] == GaveUp("closed with 1003")
            assert count == 4
            assert not session.socket.send_text("too late")
            await session.socket.close()

    play(scene())


@pytest.mark.parametrize("status", [400, 403, 404])
def test_the_bots_id_is_put_before_the_path_when_refused(status: int) -> None:
    paths: list[str] = []

    def process(connection: ServerConnection, request: Request) -> Response | None:
        paths.append(request.path)
        if not request.path.startswith(f"/{BOT}/"):
            return connection.respond(HTTPStatus(status), "no\n")
        return None

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()
        if len(paths) < 3:
            await socket.close(1001)
        await socket.wait_closed()

    async def scene() -> None:
        async with plain_server(handler, process_request=process) as (_, url):
            session = Session(f"{url}/control?key=1")
            await session.wait(lambda it: it.states.count(Connected()) == 2)
            assert paths == ["/control?key=1", f"/{BOT}/control?key=1", f"/{BOT}/control?key=1"]
            await session.socket.close()

            paths.clear()
            strict = Session(f"{url}/control", prefix=False)
            await strict.wait(lambda it: it.states)
            assert strict.states[0] == Lost(
                f"the server refused the websocket with HTTP {status}", 1, pytest.approx(0.02, rel=0.3)
            )
            assert paths[0] == "/control"
            await strict.socket.close()
            assert not any(path.startswith(f"/{BOT}/") for path in paths)

    play(scene())


def test_a_redirect_is_not_followed_elsewhere() -> None:
    def process(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = "ws://10.0.0.1:80/control"
        return response

    async def scene() -> None:
        async with plain_server(lambda socket: socket.wait_closed(), process_request=process) as (_, url):
            session = Session(url)
            await session.wait(lambda it: it.states)
            assert isinstance(session.states[0], Lost)
            assert "redirect" in session.states[0].reason
            await session.socket.close()

    play(scene())


def test_private_addresses_are_refused_at_once() -> None:
    async def scene() -> None:
        for url, settings in (
            ("ws://127.0.0.1:9/c", Settings()),
            ("ws://10.0.0.1/c", SETTINGS),
            ("ws://169.254.169.254/c", Settings(allow_private_urls=True)),
        ):
            session = Session(url, settings)
            await session.wait(lambda it: it.states)
            (state,) = session.states
            assert isinstance(state, GaveUp)
            assert "does not connect to" in state.reason
            await session.socket.close()

    play(scene())


def test_the_checked_address_is_used_and_the_name_not_resolved_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts: list[str] = []

    async def handler(socket: ServerConnection) -> None:
        assert socket.request is not None
        hosts.append(socket.request.headers["Host"])
        await socket.wait_closed()

    async def scene() -> None:
        async with plain_server(handler) as (_, url):
            port = int(url.rpartition(":")[2])

            async def check(url: str, *args: object, **kwargs: object) -> Checked:
                return Checked(url, "ws", "name.invalid", port, ("127.0.0.1",))

            monkeypatch.setattr(user_socket, "check_url", check)
            session = Session(f"ws://name.invalid:{port}/c")
            await session.wait(lambda it: hosts)
            assert hosts == [f"name.invalid:{port}"]
            await session.socket.close()

    play(scene())


def test_a_message_beyond_the_library_limit_costs_the_connection_but_not_the_session() -> None:
    async def scene() -> None:
        async with running(welcome=None) as server:
            control = Session(server.control_url, Settings(allow_loopback_urls=True, max_socket_message_bytes=100_000))
            await server.wait(lambda seen: seen.control_messages)
            await server.send_raw(BOT, "x" * 500_000)
            await control.wait(lambda it: it.states.count(Connected()) == 2)
            assert isinstance(control.states[1], Lost)
            assert control.states[1].reason.startswith("closed with 1009")
            await server.wait(lambda seen: len(seen.control_messages) == 2)
            await server.send(BOT, {"command": "sendmsg", "message": "still here"})
            await control.wait(lambda it: it.commands == [SendChat("still here")])
            await control.socket.close()

    play(scene())


def test_closing_is_quick_even_when_the_peer_is_dead() -> None:
    """A peer that accepts the handshake and then never reads again, with more queued than the buffers hold."""

    over = asyncio.Event()

    async def handler(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await over.wait()

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        async with plain_server(handler, ping_interval=None, close_timeout=0.1) as (server, url):
            session = Session(url)
            await session.wait(lambda it: it.states)
            for _ in range(500):
                session.socket.send_audio(bytes(100_000))
            await asyncio.sleep(0.1)
            began = loop.time()
            await session.socket.close()
            assert loop.time() - began < 4.0
            over.set()
            for connection in server.connections:
                connection.transport.abort()

    play(scene())


def test_a_peer_that_stops_reading_is_left_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_socket, "SEND_TIMEOUT_S", 0.3)
    greeted = 0
    over = asyncio.Event()

    async def handler(socket: ServerConnection) -> None:
        nonlocal greeted
        await socket.recv()
        greeted += 1
        if greeted == 1:
            socket.transport.pause_reading()
            await over.wait()
            socket.transport.abort()
        await socket.wait_closed()

    async def scene() -> None:
        async with plain_server(handler, ping_interval=None, close_timeout=0.1) as (_, url):
            session = Session(url)
            await session.wait(lambda it: it.states)
            for _ in range(1000):
                session.socket.send_audio(bytes(100_000))
            assert session.socket.dropped == 488
            await session.wait(lambda it: greeted == 2)
            assert isinstance(session.states[1], Lost)
            await session.socket.close()
            over.set()

    play(scene())


def test_closing_before_it_is_connected() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        session = Session(f"ws://127.0.0.1:{port}/c")
        await asyncio.sleep(0.05)
        began = asyncio.get_running_loop().time()
        await session.socket.close()
        assert asyncio.get_running_loop().time() - began < 2.0, "it waits for the peer's answer"
        assert session.states == []
        assert not session.socket.send_text("x")
        server.close()

    play(scene())


def test_a_callback_that_fails_does_not_end_the_session() -> None:
    async def scene() -> None:
        async with running(welcome=None) as server:
            calls: list[bytes] = []

            def fail(message: bytes) -> None:
                calls.append(message)
                raise ZeroDivisionError

            socket = UserSocket(server.control_url, BOT, SETTINGS, greeting=lambda: ready(BOT), on_message=fail)
            socket.start()
            await server.wait(lambda seen: seen.control_messages)
            await server.send_raw(BOT, "1")
            await server.send_raw(BOT, "2")
            async with asyncio.timeout(3):
                while len(calls) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            assert socket.connected
            await socket.close()

    play(scene())


def test_tls_checks_the_name_while_the_checked_address_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to an address; certificate, SNI and Host header still carry the name."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-keyout", str(key), "-out", str(certificate), "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    hosts: list[str] = []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)

    async def handler(socket: ServerConnection) -> None:
        assert socket.request is not None
        hosts.append(socket.request.headers["Host"])
        await socket.wait_closed()

    async def scene() -> None:
        async with plain_server(handler, ssl=context) as (_, url):
            port = url.rpartition(":")[2]
            good = Session(f"wss://localhost:{port}/c")
            await good.wait(lambda it: it.states and hosts)
            assert good.states == [Connected()]
            assert (names, hosts) == (["localhost"], [f"localhost:{port}"])
            await good.socket.close()
            bad = Session(f"wss://127.0.0.1:{port}/c")
            await bad.wait(lambda it: it.states)
            assert isinstance(bad.states[0], Lost)
            assert "certificate" in bad.states[0].reason.lower()
            await bad.socket.close()

    play(scene())


def test_two_bots_on_one_server() -> None:
    """Two bots at once, each on its own sockets."""

    async def scene() -> None:
        async with running(welcome=None) as server:
            assert isinstance(server, SeedServer)
            url = server.control_url
            one = UserSocket(url, "one", SETTINGS, greeting=lambda: ready("one"))
            two = UserSocket(url, "two", SETTINGS, greeting=lambda: ready("two"))
            one.start()
            two.start()
            await server.wait(lambda seen: {*seen.control_sockets} == {"one", "two"})
            await one.close()
            await server.wait(lambda seen: {*seen.control_sockets} == {"two"})
            await two.close()

    play(scene())
