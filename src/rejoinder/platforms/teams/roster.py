"""Who is in a Teams meeting and whose voice its mix carries: facts of page.js in, events out.

Facts of page.js: ``tiles`` {rows: [[id, name, lit, me]], count: number on the roster's badge or null}, ``levels``
{levels: {track: 0..1}}, ``lines`` {rows: [[key, name, text]]} of the captions, ``message`` {id, name, text, at}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rejoinder.core.events import MeetingEvent, SpeakerLabelled
from rejoinder.core.participant import Participant
from rejoinder.platforms.driver import Fact
from rejoinder.platforms.roster import MAX_NAME, MAX_PEOPLE, MAX_TEXT, Roster
from rejoinder.platforms.teams.captions import Caption, Captions
from rejoinder.platforms.teams.mix import Speakers, TrackChoice, Voice

LEFT_LOOKS = 3
LEFT_S = 2.0
"""Somebody whose tile is missing for this long left, if the badge says that everybody is on the page."""
LEFT_UNKNOWN_S = 60.0
"""The same while there is no badge: missing is unknown, but not for ever."""
MAX_ROWS = 100
_SUFFIX = re.compile(
    r"\s*\((?:guest|unverified|external|you|organi[sz]er|gast|nicht überprüft|extern|sie)\)\s*$", re.IGNORECASE
)


class TeamsRoster(Roster):
    """People from the tiles; the mix labelled with who is lit."""

    def __init__(self, bot_name: str) -> None:
        super().__init__(bot_name)
        self._reset()
        self._load = -1

    def _reset(self) -> None:
        self._choice = TrackChoice()
        self._speakers = Speakers()
        self._captions = Captions()
        self._live: set[int] = set()
        self._missing: dict[str, tuple[int, float]] = {}
        self._voiced: dict[int, Voice] = {}
        self._messages: set[str] = set()

    # -- the machine ----------------------------------------------------------------------------------------------

    def on_fact(self, fact: Fact, now: float) -> list[MeetingEvent]:
        if fact.epoch < self._load:
            return []
        if fact.epoch > self._load:
            self._load = fact.epoch
            messages = self._messages
            self._reset()
            self._messages = messages  # the same messages are there again after a reload
        match fact.kind:
            case "tiles":
                return self._tiles(fact)
            case "track":
                self._track(fact)
            case "levels":
                return self._levels(fact)
            case "lines":
                lines = self._captions.on_lines(_lines(fact.data), now)
                return self._captioned(lines, fact.at, fact.epoch)
            case "message":
                return self._message(fact, now)
            case "label" | "source" | "csrc":
                return []  # one mix for everybody: contributing sources have no owners here
        return super().on_fact(fact, now)

    def hears(self, track: int, at: float) -> bool:
        """Teams sends the main mix twice; and the hiss of a mix nobody is in is nobody's."""
        return self._choice.hears(track, at) and (bool(self._people) or self._choice.sounds(track))

    def label(self, track: int, at: float) -> Participant | None:
        voice = self._speakers.at(at)
        person = None if voice is None else self._people.get(voice.id)
        if person is None and not self._choice.sounds(track):
            # The hiss of a mix in which nobody has spoken yet is no unknown speaker; nor is it dropped, because the
            # measured level comes later than the first word. Whoever came first keeps it, as others do afterwards.
            return next(iter(self._people.values()), None)
        return person

    def deadline(self) -> float | None:
        return self._captions.deadline()

    def tick(self, now: float) -> list[MeetingEvent]:
        return self._captioned(self._captions.tick(now), now, self._load)

    # -- people ---------------------------------------------------------------------------------------------------

    def _tiles(self, fact: Fact) -> list[MeetingEvent]:
        rows = _rows(fact.data, self._bot_name)
        count = fact.data.get("count")
        events: list[MeetingEvent] = []
        others: list[str] = []
        lit: list[str] = []
        for who, name, glows, me in rows:
            events += super().on_fact(replace(fact, kind="joined", data={"id": who, "name": name, "me": me}), fact.at)
            self._missing.pop(who, None)
            if not me:
                others.append(who)
                if glows:
                    lit.append(who)
        # Me may have no tile of its own.
        shown = len(rows) + (0 if any(row[3] for row in rows) else 1)
        whole = isinstance(count, int) and not isinstance(count, bool) and 0 < count <= shown
        known = isinstance(count, int) and not isinstance(count, bool)
        for who in [who for who in self._people if who not in others]:
            looks, since = self._missing.get(who, (0, fact.at))
            self._missing[who] = (looks + 1, since)
            gone_s = fact.at - since
            if looks + 1 >= LEFT_LOOKS and ((whole and gone_s >= LEFT_S) or (not known and gone_s >= LEFT_UNKNOWN_S)):
                del self._missing[who]
                events += super().on_fact(replace(fact, kind="left", data={"id": who}), fact.at)
        return events + self._voice(self._speakers.on_tiles(list(self._people), lit, fact.at), fact.at)

    # -- tracks ---------------------------------------------------------------------------------------------------

    def _track(self, fact: Fact) -> None:
        number, identity, state = fact.data.get("track"), fact.data.get("id"), fact.data.get("state")
        if not isinstance(number, int) or not isinstance(identity, str) or not 0 <= number <= 255:
            return
        live = state != "ended"
        self._choice.on_track(number, identity, live, fact.at)
        if live:
            self._live.add(number)
        else:
            self._live.discard(number)
            self._voiced.pop(number, None)

    def _levels(self, fact: Fact) -> list[MeetingEvent]:
        raw = fact.data.get("levels")
        if isinstance(raw, Mapping):
            levels = {
                int(key): float(value)
                for key, value in list(raw.items())[:256]
                if isinstance(key, str) and key.isdecimal() and isinstance(value, (int, float))
            }
            self._choice.on_levels(levels, fact.at)
        return []

    def _voice(self, voice: Voice | None, at: float) -> list[MeetingEvent]:
        person = None if voice is None else self._people.get(voice.id)
        if voice is None or person is None:
            return []
        events: list[MeetingEvent] = []
        for track in sorted(self._live):
            if self._voiced.get(track) != voice and self._choice.hears(track, at):
                self._voiced[track] = voice
                events.append(SpeakerLabelled(track, person, voice.source, voice.confidence))
        return events

    # -- words ----------------------------------------------------------------------------------------------------

    def _captioned(self, captions: list[Caption], at: float, epoch: int) -> list[MeetingEvent]:
        events: list[MeetingEvent] = []
        for caption in captions:
            name = _bare(caption.name)
            if name == self._bot_name or (self._me is not None and name == self._me.name):
                continue
            who = self._named(name)
            if who is not None:
                events += self._voice(self._speakers.on_caption(who, at), at)
            data = {"id": who, "name": name, "text": caption.text, "final": caption.final}
            events += super().on_fact(Fact("caption", data, at, epoch), at)
        return events

    def _message(self, fact: Fact, now: float) -> list[MeetingEvent]:
        identity, name = fact.data.get("id"), fact.data.get("name")
        if not isinstance(identity, str) or not isinstance(name, str) or identity in self._messages:
            return []
        if len(self._messages) < MAX_TEXT:
            self._messages.add(identity)
        if fact.data.get("me") is True:
            return []
        bare = _bare(name)
        data = {"id": self._named(bare), "name": bare, "text": fact.data.get("text"), "at": fact.data.get("at")}
        return super().on_fact(replace(fact, kind="chat", data=data), now)

    def _named(self, name: str) -> str | None:
        """The one person of that name; two of the same name cannot be told apart by it."""
        found = [person.id for person in self._people.values() if person.name == name]
        return found[0] if len(found) == 1 else None


