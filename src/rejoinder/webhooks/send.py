"""Send one webhook once, and say what came of it."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from urllib.parse import urljoin

import aiohttp

from rejoinder.core.records import Delivery
from rejoinder.errors import InvalidRequest
from rejoinder.outgoing import RefusedAddress, guarded_connector, parse_url
from rejoinder.settings import Settings
from rejoinder.webhooks import signing
from rejoinder.webhooks.attendee import TRIGGERS
from rejoinder.webhooks.retry import Outcome

TIMEOUT_S = 10.0
"""For everything: name look-up, connection, redirects and the answer."""
MAX_REDIRECTS = 3
MAX_ANSWER_BYTES = 2048
"""How much of an error's text is read."""

# 303 says that the answer is to be had elsewhere with GET, which is no delivery; 300 leaves the choice to people.
_REDIRECTS = frozenset({301, 302, 307, 308})


class Sender:
    """Sends webhooks. One per process and event loop.

    The addresses that users' URLs lead to are judged where the connection is made, for every redirect too
    (:mod:`rejoinder.outgoing`). Signed if ``settings.webhook_secret`` is set.
    """

    def __init__(self, settings: Settings, *, timeout_s: float = TIMEOUT_S) -> None:
        self._settings = settings
        self._secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def send(self, delivery: Delivery) -> Outcome:
        """One attempt, with at most 3 redirects, in at most 10 s. Never raises (but when cancelled)."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._follow(delivery)
        except TimeoutError:
            return Outcome(error=f"no answer within {self._timeout_s:g} seconds")
        except InvalidRequest as error:
            return Outcome(error=str(error), refused=True)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, RefusedAddress):
                return Outcome(error=f"{error.os_error}, which this server does not connect to", refused=True)
            return Outcome(error=_words(error))
        except ValueError:  # aiohttp's InvalidURL is one too
            return Outcome(error="not a valid URL", refused=True)
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(error=_words(error))

    async def close(self) -> None:
        """Give up what is open."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _follow(self, delivery: Delivery) -> Outcome:
        url = delivery.url
        schemes: tuple[str, ...] = ("http", "https")
        for _ in range(MAX_REDIRECTS + 1):
            parsed = parse_url(url, schemes, "the URL" if url == delivery.url else "the redirect")
            outcome, location = await self._post(url, delivery)
            if location is None:
                return outcome
            if parsed.scheme == "https":
                schemes = ("https",)  # what was to be sent encrypted is not sent in the open
            url = urljoin(url, location)
        return Outcome(outcome.status, f"more than {MAX_REDIRECTS} redirects")

    async def _post(self, url: str, delivery: Delivery) -> tuple[Outcome, str | None]:
        """What came of one request, and where it redirects to."""
        if delivery.event in TRIGGERS:
            headers = signing.attendee_headers(delivery.body, self._secret, delivery.id)
        else:
            headers = signing.headers(delivery.body, self._secret, datetime.now(UTC), delivery.id)
        async with self._open().post(url, data=delivery.body, headers=headers, allow_redirects=False) as response:
            status = response.status
            if 200 <= status < 300:
                return Outcome(status), None
            if status in _REDIRECTS and (location := response.headers.get("Location")):
                return Outcome(status), location
            text = await _beginning(response)
            return Outcome(status, f"the receiver answered {status}" + (f": {text}" if text else "")), None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=guarded_connector(self._settings),
                timeout=aiohttp.ClientTimeout(total=None),  # send() has one for all redirects together
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity"},
                auto_decompress=False,
            )
        return self._session


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """The first characters of an error's text on one line, printable ones only."""
    data = bytearray()
    try:
        while len(data) < MAX_ANSWER_BYTES and (chunk := await response.content.read(MAX_ANSWER_BYTES - len(data))):
            data += chunk
    except aiohttp.ClientError:
        pass  # the status counts; its text may be cut off
    line = " ".join(data.decode("utf-8", "replace").split())
    return "".join(character for character in line if character.isprintable())


def _words(error: Exception) -> str:
    """What went wrong with a connection, without the URL, which may hold a password."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            reason = error.certificate_error
            detail = reason.verify_message if isinstance(reason, ssl.SSLCertVerificationError) else "not trusted"
            return f"the receiver's certificate was not accepted: {detail}"
        case aiohttp.ClientConnectorDNSError():
            return "the receiver's name cannot be resolved"
        case aiohttp.ClientConnectorError():
            return f"the receiver cannot be reached: {error.os_error.strerror or 'no connection'}"
        case aiohttp.ServerDisconnectedError():
            return "the receiver closed the connection without an answer"
        case _:
            return f"sending failed ({type(error).__name__})"
