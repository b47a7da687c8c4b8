"""The webhooks that are to be sent, in the database (:class:`rejoinder.webhooks.courier.Outbox`)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rejoinder.core.records import Delivery
from rejoinder.errors import NotFound
from rejoinder.storage.database import Database
from rejoinder.storage.rows import delivery_of
from rejoinder.storage.tables import deliveries

AHEAD = 20
"""Of each URL so many pending webhooks are read at a time; a receiver that is away must not fill the memory."""
MAX_URL_CHARS = 2048
MAX_BODY_BYTES = 2**20

_COLUMNS = tuple(
    deliveries.c[name]
    for name in (
        "id",
        "bot_id",
        "url",
        "event",
        "body",
        "retries",
        "created_at",
        "status",
        "attempts",
        "next_at",
        "last_error",
        "last_status",
        "delivered_at",
    )
)


class SqlOutbox:
    """Webhooks of all bots. Times are Unix seconds of the caller's clock; hosts' clocks should agree to a second."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        connection: AsyncConnection,
        *,
        bot_id: str,
        account: str,
        url: str,
        event: str,
        body: bytes,
        retries: int,
        at: float,
    ) -> int:
        """Add a webhook in the caller's transaction, to be sent from ``at`` on. Its id.

        Ids give the order. Two transactions that add for one bot at the same time must take turns (a lock on the
        bot's row does), or the later id may be seen and sent first.
        """
        if len(url) > MAX_URL_CHARS or len(body) > MAX_BODY_BYTES:
            raise ValueError("the webhook is too large")
        result = await connection.execute(
            insert(deliveries)
            .values(
                bot_id=bot_id,
                account=account,
                url=url,
                event=event,
                body=body,
                retries=retries,
                created_at=at,
                status="pending",
                attempts=0,
                next_at=at,
            )
            .returning(deliveries.c.id)
        )
        return int(result.scalar_one())

    async def pending(self, bot_id: str) -> Sequence[Delivery]:
        """What is pending for a bot, by ascending id; of each URL the first 20."""
        place = func.row_number().over(partition_by=deliveries.c.url, order_by=deliveries.c.id).label("place")
        ranked = (
            select(deliveries.c.id, place)
            .where(deliveries.c.bot_id == bot_id, deliveries.c.status == "pending")
            .subquery()
        )
        wanted = select(ranked.c.id).where(ranked.c.place <= AHEAD)
        async with self._database.read() as connection:
            found = await connection.execute(
                select(*_COLUMNS).where(deliveries.c.id.in_(wanted)).order_by(deliveries.c.id)
            )
            return [delivery_of(row) for row in found]

    async def claim(self, delivery: Delivery, until: float) -> bool:
        """Count an attempt, if the delivery is pending and as it was read; nobody else sends it before ``until``."""
        async with self._database.begin() as connection:
            result = await connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.id == delivery.id,
                    deliveries.c.status == "pending",
                    deliveries.c.attempts == delivery.attempts,
                    # Asking for a webhook again sets its attempts back; what was read before must not claim it.
                    deliveries.c.next_at == delivery.next_at,
                )
                .values(attempts=delivery.attempts + 1, next_at=until)
            )
            return result.rowcount == 1

    async def settle(self, delivery: Delivery) -> None:
        """Keep what became of an attempt, unless somebody else has made another since."""
        async with self._database.begin() as connection:
            await connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.id == delivery.id,
                    deliveries.c.status == "pending",
                    deliveries.c.attempts == delivery.attempts,
                )
                .values(
                    status=delivery.status,
                    next_at=delivery.next_at,
                    last_error=delivery.last_error,
                    last_status=delivery.last_status,
                    delivered_at=delivery.delivered_at,
                )
            )

    async def list(self, bot_id: str) -> Sequence[Delivery]:
        """All webhooks of a bot, by ascending id."""
        async with self._database.read() as connection:
            found = await connection.execute(
                select(*_COLUMNS).where(deliveries.c.bot_id == bot_id).order_by(deliveries.c.id)
            )
            return [delivery_of(row) for row in found]

    async def requeue(self, bot_id: str, delivery_id: int, at: float) -> Delivery:
        """Send a webhook again from ``at`` on, whatever became of it, with all its tries. Raises NotFound."""
        async with self._database.begin() as connection:
            result = await connection.execute(
                update(deliveries)
                .where(deliveries.c.id == delivery_id, deliveries.c.bot_id == bot_id)
                .values(status="pending", attempts=0, next_at=at, delivered_at=None)
                .returning(*_COLUMNS)
            )
            row = result.one_or_none()
        if row is None:
            raise NotFound("Webhook delivery not found.")
        return delivery_of(row)
