"""The binary frames between a page and us, little endian. The page's side is
``inject/core.js`` and ``inject/listen.js``, in a worker.

=====================  =====================================================================================
page to us
=====================  =====================================================================================
1 audio                u8 1, u8 track, u32 number, f64 capture time in ms of the page's clock, s16 samples:
                       20 ms of 48 kHz mono; none at all stand for 20 ms of exact silence
2 position             u8 2, u8 playing, u32 number of the last flush, f64 samples played since the load,
                       f64 page time in ms
us to page
1 speech               u8 1, u8 0, s16 samples of 48 kHz mono
2 flush                u8 2, u8 0, u32 number
3 image                u8 3, u8 0, a JPEG; nothing at all: the plain tile
=====================  =====================================================================================

Text frames are JSON ``{"k": kind, "t": page ms, "d": data}``; ours to the page have no ``t``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from rejoinder.media.frame import FRAME_SAMPLES, Pcm

_AUDIO = struct.Struct("<BBId")
_POSITION = struct.Struct("<BBIdd")
_FLUSH = struct.Struct("<BBI")
MAX_TEXT = 64 * 1024
MAX_BLOCK = 48_000
"""Samples in one audio frame at most."""
_SILENCE = np.zeros(FRAME_SAMPLES, np.int16)


@dataclass(frozen=True, slots=True)
class Audio:
    """A block of a remote track. ``ms``: when its last sample was captured, by the page's clock."""

    track: int
    number: int
    ms: float
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class Position:
    """How far the page has played what it was given. ``flushed``: the last flush it has carried out."""

    playing: bool
    flushed: int
    samples: int
    ms: float


@dataclass(frozen=True, slots=True)
class Said:
    """A JSON message."""

    kind: str
    ms: float
    data: Mapping[str, Any]


def decode(frame: bytes | str) -> Audio | Position | Said:
    """Read a frame of the page. Raises ValueError for what no page of ours sends."""
    if isinstance(frame, str):
        return _said(frame)
    if not frame:
        raise ValueError("empty frame")
    match frame[0]:
        case 1:
            return _audio(frame)
        case 2 if len(frame) == _POSITION.size:
            _, playing, flushed, samples, ms = _POSITION.unpack(frame)
            if not (math.isfinite(samples) and 0 <= samples < 2**53 and math.isfinite(ms)):
                raise ValueError("position out of range")
            return Position(bool(playing), flushed, int(samples), ms)
    raise ValueError(f"unknown frame of kind {frame[0]} and {len(frame)} bytes")


def _audio(frame: bytes) -> Audio:
    samples, odd = divmod(len(frame) - _AUDIO.size, 2)
    if samples < 0 or odd or samples > MAX_BLOCK:
        raise ValueError(f"an audio frame of {len(frame)} bytes")
    _, track, number, ms = _AUDIO.unpack_from(frame)
    if not math.isfinite(ms):
        raise ValueError("capture time out of range")
    return Audio(track, number, ms, np.frombuffer(frame, "<i2", offset=_AUDIO.size) if samples else _SILENCE)


def _said(frame: str) -> Said:
    if len(frame) > MAX_TEXT:
        raise ValueError("message too long")
    body = orjson.loads(frame)
    if not isinstance(body, dict):
        raise ValueError("not a JSON object")
    kind, ms, data = body.get("k"), body.get("t", 0.0), body.get("d", {})
    if not isinstance(kind, str) or not isinstance(ms, (int, float)) or not isinstance(data, dict):
        raise ValueError("not {k, t, d}")
    return Said(kind[:64], float(ms), data)


def speech(pcm: Pcm) -> bytes:
    """Audio for the page to say."""
    return b"\x01\x00" + pcm.astype("<i2", copy=False).tobytes()


def flush(number: int) -> bytes:
    """Drop what is not yet played; the page's next position carries ``number``."""
    return _FLUSH.pack(2, 0, number)


def image(jpeg: bytes) -> bytes:
    """A picture to show; empty: none."""
    return b"\x03\x00" + jpeg


def tell(kind: str, data: Mapping[str, Any]) -> str:
    """A JSON message for the page."""
    return orjson.dumps({"k": kind, "d": dict(data)}).decode()


class PageClock:
    """Turns the page's milliseconds into loop time.

    A message cannot arrive before it was sent, so the smallest difference seen is the offset between the clocks, give
    or take the socket's 1 ms. Both count at the same rate: they are the same computer's.
    """

    def __init__(self) -> None:
        self._offset: float | None = None

    def loop_time(self, ms: float, now: float) -> float:
        """When, in loop time, the page's clock showed ``ms``; ``now`` is when the message arrived."""
        difference = now - ms / 1000.0
        if self._offset is None or difference < self._offset:
            self._offset = difference
        return min(now, ms / 1000.0 + self._offset)
