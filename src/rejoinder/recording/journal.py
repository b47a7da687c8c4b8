"""What ``meta.jsonl`` of an epoch tells, read from whatever a crash left of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Person:
    """One track of one epoch; times in seconds of the epoch."""

    number: int
    id: str
    name: str
    own: bool
    joined: float
    left: float | None = None
    """None: still there at the end."""
    speech: list[tuple[float, float | None]] = field(default_factory=list)


@dataclass(slots=True)
class Journal:
    """An epoch. ``closed``: its length, None if it was not closed."""

    began_at: float | None = None
    closed: float | None = None
    people: dict[int, Person] = field(default_factory=dict)
    pauses: list[tuple[float, float | None]] = field(default_factory=list)


def read(path: Path) -> Journal:
    """Lines that are torn, or not ours, are passed over."""
    journal = Journal()
    for line in _lines(path):
        _take(journal, line)
    return journal


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line


def _take(journal: Journal, line: dict[str, Any]) -> None:
    began, closed, at = (_time(line.get(name)) for name in ("began_at", "closed", "at"))
    if began is not None and journal.began_at is None:
        journal.began_at = began
    elif closed is not None:
        journal.closed = closed
    elif (since := _time(line.get("paused"))) is not None:
        journal.pauses.append((since, None))
    elif (until := _time(line.get("resumed"))) is not None:
        if journal.pauses:
            journal.pauses[-1] = (journal.pauses[-1][0], until)
    elif at is not None:
        _take_person(journal, line, at)


def _take_person(journal: Journal, line: dict[str, Any], at: float) -> None:
    number, identity, name = line.get("track"), line.get("participant_id"), line.get("name")
    if isinstance(number, int) and isinstance(identity, str) and isinstance(name, str):
        known = journal.people.get(number)
        if known is None:
            journal.people[number] = Person(number, identity, name, line.get("bot") is True, at)
        else:
            known.name = name
        return
    for kind in ("joined", "left", "speech", "silence"):
        person = journal.people.get(line.get(kind, -1)) if isinstance(line.get(kind), int) else None
        if person is None:
            continue
        if kind == "speech":
            person.speech.append((at, None))
        elif kind == "silence":
            if person.speech:
                person.speech[-1] = (person.speech[-1][0], max(at, person.speech[-1][0]))
        else:
            person.left = at if kind == "left" else None


def _time(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(value)
