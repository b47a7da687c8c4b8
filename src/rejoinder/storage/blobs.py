"""Finished files: recordings, transcripts, screenshots. In a folder, or in a bucket of an S3-compatible service.

A key is a relative path of plain words (``4f…/tracks/Ada_1.webm``) of letters and digits of any script and ``_=@.-``;
its folders are what ``list`` and ``delete_prefix`` take, with or without a slash at the end. Every method raises
``InvalidRequest`` for a key that is not of this form, and ``Unavailable``, which is worth another try, when the store
does not answer or refuses.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, S3Store
from pydantic import SecretStr

from rejoinder.errors import InvalidRequest, NotFound, Unavailable
from rejoinder.settings import Settings

if TYPE_CHECKING:  # these are only in obstore's type stubs
    from obstore import GetOptions
    from obstore.store import ClientConfig, S3Config

_WORD = r"[\w=@-][\w=@.-]*"
KEY = re.compile(rf"{_WORD}(/{_WORD})*")
LONGEST_WORD = 200
"""Bytes; the names of files have at most 255."""
LONGEST_KEY = 900
"""Bytes; S3 keys have at most 1024, of which a prefix takes some."""
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

CHUNK = 2**20
"""Bytes of a piece that ``read`` gives."""
PART = 8 * 2**20
PARTS_AT_ONCE = 4
"""An upload holds this many parts of ``PART`` bytes in memory; S3 takes at most 10 000 of them, 78 GiB."""
SIGNED_LIFE_S = 7 * 86_400.0
"""S3's own limit for a presigned URL."""

_CLIENT: ClientConfig = {
    "connect_timeout": timedelta(seconds=5),
    # A part must be through in this time, or a piece of an answer has to come.
    "read_timeout": timedelta(seconds=60),
    # The default, 30 s, would end long downloads.
    "timeout": timedelta(hours=1),
}


class Blobs(Protocol):
    """Where finished files are kept."""

    async def put(self, key: str, source: Path | bytes, content_type: str, name: str) -> int:
        """Store a file (a path is streamed) and return its size; replaces what was there.

        Nobody ever sees half a file, and what this returned for survives a crash. ``name`` is what a download is
        called. A ``source`` that cannot be read is an OSError.
        """
        ...

    async def size(self, key: str) -> int:
        """A file's size in bytes. Raises NotFound."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to before ``end``, or to the file's end, in pieces. Raises NotFound."""
        ...

    async def fetch(self, key: str, path: Path) -> None:
        """Copy a file to ``path``, which appears when it is whole. Raises NotFound."""
        ...

    async def list(self, prefix: str) -> list[str]:
        """The keys in a folder (``""``: all), at any depth, sorted."""
        ...

    async def delete(self, key: str) -> None:
        """Remove a file; one that is not there is no error."""
        ...

    async def delete_prefix(self, prefix: str) -> int:
        """Remove a folder with everything in it; returns how many files it had."""
        ...

    async def sign(self, key: str, life_s: float) -> str | None:
        """A URL anyone may GET for ``life_s`` seconds; None: this store has none, use ``storage.links``."""
        ...

    async def check(self) -> None:
        """Raises Unavailable, with the reason, unless the store can be used."""
        ...


def open_blobs(settings: Settings) -> Blobs:
    """The store an operator asked for. Raises InvalidRequest naming the setting."""
    if settings.storage_url is None:
        return LocalBlobs(settings.data_dir / "files")
    url = urlsplit(settings.storage_url)
    if url.scheme != "s3" or not BUCKET.fullmatch(url.netloc) or url.query or url.fragment:
        raise InvalidRequest("storage_url: expected s3://bucket or s3://bucket/prefix", field="storage_url")
    prefix = url.path.strip("/")
    if prefix and not _is_key(prefix):
        raise InvalidRequest("storage_url: the prefix may hold only letters, digits and _=@.-/", field="storage_url")
    endpoint = settings.storage_endpoint
    if endpoint is not None and (urlsplit(endpoint).scheme not in ("http", "https") or not urlsplit(endpoint).hostname):
        raise InvalidRequest("storage_endpoint: expected http://host or https://host", field="storage_endpoint")
    access, secret = settings.storage_access_key, settings.storage_secret_key
    if (access is None) != (secret is None):
        missing = "storage_access_key" if access is None else "storage_secret_key"
        raise InvalidRequest(f"{missing}: set both keys or neither", field=missing)
    region = settings.storage_region
    return S3Blobs(url.netloc, prefix=prefix, endpoint=endpoint, region=region, access_key=access, secret_key=secret)


