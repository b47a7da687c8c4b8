"""The room built into rejoinder, as a meeting: links, and a seat in it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from rejoinder.core.participant import Participant
from rejoinder.media.frame import Pcm, Rgb
from rejoinder.platforms.base import Ears, Stay
from rejoinder.room.peer import Engine
from rejoinder.room.seat import Seat

_PATH = re.compile(r"/room/([a-z0-9-]{1,64})/?")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

CODEC_MS = 26.5
"""Opus at 20 ms frames: 20 ms to fill a frame and 6.5 ms of look-ahead (RFC 6716, section 2)."""
PEER_BUFFER_MS = 40.0
"""What a browser's jitter buffer holds on a quiet network; the remote side's own figure is not told to us."""


def room_of(link: str, base_url: str) -> str | None:
    """The room a link names, if it is one of the server at ``base_url``."""
    try:
        asked, ours = urlsplit(link.strip()), urlsplit(base_url)
        match = _PATH.fullmatch(asked.path)
        same_host = asked.hostname == ours.hostname or {asked.hostname, ours.hostname} <= _LOOPBACK
        same_port = _port(asked.port, asked.scheme) == _port(ours.port, ours.scheme)
    except ValueError:
        return None
    if match is None or asked.scheme not in ("http", "https") or not (same_host and same_port):
        return None
    return match.group(1)


def _port(port: int | None, scheme: str) -> int:
    return port or (443 if scheme == "https" else 80)


class LocalMeeting:
    """A bot's seat in a built-in room. ``signalling`` is the server's websocket base, ``ws://host:port``."""

    def __init__(self, engine: Engine, signalling: str, room: str, name: str, ears: Ears, stay: Stay) -> None:
        self._seat = Seat(
            engine,
            f"{signalling}/room/{room}/ws",
            name,
            kind="bot",
            key=stay.bot_id,
            epoch=stay.epoch,
            on_event=ears.event,
            on_audio=ears.audio,
        )

    @property
    def participants(self) -> list[Participant]:
        return self._seat.participants

    async def join(self) -> None:
        await self._seat.join()

    def write(self, pcm: Pcm) -> None:
        self._seat.write(pcm)

    def drop(self) -> bool:
        """Nothing waits here: each frame goes out as it is written."""
        return False

    def show(self, image: Rgb | None) -> None:
        self._seat.show(image)

    async def chat(self, text: str) -> None:
        await self._seat.chat(text)

    async def leave(self) -> None:
        await self._seat.leave()

    def network_ms(self, participant: str) -> tuple[float | None, float | None]:
        stats = self._seat.stats(participant)
        if stats.round_trip_ms is None:
            return None, None
        way = stats.round_trip_ms / 2 + CODEC_MS
        inward = None if stats.jitter_buffer_ms is None else round(way + stats.jitter_buffer_ms, 1)
        return inward, round(way + PEER_BUFFER_MS, 1)
