"""API keys: made here, shown once, kept only as hashes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

from pydantic import SecretStr
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from rejoinder.errors import InvalidRequest, NotAuthorised, NotFound, Unavailable
from rejoinder.storage.database import Database
from rejoinder.storage.tables import keys

PREFIX = "rj_"
SECRET_BYTES = 32
"""256 random bits: a plain SHA-256 is enough, as there is nothing to guess (unlike a password's few bits)."""
DEFAULT_ACCOUNT = "default"
DIALECTS = ("meetstream", "attendee")
"""Whose API a key's owner speaks; the first where nobody says."""
LONGEST_NAME = 200
LONGEST_TOKEN = 1024


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key. ``sha256``: hex digest of the whole key; ``created_at``: Unix seconds."""

    name: str
    account: str
    sha256: str
    created_at: float
    dialect: str | None = None


class Keys:
    """The keys in the database, and optionally one more from the settings.

    What another process makes or removes holds at once. Every method raises Unavailable when the database does not
    answer.
    """

    def __init__(self, database: Database, api_key: SecretStr | None = None) -> None:
        self._database = database
        self._fixed = _digest(api_key.get_secret_value()) if api_key else None

    async def create(self, name: str, account: str = DEFAULT_ACCOUNT, dialect: str | None = None) -> str:
        """Make a key and return it; it cannot be had again. Raises InvalidRequest if the name is taken.

        ``dialect``: one of :data:`DIALECTS`, meant where a request does not tell.
        """
        if dialect is not None and dialect not in DIALECTS:
            raise InvalidRequest(f"dialect must be one of {', '.join(DIALECTS)}", field="dialect")
        for field, value in (("name", name), ("account", account)):
            if not value.strip():
                raise InvalidRequest(f"{field} must not be empty", field=field)
            if len(value) > LONGEST_NAME or not value.isprintable():
                raise InvalidRequest(f"{field}: at most {LONGEST_NAME} printable characters", field=field)
        token = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        row = {
            "sha256": _digest(token),
            "name": name,
            "account": account,
            "created_at": time.time(),
            "dialect": dialect,
        }
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(keys).values(row))
        except IntegrityError:
            raise InvalidRequest(f'name: there is a key "{name}" already', field="name") from None
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise _unavailable(error) from None
        return token

    async def remove(self, name: str) -> None:
        """Make a key invalid. Raises NotFound."""
        try:
            async with self._database.begin() as connection:
                gone = (await connection.execute(delete(keys).where(keys.c.name == name))).rowcount
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise _unavailable(error) from None
        if not gone:
            raise NotFound(f'There is no key "{name}".')

    async def list(self) -> tuple[Key, ...]:
        """All stored keys, oldest first."""
        query = select(keys).order_by(keys.c.created_at, keys.c.name)
        try:
            async with self._database.read() as connection:
                rows = (await connection.execute(query)).all()
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise _unavailable(error) from None
        return tuple(Key(row.name, row.account, row.sha256, row.created_at, row.dialect) for row in rows)

    async def authenticate(self, token: str) -> str:
        """The account a key belongs to. Raises NotAuthorised.

        The look-up goes by the digest: how long the index takes tells about hashes, from which no key can be made.
        """
        if len(token) > LONGEST_TOKEN:
            raise NotAuthorised("Invalid token.")
        digest = _digest(token)
        if self._fixed is not None and hmac.compare_digest(self._fixed, digest):
            return DEFAULT_ACCOUNT
        query = select(keys.c.account).where(keys.c.sha256 == digest)
        try:
            async with self._database.read() as connection:
                account = (await connection.execute(query)).scalar_one_or_none()
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise _unavailable(error) from None
        if account is None:
            raise NotAuthorised("Invalid token.")
        return str(account)

    async def dialect(self, token: str) -> str | None:
        """The dialect a key was made for; None: none, or no such key."""
        if len(token) > LONGEST_TOKEN:
            return None
        query = select(keys.c.dialect).where(keys.c.sha256 == _digest(token))
        try:
            async with self._database.read() as connection:
                found: str | None = (await connection.execute(query)).scalar_one_or_none()
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise _unavailable(error) from None
        return found


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(f"The database does not answer ({type(error).__name__}).")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
