"""Live transcripts that wait for a receiver, and what becomes of those it did not take. Pure.

Final results are what counts: they wait, in order, and are tried again. Interim ones are worth something only now: of
each speaker only the newest waits, none is tried twice, and a final result takes the place of those before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

LIMIT = 500
"""Final results that may wait: half an hour of lively talk."""
RETRIES_S = (1.0, 2.0, 4.0)
"""Pauses before the second, third and last attempt."""


@dataclass(frozen=True, slots=True)
class Event:
    """One live transcript, as it is sent."""

    body: bytes
    speaker: str
    final: bool


class Backlog:
    """What waits, oldest first."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._events: dict[int, Event] = {}
        self._interims: dict[str, int] = {}
        self._next = 0
        self.finals = 0
        """Final events that wait."""

    def __bool__(self) -> bool:
        return bool(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events.values())

    def add(self, event: Event) -> int:
        """Let an event wait. The number of final ones that were given up for it: 0, or 1 when too many wait."""
        if (outdated := self._interims.pop(event.speaker, None)) is not None:
            del self._events[outdated]
        number = self._next
        self._next += 1
        self._events[number] = event
        if not event.final:
            self._interims[event.speaker] = number
            return 0
        self.finals += 1
        if self.finals <= self._limit:
            return 0
        oldest = next(number for number, waiting in self._events.items() if waiting.final)
        del self._events[oldest]
        self.finals -= 1
        return 1

    def take(self) -> Event | None:
        """The next event to be sent."""
        if not self._events:
            return None
        number = next(iter(self._events))
        event = self._events.pop(number)
        if event.final:
            self.finals -= 1
        else:
            del self._interims[event.speaker]
        return event


def retry_in(status: int | None, final: bool, attempts: int) -> float | None:
    """Seconds until an event is tried again, None: not at all.

    ``status``: what the receiver answered, None if it could not be reached; ``attempts``: made so far. An answer that
    says the request is wrong will be the same the next time.
    """
    permanent = status is not None and status < 500 and status not in (408, 425, 429)
    if not final or permanent or attempts > len(RETRIES_S):
        return None
    return RETRIES_S[attempts - 1]
