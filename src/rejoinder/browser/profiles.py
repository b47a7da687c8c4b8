"""Signed-in browser profiles: Playwright's storage state (cookies and local storage), encrypted on disk, one bot each.

Signing in is a person's doing, in a browser of theirs; what comes of it is stored here. A profile is leased to one bot
at a time: the same account twice in one meeting would throw the first out.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from pydantic import SecretStr

from rejoinder.errors import Conflict, InvalidRequest, NotFound, Unavailable

MAX_BYTES = 4 * 2**20
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Profiles:
    """The profiles in a folder. ``key``: any text of 16 characters or more; whoever has it can use the accounts.

    Raises Unavailable when no key is set or the package for it is missing.
    """

    def __init__(self, folder: Path, key: SecretStr | None) -> None:
        try:
            from cryptography.fernet import Fernet
        except ImportError as error:
            raise Unavailable("signed-in profiles need the package cryptography: install rejoinder[browser]") from error
        secret = key.get_secret_value() if key else ""
        if len(secret) < 16:
            raise Unavailable("signed-in profiles need REJOINDER_PROFILE_KEY of at least 16 characters")
        self._folder = folder
        derived = hashlib.scrypt(secret.encode(), salt=b"rejoinder browser profiles", n=2**14, r=8, p=1, dklen=32)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def names(self) -> list[str]:
        """The profiles there are."""
        return sorted(path.stem for path in self._folder.glob("*.profile"))

    def save(self, name: str, state: Mapping[str, Any]) -> None:
        """Store or replace a profile. Raises InvalidRequest for what is not a storage state."""
        if not isinstance(state.get("cookies"), list) or not isinstance(state.get("origins"), list):
            raise InvalidRequest("expected a storage state with cookies and origins", field="profile")
        data = orjson.dumps(dict(state))
        if len(data) > MAX_BYTES:
            raise InvalidRequest(f"the profile has {len(data)} bytes; at most {MAX_BYTES} are taken", field="profile")
        path = self._path(name)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_suffix(f".{os.getpid()}.draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(self._fernet.encrypt(data))
        draft.replace(path)

    def load(self, name: str) -> dict[str, Any]:
        """A profile's storage state. Raises NotFound, or Unavailable when it was encrypted with another key."""
        from cryptography.fernet import InvalidToken

        try:
            state: dict[str, Any] = orjson.loads(self._fernet.decrypt(self._path(name).read_bytes()))
        except FileNotFoundError as error:
            raise NotFound(f"there is no browser profile named {name}") from error
        except InvalidToken as error:
            raise Unavailable(f"the browser profile {name} was encrypted with another key") from error
        return state

    def delete(self, name: str) -> None:
        """Forget a profile."""
        self._path(name).unlink(missing_ok=True)

    @contextmanager
    def lease(self, name: str) -> Iterator[dict[str, Any]]:
        """The storage state, for one bot only: raises Conflict while another has it (also in another process)."""
        path = self._path(name).with_suffix(".lock")
        state = self.load(name)
        with path.open("w") as file:
            _lock(file.fileno(), name)
            yield state

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InvalidRequest("a profile's name is lower-case letters, digits, - and _", field="profile")
        return self._folder / f"{name}.profile"


def _lock(file: int, name: str) -> None:
    """Until the file is closed, which the system does for a process that dies."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(f"the browser profile {name} is in use by another bot") from error
