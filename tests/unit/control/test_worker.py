"""How long a bot's couriers stay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import signature
from pathlib import Path
from unittest.mock import MagicMock

from house import HOOK, House, play

from rejoinder.control.ledger import DELIVER
from rejoinder.control.worker import Work
from rejoinder.core.entries import Reached
from rejoinder.core.lifecycle import Moment


class AskingCourier:
    """Asks once whether more will come."""

    def __init__(self) -> None:
        self.stays: list[bool] = []

    async def run(self, bot_id: str, live: Callable[[], Awaitable[bool]]) -> None:
        self.stays.append(await live())


def test_a_courier_stays_from_the_take_up_until_the_next_one_or_the_end(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            courier = AskingCourier()
            given = {"database": house.database, "ledger": house.ledger, "spool": house.spool, "cleaner": house.cleaner}
            others = {name: MagicMock() for name in signature(Work).parameters if name not in given}
            work = Work(**given, **{**others, "courier": courier})
            bot = await house.bot(callback_url=HOOK, join_at=4e9)
            jobs = house.engine.jobs

            async def deliver(name: str) -> bool:
                await work.handlers[DELIVER](jobs[(DELIVER, f"{bot}:{name}")].args)
                return courier.stays[-1]

            # Sends "bot.scheduled" and goes: nobody has taken the bot up.
            (early,) = [name for kind, name in jobs if kind == DELIVER]
            assert not await deliver(early.partition(":")[2])
            # Stays although the bot has not taken its first step yet.
            await house.ledger.take_up(bot, await house.own(bot, epoch=1))
            assert await deliver("1")
            await house.ledger.take_up(bot, await house.own(bot, "w2", epoch=2))
            assert not await deliver("1")
            assert await deliver("2")
            steps = (Moment.JOINING, Moment.IN_MEETING, Moment.STOPPED, Moment.DONE)
            await house.ledger.write(bot, [Reached(moment, 1000.0) for moment in steps])
            assert not await deliver("2")

    play(scene())
