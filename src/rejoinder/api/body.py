"""JSON bodies of bounded size, depth and content."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Request

from rejoinder.api.errors import BodyTooLarge
from rejoinder.errors import InvalidRequest

MAX_CREATE_BYTES = 2**20
"""Of a create call; MeetStream publishes no limit."""
MAX_BODY_BYTES = 2**17
"""Of any other call."""
MAX_DEPTH = 64
"""Of objects and arrays in one another; far below what the database's JSON writer can recurse."""


async def read_json(request: Request, limit: int = MAX_BODY_BYTES) -> Any:
    """A JSON body of at most ``limit`` bytes. Raises BodyTooLarge or InvalidRequest."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(f"The body may have at most {limit} bytes.", code="too_large")
    if not body:
        raise InvalidRequest("The body is empty; a JSON object is expected.")
    return parse_json(bytes(body))


def parse_json(body: bytes) -> Any:
    """What a JSON text says. Raises InvalidRequest, also for what no database column can hold. Pure."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}", code="invalid_json") from None
    check_json(data)
    return data


def check_json(data: Any, field: str = "The body") -> None:
    """Raises InvalidRequest for NUL characters (PostgreSQL stores none) and endless nesting. Pure."""
    waiting: list[tuple[Any, int]] = [(data, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise InvalidRequest(f"{field} is nested more than {MAX_DEPTH} levels deep.")
        if isinstance(value, str):
            check_text(value, field)
        elif isinstance(value, dict):
            waiting.extend((part, depth + 1) for pair in value.items() for part in pair)
        elif isinstance(value, list):
            waiting.extend((part, depth + 1) for part in value)


def check_text(text: str, field: str = "The body") -> None:
    """Raises InvalidRequest if ``text`` has a NUL character. Pure."""
    if "\0" in text:
        raise InvalidRequest(f"{field} must not contain NUL characters.", field=field)
