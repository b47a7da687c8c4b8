"""Whose API a request to ``GET /api/v1/bots`` speaks: the one call that both MeetStream and Attendee have. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rejoinder.errors import InvalidRequest

HEADER = "X-Rejoinder-Dialect"
Dialect = Literal["meetstream", "attendee"]
DIALECTS: tuple[Dialect, ...] = ("meetstream", "attendee")
MEETSTREAM_QUERY = frozenset({"status", "platform", "from", "to", "limit", "custom_attr"})
ATTENDEE_QUERY = frozenset({"meeting_url", "deduplication_key", "states", "join_at_after", "join_at_before"})
"""Parameters that only one of them documents."""


def told(header: str | None, names: Iterable[str]) -> Dialect | None:
    """The dialect a request tells by itself: by the header, else by its query. None: neither, or both queries.

    Raises InvalidRequest for a header with another word.
    """
    if header is not None:
        word = header.strip().lower()
        if word not in DIALECTS:
            raise InvalidRequest(f"{HEADER} must be one of {', '.join(DIALECTS)}", field=HEADER)
        return word
    given = {name.partition("[")[0] for name in names}
    ours, theirs = given & MEETSTREAM_QUERY, given & ATTENDEE_QUERY
    if bool(ours) == bool(theirs):
        return None
    return "meetstream" if ours else "attendee"
