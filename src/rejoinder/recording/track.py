"""One person's track: blocks to their places, frames of 20 ms to Opus, clusters to the spool."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rejoinder.media.frame import FRAME_SAMPLES, Pcm
from rejoinder.recording import opus
from rejoinder.recording.align import Aligner, Placed
from rejoinder.recording.speech import Activity, Change, level_db
from rejoinder.recording.spool import SpoolFile
from rejoinder.recording.webm import Block, cluster

CLUSTER_FRAMES = 25
"""Half a second: what a kill costs a track, beside the time a block waits for its place."""
LATE_FRAMES = 8
"""A cluster is not waited for longer than this when no more frames come."""
SILENT_PEAK = 16
"""Samples no larger (-66 dB of full scale) are what codecs make of a muted microphone, not sound."""
SETTLE_FRAMES = 25
"""Frames of silence after sound that are encoded at most: libopus needs about ten to come to rest, and only from rest
may frames be left out without the decoder noticing."""
FORGET_FRAMES = 25
"""A track without audio for this long is silent, not late."""


class Pauses:
    """The stretches of the timeline (samples) that must not be recorded."""

    def __init__(self) -> None:
        self._done: list[tuple[int, int]] = []
        self._since: int | None = None

    @property
    def on(self) -> bool:
        """Whether the recording is paused."""
        return self._since is not None

    def begin(self, at: int) -> None:
        """Record nothing from here on."""
        self._since = at

    def end(self, at: int) -> None:
        """Record again."""
        if self._since is not None:
            self._done.append((self._since, at))
            self._since = None

    def mute(self, at: int, pcm: Pcm) -> Pcm:
        """What may be recorded of audio at a place: the rest is silence."""
        end = at + len(pcm)
        muted = pcm
        if self._since is not None and self._since < end:
            muted = _muted(muted, self._since - at, len(pcm), pcm)
        for begin, until in reversed(self._done):
            if until <= at:
                break
            if begin < end:
                muted = _muted(muted, begin - at, until - at, pcm)
        return muted


def _muted(pcm: Pcm, begin: int, end: int, original: Pcm) -> Pcm:
    if pcm is original:
        pcm = pcm.copy()
    pcm[max(0, begin) : end] = 0
    return pcm


class VoiceTrack:
    """One person of a recording. Times are samples of the timeline.

    ``on_sound(at, pcm)`` gets every block with its place, for the mix; ``on_speech`` the beginnings and ends of speech.
    """

    def __init__(
        self,
        file: SpoolFile,
        pauses: Pauses,
        on_sound: Callable[[int, Pcm], None],
        on_speech: Callable[[Change], None],
    ) -> None:
        self._file = file
        self._pauses = pauses
        self._on_sound = on_sound
        self._on_speech = on_speech
        self._activity = Activity()
        self._aligner = Aligner(self._quiet)
        self._encoder: opus.Encoder | None = None
        self._frame = -1
        """The frame being filled; -1: none."""
        self._filling = np.zeros(FRAME_SAMPLES, np.int16)
        self._done = 0
        """Frames before this are finished."""
        self._coded = 0
        """The next frame the encoder expects."""
        self._settle = 0
        self._blocks: list[Block] = []

    def hear(self, arrived: int, pcm: Pcm) -> None:
        """Audio whose last sample was heard at ``arrived``."""
        self._place(self._aligner.push(arrived, pcm))

    def tick(self, now: int) -> None:
        """Time passes."""
        self._place(self._aligner.due(now))
        frame = now // FRAME_SAMPLES
        if not self._aligner.waiting and frame - self._aligner.arrived // FRAME_SAMPLES > FORGET_FRAMES:
            self._changed(self._activity.silence(frame - FORGET_FRAMES))
        if self._blocks and frame - self._blocks[0].frame >= CLUSTER_FRAMES + LATE_FRAMES:
            self._write()

    def expects(self, now: int) -> int | None:
        """Before this place nothing will come any more; None if the track has nothing to wait for."""
        if self._aligner.waiting or now - self._aligner.arrived < FORGET_FRAMES * FRAME_SAMPLES:
            return self._aligner.end if self._aligner.arrived >= 0 else None
        return None

    def rest(self, now: int) -> int:
        """The person left, or the recording ends: finish what is begun. More may come all the same. The track's end."""
        self._place(self._aligner.flush())
        end = self._aligner.end
        self._aligner = Aligner(self._quiet)
        self._aligner.end = end
        self._complete()
        for _ in range(min(self._settle, 2)):  # the last sound is still inside the encoder
            self._encode(self._coded, opus.NO_SOUND)
        self._settle = 0
        self._encoder = None
        if self._activity.speaking:
            self._changed(self._activity.silence(max(now, end) // FRAME_SAMPLES + 2 * FORGET_FRAMES))
            self._activity = Activity()
        self._write()
        self._file.close_when_written()
        return end

    def _quiet(self, pcm: Pcm) -> bool:
        return not self._activity.is_loud(level_db(pcm))

    def _changed(self, change: Change | None) -> None:
        if change is not None:
            self._on_speech(change)

    # -- frames -------------------------------------------------------------------------------------------------

    def _place(self, ready: list[Placed]) -> None:
        for at, pcm in ready:
            self._on_sound(at, pcm)
            done = 0
            while done < len(pcm):
                frame, offset = divmod(at + done, FRAME_SAMPLES)
                if frame != self._frame:
                    self._complete()
                    self._frame = frame
                count = min(FRAME_SAMPLES - offset, len(pcm) - done)
                self._filling[offset : offset + count] = pcm[done : done + count]
                done += count
                if offset + count == FRAME_SAMPLES:
                    self._complete()

    def _complete(self) -> None:
        frame, self._frame = self._frame, -1
        if frame < self._done:
            self._filling.fill(0)  # nothing, or what came after the track was at rest
            return
        self._done = frame + 1
        self._changed(self._activity.hear(frame, level_db(self._filling)))
        sound = self._pauses.mute(frame * FRAME_SAMPLES, self._filling)
        heard = max(int(sound.max()), -int(sound.min())) > SILENT_PEAK
        while self._settle and self._coded < frame:
            self._encode(self._coded, opus.NO_SOUND)
        if heard:
            self._settle = SETTLE_FRAMES
            self._encode(frame, sound)
        elif self._settle:
            self._encode(frame, opus.NO_SOUND)
        self._filling.fill(0)

    def _encode(self, frame: int, pcm: Pcm) -> None:
        if self._encoder is None:
            self._encoder = opus.Encoder()
        packet = self._encoder.encode(pcm)
        self._coded = frame + 1
        if pcm is opus.NO_SOUND:
            self._settle = 0 if packet == opus.SILENCE else self._settle - 1
        if packet != opus.SILENCE:
            self._blocks.append(Block(frame, packet))
        if self._blocks and frame - self._blocks[0].frame >= CLUSTER_FRAMES - 1:
            self._write()

    def _write(self) -> None:
        if self._blocks:
            self._file.put(cluster(self._blocks))
            self._blocks = []
