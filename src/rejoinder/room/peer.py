"""What a seat needs of a WebRTC engine. Two engines fulfil it; one contract test runs over both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from rejoinder.media.frame import Pcm, Rgb


@dataclass(frozen=True, slots=True)
class PeerEvents:
    """What a peer tells its seat, called on the event loop that created it.

    ``audio(pcm)``: 48 kHz mono, 10 or 20 ms; ``candidate``: a browser-style candidate dict; ``state``:
    new, connecting, connected, disconnected, failed or closed.
    """

    audio: Callable[[Pcm], None]
    candidate: Callable[[dict[str, Any]], None]
    state: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PeerStats:
    """Transport figures in milliseconds; None where not known yet."""

    round_trip_ms: float | None
    jitter_buffer_ms: float | None
    """What the receiving side here holds back on average."""


class Source(Protocol):
    """What a seat says and shows: written once, sent to every peer."""

    def write(self, pcm: Pcm) -> None:
        """Say 20 ms of 48 kHz mono audio now. The caller keeps the pace."""
        ...

    def show(self, image: Rgb | None) -> None:
        """Show an image of :data:`~rejoinder.media.frame.VIDEO_SIZE` until told otherwise; None shows nothing."""
        ...

    def close(self) -> None:
        """End both tracks."""
        ...


class Peer(Protocol):
    """One connection to one participant: one audio and one video transceiver, both ways."""

    async def offer(self) -> dict[str, str]:
        """Make the first description; its answer comes to :meth:`accept`."""
        ...

    async def answer(self, description: dict[str, str]) -> dict[str, str]:
        """Take the other's offer (first or renewed) and answer it."""
        ...

    async def accept(self, description: dict[str, str]) -> None:
        """Take the answer to our offer."""
        ...

    async def restart(self) -> dict[str, str]:
        """Find a new way after the connection failed: a new offer, whose answer comes to :meth:`accept`."""
        ...

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        """Take one of the other's candidates; None: there are no more."""
        ...

    async def stats(self) -> PeerStats:
        """Transport figures."""
        ...

    async def close(self) -> None:
        """End the connection."""
        ...


class Engine(Protocol):
    """A WebRTC implementation."""

    name: str

    def create_source(self) -> Source:
        """A source for one seat."""
        ...

    def create_peer(self, source: Source, events: PeerEvents, ice_servers: list[dict[str, Any]]) -> Peer:
        """A connection that sends ``source``, one of this engine's; ``ice_servers`` as browsers take them."""
        ...