def _bare(name: str) -> str:
    return _SUFFIX.sub("", name.strip()[:MAX_NAME]).strip()


def _rows(data: Mapping[str, Any], bot_name: str) -> list[tuple[str, str, bool, bool]]:
    """(id, name, lit, me) of each tile. Of several that carry the bot's name one is the bot: the one the page marks,
    else the first."""
    raw = data.get("rows")
    rows: list[tuple[str, str, bool, bool]] = []
    taken: dict[str, int] = {}
    for row in raw[:MAX_ROWS] if isinstance(raw, list) else []:
        if not isinstance(row, list) or len(row) != 4 or not isinstance(row[1], str) or not _bare(row[1]):
            continue
        name = _bare(row[1])
        who = row[0][:MAX_NAME] if isinstance(row[0], str) and row[0] else f"name:{name}"
        taken[who] = taken.get(who, 0) + 1
        if taken[who] > 1:
            if who != f"name:{name}":
                continue  # the same person's second tile, such as a shared screen
            who = f"{who}#{taken[who]}"
        rows.append((who, name, row[2] is True, row[3] is True))
    if not any(me for *_, me in rows):
        mine = next((at for at, row in enumerate(rows) if row[1] == bot_name), None)
        if mine is not None:
            rows[mine] = (*rows[mine][:3], True)
    return rows[:MAX_PEOPLE]


def _lines(data: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    raw = data.get("rows")
    return [
        (row[0], row[1][:MAX_NAME], row[2][:MAX_TEXT])
        for row in (raw[:MAX_ROWS] if isinstance(raw, list) else [])
        if isinstance(row, list) and len(row) == 3 and all(isinstance(value, str) for value in row)
    ]
