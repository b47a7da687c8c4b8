"""Finding bots, on every kind of database."""

from __future__ import annotations

import asyncio
from typing import Any

from rejoinder.control.reading import Reading, cursor_of
from rejoinder.control.service import ListQuery
from rejoinder.core.bot import Bot, BotConfig, BotStatus
from rejoinder.storage import tables as t
from rejoinder.storage.database import Database
from rejoinder.storage.rows import attribute_rows, bot_row


def bot(number: int, at: float) -> Bot:
    attributes: dict[str, Any] = {"n": number, "even": number % 2 == 0, "word": f"w{number % 3}", "none": None}
    if number % 2:
        attributes["odd"] = {"a": "ä", "b": [1, True]}
    made = Bot(f"bot-{number}", "acme", BotConfig("http://room/x", custom_attributes=attributes), at, updated_at=at)
    made.status = BotStatus.DONE if number < 6 else BotStatus.RECORDING
    return made


def test_bots_are_found_and_paged(url: str) -> None:
    async def scene() -> None:
        database = Database(url)
        # Three of each time: the page's end falls between bots of the same moment.
        bots = [bot(number, 1000.0 + number // 3) for number in range(10)]
        async with database.begin() as connection:
            await connection.run_sync(t.metadata.create_all)
            await connection.execute(t.bots.insert(), [{**bot_row(each), "told": {}} for each in bots])
            for each in bots:
                rows = attribute_rows(each.id, each.account, each.created_at, each.config.custom_attributes)
                await connection.execute(t.attributes.insert(), rows)
        reading = Reading(database)

        async def found(**query: Any) -> list[str]:
            return [each.id[4:] for each in (await reading.list("acme", ListQuery(**query))).bots]

        seen: list[str] = []
        cursor = None
        while True:
            page = await reading.list("acme", ListQuery(limit=2, cursor=cursor))
            seen += [each.id[4:] for each in page.bots]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == [str(number) for number in range(9, -1, -1)]
        assert await found(attributes={"n": 4}) == await found(attributes={"n": 4.0}) == ["4"]
        assert await found(attributes={"n": "4"}) == []
        assert await found(attributes={"even": True, "word": "w0"}) == ["6", "0"]
        assert len(await found(attributes={"none": None})) == 10
        assert await found(attributes={"odd": {"b": [1, True], "a": "ä"}}) == ["9", "7", "5", "3", "1"]
        assert await found(attributes={"odd": {"b": [1, 1], "a": "ä"}}) == []
        assert await found(attributes={"even": True, "word": "w0"}, status=BotStatus.RECORDING) == ["6"]
        assert await found(attributes={"word": "w0"}, created_from=1001.0, created_to=1003.0) == ["6", "3"]
        first = await reading.list("acme", ListQuery(attributes={"word": "w0"}, limit=2))
        assert [each.id[4:] for each in first.bots] == ["9", "6"]
        assert await found(attributes={"word": "w0"}, cursor=first.next_cursor) == ["3", "0"]
        before = cursor_of(bots[0])
        assert await found(attributes={"word": "w0"}, cursor=before, backwards=True, limit=2) == ["6", "3"]
        assert (await reading.list("other", ListQuery(attributes={"n": 4}))).bots == []
        assert await found(attributes={"missing": None}) == []
        assert await found(status=BotStatus.RECORDING) == ["9", "8", "7", "6"]
        assert await found(created_from=1002.0, created_to=1003.0) == ["8", "7", "6"]
        assert (await reading.list("other", ListQuery())).bots == []
        await database.close()

    asyncio.run(scene())
