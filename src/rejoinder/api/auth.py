"""``Authorization: Token <key>``, with MeetStream's words for what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Request, Security
from fastapi.security import APIKeyHeader

from rejoinder.api.limits import Authenticator, Limits
from rejoinder.api.observe import ACCOUNT
from rejoinder.errors import NotAuthenticated

_HEADER = APIKeyHeader(
    name="Authorization",
    scheme_name="TokenAuth",
    description="`Token <key>`; make a key with `rejoinder keys create`.",
    auto_error=False,
)

AccountOf = Callable[..., Coroutine[Any, Any, str]]
"""A FastAPI dependency that gives the caller's account."""


def token_of(header: str | None) -> str:
    """The key in an Authorization header. Raises NotAuthenticated if there is none or another scheme's. Pure."""
    scheme, _, token = (header or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "token" or not token:
        raise NotAuthenticated("Authentication credentials were not provided.")
    return token


def authenticator(keys: Authenticator, limits: Limits) -> AccountOf:
    """Who asks, within the limits of how often they may."""

    async def account(request: Request, header: Annotated[str | None, Security(_HEADER)] = None) -> str:
        address = request.client.host if request.client else ""
        name = await limits.authenticate(keys, token_of(header), address)
        request.scope[ACCOUNT] = name
        limits.request(name)
        return name

    return account


def attendee_authenticator(keys: Authenticator, limits: Limits) -> AccountOf:
    """Who asks in Attendee's dialect, where only POSTs are limited."""

    async def account(request: Request, header: Annotated[str | None, Security(_HEADER)] = None) -> str:
        address = request.client.host if request.client else ""
        name = await limits.authenticate(keys, token_of(header), address)
        request.scope[ACCOUNT] = name
        if request.method == "POST":
            limits.post(name)
        return name

    return account


def dialect_teller(keys: Authenticator) -> Callable[[Request], Coroutine[Any, Any, str | None]]:
    """Gives the dialect that a request's key was made for."""

    async def dialect(request: Request) -> str | None:
        return await keys.dialect(token_of(request.headers.get("Authorization")))

    return dialect
