"""Teams sends everybody on one track. Which of its tracks to hear, and whose voice the mix is at a moment.

Both are machines without clock: facts and times in, answers out. Figures marked "field" stand in
docs/platforms/teams.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rejoinder.core.events import LabelSource

MAIN = "mainAudio"
"""Ids of the main mix begin with it (field)."""
GRACE_S = 15.0
"""How long a main mix is waited for before all tracks are heard (field)."""
SILENT_S = 20.0
"""How long a main mix may be silent while another track sounds before it is given up (field)."""
SOUND = 0.003
"""Root mean square level (of 1.0) from which a track sounds: -50 dB."""
_SAME_LOOKS = 12
_SAME_SHARE = 0.8
_SAME_WITHIN = 0.25

GLOW_LAG_S = 0.2
"""A tile lights up about this long after its owner's voice begins."""
CAPTION_LASTS_S = 2.5
STUCK_S = 5.0
DOUBTS = 3
HISTORY_S = 8.0


@dataclass(slots=True)
class _Track:
    id: str
    since: float
    sounded: float | None = None
    levels: deque[float] = field(default_factory=lambda: deque(maxlen=2 * _SAME_LOOKS))


class TrackChoice:
    """Which tracks to hear. Teams doubles its main mix on another track: hearing both doubles every word."""

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}
        self._first: float | None = None
        self._main: int | None = None
        self._main_since = 0.0
        self._given_up = False
        self._same: set[int] = set()

    def on_track(self, number: int, identity: str, live: bool, now: float) -> None:
        """A track came or ended."""
        if not live:
            self._tracks.pop(number, None)
            self._same.discard(number)
            if number == self._main:
                self._main = None
        elif number not in self._tracks or self._tracks[number].id != identity:
            self._tracks[number] = _Track(identity, now)
            self._first = now if self._first is None else self._first
        if self._main is None:
            mains = [(track.since, key) for key, track in self._tracks.items() if track.id.startswith(MAIN)]
            if mains:
                self._main, self._main_since = max(mains)[1], now
                self._given_up = False

    def on_levels(self, levels: Mapping[int, float], now: float) -> None:
        """How loud each track is now, 0..1; a few times a second."""
        others = False
        for number, track in self._tracks.items():
            level = levels.get(number, 0.0)
            track.levels.append(level)
            if level >= SOUND:
                track.sounded = now
                others = others or number != self._main
        if self._main is not None and not self._given_up:
            heard = max(self._tracks[self._main].sounded or 0.0, self._main_since)
            # A mix that is silent because nobody speaks is in order.
            if others and now - heard >= SILENT_S:
                self._given_up = True
        elif self._main is not None and self._tracks[self._main].sounded == now:
            self._given_up = False
        self._same = self._doubles()

    def _doubles(self) -> set[int]:
        found: set[int] = set()
        numbers = sorted(self._tracks)
        for at, one in enumerate(numbers):
            for other in numbers[at + 1 :]:
                if other not in found and _alike(self._tracks[one].levels, self._tracks[other].levels):
                    found.add(other)
        return found

    def sounds(self, number: int) -> bool:
        """Whether a track was loud enough for speech when last measured."""
        track = self._tracks.get(number)
        return track is not None and bool(track.levels) and track.levels[-1] >= SOUND

    def hears(self, number: int, now: float) -> bool:
        """Whether a track is to be heard."""
        if self._main is not None and not self._given_up:
            return number == self._main
        if self._given_up:
            return number != self._main and number not in self._same
        if self._first is not None and now - self._first >= GRACE_S:
            return number not in self._same
        # Nothing is lost while waiting for the main mix: one track is heard, and one cannot double anything.
        return number == self._leader()

    def _leader(self) -> int | None:
        sounding = [(track.sounded, number) for number, track in self._tracks.items() if track.sounded is not None]
        if sounding:
            latest = max(sounding)[0]
            return min(number for sounded, number in sounding if sounded == latest)
        return min(self._tracks, default=None)


def _alike(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = [(a, b) for a, b in zip(reversed(one), reversed(other), strict=False) if max(a, b) >= SOUND]
    if len(pairs) < _SAME_LOOKS:
        return False
    near = sum(abs(a - b) <= _SAME_WITHIN * max(a, b) for a, b in pairs)
    return near >= _SAME_SHARE * len(pairs)


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose the mix is: one person's id, how that is known, and how sure it is."""

    id: str
    source: LabelSource
    confidence: float


class Speakers:
    """Whose voice the mix carries: by the tiles that light up; captions are a second opinion and a stand-by."""

    def __init__(self) -> None:
        self._glow: dict[str, float] = {}
        self._others: tuple[str, ...] = ()
        self._last: str | None = None
        self._spoke: dict[str, float] = {}
        self._caption: tuple[str, float] | None = None
        self._all_since: float | None = None
        self._doubts = 0
        self._history: deque[tuple[float, Voice | None]] = deque([(0.0, None)], maxlen=256)

    def on_tiles(self, others: Sequence[str], glowing: Sequence[str], at: float) -> Voice | None:
        """Everyone else's tiles, and those that are lit. Returns whose the mix is now."""
        self._others = tuple(others)
        lit = set(glowing)
        for gone in [who for who in self._glow if who not in lit]:
            del self._glow[gone]
            self._last = gone
        for who in glowing:
            self._glow.setdefault(who, at)
            self._spoke[who] = at
        for old in [who for who, last in self._spoke.items() if at - last > HISTORY_S]:
            del self._spoke[old]
        everybody = len(self._others) > 1 and lit >= set(self._others)
        self._all_since = (self._all_since if self._all_since is not None else at) if everybody else None
        return self._decide(at)

    def on_caption(self, who: str, at: float) -> Voice | None:
        """Teams' own transcription heard somebody; it is 1 to 3 s behind."""
        self._caption = (who, at)
        if self._spoke and len(self._others) > 1:
            self._doubts = 0 if who in self._spoke else self._doubts + 1
        return self._decide(at)

    def _decide(self, at: float) -> Voice | None:
        voice = self._voice(at)
        if voice != self._history[-1][1]:
            self._history.append((at, voice))
        return voice

    @property
    def believed(self) -> bool:
        """Whether the tiles tell the truth: captions named others three times running, or all are lit for seconds, and
        they do not."""
        return self._doubts < DOUBTS

    def _voice(self, at: float) -> Voice | None:
        if len(self._others) == 1:
            return Voice(self._others[0], "dom", 0.95)
        stuck = self._all_since is not None and at - self._all_since > STUCK_S
        if self.believed and not stuck:
            if len(self._glow) == 1:
                return Voice(next(iter(self._glow)), "dom", 0.8)
            if self._glow:
                return Voice(self._dominant(), "mixed", round(0.8 / len(self._glow), 2))
            # Whoever spoke last keeps the mix until another is seen: words have gaps, and silence is nobody's.
            if self._last in self._others:
                return Voice(self._last, "dom", 0.5)
        if self._caption is not None and at - self._caption[1] <= CAPTION_LASTS_S:
            return Voice(self._caption[0], "captions", 0.5)
        return None

    def _dominant(self) -> str:
        """Whoever began first keeps the floor; a short "mhm" of another does not take it."""
        return min(self._glow.items(), key=lambda item: item[1])[0]

    def at(self, time: float) -> Voice | None:
        """Whose the mix was at a moment, as far as is known by now."""
        if len(self._others) == 1:
            return self._history[-1][1]
        return next((voice for changed, voice in reversed(self._history) if changed <= time + GLOW_LAG_S), None)
