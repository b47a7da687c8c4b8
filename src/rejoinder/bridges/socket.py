"""The one outbound websocket: from a bot to a user's server, kept alive for as long as the bot is in the meeting.

The bot is the client. It greets first (where the dialect has a greeting), then sends audio frames and control texts
from bounded queues and hands incoming messages to a callback. A lost connection is made again; the greeting is repeated
each time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from rejoinder import __version__
from rejoinder.bridges.outbox import Outbox
from rejoinder.errors import InvalidRequest
from rejoinder.outgoing import Checked, check_url
from rejoinder.settings import Settings
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)

MAX_TRIES = 30
"""Tries in a row before giving up. MeetStream says nothing; 30 retries 2 s apart is what Attendee documents."""
RETRY_S = 2.0
"""Pause between tries; the first ones are shorter, as a dropped connection usually comes back at once."""
FIRST_RETRY_S = 0.25
STABLE_S = 10.0
"""A connection that held this long starts the count of tries anew; a server that hangs up at once does not."""
OPEN_TIMEOUT_S = 10.0
SEND_TIMEOUT_S = 10.0
"""A server that takes nothing for this long is treated as gone (its keepalive answers would queue behind, too)."""
PING_INTERVAL_S = 10.0
PING_TIMEOUT_S = 20.0
CLOSE_TIMEOUT_S = 1.0
"""How long to wait for the server's close frame."""
DRAIN_TIMEOUT_S = 0.5
"""How long to wait, before that, for what is queued to be sent."""
MAX_ADDRESSES = 4
BATCH = 64
LIBRARY_FACTOR = 4
"""The library drops the connection over messages larger than its limit. Ours is a quarter of it, so that a message
somewhat too large reaches the callback and can be answered with an error."""
_RUN, _SEND = "user socket", "user socket: send"
REFUSED_STATUSES = frozenset({400, 403, 404})


@dataclass(frozen=True, slots=True)
class Connected:
    """The server is there and was greeted."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No connection (any more); try number ``attempt`` follows in ``retry_in_s`` seconds."""

    reason: str
    attempt: int
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class GaveUp:
    """No connection, and none will be tried again."""

    reason: str


SocketState = Connected | Lost | GaveUp


def retry_delay(attempt: int, spread: float = 0.5) -> float | None:
    """Seconds to wait before try number ``attempt`` (1: the first after a failure); None: give up. Pure.

    ``spread`` in [0, 1) moves the delay by up to a fifth, so that many bots do not return to a restarted server in
    the same instant; 0.5 is the middle.
    """
    if attempt >= MAX_TRIES:
        return None
    return min(RETRY_S, FIRST_RETRY_S * 2.0 ** (attempt - 1)) * (0.8 + 0.4 * spread)


def even_delay(attempt: int, spread: float = 0.5) -> float | None:
    """As :func:`retry_delay`, to the letter of Attendee's documentation: up to 30 *re*tries, 2 s apart. Pure."""
    return RETRY_S if attempt <= MAX_TRIES else None


def count_try(attempt: int, held_s: float) -> int:
    """The number of the next try after one that was number ``attempt`` and held ``held_s`` seconds. Pure."""
    return 1 if held_s >= STABLE_S else attempt + 1


def url_variants(url: str, bot_id: str, prefix_bot_id: bool = True) -> tuple[str, ...]:
    """The URLs to try, in order. Pure.

    ``{bot_id}`` (also percent-encoded) is replaced. Without it, and if ``prefix_bot_id``, a second URL has the bot's
    id as first part of its path: some servers written for MeetStream expect that, others refuse it.
    """
    filled = url
    for placeholder in ("{bot_id}", "%7Bbot_id%7D", "%7bbot_id%7d"):
        filled = filled.replace(placeholder, bot_id)
    if filled != url or not prefix_bot_id:
        return (filled,)
    parts = urlsplit(url)
    return (url, urlunsplit(parts._replace(path=f"/{bot_id}{parts.path}")))


@dataclass(frozen=True, slots=True)
class Manner:
    """What a dialect says about connecting: whether a refused URL is tried with the bot's id in front of its path, and
    how long to wait before try number n (see :func:`retry_delay`)."""

    prefix_bot_id: bool = True
    delay: Callable[[int, float], float | None] = retry_delay


MEETSTREAM = Manner()
ATTENDEE = Manner(prefix_bot_id=False, delay=even_delay)


