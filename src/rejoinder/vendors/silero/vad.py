"""Silero voice activity detection for all tracks of a process, in one onnxruntime session.

The model takes 32 ms windows at 16 kHz, each with the 64 samples before it, and a recurrent state per track.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from rejoinder.agent.base import Samples
from rejoinder.vendors.inference import load_session

log = structlog.get_logger(__name__)

WINDOW = 512
"""Samples per scored window (32 ms at 16 kHz), given by the model."""
CONTEXT = 64
"""Samples of the previous window the model wants in front of each window."""
STATE = 128
"""Width of each of the two recurrent state vectors."""

FLOOR_DBFS = -60.0
"""Windows with less RMS are silence without asking the model.

Conversation reaches meeting software at about -30 to -20 dBFS RMS. The model does not mind level (it still
recognises speech at -70 dBFS), so the floor decides what is too quiet to be meant: speech 30 dB below
conversation passes whole, while what a muted or noise-suppressed microphone sends lies below and costs
nothing.
"""
HANGOVER = 10
"""Windows (320 ms) still scored after the last loud one: soft word endings, and the model's own decay."""
RESET_AFTER = 31
"""Gated windows (1 s) after which a track starts from a fresh state: what was before no longer counts."""

AT_ONCE = 4
"""With at most this many tracks a window is scored inside ``push``; with more, waiting for others pays."""
COALESCE_S = 0.016
"""How long a ready window waits for those of other tracks. Waking up for one window costs five times its arithmetic
(the model's weights have left the caches), so a few together cost hardly more than one."""
URGENT_S = 0.002
"""How long it waits when its track is urgent: no longer than other chunks of the same moment take to arrive."""
BATCH = 32
"""Windows scored in one run: larger ones gain nothing more and would hold the event loop up over 2 ms."""

_FLOOR_ENERGY = WINDOW * 10 ** (FLOOR_DBFS / 10)


class SileroScorer:
    """The :class:`~rejoinder.agent.base.SpeechScorer` of a process; ``folder`` holds ``silero_vad.onnx`` as
    :mod:`rejoinder.models.trim` makes it.

    Lives on one event loop. Raises :class:`~rejoinder.errors.ModelError` when the model cannot be loaded.
    """

    window = WINDOW

    def __init__(self, folder: Path) -> None:
        self._session = load_session(folder / "silero_vad.onnx")
        self._batch = np.zeros((BATCH, CONTEXT + WINDOW), np.float32)
        self._states = np.zeros((2, 8, STATE), np.float32)
        self._free = list(range(self._states.shape[1]))
        self._open = 0
        self._ready: list[SileroTrack] = []
        self._timer: asyncio.TimerHandle | None = None
        self._run(1)  # the first run allocates

    def open(self, deliver: Callable[[float], None]) -> SileroTrack:
        """Open a track; see :class:`~rejoinder.agent.base.SpeechScorer`."""
        if not self._free:
            size = self._states.shape[1]
            self._states = np.concatenate((self._states, np.zeros_like(self._states)), axis=1)
            self._free.extend(range(size, 2 * size))
        slot = self._free.pop()
        self._states[:, slot] = 0.0
        self._open += 1
        return SileroTrack(self, slot, deliver)

    def _add(self, track: SileroTrack, window: Samples) -> None:
        """Take a full window (with its context) that is loud enough to be scored."""
        if track.waiting:  # its state comes out of the window before
            self._score()
        self._batch[len(self._ready)] = window
        self._ready.append(track)
        track.waiting = True
        if self._open <= AT_ONCE or len(self._ready) == BATCH:
            self._score()
        else:
            self._wait(URGENT_S if track.urgent else COALESCE_S)

    def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._score)

    def _score(self) -> None:
        """Score the windows that wait and deliver."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        tracks, self._ready = self._ready, []
        if not tracks:
            return
        slots = [track.slot for track in tracks]
        for track in tracks:
            track.waiting = False
        scores = self._run(len(tracks), slots)
        for track, score in zip(tracks, scores, strict=True):
            if not track.closed:
                track.tell(score)

    def _run(self, count: int, slots: list[int] | None = None) -> list[float]:
        states = self._states[:, slots] if slots else np.zeros((2, count, STATE), np.float32)
        inputs: dict[str, Any] = {"input": self._batch[:count], "state": states}
        scores, after = self._session.run(None, inputs)
        if slots:
            self._states[:, slots] = after
        result: list[float] = scores[:, 0].tolist()
        return result

    def _reset(self, track: SileroTrack) -> None:
        self._states[:, track.slot] = 0.0

    def _close(self, track: SileroTrack) -> None:
        if track.waiting:
            self._score()
        self._free.append(track.slot)
        self._open -= 1


class SileroTrack:
    """One participant's audio being scored; made by :meth:`SileroScorer.open`."""

    __slots__ = (
        "_buffer",
        "_filled",
        "_gated",
        "_hangover",
        "_scorer",
        "closed",
        "deliver",
        "slot",
        "urgent",
        "waiting",
    )

    def __init__(self, scorer: SileroScorer, slot: int, deliver: Callable[[float], None]) -> None:
        self.slot = slot
        self.deliver = deliver
        self.urgent = False
        self.waiting = False
        """Whether a window of this track waits to be scored."""
        self.closed = False
        self._scorer = scorer
        self._buffer = np.zeros(CONTEXT + WINDOW, np.float32)
        self._filled = CONTEXT
        self._hangover = 0
        self._gated = 0

    def push(self, samples: Samples) -> None:
        """Add 16 kHz audio of any length."""
        if self.closed:
            return
        buffer, filled, total = self._buffer, self._filled, len(samples)
        if filled + total < CONTEXT + WINDOW:  # the usual case costs one copy
            buffer[filled : filled + total] = samples
            self._filled = filled + total
            return
        taken = 0
        while taken < total and not self.closed:
            part = min(CONTEXT + WINDOW - self._filled, total - taken)
            buffer[self._filled : self._filled + part] = samples[taken : taken + part]
            self._filled += part
            taken += part
            if self._filled == CONTEXT + WINDOW:
                self._window()
                buffer[:CONTEXT] = buffer[WINDOW:]
                self._filled = CONTEXT

    def _window(self) -> None:
        """The buffer is full: have it scored, or decide by its level alone."""
        window = self._buffer[CONTEXT:]
        if float(np.dot(window, window)) >= _FLOOR_ENERGY:
            self._hangover = HANGOVER
        elif self._hangover:
            self._hangover -= 1
        else:
            self._gated += 1
            if self._gated == RESET_AFTER:
                self._scorer._reset(self)
            if self.waiting:  # results come in order
                self._scorer._score()
            self.tell(0.0)
            return
        self._gated = 0
        self._scorer._add(self, self._buffer)

    def tell(self, score: float) -> None:
        """Deliver; a listener that fails must not cost the other tracks of its batch their scores."""
        try:
            self.deliver(score)
        except Exception:
            log.exception("a listener to speech probabilities failed")

    def close(self) -> None:
        """Forget the track; nothing is delivered afterwards."""
        if not self.closed:
            self.closed = True
            self._scorer._close(self)
