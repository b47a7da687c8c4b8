"""Signed-in browser profiles: Playwright's storage state (cookies and local storage), encrypted on disk, one bot each.

Signing in is a person's doing, in a browser of theirs; what comes of it is stored here. A profile is leased to one bot
at a time: the same account twice in one meeting would throw the first out. How profiles are named and chosen:
:mod:`rejoinder.core.signin`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson
from pydantic import SecretStr

from rejoinder.core.signin import PART_RULE, profile_name
from rejoinder.errors import Conflict, InvalidRequest, NotFound, Unavailable
from rejoinder.settings import Settings

MAX_BYTES = 4 * 2**20
_SUFFIX = ".profile"
_SLASH = "~"
"""In place of a name's slash in its file's name; no name has it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """``state``: what Playwright's ``storage_state`` gives. ``account``: whose bots may use it; None: everybody's."""

    state: Mapping[str, Any] = field(repr=False)
    account: str | None = None

    @property
    def domains(self) -> list[str]:
        """Where its cookies belong, without the subdomains of what is named already."""
        hosts = {str(cookie.get("domain", "")).lstrip(".") for cookie in self.state["cookies"]} - {""}
        return sorted(host for host in hosts if not any(host.endswith(f".{other}") for other in hosts))


class Profiles:
    """The profiles in a folder. ``key``: any text of 16 characters or more; whoever has it can use the accounts.

    Raises Unavailable when no key is set or the package for it is missing. Takes some 50 ms to make.
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

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Those of this server."""
        return cls(folder_of(settings), settings.profile_key)

    def names(self) -> list[str]:
        """The profiles there are."""
        return names(self._folder)

    def save(self, name: str, state: Mapping[str, Any], account: str | None = None) -> None:
        """Store or replace a profile. Raises InvalidRequest for what is not a storage state."""
        path = self._path(name)
        data = self._sealed(Profile(_checked(state), account))
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _replace(path, data)

    def load(self, name: str) -> Profile:
        """A profile. Raises NotFound, or Unavailable when it was encrypted with another key."""
        return self._opened(name, self._path(name))

    def delete(self, name: str) -> None:
        """Forget a profile. Raises NotFound, or Conflict while a bot uses it."""
        with self.lease(name):
            self._path(name).unlink(missing_ok=True)
            self._path(name).with_suffix(".lock").unlink(missing_ok=True)

    def lease(self, name: str) -> Lease:
        """The profile for one bot only: raises Conflict while another has it (also in another process), and what
        :meth:`load` raises."""
        path = self._path(name)
        if not path.exists():
            raise NotFound(f"there is no browser profile named {name}")
        lock = _locked(path, name)
        try:
            return Lease(self, name, self._opened(name, path), path, lock)
        except BaseException:
            _unlock(lock)
            raise

    def leased(self, name: str) -> bool:
        """Whether a bot has it now."""
        return is_leased(self._folder, name)

    def _opened(self, name: str, path: Path) -> Profile:
        from cryptography.fernet import InvalidToken

        try:
            kept = orjson.loads(self._fernet.decrypt(path.read_bytes()))
            return Profile(kept["state"], kept["account"])
        except FileNotFoundError as error:
            raise NotFound(f"there is no browser profile named {name}") from error
        except InvalidToken as error:
            raise Unavailable(f"the browser profile {name} was encrypted with another REJOINDER_PROFILE_KEY") from error
        except OSError as error:
            raise Unavailable(f"the browser profile {name} cannot be read: {error.strerror}") from error

    def _sealed(self, profile: Profile) -> bytes:
        data = orjson.dumps({"state": dict(profile.state), "account": profile.account})
        if len(data) > MAX_BYTES:
            raise InvalidRequest(f"the profile has {len(data)} bytes; at most {MAX_BYTES} are taken", field="profile")
        return self._fernet.encrypt(data)

    def _path(self, name: str) -> Path:
        return _path(self._folder, name)


class Lease:
    """A profile that is one bot's until :meth:`close`, or until its process dies."""

    def __init__(self, profiles: Profiles, name: str, profile: Profile, path: Path, lock: IO[str]) -> None:
        self.name = name
        self.profile = profile
        self._profiles = profiles
        self._path = path
        self._lock = lock
        self._seen = _version(path)

    def keep(self, state: Mapping[str, Any]) -> bool:
        """Store what a bot's stay made of it (platforms renew their cookies). False when somebody stored or removed
        the profile meanwhile: theirs is newer. Raises InvalidRequest for what is not a storage state."""
        data = self._profiles._sealed(Profile(_checked(state), self.profile.account))
        if self._seen is None or _version(self._path) != self._seen:
            return False
        _replace(self._path, data)
        self._seen = _version(self._path)
        return True

    def close(self) -> None:
        """Give it back. May be called again."""
        _unlock(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def folder_of(settings: Settings) -> Path:
    """Where a server's profiles are."""
    return settings.profiles_dir or settings.data_dir / "profiles"


def names(folder: Path) -> list[str]:
    """The profiles in a folder; no key is needed to see their names."""
    return sorted(path.name.removesuffix(_SUFFIX).replace(_SLASH, "/") for path in folder.glob(f"*{_SUFFIX}"))


def is_leased(folder: Path, name: str) -> bool:
    """Whether a bot on this computer has a profile now. Looking takes the lock for a moment."""
    path = _path(folder, name)
    if not path.with_suffix(".lock").exists():
        return False
    try:
        _unlock(_locked(path, name))
    except Conflict:
        return True
    return False


def _path(folder: Path, name: str) -> Path:
    if profile_name(name) != name:
        raise InvalidRequest(f"a profile's name is GROUP or GROUP/ACCOUNT, each {PART_RULE}", field="profile")
    return folder / f"{name.replace('/', _SLASH)}{_SUFFIX}"


def _checked(state: Mapping[str, Any]) -> Mapping[str, Any]:
    for part in ("cookies", "origins"):
        found = state.get(part)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise InvalidRequest(
                "expected a storage state as Playwright writes it, with cookies and origins", field="profile"
            )
    return state


def _replace(path: Path, data: bytes) -> None:
    """All or nothing, for this user's eyes only, and on the disk before it counts."""
    draft = path.with_suffix(f".{os.getpid()}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _version(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_mtime_ns
    return None


def _locked(path: Path, name: str) -> IO[str]:
    """The profile's lock: until it is closed, which the system does for a process that dies."""
    try:
        file = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise Unavailable(f"the browser profile {name} cannot be locked: {error.strerror}") from error
    if sys.platform == "win32":
        return file
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise Conflict(f"the browser profile {name} is in use by another bot") from error
    return file


def _unlock(file: IO[str]) -> None:
    """By name and not only by closing: a forked child may have inherited the file."""
    if file.closed:
        return
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_UN)
    file.close()
