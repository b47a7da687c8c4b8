"""Who is in a Google Meet, and who is on which of its few audio tracks.

Meet sends about three audio tracks whatever the number of people, and puts whoever speaks on one that is free: a
track is not a person. Its packets carry the speaker's number (a contributing source, CSRC), the same for a person all
the time. Whose number it is the page does not say, so it is learned: somebody's tile glows while somebody's number is
heard (:mod:`~rejoinder.platforms.google_meet.matcher`). A page that mixes for itself leaves only the glow.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rejoinder.browser.joinflow import plain
from rejoinder.core.events import LabelSource, MeetingEvent, ParticipantLeft, SpeakerLabelled
from rejoinder.core.participant import Participant
from rejoinder.platforms.driver import Fact
from rejoinder.platforms.google_meet.matcher import Guesses, Matcher
from rejoinder.platforms.roster import CSRC_LASTS_S, MAX_PEOPLE, Roster

LEAVES_AFTER_S = 3.0
"""A tile gone for less is a page that draws itself anew."""
HOLDS_S = 2.0
"""A track keeps its last speaker so long: packets stop between words."""
VOICE_LEVEL = 0.05
"""Level above which a number counts as speaking (the field's figure); a label takes the loudest whatever its level."""
NUMBER_S = 0.12
"""How long sound waits for its number: the page looks every 40 ms, and a late packet takes as long again."""
LEARN_S = 1.2
"""How long the first sound of a number waits for the name: a tile glows some 0.3 s after its voice, and nobody else's
may meanwhile. Who talks at once with somebody just as new is then heard without a name, rather than not at all."""
VOICES_LAST_S = 1.2
"""The page tells of voices twice a second while there are any."""
ALONE_CONFIDENCE = 0.9
ELIMINATED_CONFIDENCE = 0.6
GLOW_CONFIDENCE = 0.5
CROWD_CONFIDENCE = 0.3
ELIMINATION_MAX = 8
"""With more people than that some have no tile, and who is left over is not known."""
_MESSAGES = 2000
_TELL_AGAIN = 0.2
"""Change of confidence worth telling."""


@dataclass(frozen=True, slots=True)
class _Label:
    who: str
    source: LabelSource
    confidence: float


@dataclass(slots=True)
class _Track:
    mixed: bool = False
    csrc: int | None = None
    active: frozenset[int] = frozenset()
    present: bool = False
    """Whether the number is heard now."""
    since: float = float("-inf")
    """Since when it is, or is not."""
    heard_at: float = float("-inf")
    label: _Label | None = None
    sure_at: float = float("-inf")
    """When there was last a reason for the label."""
    told: _Label | None = None


class MeetRoster(Roster):
    """See :class:`~rejoinder.platforms.driver.RosterMachine`. Facts of page.js: ``people`` and ``voices`` (``{all}``,
    ``{ids}``), ``chat`` with Meet's id of the ``message``, ``caption``. ``you``: how Meet calls the bot itself."""

    def __init__(self, bot_name: str, you: Iterable[str] = ("You",)) -> None:
        super().__init__(bot_name)
        self._own_name = plain(bot_name)
        self._you = {plain(word) for word in you}
        self._on: dict[int, _Track] = {}
        self._matcher = Matcher()
        self._guesses = Guesses()
        self._voices: dict[str, float] = {}
        self._voices_at = float("-inf")
        self._missing: dict[str, float] = {}
        self._messages: OrderedDict[str, None] = OrderedDict()
        self._load = -1
        self._numbered = False
        """Whether this page gives contributing sources at all."""

    def deadline(self) -> float | None:
        return min(self._missing.values()) + LEAVES_AFTER_S if self._missing else None

    def tick(self, now: float) -> list[MeetingEvent]:
        events: list[MeetingEvent] = []
        for who in [who for who, since in self._missing.items() if now - since >= LEAVES_AFTER_S]:
            del self._missing[who]
            self._voices.pop(who, None)
            self._matcher.forget_person(who)
            self._guesses.forget_person(who)
            if (gone := self._people.pop(who, None)) is not None:
                events.append(ParticipantLeft(gone))
        return [*events, *self._relabel(now)] if events else events

    def label(self, track: int, at: float) -> Participant | None:
        known = self._on.get(track)
        if known is None:
            return None
        if known.label is None or (at - known.sure_at > HOLDS_S and len(self._people) > 1):
            return None
        return self._people.get(known.label.who)

    def patience(self, track: int, at: float) -> float:
        known = self._on.get(track)
        if len(self._people) <= 1 or (known is not None and known.mixed):
            return 0.0
        if known is None or (not known.present and at > known.since):
            return NUMBER_S
        if known.csrc is None or known.label is not None or self._matcher.heard(known.csrc) >= LEARN_S:
            return 0.0
        return LEARN_S

    def on_fact(self, fact: Fact, now: float) -> list[MeetingEvent]:
        if fact.epoch < self._load:
            return []
        if fact.epoch > self._load:
            self._load = fact.epoch
            self._on.clear()
            self._voices.clear()
            self._matcher, self._guesses = Matcher(), Guesses()
            self._numbered = False
        match fact.kind:
            case "people":
                events = self._tiles(fact.data, now)
            case "voices":
                events = []
                self._glow(fact.data, fact.at)
            case "csrc":
                events = []
                self._numbers(fact.data, fact.at)
            case "track":
                events = []
                self._track(fact.data)
            case "chat" | "caption":
                return [] if self._is_own(fact) or self._is_old(fact) else super().on_fact(fact, now)
            case _:
                return []
        return [*events, *self._relabel(fact.at)]

    # -- people -------------------------------------------------------------------------------------------------------

    def _tiles(self, data: Mapping[str, Any], now: float) -> list[MeetingEvent]:
        """No tiles at all is not an empty meeting but a page that does not show it."""
        rows = data.get("all")
        if not isinstance(rows, list):
            return []
        seen = [row for row in rows[:MAX_PEOPLE] if isinstance(row, dict) and isinstance(row.get("id"), str)]
        if not seen:
            return []
        own = self._own_tile(seen)
        events: list[MeetingEvent] = []
        here: set[str] = set()
        for row in seen:
            who = row["id"]
            here.add(who)
            known = self._people.get(who)
            name = row.get("name") or (known.name if known is not None else "")
            me = who == own
            events += self._joined({"id": who, "name": self._bot_name if me else name, "me": me})
        for who in list(self._missing):
            if who in here:
                del self._missing[who]
        for who in self._people:
            if who not in here:
                self._missing.setdefault(who, now)
        return events

    def _own_tile(self, rows: list[dict[str, Any]]) -> str | None:
        """Which tile is the bot's: the page marks it; it stays so (the lobby's is another); else the only one of that
        name."""
        if marked := [row["id"] for row in rows if row.get("me") is True]:
            return str(marked[0])
        if self._me is not None and any(row["id"] == self._me.id for row in rows):
            return self._me.id
        named = [row["id"] for row in rows if plain(str(row.get("name", ""))) == self._own_name]
        return str(named[0]) if len(named) == 1 else None

    def _is_own(self, fact: Fact) -> bool:
        name = fact.data.get("name")
        return fact.data.get("id") is None and isinstance(name, str) and plain(name) in self._you

    def _is_old(self, fact: Fact) -> bool:
        """Told before: after a reload the page shows the messages again."""
        message = fact.data.get("message")
        if fact.kind != "chat" or not isinstance(message, str) or not message:
            return False
        if message in self._messages:
            return True
        self._messages[message[:200]] = None
        if len(self._messages) > _MESSAGES:
            self._messages.popitem(last=False)
        return False

    # -- who speaks ---------------------------------------------------------------------------------------------------

    def _glow(self, data: Mapping[str, Any], at: float) -> None:
        ids = data.get("ids")
        if not isinstance(ids, list):
            return
        lit = [who for who in ids if isinstance(who, str) and who in self._people]
        self._voices = {who: self._voices.get(who, at) for who in lit}
        self._voices_at = at
        self._observe(at)

    def _numbers(self, data: Mapping[str, Any], at: float) -> None:
        number, rows = _number(data.get("track")), data.get("sources")
        if number is None or not isinstance(rows, list):
            return
        track = self._on.setdefault(number, _Track())
        heard = [(row[0], _level(row[1])) for row in rows[:16] if isinstance(row, list) and len(row) == 2]
        known = [(csrc, level) for csrc, level in heard if isinstance(csrc, int)]
        track.active = frozenset(csrc for csrc, level in known if level is None or level > VOICE_LEVEL)
        before = track.csrc if track.present else None
        if known:
            track.csrc = max(known, key=lambda row: 0.0 if row[1] is None else row[1])[0]
            track.heard_at = at
        track.present = bool(known)
        if before != (track.csrc if track.present else None):
            track.since = at
        if known:
            self._numbered = True
            self._moved_from(track)
        self._observe(at)

    def _moved_from(self, here: _Track) -> None:
        """Who speaks here speaks nowhere else: the silence of their last track must not count as theirs."""
        for other in self._on.values():
            if other is not here and other.csrc == here.csrc:
                other.csrc = other.label = other.told = None
                other.active = frozenset()
                other.present, other.since = False, here.heard_at

    def _track(self, data: Mapping[str, Any]) -> None:
        number = _number(data.get("track"))
        if number is None:
            return
        if data.get("state") == "ended":
            self._on.pop(number, None)
        else:
            self._on.setdefault(number, _Track()).mixed = data.get("mixed") is True

    def _observe(self, at: float) -> None:
        glowing = self._glowing(at)
        self._matcher.observe(at, self._heard(at).keys(), glowing.keys())
        self._guesses.observe(at, self._heard(at), glowing, self._matcher)

    def _heard(self, at: float) -> dict[int, float]:
        """Numbers that speak, and since when each is on its track."""
        return {
            csrc: track.since
            for track in self._on.values()
            if at - track.heard_at <= CSRC_LASTS_S
            for csrc in track.active
        }

    def _glowing(self, at: float) -> dict[str, float]:
        return self._voices if at - self._voices_at <= VOICES_LAST_S else {}

    def _relabel(self, at: float) -> list[MeetingEvent]:
        events: list[MeetingEvent] = []
        for number, track in self._on.items():
            numbered = track.csrc is not None and not track.mixed
            if numbered:
                label = self._by_number(track)
            else:
                # Where speakers have numbers, a track without one is silent.
                label = self._by_glow(track, at) if track.mixed or not self._numbered else None
            if label is not None:
                # A number is a reason while it is heard; a glow while it glows.
                track.sure_at = track.heard_at if numbered else at
                track.label = label
            elif not track.mixed and self._numbered:
                track.label = None
            if label is None or (person := self._people.get(label.who)) is None:
                continue
            told = track.told
            same = told is not None and (told.who, told.source) == (label.who, label.source)
            if same and told is not None and abs(told.confidence - label.confidence) < _TELL_AGAIN:
                continue
            track.told = label
            events.append(SpeakerLabelled(number, person, label.source, label.confidence))
        return events

    def _by_number(self, track: _Track) -> _Label | None:
        if track.csrc is None:
            return None
        known = self._matcher.owner(track.csrc)
        if known is not None and known[0] in self._people:
            return _Label(known[0], "csrc", known[1])
        if len(self._people) == 1:
            return _Label(next(iter(self._people)), "csrc", ALONE_CONFIDENCE)
        left_over = self._people.keys() - self._matcher.owners()
        if len(left_over) == 1 and len(self._people) <= ELIMINATION_MAX:
            return _Label(next(iter(left_over)), "csrc", ELIMINATED_CONFIDENCE)
        guess = self._guesses.owner(track.csrc)
        return None if guess is None or guess not in self._people else _Label(guess, "dom", GLOW_CONFIDENCE)

    def _by_glow(self, track: _Track, at: float) -> _Label | None:
        source: LabelSource = "mixed" if track.mixed else "dom"
        if len(self._people) == 1:
            return _Label(next(iter(self._people)), source, ALONE_CONFIDENCE)
        glowing = self._glowing(at)
        if not glowing:
            return None
        if len(glowing) == 1:
            return _Label(next(iter(glowing)), source, GLOW_CONFIDENCE)
        if track.label is not None and track.label.who in glowing:
            return _Label(track.label.who, source, CROWD_CONFIDENCE)
        return _Label(min(glowing, key=lambda who: glowing[who]), source, CROWD_CONFIDENCE)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255 else None


def _level(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
