"""A roster for pages whose script reports the shared facts (see :mod:`rejoinder.platforms.driver`); also a base for
others. Labels: an explicit ``label`` of a track, else the loudest contributing source somebody is known for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from rejoinder.core.events import (
    CaptionReceived,
    ChatReceived,
    LabelSource,
    MeetingEvent,
    ParticipantJoined,
    ParticipantLeft,
    SpeakerLabelled,
)
from rejoinder.core.participant import Participant
from rejoinder.platforms.driver import Fact

MAX_PEOPLE = 1000
MAX_NAME = 200
MAX_TEXT = 10_000
CSRC_LASTS_S = 0.4
"""A contributing source not seen for this long is silent (the field's figure for Meet and Teams)."""
CSRC_CONFIDENCE = 0.8
"""Below a label that comes with the track itself: a source may be remapped between two polls."""
MIN_LEVEL = 0.0
_SOURCES = frozenset(get_args(LabelSource))


@dataclass(slots=True)
class _Track:
    labelled: str | None = None
    loudest: int | None = None
    heard_at: float = 0.0
    told: tuple[str, str] | None = None
    sources: list[tuple[int, float]] = field(default_factory=list)


class Roster:
    """People, tracks and who is on which; the plain case."""

    def __init__(self, bot_name: str) -> None:
        self._bot_name = bot_name
        self._people: dict[str, Participant] = {}
        self._me: Participant | None = None
        self._tracks: dict[int, _Track] = {}
        self._owners: dict[int, str] = {}
        self._epoch = -1

    @property
    def me(self) -> Participant | None:
        return self._me

    @property
    def participants(self) -> list[Participant]:
        return list(self._people.values())

    def deadline(self) -> float | None:
        return None

    def tick(self, now: float) -> list[MeetingEvent]:
        return []

    def hears(self, track: int, at: float) -> bool:
        return True

    def label(self, track: int, at: float) -> Participant | None:
        known = self._tracks.get(track)
        if known is None:
            return None
        if known.labelled is not None:
            return self._people.get(known.labelled)
        if known.loudest is None or at - known.heard_at > CSRC_LASTS_S:
            return None
        return self._people.get(self._owners.get(known.loudest, ""))

    def patience(self, track: int, at: float) -> float:
        return 0.0

    def on_fact(self, fact: Fact, now: float) -> list[MeetingEvent]:
        if fact.epoch != self._epoch:
            if fact.epoch < self._epoch:
                return []
            self._epoch = fact.epoch
            self._tracks.clear()
            self._owners.clear()
        data = fact.data
        match fact.kind:
            case "participants":
                return self._all(data)
            case "joined":
                return self._joined(data)
            case "left":
                return self._left(data)
            case "track":
                if data.get("state") == "ended" and _track(data.get("track")):
                    self._tracks.pop(data["track"], None)
            case "label":
                return self._labelled(data)
            case "source":
                return self._source(data)
            case "csrc":
                return self._csrc(data, fact.at)
            case "chat" | "caption":
                return self._said(fact)
        return []

    def _all(self, data: Mapping[str, Any]) -> list[MeetingEvent]:
        rows = data.get("all")
        if not isinstance(rows, list):
            return []
        events: list[MeetingEvent] = []
        here: set[str] = set()
        for row in rows[:MAX_PEOPLE]:
            if isinstance(row, dict) and (who := _id(row.get("id"))) is not None:
                here.add(who)
                events += self._joined(row)
        for gone in [who for who in self._people if who not in here]:
            events += self._left({"id": gone})
        return events

    def _joined(self, row: Mapping[str, Any]) -> list[MeetingEvent]:
        who = _id(row.get("id"))
        if who is None or (who not in self._people and len(self._people) >= MAX_PEOPLE):
            return []
        name = row.get("name")
        person = Participant(
            who,
            name.strip()[:MAX_NAME] if isinstance(name, str) and name.strip() else "Guest",
            is_bot=row.get("bot") is True,
            is_host=row.get("host") is True,
        )
        if row.get("me") is True:
            self._me = person
            return [ParticipantLeft(gone)] if (gone := self._people.pop(who, None)) is not None else []
        if self._people.get(who) == person:
            return []
        self._people[who] = person
        return [ParticipantJoined(person)]

    def _left(self, row: Mapping[str, Any]) -> list[MeetingEvent]:
        gone = self._people.pop(_id(row.get("id")) or "", None)
        return [] if gone is None else [ParticipantLeft(gone)]

    def _labelled(self, data: Mapping[str, Any]) -> list[MeetingEvent]:
        number, who, source = data.get("track"), _id(data.get("id")), data.get("source", "track")
        confidence = data.get("confidence", 1.0)
        if (
            not _track(number)
            or not isinstance(source, str)
            or source not in _SOURCES
            or not isinstance(confidence, (int, float))
        ):
            return []
        track = self._tracks.setdefault(cast(int, number), _Track())
        track.labelled = who
        return self._tell(
            cast(int, number), track, who, cast(LabelSource, source), min(1.0, max(0.0, float(confidence)))
        )

    def _source(self, data: Mapping[str, Any]) -> list[MeetingEvent]:
        csrc, who = data.get("csrc"), _id(data.get("id"))
        if isinstance(csrc, int) and who is not None and (csrc in self._owners or len(self._owners) < MAX_PEOPLE):
            self._owners[csrc] = who
        return []

    def _csrc(self, data: Mapping[str, Any], at: float) -> list[MeetingEvent]:
        number, rows = data.get("track"), data.get("sources")
        if not _track(number) or not isinstance(rows, list):
            return []
        track = self._tracks.setdefault(cast(int, number), _Track())
        heard = [
            (row[0], float(row[1]) if isinstance(row[1], (int, float)) else 0.0)
            for row in rows[:32]
            if isinstance(row, list) and len(row) == 2 and isinstance(row[0], int)
        ]
        if not heard:
            return []
        track.loudest, track.heard_at = max(heard, key=lambda row: row[1])[0], at
        if track.labelled is not None:
            return []
        return self._tell(cast(int, number), track, self._owners.get(track.loudest), "csrc", CSRC_CONFIDENCE)

    def _tell(
        self, number: int, track: _Track, who: str | None, source: LabelSource, confidence: float
    ) -> list[MeetingEvent]:
        person = self._people.get(who or "")
        if person is None or track.told == (person.id, source):
            return []
        track.told = (person.id, source)
        return [SpeakerLabelled(number, person, source, confidence)]

    def _said(self, fact: Fact) -> list[MeetingEvent]:
        text, who, name = fact.data.get("text"), _id(fact.data.get("id")), fact.data.get("name")
        if not isinstance(text, str) or not text.strip():
            return []
        if self._me is not None and who == self._me.id:
            return []
        person = self._people.get(who or "")
        if person is None:
            shown = name.strip()[:MAX_NAME] if isinstance(name, str) and name.strip() else "Unknown"
            if who is None and shown == self._bot_name:
                return []
            person = next((known for known in self._people.values() if known.name == shown), None) or Participant(
                who or "unknown", shown
            )
        if fact.kind == "caption":
            return [CaptionReceived(person, text[:MAX_TEXT], final=fact.data.get("final") is not False)]
        at = fact.data.get("at")
        return [ChatReceived(person, text[:MAX_TEXT], float(at) if isinstance(at, (int, float)) else 0.0)]


def _id(value: object) -> str | None:
    return value[:MAX_NAME] if isinstance(value, str) and value else None


def _track(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= 255
