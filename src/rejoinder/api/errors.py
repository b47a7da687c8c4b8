"""Every error as ``{"message": ...}`` with MeetStream's status, and an ``x-request-id`` on every response."""

from __future__ import annotations

import re
import uuid
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rejoinder.errors import (
    Conflict,
    InvalidRequest,
    MeetingError,
    ModelError,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    ProviderError,
    RejoinderError,
)

log = structlog.get_logger(__name__)

_STATUSES: tuple[tuple[type[RejoinderError], int], ...] = (
    (InvalidRequest, 400),
    (NotAuthenticated, 401),
    (NotAuthorised, 403),
    (NotFound, 404),
    (Conflict, 409),
    (ModelError, 503),
    (ProviderError, 502),
    (MeetingError, 502),
)
_WORDS = {404: "Not found.", 405: "Method not allowed."}
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class BodyTooLarge(InvalidRequest):
    """The request's body has more bytes than the endpoint takes."""


def status_of(error: RejoinderError) -> int:
    """The HTTP status of an error of ours. Pure."""
    if isinstance(error, BodyTooLarge):
        return 413
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def install(app: FastAPI) -> None:
    """Give ``app`` these errors and request ids."""
    app.add_exception_handler(RejoinderError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(RequestIds)


def _answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"message": message}, status_code=status, headers=headers)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RejoinderError)
    status = status_of(error)
    if status >= 500:
        log.warning("request failed", path=request.url.path, status=status, error=str(error))
    return _answer(status, str(error), {"WWW-Authenticate": "Token"} if status == 401 else None)


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


class RequestIds:
    """Names each request, in the response and in every log line, and answers for defects of ours with a 500.

    A caller's own ``x-request-id`` is kept if it is harmless.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex.encode()
        started = False

        async def named(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            try:
                await self._app(scope, receive, named)
            except Exception:
                log.exception("request failed", path=scope["path"])
                if started:
                    raise
                await _answer(500, "Internal server error.")(scope, receive, named)
