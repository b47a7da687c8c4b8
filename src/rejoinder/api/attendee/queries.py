"""The query of Attendee's list of bots, read into our terms. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rejoinder.api.attendee.fields import parse_time
from rejoinder.api.attendee.pages import SIZE, unpack
from rejoinder.api.body import check_text
from rejoinder.control.service import ListQuery, Place
from rejoinder.core.attendee import STATES
from rejoinder.core.bot import BotStatus
from rejoinder.errors import InvalidRequest

MAX_CHARS = 2048
S = BotStatus
PLACES: Mapping[str, Sequence[Place]] = {
    "scheduled": [Place(S.SCHEDULED)],
    "joining": [Place(S.JOINING)],
    "waiting_room": [Place(S.IN_WAITING_ROOM)],
    "joined_not_recording": [Place(S.IN_MEETING)],
    "joined_recording": [Place(S.RECORDING, "on")],
    "joined_recording_paused": [Place(S.RECORDING, "paused")],
    "leaving": [Place(S.LEAVING)],
    "post_processing": [Place(S.STOPPED), Place(S.MEDIA_PROCESSING)],
    "ended": [Place(S.DONE), Place(S.CANCELLED)],
    "fatal_error": [Place(S.NOT_ALLOWED), Place(S.DENIED), Place(S.FAILED)],
    "data_deleted": [Place(S.MEDIA_EXPIRED)],
}
"""Where to look for bots in a state; our bots are in no other for longer than a moment."""


def parse_list(items: Iterable[tuple[str, str]]) -> ListQuery:
    """Read the query; unknown parameters are passed over. Raises InvalidRequest."""
    given: dict[str, str] = {}
    states: list[str] = []
    for name, value in items:
        check_text(value, name)
        if len(value) > MAX_CHARS:
            raise InvalidRequest(f"{name} may have at most {MAX_CHARS} characters", field=name)
        if name == "states":
            states += [state.strip() for state in value.split(",") if state.strip()]
        elif value:
            given[name] = value
    for state in states:
        if state not in STATES:
            raise InvalidRequest(f"states may have {', '.join(sorted(STATES))}", field="states")
    places = tuple(place for state in states for place in PLACES.get(state, ())) if states else None
    kind, cursor = unpack(given["cursor"]) if "cursor" in given else (None, None)
    if kind == "o":
        raise InvalidRequest("cursor: expected one of an earlier page", field="cursor")
    return ListQuery(
        cursor=cursor,
        limit=SIZE,
        backwards=kind == "p",
        meeting_link=given.get("meeting_url"),
        deduplication_key=given.get("deduplication_key"),
        join_from=_time(given, "join_at_after"),
        join_to=_time(given, "join_at_before"),
        places=places,
    )


def _time(given: Mapping[str, str], name: str) -> float | None:
    return parse_time(given[name], name) if name in given else None
