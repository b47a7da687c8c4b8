"""The head of a WAV file of 16-bit mono."""

from __future__ import annotations

import struct

from rejoinder.media.frame import MEETING_RATE

_LIMIT = (1 << 32) - 64
"""Bytes of audio whose size a RIFF head can tell: 12 hours at 48 kHz."""
_FORMAT = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, MEETING_RATE, 2 * MEETING_RATE, 2, 16)


def head(samples: int) -> bytes:
    """RIFF, or RF64 (EBU Tech 3306) when the file is larger than 4 GiB."""
    size = 2 * samples
    if size <= _LIMIT:
        start = struct.pack("<4sI4s", b"RIFF", 4 + len(_FORMAT) + 8 + size, b"WAVE")
        return start + _FORMAT + struct.pack("<4sI", b"data", size)
    whole = 4 + 36 + len(_FORMAT) + 8 + size
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, whole, size, samples, 0)
    start = struct.pack("<4sI4s", b"RF64", 0xFFFFFFFF, b"WAVE")
    return start + sizes + _FORMAT + struct.pack("<4sI", b"data", 0xFFFFFFFF)
