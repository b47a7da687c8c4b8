"""Entries on their way to the ledger: in order, through an outage, dropped when another worker has the bot."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import OperationalError

import jumploop
from rejoinder.control.journal import Journal
from rejoinder.control.ledger import Fence
from rejoinder.core.entries import Entry, Noted
from rejoinder.errors import Fenced

FENCE = Fence("w1", 1)


class Book:
    """A ledger that can be away, or another's."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.away = False
        self.fenced = False
        self.tries = 0

    async def write(self, bot_id: str, entries: Sequence[Entry], fence: Fence) -> None:
        self.tries += 1
        if self.fenced:
            raise Fenced("gone")
        if self.away:
            raise OperationalError("", {}, Exception("away"))
        self.written += [entry.event for entry in entries if isinstance(entry, Noted)]


def note(name: str) -> Noted:
    return Noted(name, 0.0, "")


def test_everything_is_written_in_order_and_told() -> None:
    async def scene() -> None:
        book, told = Book(), []
        journal = Journal(book, "b", FENCE, lambda: None, lambda: told.append(len(book.written)))  # type: ignore[arg-type]
        for number in range(450):
            journal.add(note(str(number)))
        assert await journal.flushed(1.0)
        assert book.written == [str(number) for number in range(450)]
        assert told[-1] == 450
        await journal.close()

    jumploop.run(scene())


def test_nothing_is_lost_while_the_database_is_away() -> None:
    async def scene() -> None:
        book = Book()
        book.away = True
        journal = Journal(book, "b", FENCE, lambda: None)  # type: ignore[arg-type]
        journal.add(note("a"))
        assert not await journal.flushed(20.0)
        assert 4 <= book.tries <= 12, "it waits longer and longer"
        journal.add(note("b"))
        book.away = False
        assert await journal.flushed(5.0)
        assert book.written == ["a", "b"]
        await journal.close()

    jumploop.run(scene())


def test_a_fenced_journal_says_so_once_and_drops_the_rest() -> None:
    async def scene() -> None:
        book, fenced = Book(), []
        book.fenced = True
        journal = Journal(book, "b", FENCE, lambda: fenced.append(True))  # type: ignore[arg-type]
        journal.add(note("a"))
        assert await journal.flushed(1.0)
        journal.add(note("b"))
        assert await journal.flushed(1.0)  # nobody waits for what will never be written
        assert fenced == [True]
        assert book.written == []
        await journal.close()

    jumploop.run(scene())
