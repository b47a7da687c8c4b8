"""What the bot says next, sample by sample.

The playout is pulled by whoever owns the meeting's clock, so nothing is ever more than one frame ahead of the
meeting, clearing takes effect with the next frame, and the number of samples people were given is exact.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rejoinder.media.frame import MEETING_RATE, Pcm

FADE_SAMPLES = MEETING_RATE * 3 // 1000
"""A cut is faded over 3 ms: short enough not to be heard as speech, long enough not to click."""


@dataclass(frozen=True, slots=True)
class Played:
    """How much of a clip people were given. ``total`` counts the samples known when it ended."""

    clip: str
    samples: int
    total: int
    whole: bool


@dataclass(slots=True)
class _Clip:
    id: str
    chunks: deque[Pcm] = field(default_factory=deque)
    waiting: int = 0
    """Samples not yet pulled."""
    played: int = 0
    closed: bool = False
    tail: Callable[[], Pcm] | None = None


class Playout:
    """A queue of clips at 48 kHz mono, each a named stretch of audio that may still be growing.

    Clips play in the order of their first samples. A frame that the present clip cannot fill is filled from the
    next, or padded with silence when there is no more: late audio makes a gap, never a loss.
    """

    def __init__(self) -> None:
        self._clips: deque[_Clip] = deque()
        self._paused = False
        self._fade: Pcm | None = None
        self.started: list[str] = []
        """Clips whose first sample the last pull gave."""
        self.finished: list[Played] = []
        """Clips whose last sample the last pull gave."""

    @property
    def speaking(self) -> bool:
        """Whether audio is waiting or a clip is still open (paused or not)."""
        return bool(self._clips)

    @property
    def ready(self) -> bool:
        """Whether the next pull gives sound."""
        return self._fade is not None or (not self._paused and any(clip.waiting for clip in self._clips))

    @property
    def paused(self) -> bool:
        """Whether the bot holds its tongue."""
        return self._paused

    @property
    def waiting(self) -> int:
        """Samples queued and not yet pulled."""
        return sum(clip.waiting for clip in self._clips)

    def add(self, clip: str, pcm: Pcm, tail: Callable[[], Pcm] | None = None) -> None:
        """Append audio to a clip; a new name starts a new clip at the end of the queue.

        A clip with a ``tail`` ends by itself: when it runs dry, ``tail`` is asked for the last samples (what a
        resampler still holds back) and the clip is over.
        """
        target = next((known for known in self._clips if known.id == clip), None)
        if target is None:
            target = _Clip(clip, tail=tail)
            self._clips.append(target)
        if len(pcm):
            target.chunks.append(pcm)
            target.waiting += len(pcm)

    def close(self, clip: str) -> None:
        """No more audio will come for this clip; without this it keeps its place in the queue."""
        for known in self._clips:
            if known.id == clip:
                known.closed = True
        self._drop_spent()

    def pull(self, samples: int) -> Pcm | None:
        """The next ``samples`` samples, or None for silence. Fills :attr:`started` and :attr:`finished`."""
        if self.started:
            self.started = []
        if self.finished:
            self.finished = []
        if self._fade is not None:
            frame, self._fade = _padded(self._fade, samples), None
            return frame
        if self._paused or not self._clips:
            return None
        clip = self._clips[0]
        if clip.played and clip.waiting > samples and len(clip.chunks[0]) > samples:  # mid-clip: no copy
            whole, clip.chunks[0] = clip.chunks[0][:samples], clip.chunks[0][samples:]
            clip.waiting -= samples
            clip.played += samples
            return whole
        frame = np.zeros(samples, np.int16)
        filled = self._fill(frame)
        return frame if filled else None

    def _fill(self, frame: Pcm) -> int:
        filled = 0
        while self._clips and filled < len(frame):
            clip = self._clips[0]
            if not clip.waiting:
                if clip.tail is not None:
                    _finish(clip, clip.tail())
                elif not clip.closed:
                    break
                self._drop_spent()
                continue
            if not clip.played:
                self.started.append(clip.id)
            filled += _move(clip, frame[filled:])
        self._drop_spent()
        return filled

    def pause(self) -> None:
        """Fall silent within one frame; nothing is lost."""
        if not self._paused:
            self._start_fade()
            self._paused = True

    def resume(self) -> None:
        """Go on exactly where people last heard the bot."""
        self._paused = False
        self._fade = None

    def clear(self, *, fade: bool = True) -> list[Played]:
        """Fall silent within one frame and forget everything; says what of each clip was given to people.

        ``fade=False``: at once, for a meeting that fades by itself.
        """
        if not fade:
            self._fade = None
        elif not self._paused:
            self._start_fade()
        report = [
            Played(clip.id, clip.played, clip.played + clip.waiting, whole=clip.closed and not clip.waiting)
            for clip in self._clips
        ]
        self._clips.clear()
        self._paused = False
        return report

    def position(self, clip: str) -> int:
        """Samples of a queued clip that people were given."""
        return next((known.played for known in self._clips if known.id == clip), 0)

    def _start_fade(self) -> None:
        clip = self._clips[0] if self._clips else None
        if clip is None or not clip.waiting or not clip.played:
            return
        head = clip.chunks[0][:FADE_SAMPLES]
        ramp = np.linspace(1.0, 0.0, len(head), endpoint=False, dtype=np.float32)
        self._fade = (head * ramp).astype(np.int16)

    def _drop_spent(self) -> None:
        while self._clips and self._clips[0].closed and not self._clips[0].waiting:
            clip = self._clips.popleft()
            self.finished.append(Played(clip.id, clip.played, clip.played, whole=True))


def _finish(clip: _Clip, rest: Pcm) -> None:
    clip.tail = None
    clip.closed = True
    if len(rest):
        clip.chunks.append(rest)
        clip.waiting = len(rest)


def _move(clip: _Clip, room: Pcm) -> int:
    moved = 0
    while clip.waiting and moved < len(room):
        chunk = clip.chunks[0]
        count = min(len(chunk), len(room) - moved)
        room[moved : moved + count] = chunk[:count]
        if count == len(chunk):
            clip.chunks.popleft()
        else:
            clip.chunks[0] = chunk[count:]
        moved += count
        clip.waiting -= count
        clip.played += count
    return moved


def _padded(pcm: Pcm, samples: int) -> Pcm:
    frame = np.zeros(samples, np.int16)
    frame[: len(pcm)] = pcm[:samples]
    return frame
