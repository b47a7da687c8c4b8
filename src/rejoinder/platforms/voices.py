"""Tracks made into people's audio streams: one track at a time for each, and silence where a track went elsewhere.

Platforms give a few tracks to whoever speaks, so someone's audio stops in the middle of nowhere when the track passes
on. What listens counts time in audio: without silence it would wait for the end of the sentence for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE

FRAME_S = FRAME_SAMPLES / MEETING_RATE
LATE_S = 0.08
"""A track may deliver this late; after it, silence takes its place (four frames of the jitter a busy page shows)."""
FILL_S = 3.0
"""How long silence is given after someone's audio stopped: more than any rule about the end of a turn waits for."""


@dataclass(slots=True)
class _Voice:
    track: int
    heard_at: float
    loud_at: float
    fed_until: float


class Voices:
    """Who is carried by which track. All times are loop times."""

    def __init__(self) -> None:
        self._voices: dict[str, _Voice] = {}

    def take(self, who: str, track: int, now: float, *, loud: bool = True) -> bool:
        """Whether a block of ``track`` labelled as ``who`` is to be heard; ``loud``: it is more than hiss. A
        second track with the same label is not, until the first has been silent: both carry the same person. A silent
        block never takes a person from another track."""
        voice = self._voices.get(who)
        if voice is None:
            self._voices[who] = _Voice(track, now, now if loud else -inf, now)
            return True
        if voice.track != track and (now - voice.loud_at < LATE_S or (not loud and now - voice.heard_at < LATE_S)):
            return False
        voice.track = track
        voice.heard_at = now
        if loud:
            voice.loud_at = now
        voice.fed_until = max(now, voice.fed_until)
        return True

    def owed(self, now: float) -> list[tuple[str, int]]:
        """(who, frames of 20 ms of silence) for those whose audio stopped. Ask every 20 to 100 ms."""
        owed: list[tuple[str, int]] = []
        for who, voice in list(self._voices.items()):
            if now - voice.heard_at < LATE_S:
                continue
            frames = int((min(now, voice.heard_at + FILL_S) - voice.fed_until) / FRAME_S + 1e-6)
            if frames > 0:
                voice.fed_until += frames * FRAME_S
                owed.append((who, frames))
            elif now - voice.heard_at > FILL_S:
                del self._voices[who]
        return owed

    def track_of(self, who: str) -> int | None:
        """The track that carries someone now."""
        voice = self._voices.get(who)
        return voice.track if voice is not None else None

    def clear(self) -> None:
        """The page is gone; everyone's audio has stopped."""
        self._voices.clear()

    @property
    def active(self) -> bool:
        """Whether :meth:`owed` need be asked."""
        return bool(self._voices)
