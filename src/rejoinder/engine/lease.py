"""The rules of owning bots: what a heartbeat's answer means, and when a worker must stop by itself.

A machine without clock or I/O. Times are seconds of one monotonic clock that also runs while the machine sleeps.

A worker proves with each heartbeat that it lives. Others may take its bots over once its last proof is older than
``lease_s`` by the database's clock. It stops its bots itself at 0.7 of that, counted from *before* it sent the last
heartbeat that succeeded, so whatever happens to the network it is out of the meeting before anybody else comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SELF_FENCE = 0.7
"""The part of the lease after which a worker without proof stops its bots. The rest is for leaving the meeting."""


@dataclass(slots=True)
class _Held:
    epoch: int
    since: float


class Lease:
    """What one worker process may run. Bots are told by :meth:`took` and :meth:`ended`."""

    def __init__(self, lease_s: float) -> None:
        self.lease_s = lease_s
        self._proved = float("-inf")
        self._dead = True
        self._held: dict[str, _Held] = {}

    @property
    def held(self) -> dict[str, int]:
        """The bots that may run, with their epochs."""
        return {bot: held.epoch for bot, held in self._held.items()}

    @property
    def dead(self) -> bool:
        """Whether this worker is not (or not any more) registered."""
        return self._dead

    @property
    def deadline(self) -> float:
        """When the worker must stop its bots unless another heartbeat succeeds."""
        return self._proved + SELF_FENCE * self.lease_s

    def trusted(self, now: float) -> bool:
        """Whether a bot may be started now."""
        return not self._dead and now < self.deadline

    def registered(self, sent: float) -> None:
        """The worker's row was written (again); the statement was sent at ``sent``."""
        self._dead = False
        self._proved = max(self._proved, sent)

    def took(self, bot: str, epoch: int, now: float) -> None:
        """The bot was acquired; ``now``: after that was committed."""
        self._held[bot] = _Held(epoch, now)

    def ended(self, bot: str) -> None:
        """The bot's stay is over (or it was let go): it is nobody's business any more."""
        self._held.pop(bot, None)

    def beat(self, sent: float, alive: bool, mine: Mapping[str, int]) -> list[str]:
        """A heartbeat that was sent at ``sent`` was answered. Gives the bots to stop now.

        ``alive``: the database still counts this worker among the living; ``mine``: the epochs of the bots it owns
        there. A bot that was acquired after ``sent`` is not judged: the answer may be older than it.
        """
        if not alive:
            self._dead = True
            return self._stop(list(self._held))
        self._proved = max(self._proved, sent)
        return self._stop(
            [bot for bot, held in self._held.items() if held.since <= sent and mine.get(bot) != held.epoch]
        )

    def expired(self, now: float) -> list[str]:
        """The bots to stop because there was no proof for too long. Each is given once."""
        return self._stop(list(self._held)) if now >= self.deadline else []

    def _stop(self, bots: list[str]) -> list[str]:
        for bot in bots:
            del self._held[bot]
        return bots
