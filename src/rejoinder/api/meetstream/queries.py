"""The query of ``GET /bots`` and of transcripts, read into our terms. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import orjson

from rejoinder.api.body import check_json, check_text
from rejoinder.control.service import MAX_PAGE, ListQuery
from rejoinder.core.bot import BotStatus
from rejoinder.errors import InvalidRequest

PLATFORMS = ("GMeet", "Zoom", "Teams", "Room")
DEFAULT_PAGE = 50
MAX_ATTRIBUTES = 10
MAX_CHARS = 1000
"""Of one value."""

TranscriptFormat = Literal["json", "vtt", "srt", "txt", "md"]
FORMATS: tuple[str, ...] = get_args(TranscriptFormat)

_ATTRIBUTE = re.compile(r"custom_attr\[(.{1,200})\]", re.DOTALL)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_STATUSES = {status.value.lower(): status for status in BotStatus} | {"error": BotStatus.FAILED}
"""MeetStream itself writes a failed bot's status as Error, Failed or FAILED."""


def parse_list(items: Iterable[tuple[str, str]]) -> ListQuery:
    """Read the query of a list call; unknown parameters and empty values count as left out. Raises InvalidRequest."""
    attributes: dict[str, Any] = {}
    given: dict[str, str] = {}
    for name, value in items:
        check_text(name, "The query")
        check_text(value, "The query")
        if len(value) > MAX_CHARS:
            raise InvalidRequest("A query parameter may have at most 1000 characters.")
        if (match := _ATTRIBUTE.fullmatch(name)) is not None:
            attributes[match.group(1)] = _json_or_text(value)
        elif value:
            given[name] = value
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidRequest(f"At most {MAX_ATTRIBUTES} custom_attr filters are taken.", field="custom_attr")
    return ListQuery(
        status=_status(given.get("status")),
        platform=_platform(given.get("platform")),
        created_from=_day(given.get("from"), "from"),
        created_to=_day(given.get("to"), "to", after=True),
        attributes=attributes,
        cursor=given.get("cursor"),
        limit=_limit(given.get("limit")),
    )


def transcript_form(raw: str | None, form: str | None) -> tuple[bool, str]:
    """What ``raw`` and ``format`` ask for: whether the raw shape, and one of :data:`FORMATS`.

    Clients write true as "true" and "True". Raises InvalidRequest.
    """
    wanted = (form or "json").lower()
    if wanted not in FORMATS:
        raise InvalidRequest(f"format must be one of {', '.join(FORMATS)}", field="format")
    flag = (raw or "false").lower()
    if flag not in ("true", "false", "1", "0"):
        raise InvalidRequest("raw must be true or false", field="raw")
    return flag in ("true", "1"), wanted


def _json_or_text(value: str) -> Any:
    """Filters are JSON; what is none is taken as a string, so that nobody has to quote plain words."""
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    check_json(parsed, "custom_attr")
    return parsed


def _status(text: str | None) -> BotStatus | None:
    if text is None:
        return None
    status = _STATUSES.get(text.lower())
    if status is None:
        known = ", ".join(status.value for status in BotStatus)
        raise InvalidRequest(f"status must be one of {known}", field="status")
    return status


def _platform(text: str | None) -> str | None:
    if text is None:
        return None
    for platform in PLATFORMS:
        if platform.lower() == text.lower():
            return platform
    raise InvalidRequest(f"platform must be one of {', '.join(PLATFORMS)}", field="platform")


def _day(text: str | None, field: str, *, after: bool = False) -> float | None:
    """A day (UTC) or an exact time. ``after``: the day itself is still included."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        if after and _DATE.fullmatch(text):
            at += timedelta(days=1)
        return at.timestamp()
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{field} must be a date: YYYY-MM-DD", field=field) from None


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_PAGE:
        raise InvalidRequest(f"limit must be a number from 1 to {MAX_PAGE}", field="limit")
    return int(text)
