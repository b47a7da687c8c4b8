"""``Authorization: Token <key>``, with MeetStream's words for what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Security
from fastapi.security import APIKeyHeader

from rejoinder.control.keys import KeyStore
from rejoinder.errors import NotAuthenticated

_HEADER = APIKeyHeader(
    name="Authorization",
    scheme_name="TokenAuth",
    description="`Token <key>`; make a key with `rejoinder keys create`.",
    auto_error=False,
)


def token_of(header: str | None) -> str:
    """The key in an Authorization header. Raises NotAuthenticated if there is none or another scheme's. Pure."""
    scheme, _, token = (header or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "token" or not token:
        raise NotAuthenticated("Authentication credentials were not provided.")
    return token


def authenticator(keys: KeyStore) -> Callable[..., Coroutine[Any, Any, str]]:
    """A FastAPI dependency that gives the caller's account."""

    async def account(header: Annotated[str | None, Security(_HEADER)] = None) -> str:
        return keys.authenticate(token_of(header))

    return account