class UserSocket:
    """One websocket to a user's server.

    ``greeting`` makes the first message of each connection; None: there is none. ``on_message`` gets each incoming
    message as bytes (the UTF-8 of a text); it is called on the event loop and must return at once. ``on_state`` is told
    of every change. Create it on a running event loop, ``start()`` it, and ``await close()`` it when the bot leaves.
    """

    def __init__(
        self,
        url: str,
        bot_id: str,
        settings: Settings,
        *,
        greeting: Callable[[], str] | None,
        on_message: Callable[[bytes], None] = lambda message: None,
        on_state: Callable[[SocketState], None] = lambda state: None,
        manner: Manner = MEETSTREAM,
        field: str = "websocket_url",
    ) -> None:
        self._urls = url_variants(url, bot_id, manner.prefix_bot_id)
        self._delay = manner.delay
        self._settings = settings
        self._greeting = greeting
        self._on_message = on_message
        self._on_state = on_state
        self._field = field
        self._log = log.bind(bot_id=bot_id, socket=field)
        self._tasks = Tasks(self._failed)
        self._queue = Outbox()
        self._connection: ClientConnection | None = None
        self._closing = False
        self._over = False

    @property
    def connected(self) -> bool:
        """Whether the server is connected and greeted."""
        return self._connection is not None

    @property
    def dropped(self) -> int:
        """Audio frames that had to be thrown away because the server did not take them in time."""
        return self._queue.dropped

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._tasks.start(self._run(), _RUN)

    def send_audio(self, frame: bytes | str) -> None:
        """Send audio as a binary message (str: as a text message); kept while the connection is away.

        When the server cannot keep up, the oldest are dropped and counted.
        """
        if not self._over:
            self._queue.put_audio(frame)

    def send_text(self, text: str) -> bool:
        """Send a text message, before any audio that waits; kept while the connection is away.

        False if it was not taken: the socket is over, or more wait than a living server would leave waiting.
        """
        return not self._over and self._queue.put_text(text)

    async def close(self) -> None:
        """Send what waits, close with 1000 and stop. Takes at most 2 s, even with a dead peer."""
        if self._closing:
            return
        self._closing = True
        if (connection := self._connection) is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_TIMEOUT_S):
                    await self._queue.drained()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await connection.close(1000)
            connection.transport.abort()
        self._over = True
        await self._tasks.cancel()

    async def _run(self) -> None:
        """Connect, serve, and connect again, until closed or hopeless."""
        loop = asyncio.get_running_loop()
        attempt = 0
        while not self._closing:
            connected_at: float | None = None
            try:
                connection = await self._connect()
                connected_at = loop.time()
                reason = await self._serve(connection)
            except InvalidRequest as error:
                if error.code != "unresolvable":
                    self._give_up(str(error))
                    return
                reason = str(error)
            except (OSError, InvalidHandshake, ValueError, ConnectionClosed) as error:
                reason = _describe(error)
            if self._closing:
                return
            attempt = count_try(attempt, 0.0 if connected_at is None else loop.time() - connected_at)
            delay = self._delay(attempt, random.random())
            if delay is None:
                self._give_up(reason)
                return
            self._report(Lost(reason, attempt, delay))
            await asyncio.sleep(delay)

    def _failed(self, task: str, error: BaseException) -> None:
        """A defect of ours ended a task: say so, and do not leave a socket that looks alive."""
        self._log.error("a task of the user socket failed", task=task, exc_info=error)
        if task == _RUN:
            self._give_up(f"internal error: {type(error).__name__}")
        elif self._connection is not None:
            self._connection.transport.abort()

    def _give_up(self, reason: str) -> None:
        self._over = True
        self._queue.clear()
        self._report(GaveUp(reason))

    async def _connect(self) -> ClientConnection:
        """Try each URL variant until one is not refused; the first that works is the only one from then on."""
        for index, url in enumerate(self._urls):
            checked = await check_url(url, ("ws", "wss"), self._settings, field=self._field)
            try:
                connection = await self._open(checked)
            except InvalidStatus as error:
                last = index == len(self._urls) - 1
                if last or error.response.status_code not in REFUSED_STATUSES:
                    raise
                continue
            self._urls = (url,)
            return connection
        raise AssertionError("there is always a URL")

    async def _open(self, checked: Checked) -> ClientConnection:
        """Connect to the addresses that were checked, not to the name, which might resolve anew to others."""
        failure: OSError | None = None
        for address in checked.addresses[:MAX_ADDRESSES]:
            try:
                return await connect(
                    checked.url,
                    host=address,
                    port=checked.port,
                    proxy=None,
                    user_agent_header=f"rejoinder/{__version__}",
                    compression=None,  # PCM does not compress: it would double the work and lengthen the frames
                    open_timeout=OPEN_TIMEOUT_S,
                    ping_interval=PING_INTERVAL_S,
                    ping_timeout=PING_TIMEOUT_S,
                    close_timeout=CLOSE_TIMEOUT_S,
                    max_size=LIBRARY_FACTOR * self._settings.max_socket_message_bytes,
                    max_queue=4,
                )
            except OSError as error:
                failure = error
        assert failure is not None
        raise failure

    async def _serve(self, connection: ClientConnection) -> str:
        """Greet, then send and receive until the connection ends. Returns why it ended."""
        sender: asyncio.Task[None] | None = None
        try:
            if self._greeting is not None:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await connection.send(self._greeting())
            self._connection = connection
            self._report(Connected())
            sender = self._tasks.start(self._send(connection), _SEND)
            while True:
                self._deliver(await connection.recv(decode=False))
        except ConnectionClosed as error:
            return _describe(error)
        finally:
            self._connection = None
            if sender is not None:
                sender.cancel()
            connection.transport.abort()

    async def _send(self, connection: ClientConnection) -> None:
        """Send what is queued. It leaves the queue once sent, so that it outlives a lost connection."""
        queue = self._queue
        with suppress(ConnectionClosed):
            while True:
                await queue.filled()
                try:
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        for _ in range(BATCH):
                            if (item := queue.take()) is None:
                                break
                            await connection.send(item)
                            queue.sent(item)
                except TimeoutError:
                    self._log.warning("the user's server takes nothing any more: connecting anew")
                    connection.transport.abort()
                    return

    def _deliver(self, message: bytes) -> None:
        try:
            self._on_message(message)
        except Exception:
            self._log.exception("an incoming message could not be handled")

    def _report(self, state: SocketState) -> None:
        self._log.info("socket state", state=type(state).__name__, reason=getattr(state, "reason", None))
        try:
            self._on_state(state)
        except Exception:
            self._log.exception("a socket state could not be handled")


def _describe(error: BaseException) -> str:
    """A reason a user can act on, without the URL (it may hold secrets)."""
    if isinstance(error, InvalidStatus):
        return f"the server refused the websocket with HTTP {error.response.status_code}"
    if isinstance(error, ConnectionClosed):
        close = error.rcvd or error.sent
        return f"closed with {close.code} {close.reason}".rstrip() if close else "the connection broke off"
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"{type(error).__name__}: {error}"[:200]
