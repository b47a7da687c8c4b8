"""Which ``Host`` this server answers to.

A server on a person's own machine is reached by every web page they open: a page whose name is made to resolve to
127.0.0.1 (DNS rebinding) is then of the same origin as ours. Only the Host header tells it apart.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from rejoinder.settings import Settings

log = structlog.get_logger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PROBES = frozenset({"/healthz", "/readyz"})
"""Asked for by whatever address a container has; they tell nothing."""


def known_hosts(settings: Settings) -> frozenset[str] | None:
    """The host names to answer to, without ports; None: any. Pure.

    A server that is open to a network answers to any name unless the operator lists some.
    """
    listed = {host.lower() for host in settings.allowed_hosts}
    if "*" in listed:
        return None
    private = settings.public_url is None and settings.host in LOOPBACK
    if not private and not listed:
        return None
    own = {settings.host.lower(), urlsplit(settings.base_url).hostname or ""}
    return frozenset(listed | own | LOOPBACK)


def host_of(header: str) -> str:
    """The name or address in a Host header, lower case, without port and brackets; "" if it is none. Pure."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return ""
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return ""
    return parts.hostname or ""


class KnownHosts:
    """Answers 421 to requests for a host that is not ours, and refuses websockets for it."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if self._hosts is None or scope["type"] not in ("http", "websocket") or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        if host_of(host) in self._hosts:
            await self._app(scope, receive, send)
            return
        log.warning("request for an unknown host refused", host=host[:100])
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "unknown host"})
            return
        message = (
            "This server does not answer to that host name. Its operator can set REJOINDER_PUBLIC_URL or "
            "REJOINDER_ALLOWED_HOSTS."
        )
        await JSONResponse({"message": message}, 421)(scope, receive, send)
