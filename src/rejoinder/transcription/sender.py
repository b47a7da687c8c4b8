"""Sends live transcripts to a user's webhook while people speak: one POST per event, in order.

Nothing here makes the bot wait, and no failure reaches it but as a line in its log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import aiohttp

from rejoinder import __version__
from rejoinder.outgoing import RefusedAddress, guarded_connector, parse_url
from rejoinder.settings import Settings
from rejoinder.tasks import Tasks
from rejoinder.transcription.backlog import LIMIT, Backlog, Event, retry_in

TIMEOUT_S = 5.0
"""For one attempt. A receiver that takes longer is not live."""
CLOSE_S = 5.0
"""How long final events may still be sent when the bot is done."""

Headers = Callable[[bytes], Mapping[str, str]]
"""Makes the headers of a body, anew for each attempt: the signature, and the time it is made at."""


class LiveSender:
    """One bot's live transcripts to one URL. Made and used on one event loop.

    ``headers``: further headers for a body, such as its signature. ``on_problem`` gets sentences for the bot's log:
    once when a receiver begins to fail, once when it works again and events were lost meanwhile. Raises InvalidRequest
    when ``url`` is none; where it leads is judged at each connection.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        on_problem: Callable[[str], None],
        *,
        headers: Headers | None = None,
        limit: int = LIMIT,
    ) -> None:
        self._host = parse_url(url, ("http", "https"), "live_transcription_required.webhook_url").host
        self._url = url
        self._settings = settings
        self._on_problem = on_problem
        self._headers = headers
        self._backlog = Backlog(limit)
        self._awake = asyncio.Event()
        self._closing = False
        self._failing = False
        self._lost = 0
        self._tasks = Tasks()
        self._tasks.start(self._run(), "live transcripts")

    def send(self, body: bytes, *, speaker: str, final: bool) -> None:
        """Send an event (JSON) soon. ``speaker``: whose interim events replace each other."""
        if self._closing:
            return
        self._lost += self._backlog.add(Event(body, speaker, final))
        self._awake.set()

    async def close(self, within_s: float = CLOSE_S) -> None:
        """Send what waits, then stop."""
        self._closing = True
        self._awake.set()
        await self._tasks.finish(within_s)
        self._lost += self._backlog.finals
        if self._lost:
            self._on_problem(f"{self._lost} final live transcripts could not be delivered to {self._host}.")
            self._lost = 0

    async def _run(self) -> None:
        async with aiohttp.ClientSession(
            connector=guarded_connector(self._settings),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Content-Type": "application/json", "User-Agent": f"rejoinder/{__version__}"},
        ) as session:
            while True:
                self._awake.clear()
                while (event := self._backlog.take()) is not None:
                    if event.final or not self._closing:
                        await self._deliver(session, event)
                if self._closing:
                    return
                await self._awake.wait()

    async def _deliver(self, session: aiohttp.ClientSession, event: Event) -> None:
        self._lost += event.final  # unless it arrives: whoever cancels us finds it counted
        attempts = 0
        while True:
            attempts += 1
            status, problem = await self._post(session, event.body)
            if problem is None:
                self._lost -= event.final
                self._works()
                return
            self._fails(problem)
            pause = retry_in(status, event.final, attempts)
            if pause is None:
                return
            await asyncio.sleep(pause)

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> tuple[int | None, str | None]:
        """The receiver's status if it answered, and what is wrong if anything is."""
        headers = self._headers(body) if self._headers else {}
        try:
            async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                status = response.status
        except TimeoutError:
            return None, f"no answer within {TIMEOUT_S:.0f} seconds"
        except aiohttp.ClientConnectorCertificateError:
            return None, "its certificate is not valid"
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, RefusedAddress):
                return 400, f"{error.os_error}, which this server does not connect to"
            return None, "it cannot be reached"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return None, f"the request failed ({type(error).__name__})"
        if 200 <= status < 300:
            return status, None
        return status, f"it answered {status}" + (" (redirects are not followed)" if 300 <= status < 400 else "")

    def _fails(self, problem: str) -> None:
        if not self._failing:
            self._failing = True
            self._on_problem(f"Live transcripts cannot be delivered to {self._host}: {problem}.")

    def _works(self) -> None:
        if self._failing:
            self._failing = False
            lost, self._lost = self._lost, 0
            end = f"; {lost} final ones were lost" if lost else ""
            self._on_problem(f"Live transcripts are delivered to {self._host} again{end}.")
