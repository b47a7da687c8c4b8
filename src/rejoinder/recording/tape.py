"""One bot's recording as it happens: events with their times in, files out. Runs on the recording thread."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rejoinder.core.participant import Participant
from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm
from rejoinder.recording import webm
from rejoinder.recording.mix import Mixer
from rejoinder.recording.speech import Change
from rejoinder.recording.spool import Disk
from rejoinder.recording.track import Pauses, VoiceTrack

META, MIX = "meta.jsonl", "mix.pcm"
LAG = MEETING_RATE // 4
"""The mix waits this long for late audio; longer (0.5 s) for somebody whose audio has just ceased to come."""
MIX_BLOCK = MEETING_RATE // 10
KEEP_MIX, KEEP_TRACK, KEEP_META = 4 << 20, 1 << 19, 1 << 20
"""Bytes kept in memory while the disk fails: 43 s of the mix, 85 s and more of a track."""


class Tape:
    """Times are samples since the recording began and never run backwards.

    ``on_speech(participant_id, speaking)`` tells of everybody but the bot itself.
    """

    def __init__(self, disk: Disk, began_at: float, me: Participant, on_speech: Callable[[str, bool], None]) -> None:
        self._disk = disk
        self._me = me
        self._on_speech = on_speech
        self._pauses = Pauses()
        self._mixer = Mixer()
        self._meta = disk.file(META, KEEP_META)
        self._mix = disk.file(MIX, KEEP_MIX)
        self._tracks: dict[str, VoiceTrack] = {}
        self._names: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._note(began_at=began_at, rate=MEETING_RATE)

    def joined(self, at: int, who: Participant) -> None:
        """Somebody is there."""
        track = self._numbers.setdefault(who.id, len(self._numbers))
        own = who.id == self._me.id
        if self._names.get(who.id) != who.name:
            self._names[who.id] = who.name
            self._note(track=track, participant_id=who.id, name=who.name, bot=own, at=_seconds(at))
        self._note(joined=track, at=_seconds(at))

    def left(self, at: int, participant: str) -> None:
        """Somebody is not there any more."""
        number = self._numbers.get(participant)
        if number is None:
            return
        if (track := self._tracks.get(participant)) is not None:
            track.rest(at)
        self._note(left=number, at=_seconds(at))

    def hear(self, at: int, participant: str, pcm: Pcm) -> None:
        """Audio that was complete at ``at``."""
        track = self._tracks.get(participant)
        if track is None:
            track = self._tracks[participant] = self._open(at, participant)
        track.hear(at, pcm)

    def spoke(self, at: int, pcm: Pcm) -> None:
        """Audio of the bot's own that people hear from ``at`` on."""
        if self._me.id not in self._numbers:
            self.joined(at, self._me)
        self.hear(at + len(pcm), self._me.id, pcm)

    def pause(self, at: int) -> None:
        """Record silence."""
        if not self._pauses.on:
            self._pauses.begin(at)
            self._note(paused=_seconds(at))

    def resume(self, at: int) -> None:
        """Record again."""
        if self._pauses.on:
            self._pauses.end(at)
            self._note(resumed=_seconds(at))

    def tick(self, now: int) -> None:
        """Time passes: mix and write what is complete."""
        front = now - LAG
        for track in self._tracks.values():
            track.tick(now)
            expected = track.expects(now)
            if expected is not None:
                front = min(front, expected)
        if front - self._mixer.front >= MIX_BLOCK:
            self._take(front)

    def close(self, now: int) -> None:
        """Finish everything but the disk."""
        end = max([now, *(track.rest(now) for track in self._tracks.values())])
        self._take(end)
        self._note(closed=_seconds(end))

    def _take(self, until: int) -> None:
        place = self._mixer.front * 2
        mixed = self._mixer.take(until)
        if len(mixed):
            self._mix.put(mixed.astype("<i2", copy=False).tobytes(), place)

    def _open(self, at: int, participant: str) -> VoiceTrack:
        if participant not in self._numbers:
            self.joined(at, Participant(participant, participant))
        number = self._numbers[participant]
        return VoiceTrack(
            self._disk.file(f"{number}.webm", KEEP_TRACK, webm.live_head()),
            self._pauses,
            self._sound,
            lambda change: self._speech(participant, number, change),
        )

    def _sound(self, at: int, pcm: Pcm) -> None:
        if at + len(pcm) > self._mixer.room:
            self._take(at + len(pcm) - self._mixer.room + self._mixer.front)
        self._mixer.add(at, self._pauses.mute(at, pcm))

    def _speech(self, participant: str, number: int, change: Change) -> None:
        at = _seconds(change.frame * FRAME_SAMPLES)
        self._note(**{"speech" if change.speaking else "silence": number, "at": at})
        if participant != self._me.id:
            self._on_speech(participant, change.speaking)

    def _note(self, **line: Any) -> None:
        self._meta.put(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def _seconds(samples: int) -> float:
    return round(samples / MEETING_RATE, 4)
