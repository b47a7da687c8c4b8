"""What the API has a running bot say that takes work first: files to decode, text to speak."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from rejoinder.agent.base import Voice
from rejoinder.core.commands import BotCommand, PlayAudio
from rejoinder.errors import ProviderError, RejoinderError
from rejoinder.media.clip import decode
from rejoinder.media.frame import MEETING_RATE, to_pcm
from rejoinder.media.loop import MediaLoop
from rejoinder.storage.blobs import Blobs

KINDS = frozenset({"play", "say"})
PIECE = MEETING_RATE
"""Samples given to a bot at a time: 1 s, so that a long file does not hold up the media loop."""

Perform = Callable[[BotCommand], Awaitable[None]]
"""Has the bot do something; raises RejoinderError when it is gone."""


class Output:
    """Turns the orders "play" (a file in the blob store, removed afterwards) and "say" (text) into sound."""

    def __init__(self, blobs: Blobs, media: MediaLoop) -> None:
        self.voice: Voice | None = None
        self._blobs = blobs
        self._media = media

    async def carry_out(self, kind: str, body: Mapping[str, Any], perform: Perform) -> None:
        """Returns when the bot has been given everything. Raises RejoinderError with what to tell the user."""
        if kind == "play":
            await self._play(str(body["key"]), perform)
        else:
            await self._say(str(body["text"]), perform)

    async def _play(self, key: str, perform: Perform) -> None:
        try:
            data = b"".join([part async for part in self._blobs.read(key)])
        finally:
            await self._blobs.delete(key)
        pcm = await asyncio.to_thread(decode, data, "data")
        for begin in range(0, len(pcm), PIECE):
            await perform(PlayAudio(pcm[begin : begin + PIECE].tobytes(), MEETING_RATE))

    async def _say(self, text: str, perform: Perform) -> None:
        voice = self.voice
        if voice is None:
            raise ProviderError("This server runs without models: it has no voice.", provider="voice")
        stream = voice.speak(text)
        try:
            while (piece := await self._media.run(_next(stream))) is not None:
                await perform(PlayAudio(piece, voice.sample_rate))
        finally:
            await self._media.run(_close(stream))


async def _next(stream: AsyncIterator[Any]) -> bytes | None:
    """The next piece of speech as s16le, on the loop the voice belongs to."""
    async for samples in stream:
        return to_pcm(samples).tobytes()
    return None


async def _close(stream: AsyncIterator[Any]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()


class Gone(RejoinderError):
    """The bot has left before it could say it."""
