"""API keys: made here, shown once, kept only as hashes."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import SecretStr

from rejoinder.errors import InvalidRequest, NotAuthorised, NotFound, RejoinderError

log = structlog.get_logger(__name__)

PREFIX = "rj_"
SECRET_BYTES = 32
"""256 random bits: a plain SHA-256 is enough, as there is nothing to guess (unlike a password's few bits)."""
DEFAULT_ACCOUNT = "default"


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key. ``sha256`` is the hex digest of the whole key, ``created_at`` ISO 8601, UTC."""

    name: str
    account: str
    sha256: str
    created_at: str


class KeyStore:
    """The keys in a JSON file (mode 0600), and optionally one more from the settings.

    The file is read anew when it changes, so a key made by the command line works at once in a running server.
    One process at a time may write it. Raises RejoinderError when the file is there but cannot be read.
    """

    def __init__(self, path: Path, api_key: SecretStr | None = None) -> None:
        self._path = path
        self._fixed = _digest(api_key.get_secret_value()) if api_key else None
        self._stamp: tuple[int, int] | None = None
        self._keys: tuple[Key, ...] = ()
        self._refresh()

    def create(self, name: str, account: str = DEFAULT_ACCOUNT) -> str:
        """Make a key and return it; it cannot be had again. Raises InvalidRequest if the name is taken."""
        if not name.strip():
            raise InvalidRequest("name must not be empty", field="name")
        self._refresh()
        if any(key.name == name for key in self._keys):
            raise InvalidRequest(f'name: there is a key "{name}" already', field="name")
        token = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        self._write((*self._keys, Key(name, account, _digest(token), created)))
        return token

    def remove(self, name: str) -> None:
        """Make a key invalid. Raises NotFound."""
        self._refresh()
        left = tuple(key for key in self._keys if key.name != name)
        if len(left) == len(self._keys):
            raise NotFound(f'There is no key "{name}".')
        self._write(left)

    def list(self) -> tuple[Key, ...]:
        """All stored keys, oldest first."""
        self._refresh()
        return self._keys

    def authenticate(self, token: str) -> str:
        """The account a key belongs to. Raises NotAuthorised."""
        try:
            self._refresh()
        except RejoinderError as error:  # someone is editing the file by hand: what was known still holds
            log.error("the key file cannot be read", error=str(error))
        digest = _digest(token)
        account: str | None = None
        # Every key is compared, each in constant time, so that the time taken tells nothing.
        if self._fixed is not None and hmac.compare_digest(self._fixed, digest):
            account = DEFAULT_ACCOUNT
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                account = key.account
        if account is None:
            raise NotAuthorised("Invalid token.")
        return account

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._keys = None, ()
            return
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp == self._stamp:
            return
        try:
            rows = json.loads(self._path.read_text("utf-8"))["keys"]
            self._keys = tuple(
                Key(str(row["name"]), str(row["account"]), str(row["sha256"]), str(row["created_at"])) for row in rows
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RejoinderError(
                f"The key file {self._path} cannot be read ({type(error).__name__}). Mend it or remove it."
            ) from error
        self._stamp = stamp

    def _write(self, keys: tuple[Key, ...]) -> None:
        """Replace the file in one step, readable by its owner only from its first byte on."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"keys": [asdict(key) for key in keys]}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        self._refresh()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
