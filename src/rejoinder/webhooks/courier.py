"""Drains a bot's outbox: sends what is pending, in order, and writes down what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from rejoinder.core.records import Delivery
from rejoinder.tasks import Tasks
from rejoinder.webhooks.retry import Outcome, settled
from rejoinder.webhooks.send import TIMEOUT_S

log = structlog.get_logger(__name__)

POLL_S = 1.0
"""How soon webhooks that another process added are seen."""
CLAIM_S = TIMEOUT_S + 5.0
"""How long a claimed delivery is left alone: an attempt takes less. One whose courier died is then sent again."""
LONGEST_BACKOFF_S = 10.0
"""Between attempts to reach a database that is away."""


class Outbox(Protocol):
    """Where webhooks wait. Any call may raise; the courier tries again."""

    async def pending(self, bot_id: str) -> Sequence[Delivery]:
        """What is pending for a bot, by ascending id. Of each URL at least the first."""
        ...

    async def claim(self, delivery: Delivery, until: float) -> bool:
        """Count an attempt (``attempts`` + 1) and set ``next_at`` to ``until``, if the delivery is still pending
        and ``attempts`` is still as given. Whether it was."""
        ...

    async def settle(self, delivery: Delivery) -> None:
        """Keep what became of an attempt, if ``attempts`` is still as given."""
        ...


class Courier:
    """Sends bots' webhooks: each at least once if it can be delivered at all, per URL in the order of their ids.

    The webhooks to one URL wait for each other and for each other's retries; those to different URLs do not. Several
    couriers, in this process or others, may work on one bot: a delivery is claimed before it is sent. One that was
    being sent when its process died is sent again, because nobody knows whether it arrived.
    """

    def __init__(
        self,
        outbox: Outbox,
        send: Callable[[Delivery], Awaitable[Outcome]],
        *,
        clock: Callable[[], float] = time.time,
        poll_s: float = POLL_S,
        claim_s: float = CLAIM_S,
    ) -> None:
        self._outbox = outbox
        self._send = send
        self._clock = clock
        self._poll_s = poll_s
        self._claim_s = claim_s
        self._running: dict[str, set[asyncio.Event]] = {}

    def wake(self, bot_id: str) -> None:
        """Something was added for the bot: look now. To be called on the event loop of :meth:`run`."""
        for woken in self._running.get(bot_id, ()):
            woken.set()

    async def run(self, bot_id: str, live: Callable[[], Awaitable[bool]]) -> None:
        """Send the bot's webhooks until none is pending and ``live`` says that none will come."""
        woken = asyncio.Event()
        running = self._running.setdefault(bot_id, set())
        running.add(woken)
        lanes: dict[str, asyncio.Task[None]] = {}
        tasks = Tasks()
        failures = 0
        try:
            while True:
                woken.clear()
                lanes = {url: task for url, task in lanes.items() if not task.done()}
                try:
                    more = await live()  # asked first: what is added before it says no is still seen
                    pending = await self._outbox.pending(bot_id)
                except Exception as error:
                    failures += 1
                    self._troubled(bot_id, failures, error)
                    await asyncio.sleep(_backoff_s(failures))
                    continue
                failures = 0
                if not pending and not lanes and not more:
                    return
                due_s = self._start(pending, lanes, tasks, woken)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(due_s, self._poll_s)):
                        await woken.wait()
        finally:
            running.discard(woken)
            if not running:
                self._running.pop(bot_id, None)
            await tasks.cancel()

    def _start(
        self,
        pending: Sequence[Delivery],
        lanes: dict[str, asyncio.Task[None]],
        tasks: Tasks,
        woken: asyncio.Event,
    ) -> float:
        """Start the lanes whose first delivery is due. Seconds until the next one will be."""
        queues: dict[str, list[Delivery]] = {}
        for delivery in pending:
            queues.setdefault(delivery.url, []).append(delivery)
        soonest = self._poll_s
        for url, queue in queues.items():
            if url in lanes:
                continue
            if (wait := queue[0].next_at - self._clock()) > 0:
                soonest = min(soonest, wait)
            else:
                lanes[url] = tasks.start(self._lane(queue, woken), f"webhooks of {queue[0].bot_id}")
        return max(soonest, 0.0)

    async def _lane(self, queue: Sequence[Delivery], woken: asyncio.Event) -> None:
        """Send what is due to one URL, one after another, until one has to wait."""
        try:
            for delivery in queue:
                if delivery.next_at > self._clock() or not await self._attempt(delivery):
                    return
        finally:
            woken.set()

    async def _attempt(self, delivery: Delivery) -> bool:
        """Claim, send, settle. Whether the next one's turn has come."""
        try:
            if not await self._outbox.claim(delivery, self._clock() + self._claim_s):
                return False
        except Exception as error:
            self._troubled(delivery.bot_id, 1, error)
            await asyncio.sleep(self._poll_s)
            return False
        claimed = replace(delivery, attempts=delivery.attempts + 1)
        try:
            outcome = await self._send(claimed)
        except Exception as error:  # a delivery must not stop those behind it for ever
            log.error("webhook failed", bot_id=delivery.bot_id, delivery=delivery.id, exc_info=error)
            outcome = Outcome(error=f"sending failed ({type(error).__name__})")
        after = settled(claimed, outcome, self._clock())
        self._report(after)
        await self._settle(after)
        return after.status != "pending"

    async def _settle(self, delivery: Delivery) -> None:
        """Write the result down, however long it takes: otherwise it would be sent again."""
        failures = 0
        while True:
            try:
                return await self._outbox.settle(delivery)
            except Exception as error:
                failures += 1
                self._troubled(delivery.bot_id, failures, error)
                await asyncio.sleep(_backoff_s(failures))

    def _report(self, delivery: Delivery) -> None:
        if delivery.status != "delivered":
            log.warning(
                "webhook not delivered",
                bot_id=delivery.bot_id,
                delivery=delivery.id,
                webhook=delivery.event,
                status=delivery.status,
                attempts=delivery.attempts,
                error=delivery.last_error,
            )

    def _troubled(self, bot_id: str, failures: int, error: Exception) -> None:
        if failures == 1:
            # The text of a database's error may hold the webhook's body.
            log.warning("outbox unavailable", bot_id=bot_id, error=type(error).__name__)


def _backoff_s(failures: int) -> float:
    return min(0.25 * 2.0 ** min(failures - 1, 10), LONGEST_BACKOFF_S)
