"""How much one client may ask for in a while."""

from __future__ import annotations


class Allowance:
    """A token bucket: ``burst`` at once, ``per_second`` in the long run. Time is an argument, in seconds."""

    def __init__(self, *, burst: float, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = burst
        self._since: float | None = None

    def _refill(self, now: float) -> None:
        if self._since is not None:
            self._left = min(self._burst, self._left + (now - self._since) * self._per_second)
        self._since = now

    def take(self, cost: float, now: float) -> bool:
        """Take ``cost`` if there is as much; tells whether there was."""
        self._refill(now)
        if self._left < cost:
            return False
        self._left -= cost
        return True

    def owe(self, cost: float, now: float) -> float:
        """Take ``cost`` in any case; returns how many seconds to rest until the debt is paid."""
        self._refill(now)
        self._left -= cost
        return max(0.0, -self._left / self._per_second)

    def whole(self, now: float) -> bool:
        """Whether nothing is owed or used: such an allowance can be forgotten."""
        self._refill(now)
        return self._left >= self._burst
