"""Attendee's errors: ``{"field": ["what is wrong"]}`` for fields, ``{"error": ...}`` for everything else."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from rejoinder.api.context import Json
from rejoinder.api.errors import headers_of, status_of
from rejoinder.api.observe import route_of
from rejoinder.errors import InvalidRequest, NotAuthorised, NotReady, RejoinderError, Throttled

log = structlog.get_logger(__name__)

FIELD_NAMES = {"meeting_link": "meeting_url"}
"""Our names of fields in errors of other layers, in Attendee's words."""
_DETAIL = frozenset({401, 404, 405, 429})
"""Statuses whose text clients of the Django REST framework look for in ``detail``."""


class FieldErrors(RejoinderError):
    """Some fields of a body cannot be taken: what is wrong with each, by top-level name."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(fields.values()))
        self.fields = dict(fields)


def answer_of(error: RejoinderError) -> tuple[int, dict[str, Any]]:
    """Status and body for an error. What a bot's state does not allow is 400 here. Pure."""
    if isinstance(error, FieldErrors):
        return 400, {name: [message] for name, message in error.fields.items()}
    status = status_of(error)
    if isinstance(error, NotAuthorised):
        status = 401
    elif isinstance(error, NotReady):
        status = 404
    elif status in (409, 502):
        status = 400
    if isinstance(error, InvalidRequest) and error.field is not None and status == 400:
        top = error.field.replace("[", ".").split(".")[0]
        return 400, {FIELD_NAMES.get(top, top): [renamed(str(error))]}
    return status, said(status, str(error))


def renamed(message: str) -> str:
    """A message with our names of fields in Attendee's words. Pure."""
    for ours, theirs in FIELD_NAMES.items():
        message = message.replace(ours, theirs)
    return message


def said(status: int, message: str) -> dict[str, Any]:
    """An error that is about no field. Pure."""
    body = {"error": message}
    return body | {"detail": message} if status in _DETAIL else body


async def answered(request: Request, call: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    """What ``call`` answers, errors in Attendee's form."""
    try:
        return await call(request)
    except RejoinderError as error:
        status, body = answer_of(error)
        if status >= 500:
            log.warning("request failed", route=route_of(request.scope), status=status, error=str(error))
        headers = headers_of(error)
        if isinstance(error, Throttled):
            body["detail"] = f"{error} Expected available in {headers['Retry-After']} seconds."
        return Json(body, status, headers)
    except RequestValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        return Json({name: [str(first["msg"])]}, 400)
    except HTTPException as error:
        return Json(said(error.status_code, str(error.detail)), error.status_code, dict(error.headers or {}))


class AttendeeRoute(APIRoute):
    """A route of Attendee's dialect."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with errors in Attendee's form."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await answered(request, handle)

        return handler
