"""The operator's STUN and TURN servers in the shape browsers want."""

from __future__ import annotations

from collections.abc import Iterable

from rejoinder.errors import InvalidRequest
from rejoinder.room.wire import JsonObject

_SCHEMES = ("stun", "stuns", "turn", "turns")


def ice_servers(urls: Iterable[str]) -> list[JsonObject]:
    """``RTCIceServer`` objects for URLs such as ``stun:host:3478`` or ``turn:user:secret@host:3478?transport=tcp``.

    RFC 7065 leaves credentials out of TURN URIs, and browsers want them apart; operators give one string. The secret
    is everything between the first colon of the user part and the last ``@``. Raises :class:`InvalidRequest`.
    """
    return [_server(url.strip()) for url in urls if url.strip()]


def _server(url: str) -> JsonObject:
    scheme, colon, rest = url.partition(":")
    if not colon or scheme not in _SCHEMES or not rest or rest.startswith("//"):
        raise InvalidRequest(
            f"An ICE server starts with one of {', '.join(f'{s}:' for s in _SCHEMES)} followed by a host.",
            field="ice_servers",
        )
    credentials, at, address = rest.rpartition("@")
    if not at:
        if scheme.startswith("turn"):
            raise InvalidRequest(
                "A TURN server needs a user and a secret: turn:user:secret@host:3478.", field="ice_servers"
            )
        return {"urls": [url]}
    user, _, secret = credentials.partition(":")
    if not (address and user and secret):
        raise InvalidRequest(
            "An ICE server with credentials has the form turn:user:secret@host:3478.", field="ice_servers"
        )
    return {"urls": [f"{scheme}:{address}"], "username": user, "credential": secret}
