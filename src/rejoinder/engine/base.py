"""What the rest of the product knows of durable work. Nothing here belongs to a particular engine.

A *job* is a kind, an id and a few plain values, written down in the caller's own transaction. It is run at least once,
by any worker; a worker that dies under it does not lose it. The kind :data:`BOT` is a bot's whole stay: attended by one
worker at a time (see :mod:`rejoinder.engine.ownership`), then settled.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from rejoinder.errors import InvalidRequest

BOT = "bot"
"""The job kind of a bot: ``Job(BOT, bot_id)``."""
SETTLE = "settle"
"""The job kind that follows a bot's stay; the engine submits it itself."""

_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,199}")


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work.

    ``id`` is unique within ``kind``: submitting the same once more does nothing, also after it is done. ``args`` must
    be JSON (ids rather than objects). ``not_before``: Unix seconds; None: at once. Raises InvalidRequest.
    """

    kind: str
    id: str
    args: dict[str, Any] = field(default_factory=dict)
    not_before: float | None = None

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise InvalidRequest("kind: expected a lower-case word of at most 40 letters", field="kind")
        if not _ID.fullmatch(self.id):
            raise InvalidRequest("id: expected at most 200 letters, digits or any of _ . : / -", field="id")


class Later(Exception):
    """Raised by a job's handler: run me again in ``delay_s`` seconds. Not a failure, and durable."""

    def __init__(self, delay_s: float) -> None:
        super().__init__(f"again in {delay_s:g} s")
        self.delay_s = max(0.0, delay_s)


JobHandler = Callable[[dict[str, Any]], Awaitable[None]]
"""Does a job, given its ``args``. It may be run more than once, so its effects must bear that. Other exceptions than
Later are failures: it is tried again after a growing pause (:mod:`rejoinder.engine.retry`)."""


class Engine(Protocol):
    """Takes work. Used by whoever has something to be done; the workers are found elsewhere."""

    async def submit(self, job: Job, connection: AsyncConnection) -> None:
        """Write the job down in the caller's transaction: it is done if that commits, and never heard of if not."""
        ...

    async def reschedule(self, kind: str, id: str, not_before: float) -> bool:
        """Move a job that waits for its time (Unix seconds). False: it does not wait (any more)."""
        ...

    async def cancel(self, kind: str, id: str) -> bool:
        """Drop a job that has not begun. False: it has begun, is over or was never submitted."""
        ...

    async def forget(self, kind: str, id: str) -> None:
        """Delete everything that is kept of a job. One that waits is dropped; a bot that runs is fenced."""
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...


class BotWork(Protocol):
    """What a worker does with a bot."""

    async def attend(self, bot_id: str, epoch: int) -> None:
        """The stay in the meeting, from joining to leaving.

        ``epoch`` is the fence: 1 for the first worker, more for each that takes the bot up after another; whatever is
        written of the bot must be refused under an older one. Cancelled when this worker may not run the bot any more
        (taken over, cut off from the database, shutting down): it must then be out of the meeting within 0.3 x
        ``lease_s`` and must not say that the bot is over. An exception ends the stay like a return.
        """
        ...

    async def settle(self, bot_id: str) -> None:
        """What follows the stay. Run at least once per bot, tried again for hours while it raises."""
        ...
