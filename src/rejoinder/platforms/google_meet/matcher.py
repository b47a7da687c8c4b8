"""Whose number is it? Numbers that are heard and tiles that glow, seen together often enough, belong together."""

from __future__ import annotations

from collections.abc import Set

MAX_STEP_S = 0.5
"""The longest stretch one observation may stand for; both sides are told at least twice a second."""
ENOUGH_S = 0.4
"""Of a number and a tile together before they may be taken for one."""
ALIKE = 0.5
"""Time together over time of either: the tile glows a little later and longer than the voice."""
MARGIN = 0.15
"""What the best tile must be ahead of the next."""
WRONG_S = 1.5
"""Of one number and one tile alone that do not belong together before what was learned of them is forgotten. A tile
glows on for up to about half a second after its voice; people who come back get a new number."""
LASTING_S = 60.0
MAX_NUMBERS = 512


class Matcher:
    """A machine over time: :meth:`observe` what is heard and what glows, ask for the :meth:`owner` of a number.

    Times are seconds of one clock. Learns one to one; forgets with a half-life of a minute of speech, and at once what
    is contradicted.
    """

    def __init__(self) -> None:
        self._at: float | None = None
        self._sources: frozenset[int] = frozenset()
        self._voices: frozenset[str] = frozenset()
        self._heard: dict[int, float] = {}
        self._glowed: dict[str, float] = {}
        self._both: dict[tuple[int, str], float] = {}
        self._owner: dict[int, str] = {}
        self._wrong: dict[int, float] = {}

    def observe(self, now: float, sources: Set[int], voices: Set[str]) -> None:
        """From ``now`` on these numbers are heard and these people's tiles glow."""
        if self._at is not None and now > self._at:
            self._learn(min(now - self._at, MAX_STEP_S))
        self._at = now if self._at is None else max(now, self._at)
        self._sources, self._voices = frozenset(sources), frozenset(voices)

    def owner(self, source: int) -> tuple[str, float] | None:
        """Whose number it is, and how sure that is (0..1)."""
        who = self._owner.get(source)
        if who is None:
            return None
        evidence = min(1.0, self._both.get((source, who), 0.0) / 3.0)
        return who, round(0.6 + 0.3 * self._alike(source, who) * evidence, 2)

    def owners(self) -> frozenset[str]:
        """People whose number is known."""
        return frozenset(self._owner.values())

    def forget_person(self, who: str) -> None:
        """They left."""
        self._glowed.pop(who, None)
        for source in [source for source, owner in self._owner.items() if owner == who]:
            self._forget(source)
        for pair in [pair for pair in self._both if pair[1] == who]:
            del self._both[pair]

    def _learn(self, dt: float) -> None:
        if not self._sources and not self._voices:
            return
        fade = 0.5 ** (dt / LASTING_S)
        for table in (self._heard, self._glowed, self._both):
            for key in table:
                table[key] *= fade  # type: ignore[index]
        for source in self._sources:
            if source in self._heard or len(self._heard) < MAX_NUMBERS:
                self._heard[source] = self._heard.get(source, 0.0) + dt
        for who in self._voices:
            self._glowed[who] = self._glowed.get(who, 0.0) + dt
        for source in self._sources:
            for who in self._voices:
                self._both[source, who] = self._both.get((source, who), 0.0) + dt
        self._doubt(dt)
        self._decide()

    def _doubt(self, dt: float) -> None:
        """One alone is heard and one alone glows, and we had learned otherwise."""
        if len(self._sources) != 1 or len(self._voices) != 1:
            return
        (source,), (who,) = self._sources, self._voices
        for known, owner in list(self._owner.items()):
            if (known == source) == (owner == who):
                if known == source:
                    self._wrong.pop(known, None)
                continue
            self._wrong[known] = self._wrong.get(known, 0.0) + dt
            if self._wrong[known] >= WRONG_S:
                self._forget(known)

    def _forget(self, source: int) -> None:
        self._owner.pop(source, None)
        self._wrong.pop(source, None)
        self._heard.pop(source, None)
        for pair in [pair for pair in self._both if pair[0] == source]:
            del self._both[pair]

    def _decide(self) -> None:
        taken = self.owners()
        for source in self._sources:
            if source in self._owner:
                continue
            ranked = sorted(((self._alike(source, who), who) for who in self._glowed if who not in taken), reverse=True)
            if not ranked:
                continue
            best, who = ranked[0]
            second = ranked[1][0] if len(ranked) > 1 else 0.0
            enough = self._both.get((source, who), 0.0) >= ENOUGH_S
            if enough and best >= ALIKE and best - second >= MARGIN and self._is_best(source, who, best):
                self._owner[source] = who
                taken = self.owners()

    def _is_best(self, source: int, who: str, alike: float) -> bool:
        return all(
            alike - self._alike(other, who) >= MARGIN
            for other in self._heard
            if other != source and other not in self._owner
        )

    def _alike(self, source: int, who: str) -> float:
        both = self._both.get((source, who), 0.0)
        either = self._heard.get(source, 0.0) + self._glowed.get(who, 0.0) - both
        return both / either if either > 0.0 else 0.0
