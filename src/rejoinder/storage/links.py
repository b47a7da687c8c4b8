"""Signed links to files of a store that cannot sign by itself: who has one may download that file until it expires.

A token is base64url(json array) + "." + base64url(HMAC-SHA256 of the text before the dot), without padding. It is
signed, not encrypted: its holder can read the file's key and name.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import math
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from rejoinder.errors import InvalidRequest, NotAuthorised, RejoinderError
from rejoinder.settings import Settings

SECRET_BYTES = 32
SHORTEST_SECRET = 16
"""Bytes; an operator's own secret must not be guessable."""
LONGEST_TOKEN = 4096
_PURPOSE = b"rejoinder file link 1\n"
"""Signed with every link, so that a signature made for something else with the same secret is none here."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link gives: the file's ``key`` in the blob store, and how to hand it out."""

    key: str
    name: str
    content_type: str


class Links:
    """Makes and opens tokens. ``secret``: the same in all processes that serve downloads."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, _PURPOSE, hashlib.sha256)

    def make(self, key: str, name: str, content_type: str, expires_at: float) -> str:
        """A token for one file, made of letters, digits, ``-``, ``_`` and one dot; good until ``expires_at`` (Unix
        seconds)."""
        body = json.dumps([key, name, content_type, math.ceil(expires_at)], ensure_ascii=False, separators=(",", ":"))
        text = _encode(body.encode("utf-8", "replace"))
        return f"{text}.{self._sign(text)}"

    def open(self, token: str, now: float) -> Link:
        """The file a token is for. Raises NotAuthorised: not ours (or changed), or expired."""
        text, dot, signature = token.partition(".")
        given = signature.encode("utf-8", "surrogatepass")
        if len(token) > LONGEST_TOKEN or not dot or not hmac.compare_digest(self._sign(text).encode(), given):
            raise NotAuthorised("This link is not valid.")
        key, name, content_type, expires_at = json.loads(_decode(text))
        if now >= expires_at:
            raise NotAuthorised("This link has expired.")
        return Link(key, name, content_type)

    def _sign(self, text: str) -> str:
        return _encode(hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256))


def load_secret(settings: Settings) -> bytes:
    """The secret links are signed with: of the settings, or of ``link.key`` in ``data_dir``, made when missing.

    Any number of processes may call this at once; all get the same. Raises InvalidRequest naming the setting, and
    RejoinderError if the file cannot be read or made.
    """
    if settings.link_secret is not None:
        secret = settings.link_secret.get_secret_value().encode()
        if len(secret) < SHORTEST_SECRET:
            raise InvalidRequest(f"link_secret: at least {SHORTEST_SECRET} bytes are needed", field="link_secret")
        return secret
    path = settings.data_dir / "link.key"
    try:
        if not path.exists():
            _make_secret(path)
        secret = binascii.unhexlify(path.read_bytes().strip())
    except (OSError, binascii.Error) as error:
        raise RejoinderError(f"{path} cannot be read or made ({type(error).__name__}).") from error
    if len(secret) < SHORTEST_SECRET:
        raise RejoinderError(f"{path} is damaged. Remove it: links made until now become invalid.")
    return secret


def _make_secret(path: Path) -> None:
    """Put a new secret in place unless another process has, whole from its first moment on."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES).hex().encode() + b"\n")
            file.flush()
            os.fsync(handle)
        with contextlib.suppress(FileExistsError):
            os.link(new, path)  # unlike a rename, this never replaces another process's secret
    finally:
        new.unlink()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
