"""Gives the playout's audio to a meeting at the meeting's pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np

from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm
from rejoinder.media.playout import Played, Playout

FRAME_S = FRAME_SAMPLES / MEETING_RATE
MAX_CATCH_UP = 5
"""Frames written at once after the event loop was late; WebRTC's jitter buffer absorbs 100 ms, not more."""

CLOCK_GRAIN_S = 0.001
"""An event loop's timer may come this much early (uvloop counts in whole milliseconds); waiting again would spin."""

_SILENCE = np.zeros(FRAME_SAMPLES, np.int16)


class Mouth:
    """Pulls 20 ms frames from a :class:`Playout` and writes them to a meeting.

    ``continuous`` writes silence between speech, at one steady clock that speech waits for (10 ms on average). WebRTC
    counts time in samples: a frame written early puts the whole stream ahead of time, and receivers hold back what is
    ahead. Moving the clock to each clip cost 30 ms more than it won (``bench/room_audio``). Streams that stop and start
    make jitter buffers grow, too. Without ``continuous`` the first frame of speech is written the moment it exists.
    """

    def __init__(
        self,
        write: Callable[[Pcm], None],
        *,
        continuous: bool,
        on_started: Callable[[str, float], None] | None = None,
        on_finished: Callable[[Played, float], None] | None = None,
    ) -> None:
        self.playout = Playout()
        self.drop: Callable[[], bool] | None = None
        """For a meeting that holds some milliseconds back: asked to let go of them when all is cleared. True: it does,
        and fades what people hear."""
        self._write = write
        self._continuous = continuous
        self._on_started = on_started
        self._on_finished = on_finished
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0
        self._talking = False
        self._closed = False
        if continuous:
            self._next = self._loop.time()
            self._tick()

    def add(self, clip: str, pcm: Pcm, tail: Callable[[], Pcm] | None = None) -> None:
        """Queue audio (48 kHz mono) for a clip; ``tail`` see :meth:`Playout.add`."""
        self.playout.add(clip, pcm, tail)
        self._wake()

    def close_clip(self, clip: str) -> None:
        """The clip is complete."""
        self.playout.close(clip)
        self._report(self._loop.time())

    def pause(self) -> None:
        """Fall silent at once, keep everything."""
        self.playout.pause()
        self._wake()

    def resume(self) -> None:
        """Go on where people last heard the bot."""
        self.playout.resume()
        self._wake()

    def clear(self) -> list[Played]:
        """Fall silent at once, forget everything, say what was heard."""
        dropped = self.drop is not None and self.drop()
        report = self.playout.clear(fade=not dropped)
        self._wake()
        return report

    def stop(self) -> None:
        """Stop writing for good."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _wake(self) -> None:
        if self._continuous or self._talking or self._closed or not self.playout.ready:
            return  # the clock is running, or there is nothing to start it for
        if self._timer is not None:
            self._timer.cancel()
        now = self._loop.time()
        if self._next - now < FRAME_S:
            self._next = now
        self._tick()

    def _tick(self) -> None:
        if self._closed:
            return
        now = self._loop.time()
        behind = now - self._next
        due = 1 + int(max(0.0, behind) / FRAME_S) if behind >= -CLOCK_GRAIN_S else 0
        if due > MAX_CATCH_UP:
            self._next = now - (MAX_CATCH_UP - 1) * FRAME_S
            due = MAX_CATCH_UP
        for _ in range(due):
            frame = self.playout.pull(FRAME_SAMPLES)
            self._talking = frame is not None
            if frame is not None:
                self._write(frame)
            elif self._continuous:
                self._write(_SILENCE)
            self._next += FRAME_S
            self._report(now)
        if self._continuous or self._talking or self.playout.ready:
            self._timer = self._loop.call_at(self._next, self._tick)
        else:
            self._timer = None

    def _report(self, now: float) -> None:
        started, finished = self.playout.started, self.playout.finished
        if started:
            self.playout.started = []
            if self._on_started is not None:
                for clip in started:
                    self._on_started(clip, now)
        if finished:
            self.playout.finished = []
            if self._on_finished is not None:
                for played in finished:
                    self._on_finished(played, now)
