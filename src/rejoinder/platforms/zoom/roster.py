"""Who is in a Zoom meeting and who is on which track.

Three sources, best first: Zoom's own signalling as the page receives it (people with ids, who speaks); the people
panel (names only); the tiles. Zoom's web client plays one mix of everybody, so the speaker of the mix is who the page
shows as such, and the confidence says how good that is. Where there is one track for each person (Zoom's SDK for the
web), the stream's name carries the person's id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rejoinder.browser.joinflow import plain
from rejoinder.core.events import CaptionReceived, LabelSource, MeetingEvent, ParticipantLeft, SpeakerLabelled
from rejoinder.core.participant import Participant
from rejoinder.platforms.driver import Fact
from rejoinder.platforms.roster import Roster

CONFIDENCE: Mapping[str, float] = {"only": 0.9, "signal": 0.7, "border": 0.6, "stage": 0.4}
"""How far the named speaker of a mix can be trusted. only: nobody else is there. signal: Zoom's active-speaker message.
border: a tile's green frame. stage: the large tile, which stays with the last speaker and may be pinned. None is
measured on Zoom itself; overlapping speech is always put down to one person."""
SPEAKER_LASTS_S = 5.0
"""The page repeats who speaks each second; older than this is not known any more."""
GONE_READS = 3
"""Reads of a complete people panel running that must lack someone who has left."""
CAPTION_SETTLES_S = 1.5
NODE_BITS = ~0x3FF
"""Zoom numbers the streams of one person in the low ten bits of the id."""
MAX_ROWS = 1000


class ZoomRoster(Roster):
    """A stay's roster. ``you``: what Zoom calls the sender of one's own messages."""

    def __init__(self, bot_name: str, you: tuple[str, ...] = ("You",)) -> None:
        super().__init__(bot_name)
        self._you = {plain(word) for word in you}
        self._signalled = False
        self._missing: Counter[str] = Counter()
        self._mixes: dict[int, tuple[str, float] | None] = {}
        self._streams: dict[int, str] = {}
        self._speaker: tuple[str, str] | None = None
        self._speaker_at = 0.0
        self._load = -1
        self._caption = _Caption()

    def on_fact(self, fact: Fact, now: float) -> list[MeetingEvent]:
        if fact.epoch < self._load:
            return []
        if fact.epoch > self._load:
            self._load = fact.epoch
            self._signalled, self._speaker = False, None
            self._mixes.clear()
            self._streams.clear()
        data = fact.data
        match fact.kind:
            case "zoom_roster":
                return [*self._signal(fact, now), *self._relabel(fact.at)]
            case "zoom_people":
                return [*self._panel(fact, now), *self._relabel(fact.at)]
            case "zoom_speaker":
                self._spoke(data, fact.at)
                return self._relabel(fact.at)
            case "zoom_caption":
                return self._captioned(data, now)
            case "zoom_chat":
                return self._chat(fact, now)
            case "track" if isinstance(data.get("track"), int):
                self._track(data["track"], data)
                return [*super().on_fact(fact, now), *self._relabel(fact.at)]
        return []

    def label(self, track: int, at: float) -> Participant | None:
        if track not in self._mixes:
            return super().label(track, at)
        known = self._mixes[track]
        if known is None or (at - self._speaker_at > SPEAKER_LASTS_S and len(self._people) != 1):
            return None
        return self._people.get(known[0])

    def deadline(self) -> float | None:
        return self._caption.until

    def tick(self, now: float) -> list[MeetingEvent]:
        return self._caption.settle(now)

    # -- people -------------------------------------------------------------------------------------------------------

    def _signal(self, fact: Fact, now: float) -> list[MeetingEvent]:
        """Additions, changes and removals with Zoom's own ids."""
        events: list[MeetingEvent] = []
        if not self._signalled:
            self._signalled = True
            events += [ParticipantLeft(self._people.pop(who)) for who in list(self._people) if who.startswith("name:")]
            if self._me is not None and self._me.id.startswith("name:"):
                self._me = None
        for row in _rows(fact.data.get("rows")):
            who = row.get("id")
            if not isinstance(who, str):
                continue
            if row.get("gone") is True:
                events += super().on_fact(_fact(fact, "left", {"id": who}), now)
                continue
            known = self._people.get(who) or (self._me if self._me is not None and self._me.id == who else None)
            merged = {
                "id": who,
                "name": row.get("name") or (known.name if known else None),
                "host": row.get("host", known.is_host if known else False),
                "bot": row.get("bot", known.is_bot if known else False),
                "me": self._mine(who, row),
            }
            events += super().on_fact(_fact(fact, "joined", merged), now)
        return events

    def _mine(self, who: str, row: Mapping[str, Any]) -> bool:
        if self._me is not None and self._me.id == who:
            return True
        if row.get("me") is True:
            return True
        # The page does not say which one is ours: the first of our name, and no second.
        return self._me is None and "me" not in row and row.get("name") == self._bot_name

    def _panel(self, fact: Fact, now: float) -> list[MeetingEvent]:
        """The people panel: who is in it is there; who is not has left only when the panel shows everybody, thrice."""
        if self._signalled:
            return []
        rows = _rows(fact.data.get("rows"))
        count = fact.data.get("count")
        events: list[MeetingEvent] = []
        here: set[str] = set()
        seen: Counter[str] = Counter()
        for row in rows or [{"name": name} for name in _names(fact.data.get("tiles"))]:
            name = row.get("name")
            if not isinstance(name, str) or not name.strip():
                continue
            mine = row.get("me") is True or (not rows and name == self._bot_name)
            if not mine:
                seen[name] += 1
            who = "name:(me)" if mine else f"name:{name}" + (f"#{seen[name]}" if seen[name] > 1 else "")
            here.add(who)
            given = {"id": who, "name": name, "host": row.get("host") is True, "me": mine}
            events += super().on_fact(_fact(fact, "joined", given), now)
        complete = bool(rows) and isinstance(count, int) and len(rows) >= count
        for who in list(self._people):
            if who in here:
                self._missing.pop(who, None)
            elif complete:
                self._missing[who] += 1
                if self._missing[who] >= GONE_READS:
                    del self._missing[who]
                    events += super().on_fact(_fact(fact, "left", {"id": who}), now)
        return events

    # -- who speaks ---------------------------------------------------------------------------------------------------

    def _track(self, number: int, data: Mapping[str, Any]) -> None:
        if data.get("state") == "ended":
            self._mixes.pop(number, None)
            self._streams.pop(number, None)
        elif data.get("mixed") is True:
            self._mixes.setdefault(number, None)
        elif isinstance(stream := data.get("stream"), str):
            self._streams[number] = stream

    def _spoke(self, data: Mapping[str, Any], at: float) -> None:
        by = data.get("by")
        if not isinstance(by, str) or by not in CONFIDENCE or by == "only":
            return
        person = self._by_id(data.get("id")) if by == "signal" else self._by_name(data.get("name"))
        if person is None and self._is_me(data):
            return  # what people say meanwhile is still theirs
        # Better than what the tiles show a moment later is what the signalling said.
        told = self._speaker is not None and self._speaker[1] == "signal" and at - self._speaker_at < SPEAKER_LASTS_S
        if by != "signal" and told:
            return
        self._speaker = None if person is None else (person.id, by)
        self._speaker_at = at

    def _is_me(self, data: Mapping[str, Any]) -> bool:
        if self._me is not None and data.get("id") == self._me.id:
            return True
        return data.get("name") == (self._bot_name if self._me is None else self._me.name)

    def _relabel(self, at: float) -> list[MeetingEvent]:
        events: list[MeetingEvent] = []
        if len(self._people) == 1:
            speaker: tuple[str, str] | None = (next(iter(self._people)), "only")
        else:
            speaker = self._speaker if self._speaker is not None and self._speaker[0] in self._people else None
        for track, told in self._mixes.items():
            label = None if speaker is None else (speaker[0], CONFIDENCE[speaker[1]])
            self._mixes[track] = label
            if label is not None and label != told:
                source: LabelSource = "mixed"
                events.append(SpeakerLabelled(track, self._people[label[0]], source, label[1]))
        for track, stream in list(self._streams.items()):
            person = next((found for part in stream.split("+") if (found := self._by_id(part)) is not None), None)
            if person is not None:
                del self._streams[track]
                fact = Fact(
                    "label", {"track": track, "id": person.id, "source": "track", "confidence": 0.95}, at, self._load
                )
                events += super().on_fact(fact, at)
        return events

    def _by_id(self, value: object) -> Participant | None:
        text = str(value) if isinstance(value, (str, int)) else ""
        if text in self._people:
            return self._people[text]
        if not text.isdigit() or len(text) > 18:
            return None
        node = int(text) & NODE_BITS
        if not node:
            return None
        near = (p for p in self._people.values() if p.id.isdigit() and int(p.id) & NODE_BITS == node)
        return next(near, None)

    def _by_name(self, name: object) -> Participant | None:
        """The one of that name; None when two share it."""
        if not isinstance(name, str):
            return None
        named = [person for person in self._people.values() if person.name == name.strip()]
        return named[0] if len(named) == 1 else None

    # -- what is written ----------------------------------------------------------------------------------------------

    def _chat(self, fact: Fact, now: float) -> list[MeetingEvent]:
        name = fact.data.get("name")
        if isinstance(name, str) and plain(name) in self._you and self._by_name(name) is None:
            return []
        return super().on_fact(_fact(fact, "chat", dict(fact.data)), now)

    def _captioned(self, data: Mapping[str, Any], now: float) -> list[MeetingEvent]:
        text, key = data.get("text"), data.get("key")
        if not isinstance(text, str) or not text.strip():
            return []
        return self._caption.see(self._who_captions(key), text[:2000], now)

    def _who_captions(self, key: object) -> Participant:
        """Captions show an avatar and no name: the initials, where only one person has them; else who speaks."""
        if isinstance(key, str) and 0 < len(key) <= 3:
            named = [person for person in self._people.values() if initials(person.name) == key.upper()]
            if len(named) == 1:
                return named[0]
        if self._speaker is not None and self._speaker[0] in self._people:
            return self._people[self._speaker[0]]
        if len(self._people) == 1:
            return next(iter(self._people.values()))
        return Participant("unknown", "Unknown speaker")


