"""When something that failed is tried again. Plain functions; all times are seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """Pauses that double from ``first_s`` to ``most_s``; ``tries`` counts the first run too."""

    first_s: float = 2.0
    most_s: float = 300.0
    tries: int = 20

    def pause(self, failures: int) -> float | None:
        """The pause after the ``failures``-th failure in a row (1 is the first); None: give up."""
        if failures >= self.tries:
            return None
        return min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 30))


JOB = Retry()
"""A job of any kind: about an hour."""
SETTLE = Retry(tries=150)
"""The work after a meeting: about twelve hours, because nobody else will do it."""

DEATHS = 10
"""How many workers may die under one job before it is taken for the cause and given up."""

YOUNG_S = 3.0
"""A process that worked shorter than this, after it was ready, died of its own start."""
RESTART = Retry(first_s=0.5, most_s=30.0, tries=2**31)


def restart_pause(worked_s: float, young_deaths: int) -> tuple[float, int]:
    """How long to wait before a dead process is started again, and the new count of deaths at a young age in a row.

    ``worked_s``: since it was ready; 0 if it never was. One that had been working for a while is started at once, and
    so is one that died young for the first time.
    """
    if worked_s >= YOUNG_S:
        return 0.0, 0
    deaths = young_deaths + 1
    return (RESTART.pause(deaths - 1) or 0.0) if deaths > 1 else 0.0, deaths
