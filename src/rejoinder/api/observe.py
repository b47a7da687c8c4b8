"""Each request as a log line, a figure and a span, under one id.

Only the route's template is told, never the path: paths carry signed links and the names of rooms.
"""

from __future__ import annotations

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rejoinder import metrics, tracing

log = structlog.get_logger(__name__)

ACCOUNT = "rejoinder.account"
"""Where authentication leaves the account in the ASGI scope."""
NO_ROUTE = "none"

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked for every few seconds by machines."""


def route_of(scope: Scope) -> str:
    """The template of the route that a request met, such as ``/api/v1/bots/{bot_id}/status``."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else NO_ROUTE


class Observed:
    """Names each request, in the response (``x-request-id``) and in every log line, and answers for defects of ours
    with a 500.

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
        status = 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "other"
        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            with tracing.request(method, Headers(scope=scope)) as span:
                try:
                    await self._app(scope, receive, named)
                except Exception:
                    log.exception("request failed", route=route_of(scope))
                    if status:
                        raise
                    await JSONResponse({"message": "Internal server error."}, 500)(scope, receive, named)
                finally:
                    _tell(scope, method, status, time.perf_counter() - began, span)


def _tell(scope: Scope, method: str, status: int, seconds: float, span: tracing.Span | None) -> None:
    route = route_of(scope)
    metrics.REQUESTS.labels(method, route, str(status)).inc()
    metrics.REQUEST_SECONDS.labels(method, route).observe(seconds)
    if span is not None:
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", status)
    say = log.debug if route in _QUIET else log.info
    say(
        "request",
        method=method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
        account=scope.get(ACCOUNT),
    )
