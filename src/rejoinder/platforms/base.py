"""What a running bot needs of a meeting, whatever the platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rejoinder.core.events import MeetingEvent
from rejoinder.core.participant import Participant
from rejoinder.media.frame import Pcm, Rgb


@dataclass(frozen=True, slots=True)
class Ears:
    """Where a meeting's events and audio go. Called on the event loop that called :meth:`Meeting.join`.

    ``audio(participant_id, pcm)``: 48 kHz mono, 10 or 20 ms, one track per participant, never the bot's own.
    """

    event: Callable[[MeetingEvent], None]
    audio: Callable[[str, Pcm], None]


@dataclass(frozen=True, slots=True)
class Stay:
    """Which bot comes, and for the how-manieth time: a meeting that can be told shows an older coming out."""

    bot_id: str
    epoch: int
    people_seen: bool = False
    """Whether an earlier coming found anybody there."""


class Meeting(Protocol):
    """A bot's place in one meeting. What happens arrives as events, the last of which is ``Ended``."""

    @property
    def participants(self) -> list[Participant]:
        """Everyone else."""
        ...

    async def join(self) -> None:
        """Knock. Raises :class:`~rejoinder.errors.MeetingError` when the meeting cannot be reached at all."""
        ...

    def write(self, pcm: Pcm) -> None:
        """Say 20 ms of 48 kHz mono audio now; the caller keeps the pace."""
        ...

    def drop(self) -> bool:
        """Let go of what was written and is not yet on its way to people. Whether there may have been any: then people
        hear it fade, and the next frame written begins anew."""
        ...

    def show(self, image: Rgb | None) -> None:
        """Show a picture as video, or none."""
        ...

    async def chat(self, text: str) -> None:
        """Post to the chat."""
        ...

    async def leave(self) -> None:
        """Leave."""
        ...

    def network_ms(self, participant: str) -> tuple[float | None, float | None]:
        """(from their microphone to us, from us to their ears): the transport's share, None where unknown."""
        ...
