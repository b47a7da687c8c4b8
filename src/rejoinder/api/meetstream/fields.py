"""Reading one value out of a JSON body that strangers send. Pure.

Each reader takes the object, the field's name and the path that leads to it, gives None for a value that is left out or
``null``, and raises InvalidRequest that names the whole path for one that cannot be taken.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from rejoinder.errors import InvalidRequest
from rejoinder.outgoing import parse_url

MAX_LINK_CHARS = 2048
MAX_DEPTH = 64
"""How deep a body's objects and arrays may be nested; ours go six deep."""

_TYPES: dict[str, tuple[type, str]] = {
    "string": (str, "a string"),
    "boolean": (bool, "true or false"),
    "integer": (int, "a whole number"),
    "object": (dict, "an object"),
    "array": (list, "an array"),
}


def typed(body: dict[str, Any], name: str, kind: str, path: str = "") -> Any:
    """``body[name]`` of the JSON type ``kind``."""
    value = body.get(name)
    wanted, words = _TYPES[kind]
    wrong = not isinstance(value, wanted) or (kind == "integer" and isinstance(value, bool))
    if value is not None and wrong:
        raise InvalidRequest(f"{path}{name} must be {words}", field=f"{path}{name}")
    return value


def text(body: dict[str, Any], name: str, longest: int, path: str = "") -> str | None:
    """A string without the space around it; None if blank, which some clients send for "none"."""
    value = (typed(body, name, "string", path) or "").strip()
    if len(value) > longest:
        raise InvalidRequest(f"{path}{name} may have at most {longest} characters", field=f"{path}{name}")
    return value or None


def link(body: dict[str, Any], name: str, schemes: Collection[str] = ("https", "http"), path: str = "") -> str | None:
    """A URL with one of ``schemes``; None if blank."""
    value = text(body, name, MAX_LINK_CHARS, path)
    if value is not None:
        parse_url(value, schemes, f"{path}{name}")
    return value


def whole(body: dict[str, Any], name: str, least: int, most: int, path: str = "") -> int | None:
    """A whole number between two others."""
    value = typed(body, name, "integer", path)
    if value is not None and not least <= value <= most:
        raise InvalidRequest(f"{path}{name} must be between {least} and {most}", field=f"{path}{name}")
    return None if value is None else int(value)


def seconds(body: dict[str, Any], name: str, path: str = "") -> float | None:
    """A length of time above 0."""
    value = body.get(name)
    if value is None:
        return None
    wrong = isinstance(value, bool) or not isinstance(value, int | float)
    if wrong or not 0 < value < float("inf"):
        raise InvalidRequest(f"{path}{name} must be a number of seconds above 0", field=f"{path}{name}")
    return float(value)


def json_object(body: object) -> dict[str, Any]:
    """The body itself: an object of which every part can be stored and sent on as JSON."""
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    todo: list[tuple[Any, str, int]] = [(body, "", 0)]
    while todo:
        value, path, depth = todo.pop()
        if depth > MAX_DEPTH:
            raise InvalidRequest(f"{_top(path)} is nested too deeply", field=_top(path))
        if isinstance(value, dict):
            for key, inner in value.items():
                where = f"{path}.{key}" if path else str(key)
                if not _storable(key):
                    raise InvalidRequest("a field's name contains characters that cannot be stored", field=path or None)
                todo.append((inner, where, depth + 1))
        elif isinstance(value, list):
            todo += [(inner, f"{path}[{place}]", depth + 1) for place, inner in enumerate(value)]
        elif not _storable(value):
            raise InvalidRequest(f"{path[:200]} contains a value that cannot be stored", field=path[:200])
    return body


def _storable(value: object) -> bool:
    """PostgreSQL stores no NUL character, UTF-8 has no lone surrogates, and JSON no infinite numbers. Whole numbers
    are those of 64 bits, the range in which everybody's JSON agrees."""
    if isinstance(value, str):
        return "\0" not in value and (value.isascii() or _encodable(value))
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, bool) or value is None:
        return True
    return isinstance(value, int) and -(2**63) <= value < 2**64


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _top(path: str) -> str:
    return path.replace("[", ".").split(".")[0]
