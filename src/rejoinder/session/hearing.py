"""Where the meeting's audio goes: the user's socket, the agent, the recording, the live transcript."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import numpy as np

from rejoinder.agent.base import Samples
from rejoinder.bridges.meetstream import audio as audio_codec
from rejoinder.bridges.socket import UserSocket
from rejoinder.core.participant import Participant
from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm, to_float
from rejoinder.media.resample import Resampler
from rejoinder.session.parts import Recording
from rejoinder.session.realtime import Realtime
from rejoinder.transcription.base import LiveStream

LAST_WORDS_S = 0.3
"""What the transcriber gets for the words that were being said when the bot left."""


class Listener(Protocol):
    """Someone who listens at 16 kHz: the agent, or the watch for people who speak over the bot."""

    def hear(self, participant: str, samples: Samples) -> None:
        """The next audio of a participant."""
        ...


class _Track:
    """One participant's audio: cut to 20 ms for the user's socket, at 16 kHz for whoever listens to words."""

    def __init__(self, who: Participant) -> None:
        self.who = who
        self.header = audio_codec.frame_header(who.id, who.name)
        self.resampler = Resampler(MEETING_RATE, 16_000)
        self.live: LiveStream | None = None
        self._parts: list[Pcm] = []
        self._waiting = 0

    def frames(self, pcm: Pcm) -> Pcm | None:
        """Collect to 20 ms."""
        if not self._waiting and len(pcm) == FRAME_SAMPLES:
            return pcm
        self._parts.append(pcm)
        self._waiting += len(pcm)
        if self._waiting < FRAME_SAMPLES:
            return None
        whole = np.concatenate(self._parts)
        self._parts.clear()
        self._waiting = 0
        return whole


class Hearing:
    """Gives each participant's audio to all who want it. Set the attributes when they come to be."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.listener: Listener | None = None
        self.socket: UserSocket | None = None
        self.recording: Recording | None = None
        self.realtime: Realtime | None = None
        self.open_live: Callable[[Participant], LiveStream] | None = None
        self.live_offset = 0.0
        """Seconds between the clock's zero and the beginning of the bot's recording."""
        self._clock = clock
        self._tracks: dict[str, _Track] = {}

    @property
    def participants(self) -> list[Participant]:
        """Who is there."""
        return [track.who for track in self._tracks.values()]

    def joined(self, who: Participant) -> None:
        """Someone came."""
        self._tracks[who.id] = _Track(who)
        if self.recording is not None:
            self.recording.joined(who)

    def left(self, participant: str) -> Participant | None:
        """Someone left."""
        track = self._tracks.pop(participant, None)
        if track is None:
            return None
        if track.live is not None:
            track.live.close()
        if self.recording is not None:
            self.recording.left(participant)
        if self.realtime is not None:
            self.realtime.left(participant)
        return track.who

    def record(self, recording: Recording) -> None:
        """Record from now on."""
        self.recording = recording
        for who in self.participants:
            recording.joined(who)

    def audio(self, participant: str, pcm: Pcm) -> None:
        """48 kHz mono of one participant, as the meeting gives it."""
        track = self._tracks.get(participant)
        if track is None:
            return
        if self.recording is not None:
            self.recording.hear(participant, pcm)
        if self.realtime is not None:
            self.realtime.hear(participant, pcm)
        frame = track.frames(pcm)
        if frame is None:
            return
        if self.socket is not None:
            self.socket.send_audio(track.header + frame.tobytes())
        if self.listener is not None or self.open_live is not None:
            self._words(track, to_float(track.resampler.push(frame)))

    def _words(self, track: _Track, samples: Samples) -> None:
        if self.listener is not None:
            self.listener.hear(track.who.id, samples)
        if self.open_live is not None:
            if track.live is None:
                track.live = self.open_live(track.who)
            track.live.push(samples, self._clock() - self.live_offset - len(samples) / 16_000)

    async def close(self) -> None:
        """End the live transcripts and the recording, in this order: the last words still count."""
        speaking = [track.live for track in self._tracks.values() if track.live is not None]
        self._tracks.clear()
        for live in speaking:
            live.close()
        if speaking:
            await asyncio.sleep(LAST_WORDS_S)
        if self.recording is not None:
            await self.recording.close()
            self.recording = None
