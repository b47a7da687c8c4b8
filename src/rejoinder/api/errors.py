"""Every error as ``{"message": ...}`` with MeetStream's status."""

from __future__ import annotations

import math
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from rejoinder.api.observe import route_of
from rejoinder.core.lifecycle import IllegalTransition
from rejoinder.errors import (
    Conflict,
    InvalidRequest,
    MeetingError,
    ModelError,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    NotReady,
    ProviderError,
    RejoinderError,
    Throttled,
    Unavailable,
)

log = structlog.get_logger(__name__)

_STATUSES: tuple[tuple[type[RejoinderError], int], ...] = (
    (InvalidRequest, 400),
    (NotAuthenticated, 401),
    (NotAuthorised, 403),
    (NotFound, 404),
    (Conflict, 409),
    (IllegalTransition, 409),
    (NotReady, 202),
    (Throttled, 429),
    (Unavailable, 503),
    (ModelError, 503),
    (ProviderError, 502),
    (MeetingError, 502),
)
_WORDS = {404: "Not found.", 405: "Method not allowed."}


class BodyTooLarge(InvalidRequest):
    """The request's body has more bytes than the endpoint takes."""


def status_of(error: RejoinderError) -> int:
    """The HTTP status of an error of ours. Pure."""
    if isinstance(error, BodyTooLarge):
        return 413
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def headers_of(error: RejoinderError) -> dict[str, str]:
    """What else an error's answer tells: how to authenticate, when to try again (whole seconds). Pure."""
    if isinstance(error, NotAuthenticated):
        return {"WWW-Authenticate": "Token"}
    if isinstance(error, Throttled):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))}
    return {}


def install(app: FastAPI) -> None:
    """Give ``app`` these errors."""
    app.add_exception_handler(RejoinderError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)


def _answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"message": message}, status_code=status, headers=headers)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RejoinderError)
    status = status_of(error)
    if status >= 500:
        log.warning("request failed", route=route_of(request.scope), status=status, error=str(error))
    return _answer(status, str(error), headers_of(error))


async def _validation(request: Request, error: Exception) -> JSONResponse:
    """A parameter that the framework could not read."""
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return _answer(400, f"{field}: {first['msg']}")


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    message = _WORDS.get(error.status_code, str(error.detail))
    return _answer(error.status_code, message, dict(error.headers) if error.headers else None)