def disposition(name: str) -> str:
    """The Content-Disposition header that saves a download as ``name`` (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\%/]', "_", name)[:150] or "file"
    exact = quote(name[:150], safe="", errors="replace")
    return f'attachment; filename="{plain}"' + (f"; filename*=UTF-8''{exact}" if plain != name else "")


class _ObjectBlobs:
    """What both stores do alike."""

    def __init__(self, store: LocalStore | S3Store) -> None:
        self._store = store

    async def size(self, key: str) -> int:
        _check_key(key)
        with _translated(key):
            return int((await obstore.head_async(self._store, key))["size"])

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        if start < 0 or (end is not None and end < start):
            raise InvalidRequest("start: expected 0 <= start <= end", field="start")
        options: GetOptions = {}
        if start or end is not None:
            # Stores answer an empty range, or one behind the end, with an error.
            size = await self.size(key)
            end = size if end is None else min(end, size)
            if start >= end:
                return
            options["range"] = (start, end)
        _check_key(key)
        with _translated(key):
            answer = await obstore.get_async(self._store, key, options=options)
            async for piece in answer.stream(min_chunk_size=CHUNK):
                yield bytes(piece)

    async def fetch(self, key: str, path: Path) -> None:
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            with await asyncio.to_thread(part.open, "wb") as file:
                async for piece in self.read(key):
                    await asyncio.to_thread(file.write, piece)
            part.replace(path)
        except OSError as error:
            raise Unavailable(f"{path.name} cannot be written ({error.strerror}).") from error
        finally:
            part.unlink(missing_ok=True)

    async def list(self, prefix: str) -> list[str]:
        folder = _folder(prefix) if prefix else None
        with _translated(None):
            found = obstore.list(self._store, prefix=folder)
            return sorted([meta["path"] async for chunk in found for meta in chunk])

    async def delete(self, key: str) -> None:
        _check_key(key)
        try:
            with _translated(key):
                await obstore.delete_async(self._store, key)
        except NotFound:
            return


class LocalBlobs(_ObjectBlobs):
    """Files in a folder, for one host. Readable by this user only."""

    def __init__(self, folder: Path) -> None:
        with _translated(None):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            super().__init__(LocalStore(folder, automatic_cleanup=True))
        self._folder = folder

    async def put(self, key: str, source: Path | bytes, content_type: str, name: str) -> int:
        """See Blobs. The content type and the name are not kept here: a link carries them."""
        _check_key(key)
        await asyncio.to_thread(_size, source)
        with _translated(None):
            return await asyncio.to_thread(self._put, self._folder / key, source)

    def _put(self, path: Path, source: Path | bytes) -> int:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A name with # and digits at its end is one that obstore never lists or reads.
        part = path.with_name(f".part.{secrets.token_hex(8)}#1")
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                if isinstance(source, bytes):
                    file.write(source)
                else:
                    with source.open("rb") as original:
                        shutil.copyfileobj(original, file, CHUNK)
                file.flush()
                os.fsync(handle)
                size = file.tell()
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        # The file's name, and those of folders just made, must be on the disk too.
        for folder in path.parents:
            _sync_folder(folder)
            if folder == self._folder:
                break
        return size

    async def delete_prefix(self, prefix: str) -> int:
        folder = _folder(prefix)
        count = len(await self.list(folder))
        # Also what a crash left of an unfinished put goes.
        with _translated(None):
            await asyncio.to_thread(self._remove, self._folder / folder)
        return count

    def _remove(self, folder: Path) -> None:
        try:
            shutil.rmtree(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        for parent in folder.parents:
            if parent == self._folder:
                return
            try:
                parent.rmdir()
            except OSError:  # not empty, or another process was first
                return

    async def sign(self, key: str, life_s: float) -> str | None:
        return None

    async def check(self) -> None:
        with _translated(None):
            await asyncio.to_thread(self._check)

    def _check(self) -> None:
        probe = self._folder / f".check.{secrets.token_hex(8)}#1"
        try:
            probe.write_bytes(b"ok")
        finally:
            probe.unlink(missing_ok=True)


class S3Blobs(_ObjectBlobs):
    """A bucket of Amazon S3 or of a service that speaks its protocol.

    Without keys the usual places are asked (``AWS_*`` variables, the machine's role). An ``endpoint`` is addressed as
    ``endpoint/bucket/key`` (``path_style``) unless told otherwise, Amazon as ``bucket.host/key``. Uploads that a crash
    interrupted are invisible but stored: give the bucket a lifecycle rule that ends incomplete multipart uploads.
    """

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str = "",
        endpoint: str | None = None,
        region: str = "us-east-1",
        access_key: str | None = None,
        secret_key: SecretStr | None = None,
        path_style: bool | None = None,
    ) -> None:
        if path_style is None:
            path_style = (
                endpoint is not None or "." in bucket
            )  # a dot in the host name would not fit Amazon's certificate
        config: S3Config = {"region": region, "virtual_hosted_style_request": not path_style}
        client: ClientConfig = {**_CLIENT}
        if endpoint is not None:
            config["endpoint"] = endpoint.rstrip("/")
            client["allow_http"] = endpoint.startswith("http://")
        if access_key is not None and secret_key is not None:
            config["access_key_id"] = access_key
            config["secret_access_key"] = secret_key.get_secret_value()
        store = S3Store(
            bucket,
            prefix=prefix or None,
            config=config,
            client_options=client,
            # Callers are durable and try again by themselves; an API request must not hang.
            retry_config={
                "max_retries": 3,
                "retry_timeout": timedelta(seconds=30),
                "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=1)},
            },
        )
        super().__init__(store)
        self._s3 = store

    async def put(self, key: str, source: Path | bytes, content_type: str, name: str) -> int:
        _check_key(key)
        size = await asyncio.to_thread(_size, source)
        with _translated(None):
            await obstore.put_async(
                self._store,
                key,
                source,
                attributes={"Content-Type": content_type, "Content-Disposition": disposition(name)},
                chunk_size=PART,
                max_concurrency=PARTS_AT_ONCE,
            )
        return size

    async def delete_prefix(self, prefix: str) -> int:
        keys = await self.list(_folder(prefix))
        if keys:
            with _translated(None):
                await obstore.delete_async(self._store, keys)
        return len(keys)

    async def sign(self, key: str, life_s: float) -> str | None:
        """See Blobs. At most seven days; with the keys of a machine's role, not longer than those."""
        _check_key(key)
        if not 1 <= life_s <= SIGNED_LIFE_S:
            raise InvalidRequest("life_s: expected 1 second to 7 days", field="life_s")
        with _translated(None):
            return await obstore.sign_async(self._s3, "GET", key, timedelta(seconds=int(life_s)))

    async def check(self) -> None:
        with _translated(None):
            async for _ in obstore.list(self._store, prefix="check"):
                return


def _size(source: Path | bytes) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _folder(prefix: str) -> str:
    folder = prefix.removesuffix("/")
    _check_key(folder)
    return folder


def _is_key(key: str) -> bool:
    if not KEY.fullmatch(key):
        return False
    words = [len(word.encode()) for word in key.split("/")]
    return max(words) <= LONGEST_WORD and sum(words) + len(words) <= LONGEST_KEY


def _check_key(key: str) -> None:
    if not _is_key(key):
        raise InvalidRequest("key: expected a relative path of letters, digits and _=@.-", field="key")


@contextmanager
def _translated(key: str | None) -> Iterator[None]:
    """Errors of the store in our words. ``key``: the file whose absence is NotFound."""
    try:
        yield
    except (OSError, BaseError) as error:
        text = str(error)
        # The code S3 answers with; its whole text holds the request's address too and stays in the error's cause.
        code = re.search("<Code>([A-Za-z]{1,60})</Code>", text) or re.search("status code: ([0-9]{3})", text)
        # In S3 a folder is no file, and a file may have others below it; here they are not there (ENOTDIR, EISDIR).
        missing = isinstance(error, FileNotFoundError) or re.search("os error (20|21)[)]", text) is not None
        if missing and key is not None and not (code and code[1] == "NoSuchBucket"):
            raise NotFound("There is no such file.") from error
        if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
            reason = f"refuses us ({code[1] if code else 'keys or permissions'})"
        elif code is not None:
            reason = f"answers {code[1]}"
        elif missing:
            reason = "is gone"
        elif isinstance(error, OSError):
            reason = f"does not work ({error.strerror or type(error).__name__})"
        else:
            reason = "does not answer"
        raise Unavailable(f"The file store {reason}.") from error


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # which cannot open folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
