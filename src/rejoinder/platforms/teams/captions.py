"""Teams' captions: lines that grow and are corrected in place become interim and final texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SETTLE_S = 1.0
"""A line that did not change for this long is final (field: 0.9 to 1 s)."""
MAX_LINES = 50


@dataclass(slots=True)
class _Line:
    name: str
    text: str
    changed: float
    done: int = 0
    """Words that were told as final: a line may go on after a pause."""

    @property
    def rest(self) -> str:
        return " ".join(self.text.split()[self.done :])


@dataclass(frozen=True, slots=True)
class Caption:
    """What somebody said, so far or finally."""

    name: str
    text: str
    final: bool


class Captions:
    """Lines by key (an element of the page), in the order of the page."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def on_lines(self, rows: Iterable[tuple[str, str, str]], now: float) -> list[Caption]:
        """(key, name, text) of every line the page shows now."""
        told: list[Caption] = []
        here: set[str] = set()
        for key, name, text in rows:
            here.add(key)
            line = self._lines.get(key)
            if line is not None and (line.name != name or not _continues(line.text, text)):
                # The page uses the element for another line.
                told += self._finish(line)
                line = None
            if line is None:
                if len(self._lines) >= MAX_LINES:
                    oldest = next(iter(self._lines))
                    told += self._finish(self._lines.pop(oldest))
                line = self._lines[key] = _Line(name, "", now)
            if text != line.text:
                line.text, line.changed = text, now
                if line.rest:
                    told.append(Caption(name, line.rest, final=False))
        for key in [key for key in self._lines if key not in here]:
            told += self._finish(self._lines.pop(key))
        return told + self.tick(now)

    def deadline(self) -> float | None:
        """When the next line settles."""
        return min((line.changed + SETTLE_S for line in self._lines.values() if line.rest), default=None)

    def tick(self, now: float) -> list[Caption]:
        """Lines that settled."""
        told: list[Caption] = []
        for line in self._lines.values():
            if now - line.changed >= SETTLE_S:
                told += self._finish(line)
        return told

    def _finish(self, line: _Line) -> list[Caption]:
        rest = line.rest
        if not rest:
            return []
        line.done = len(line.text.split())
        return [Caption(line.name, rest, final=True)]


def _continues(old: str, new: str) -> bool:
    """Whether a text is the same line, grown or corrected: more than half of the old words are still in their place."""
    before, after = old.split(), new.split()
    if not before:
        return True
    same = sum(a.strip(".,?!").casefold() == b.strip(".,?!").casefold() for a, b in zip(before, after, strict=False))
    return same * 2 >= len(before)
