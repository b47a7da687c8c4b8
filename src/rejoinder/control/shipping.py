"""Recordings under way: on this host's disk, and, where files go to shared storage, shipped there as they grow.

A worker on another host that takes a bot up after this host died finds there what was recorded here.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from rejoinder.control.cleaning import prefix_of, remove_folder
from rejoinder.errors import RejoinderError
from rejoinder.storage.blobs import Blobs

log = structlog.get_logger(__name__)

SHIP_S = 10.0
"""How much of a recording the death of a whole host may cost."""


class Spool:
    """``folder``/<bot>/<epoch>/ holds what one worker recorded of one bot. ``shared``: ship it to the blob store."""

    def __init__(self, folder: Path, blobs: Blobs, *, shared: bool) -> None:
        self._folder = folder
        self._blobs = blobs
        self._shared = shared

    def folder(self, bot_id: str, epoch: int) -> Path:
        """Where this worker records a bot."""
        return self._folder / bot_id / str(epoch)

    def evidence(self, bot_id: str) -> Path:
        """Where a browser leaves what it saw when something failed (:mod:`rejoinder.browser.evidence`)."""
        return self._folder.parent / "evidence" / bot_id

    def workshop(self) -> Path:
        """Where finished files are made."""
        place = self._folder / ".work"
        place.mkdir(parents=True, exist_ok=True)
        return place

    async def ship(self, bot_id: str, epoch: int) -> None:
        """Keep shipping what a recording has grown by, until cancelled. Files only grow, so parts never change."""
        if not self._shared:
            return
        sent: dict[str, int] = {}
        while True:
            await asyncio.sleep(SHIP_S)
            try:
                await self._ship_once(bot_id, epoch, sent)
            except RejoinderError as error:
                log.warning("recording not shipped; trying again", bot_id=bot_id, error=str(error))

    async def _ship_once(self, bot_id: str, epoch: int, sent: dict[str, int]) -> None:
        folder = self.folder(bot_id, epoch)
        for path in await asyncio.to_thread(lambda: sorted(folder.glob("*"))):
            begin = sent.get(path.name, 0)
            part = await asyncio.to_thread(_from, path, begin)
            if part:
                key = f"{prefix_of(bot_id)}spool/{epoch}/{path.name}/{begin:015d}"
                await self._blobs.put(key, part, "application/octet-stream", path.name)
                sent[path.name] = begin + len(part)

    async def folders(self, bot_id: str) -> list[Path]:
        """One folder per epoch, ascending; those of other hosts are fetched as far as they were shipped."""
        if self._shared:
            await self._fetch(bot_id)
        place = self._folder / bot_id
        found = await asyncio.to_thread(lambda: [path for path in place.glob("*") if path.name.isdigit()])
        return sorted(found, key=lambda path: int(path.name))

    async def _fetch(self, bot_id: str) -> None:
        prefix = f"{prefix_of(bot_id)}spool/"
        here = {path.name for path in await asyncio.to_thread(lambda: list((self._folder / bot_id).glob("*")))}
        for key in sorted(await self._blobs.list(prefix)):
            epoch, name, _ = key[len(prefix) :].split("/")
            if epoch in here:
                continue  # what this host has itself is longer
            body = b"".join([part async for part in self._blobs.read(key)])
            await asyncio.to_thread(_append, self._folder / bot_id / f"{epoch}.part" / name, body)
        for path in await asyncio.to_thread(lambda: list((self._folder / bot_id).glob("*.part"))):
            await asyncio.to_thread(path.rename, path.with_suffix(""))

    async def remove(self, bot_id: str) -> None:
        """Forget a bot's recordings under way: their files are finished."""
        await asyncio.to_thread(remove_folder, self._folder / bot_id)
        if self._shared:
            await self._blobs.delete_prefix(f"{prefix_of(bot_id)}spool/")


def _from(path: Path, begin: int) -> bytes:
    with path.open("rb") as file:
        file.seek(begin)
        return file.read()


def _append(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(body)
