"""An outbox in memory, and a receiver that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rejoinder.core.records import Delivery
from rejoinder.webhooks.retry import Outcome


class Away(Exception):
    """The database does not answer."""


@dataclass
class MemoryOutbox:
    """``away``: which calls fail now."""

    rows: dict[int, Delivery] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    reads: int = 0

    def add(self, url: str, *, bot_id: str = "b1", retries: int = 0, next_at: float = 0.0) -> int:
        id = len(self.rows) + 1
        self.rows[id] = Delivery(id, bot_id, url, "bot.done", b"{}", retries, 0.0, next_at=next_at)
        return id

    async def pending(self, bot_id: str) -> Sequence[Delivery]:
        self._check("pending")
        self.reads += 1
        return [row for _, row in sorted(self.rows.items()) if row.bot_id == bot_id and row.status == "pending"]

    async def claim(self, delivery: Delivery, until: float) -> bool:
        self._check("claim")
        row = self.rows[delivery.id]
        if row.status != "pending" or row.attempts != delivery.attempts:
            return False
        self.rows[row.id] = replace(row, attempts=row.attempts + 1, next_at=until)
        return True

    async def settle(self, delivery: Delivery) -> None:
        self._check("settle")
        if self.rows[delivery.id].attempts == delivery.attempts:
            self.rows[delivery.id] = delivery

    def statuses(self) -> list[str]:
        return [row.status for _, row in sorted(self.rows.items())]

    def _check(self, call: str) -> None:
        if call in self.away:
            raise Away(call)


@dataclass
class Receiver:
    """``answer`` says what comes of a delivery; ``begun`` and ``sent`` are the ids in the order they came."""

    answer: Callable[[Delivery], Outcome] = lambda delivery: Outcome(200)
    takes_s: float = 0.0
    begun: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def send(self, delivery: Delivery) -> Outcome:
        self.begun.append(delivery.id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.at_once -= 1
        self.sent.append(delivery.id)
        return self.answer(delivery)
