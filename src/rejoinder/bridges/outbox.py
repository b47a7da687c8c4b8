"""What waits to be sent to a user's server."""

from __future__ import annotations

import asyncio
from collections import deque


class Outbox:
    """What waits to be sent: texts go first and are never dropped; of audio, the oldest is dropped.

    Bounded: 512 texts, beyond which new ones are refused; 512 audio frames (10 s of one speaker, 0.6 s of
    sixteen). One reader.
    """

    MAX_TEXTS = 512
    MAX_FRAMES = 512

    def __init__(self) -> None:
        self.dropped = 0
        self._texts: deque[str] = deque()
        self._frames: deque[bytes | str] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._empty: asyncio.Future[None] | None = None

    def put_text(self, text: str) -> bool:
        """Queue a text; False if too many wait."""
        if len(self._texts) >= self.MAX_TEXTS:
            return False
        self._texts.append(text)
        self._notify()
        return True

    def put_audio(self, frame: bytes | str) -> None:
        """Queue a frame; the oldest makes room if need be."""
        if len(self._frames) >= self.MAX_FRAMES:
            self._frames.popleft()
            self.dropped += 1
        self._frames.append(frame)
        self._notify()

    def take(self) -> str | bytes | None:
        """What is to be sent next. It stays until ``sent``."""
        if self._texts:
            return self._texts[0]
        return self._frames[0] if self._frames else None

    def sent(self, item: str | bytes) -> None:
        """``item``, which ``take`` gave, has been sent."""
        for queue in (self._texts, self._frames):
            if queue and queue[0] is item:  # a frame may have been dropped meanwhile, to make room
                queue.popleft()
                break
        if not self._texts and not self._frames and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def clear(self) -> None:
        """Forget everything."""
        self._texts.clear()
        self._frames.clear()

    async def filled(self) -> None:
        """Wait until there is something to send."""
        while not self._texts and not self._frames:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake

    async def drained(self) -> None:
        """Wait until everything queued has been sent."""
        while self._texts or self._frames:
            self._empty = asyncio.get_running_loop().create_future()
            await self._empty

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
