"""Whose number is it? Numbers that are heard and tiles that glow, seen together often enough, belong together."""

from __future__ import annotations

from collections.abc import Mapping, Set

MAX_STEP_S = 0.5
"""The longest stretch one observation may stand for; both sides are told at least twice a second."""
ENOUGH_S = 0.4
"""Of a number and a tile together, while nobody else unknown is heard or glows, before they may be taken for one."""
AMONG_OTHERS_S = 3.0
"""So, while others are: a tile follows its voice by some 0.3 s, so that at first it goes best with the number of who
began that much later. After so long that lag weighs less than the margin."""
CLEAR_S = 1.0
"""So alone that it tells more than how alike they were among others: longer than a tile glows on after its voice."""
RIVAL = 1 / 3
"""Of that, at most, one of the two with somebody else."""
ALIKE = 0.5
"""Time together over time of either: the tile glows a little later and longer than the voice."""
MARGIN = 0.15
"""What the best tile must be ahead of the next."""
WRONG_S = 1.5
"""Of one number and one tile alone that do not belong together before what was learned of them is forgotten. A tile
glows on for up to about half a second after its voice; people who come back get a new number."""
APART_S = 1.0
"""Of a number without its guessed tile, or the tile without the number, in one go, before the guess is given up: longer
than a tile takes to follow its voice."""
EARLY_S = 0.05
"""A tile that glowed so much earlier than a number was heard glows for somebody else's last words."""
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
        self._alone: dict[tuple[int, str], float] = {}
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

    def heard(self, source: int) -> float:
        """Seconds a number has been heard, the older ones counted less."""
        return self._heard.get(source, 0.0)

    def owners(self) -> frozenset[str]:
        """People whose number is known."""
        return frozenset(self._owner.values())

    def forget_person(self, who: str) -> None:
        """They left."""
        self._glowed.pop(who, None)
        for source in [source for source, owner in self._owner.items() if owner == who]:
            self._forget(source)
        self._drop([pair for pair in self._both if pair[1] == who])

    def _learn(self, dt: float) -> None:
        if not self._sources and not self._voices:
            return
        fade = 0.5 ** (dt / LASTING_S)
        for table in (self._heard, self._glowed, self._both, self._alone):
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
        new = [source for source in self._sources if source not in self._owner]
        lit = self._voices - self.owners()
        if len(new) == 1 and len(lit) == 1:
            pair = (new[0], next(iter(lit)))
            self._alone[pair] = self._alone.get(pair, 0.0) + dt
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
        self._drop([pair for pair in self._both if pair[0] == source])

    def _drop(self, pairs: list[tuple[int, str]]) -> None:
        for pair in pairs:
            del self._both[pair]
            self._alone.pop(pair, None)

    def _decide(self) -> None:
        for source in self._sources:
            if source in self._owner:
                continue
            taken = self.owners()
            ranked = sorted(((self._alike(source, who), who) for who in self._glowed if who not in taken), reverse=True)
            clear = [who for alike, who in ranked if alike >= ALIKE and self._is_clear(source, who)]
            if clear or (ranked and self._is_likely(source, ranked)):
                self._owner[source] = clear[0] if clear else ranked[0][1]

    def _is_likely(self, source: int, ranked: list[tuple[float, str]]) -> bool:
        best, who = ranked[0]
        second = ranked[1][0] if len(ranked) > 1 else 0.0
        alone, both = self._alone.get((source, who), 0.0), self._both.get((source, who), 0.0)
        enough = alone >= ENOUGH_S or both >= AMONG_OTHERS_S
        return enough and best >= ALIKE and best - second >= MARGIN and self._is_best(source, who, best)

    def _is_clear(self, source: int, who: str) -> bool:
        alone = self._alone.get((source, who), 0.0)
        rivals = [time for pair, time in self._alone.items() if (pair[0] == source) != (pair[1] == who)]
        return alone >= CLEAR_S and max(rivals, default=0.0) <= RIVAL * alone

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


class Guesses:
    """Whose number it is at first sight: the only number nobody is known for, and the only such tile, begin together.

    A machine over time like :class:`Matcher`, quicker and less sure. One to one.
    """

    def __init__(self) -> None:
        self._at: float | None = None
        self._owner: dict[int, str] = {}
        self._apart: dict[int, float] = {}
        self._sources: frozenset[int] = frozenset()
        self._voices: frozenset[str] = frozenset()

    def observe(self, now: float, sources: Mapping[int, float], voices: Mapping[str, float], known: Matcher) -> None:
        """From ``now`` on these numbers are heard and these people's tiles glow, each since when."""
        if self._at is not None and now > self._at:
            self._doubt(min(now - self._at, MAX_STEP_S))
        self._at = now if self._at is None else max(now, self._at)
        self._sources, self._voices = frozenset(sources), frozenset(voices)
        owners = known.owners()
        for source, who in list(self._owner.items()):
            if known.owner(source) is not None or who in owners:
                self._forget(source)
        taken = owners.union(self._owner.values())
        free = [source for source in sources if source not in self._owner and known.owner(source) is None]
        lit = [who for who in voices if who not in taken]
        if len(free) == 1 and len(lit) == 1 and voices[lit[0]] >= sources[free[0]] - EARLY_S:
            self._owner[free[0]] = lit[0]

    def owner(self, source: int) -> str | None:
        """Whose number it seems to be."""
        return self._owner.get(source)

    def forget_person(self, who: str) -> None:
        """They left."""
        for source in [source for source, owner in self._owner.items() if owner == who]:
            self._forget(source)

    def _doubt(self, dt: float) -> None:
        for source, who in list(self._owner.items()):
            if (source in self._sources) == (who in self._voices):
                self._apart.pop(source, None)
                continue
            self._apart[source] = self._apart.get(source, 0.0) + dt
            if self._apart[source] >= APART_S:
                self._forget(source)

    def _forget(self, source: int) -> None:
        self._owner.pop(source, None)
        self._apart.pop(source, None)
