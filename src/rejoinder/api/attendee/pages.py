"""Cursor pagination in Attendee's form: ``{next, previous, results}`` with 25 rows. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from rejoinder.errors import InvalidRequest

SIZE = 25
MAX_CURSOR_CHARS = 400


@dataclass(frozen=True, slots=True)
class Here:
    """The URL a page was asked for at, without its query, and the query without the cursor."""

    url: str
    query: tuple[tuple[str, str], ...]

    def at(self, cursor: str | None) -> str | None:
        """The URL of another page."""
        return None if cursor is None else f"{self.url}?{urlencode([*self.query, ('cursor', cursor)])}"


def here(base_url: str, path: str, query: Iterable[tuple[str, str]]) -> Here:
    """Where a request stands."""
    return Here(base_url + path, tuple((name, value) for name, value in query if name != "cursor"))


def page(results: Sequence[Any], place: Here, after: str | None, before: str | None) -> dict[str, Any]:
    """One page; ``after`` and ``before``: the cursors of its neighbours."""
    return {"next": place.at(after), "previous": place.at(before), "results": list(results)}


def of_list(rows: Sequence[Any], cursor: str | None, place: Here) -> dict[str, Any]:
    """One page of rows that are all known. Rows are only added at their end, so a cursor may be a place among them.
    Raises InvalidRequest for a cursor that is none of ours."""
    first = 0
    if cursor:
        kind, value = unpack(cursor)
        if kind != "o" or not value.isdecimal():
            raise _bad()
        first = int(value)
    after = pack("o", str(first + SIZE)) if first + SIZE < len(rows) else None
    before = pack("o", str(max(0, first - SIZE))) if first > 0 else None
    return page(rows[first : first + SIZE], place, after, before)


Kind = Literal["o", "n", "p"]
"""An offset; after a bot; before a bot."""


def pack(kind: Kind, value: str) -> str:
    """A cursor."""
    return base64.urlsafe_b64encode(f"{kind}|{value}".encode()).decode().rstrip("=")


def unpack(cursor: str) -> tuple[str, str]:
    """What a cursor says. Raises InvalidRequest."""
    if len(cursor) > MAX_CURSOR_CHARS:
        raise _bad()
    try:
        kind, _, value = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition("|")
    except (binascii.Error, ValueError):
        raise _bad() from None
    if kind not in ("o", "n", "p") or not value:
        raise _bad()
    return kind, value


def _bad() -> InvalidRequest:
    return InvalidRequest("cursor: expected one of an earlier page", field="cursor")
