"""A person in a room who notes when bots come and go."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from rejoinder.core.events import MeetingEvent, ParticipantJoined, ParticipantLeft
from rejoinder.rehearsal import Person
from rejoinder.room.peer import Engine


@dataclass
class Presence:
    """Who was there when, of the bots of one name. Times are seconds of one clock."""

    stays: dict[str, list[float]] = field(default_factory=dict)
    """By participant id: when it came and, if it has, when it left."""

    def came(self, ident: str, now: float) -> None:
        """Someone came in."""
        self.stays[ident] = [now]

    def left(self, ident: str, now: float) -> None:
        """Someone is gone."""
        if len(self.stays.get(ident, ())) == 1:
            self.stays[ident].append(now)

    @property
    def here(self) -> bool:
        """Whether one is there now."""
        return any(len(stay) == 1 for stay in self.stays.values())

    def gaps(self) -> list[float]:
        """Seconds between each stay's end and the beginning of the next one; below 0: both were there."""
        ends = [(stay[0], stay[1] if len(stay) > 1 else float("inf")) for stay in self.stays.values()]
        return [after[0] - before[1] for before, after in itertools.pairwise(sorted(ends))]

    def came_after(self, time: float) -> float | None:
        """When the first one came after ``time``."""
        return min((stay[0] for stay in self.stays.values() if stay[0] >= time), default=None)

    def left_after(self, time: float) -> float | None:
        """When the first one left after ``time``."""
        return min((stay[1] for stay in self.stays.values() if len(stay) > 1 and stay[1] >= time), default=None)


class Witness(Person):
    """Sees bots; ``seen`` holds each name's."""

    def __init__(self, engine: Engine, signalling_url: str, name: str) -> None:
        self.seen: dict[str, Presence] = {}
        super().__init__(engine, signalling_url, name)

    def _event(self, event: MeetingEvent) -> None:
        super()._event(event)
        if isinstance(event, ParticipantJoined) and event.participant.is_bot:
            self.of(event.participant.name).came(event.participant.id, self.now)
        if isinstance(event, ParticipantLeft):
            self.of(event.participant.name).left(event.participant.id, self.now)

    def of(self, name: str) -> Presence:
        """What was seen of the bots of a name."""
        return self.seen.setdefault(name, Presence())
