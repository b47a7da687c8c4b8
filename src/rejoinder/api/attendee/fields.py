"""Reading values of Attendee's bodies. Pure.

Unlike MeetStream, Attendee takes no field it does not know: each reader here raises InvalidRequest that names the whole
path. ``null`` counts as left out.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from rejoinder.api.meetstream.fields import json_object, typed
from rejoinder.errors import InvalidRequest
from rejoinder.outgoing import parse_url

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LARGEST_BMP = 0xFFFF


def body_of(body: object, known: Collection[str]) -> dict[str, Any]:
    """A body: an object with known fields only."""
    found = json_object(body)
    only(found, known)
    return found


def only(given: Mapping[str, Any], known: Collection[str], path: str = "") -> None:
    """Raises InvalidRequest for the first name that is not ``known``."""
    for name in given:
        if name not in known:
            raise InvalidRequest(f"{path}{name}: there is no such field", field=f"{path}{name}", code="unknown")


def block(body: Mapping[str, Any], name: str, known: Collection[str] | None = None, path: str = "") -> dict[str, Any]:
    """An object; {} if left out."""
    found: dict[str, Any] = typed(dict(body), name, "object", path) or {}
    if known is not None:
        only(found, known, f"{path}{name}.")
    return found


def required(body: Mapping[str, Any], name: str, path: str = "") -> Any:
    """A value that must be there."""
    value = body.get(name)
    if value is None:
        raise InvalidRequest(f"{path}{name} is required", field=f"{path}{name}", code="required")
    return value


def words(body: Mapping[str, Any], name: str, longest: int, path: str = "", *, bmp: bool = False) -> str | None:
    """A string that is not blank, as it was sent; None if left out. ``bmp``: no characters beyond U+FFFF."""
    value = typed(dict(body), name, "string", path)
    if value is None:
        return None
    field = f"{path}{name}"
    if not value.strip():
        raise InvalidRequest(f"{field} must not be blank", field=field)
    if len(value) > longest:
        raise InvalidRequest(f"{field} may have at most {longest} characters", field=field)
    if bmp and any(ord(character) > LARGEST_BMP for character in value):
        raise InvalidRequest(f"{field} must not contain emojis or other characters beyond U+FFFF", field=field)
    return str(value)


def choice(body: Mapping[str, Any], name: str, options: Collection[str], path: str = "") -> str | None:
    """One of ``options``."""
    value = typed(dict(body), name, "string", path)
    if value is not None and value not in options:
        field = f"{path}{name}"
        raise InvalidRequest(f"{field} must be one of {', '.join(sorted(options))}", field=field)
    return value if value is None else str(value)


def flag(body: Mapping[str, Any], name: str, path: str = "") -> bool | None:
    """True or false."""
    value = typed(dict(body), name, "boolean", path)
    return None if value is None else bool(value)


def number(body: Mapping[str, Any], name: str, least: float, most: float, path: str = "") -> float | None:
    """A number between two others, these included."""
    value = body.get(name)
    if value is None:
        return None
    field = f"{path}{name}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(f"{field} must be a number", field=field)
    if not least <= value <= most:
        raise InvalidRequest(f"{field} must be between {least:g} and {most:g}", field=field)
    return float(value)


def url(value: object, field: str, secure: str, plain: str, *, allow_plain: bool) -> str:
    """A URL with the scheme ``secure``, or with ``plain`` on this computer where the settings allow that."""
    if not isinstance(value, str):
        raise InvalidRequest(f"{field} must be a string", field=field)
    parse_url(value, (secure, plain), field)
    parts = urlsplit(value)
    if parts.scheme.lower() != secure and not (allow_plain and parts.hostname in LOOPBACK):
        raise InvalidRequest(f"{field} must start with {secure}://", field=field)
    return value


def time_of(body: Mapping[str, Any], name: str) -> float | None:
    """A time as Unix seconds. Attendee wants a zone with it."""
    value = typed(dict(body), name, "string")
    if value is None:
        return None
    return parse_time(value, name)


def parse_time(value: str, field: str) -> float:
    """An ISO 8601 time as Unix seconds; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{field} must be a time such as 2026-09-01T10:00:00Z", field=field) from None


def data_of(body: Mapping[str, Any], name: str, most: int, path: str = "") -> bytes:
    """Base64 of at most ``most`` bytes."""
    field = f"{path}{name}"
    value = required(body, name, path)
    if not isinstance(value, str):
        raise InvalidRequest(f"{field} must be a string", field=field)
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{field} must be base64", field=field) from None
    if not data:
        raise InvalidRequest(f"{field} must not be empty", field=field)
    if len(data) > most:
        raise InvalidRequest(f"{field} may have at most {most} bytes", field=field, code="too_large")
    return data