class _Caption:
    """Zoom keeps one line that is rewritten and rolls: old words drop off its front. Gives what is new of it."""

    def __init__(self) -> None:
        self.until: float | None = None
        self._who: Participant | None = None
        self._line = ""
        self._before = ""

    def see(self, who: Participant, line: str, now: float) -> list[MeetingEvent]:
        events = self._finish() if self._who is not None and who.id != self._who.id else []
        text = new_words(self._before, line)
        self._who, self._line = who, line
        self.until = now + CAPTION_SETTLES_S
        return [*events, CaptionReceived(who, text, final=False)] if text else events

    def settle(self, now: float) -> list[MeetingEvent]:
        return [] if self.until is None or now < self.until else self._finish()

    def _finish(self) -> list[MeetingEvent]:
        self.until = None
        text = new_words(self._before, self._line)
        self._before = self._line
        return [CaptionReceived(self._who, text, final=True)] if self._who is not None and text else []


def new_words(before: str, after: str) -> str:
    """What of a rolling line is new: without the words at its front that ended the line as it was before."""
    old, new = before.split(), after.split()
    bare_old, bare_new = [_bare(word) for word in old], [_bare(word) for word in new]
    for count in range(min(len(old), len(new)), 0, -1):
        if bare_old[-count:] == bare_new[:count]:
            return " ".join(new[count:])
    return after.strip()


def initials(name: str) -> str:
    """As Zoom's avatars show them: the first letters of the first and the last word."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


def _bare(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum()) or word


def _fact(fact: Fact, kind: str, data: Mapping[str, Any]) -> Fact:
    return Fact(kind, data, fact.at, fact.epoch)


def _rows(value: object) -> list[dict[str, Any]]:
    return [row for row in value[:MAX_ROWS] if isinstance(row, dict)] if isinstance(value, list) else []


def _names(value: object) -> list[str]:
    return [name for name in value[:MAX_ROWS] if isinstance(name, str)] if isinstance(value, list) else []
