"""Speech and music as Opus: 48 kHz mono, 48 kbit/s, packets of 20 ms (RFC 6716)."""

from __future__ import annotations

import av
import numpy as np

from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm

BIT_RATE = 48_000
"""What MeetStream's participant streams have."""
PRE_SKIP = 312
"""Samples by which libopus lags (6.5 ms), as the ``OpusHead`` it gives says; players take them off the front."""
SILENCE = b"\xf8\xff\xfe"
"""What libopus makes of 20 ms of digital silence: full band, mono, one frame without content."""


def head() -> bytes:
    """``OpusHead`` (RFC 7845, section 5.1): version 1, one channel, no gain, one stream."""
    rate = MEETING_RATE.to_bytes(4, "little")
    return b"OpusHead" + bytes([1, 1]) + PRE_SKIP.to_bytes(2, "little") + rate + bytes(3)


class Encoder:
    """libopus on one thread. ``application=audio`` at complexity 5: 60 us a frame, and music survives."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("libopus", "w")
        self._codec.sample_rate = MEETING_RATE
        self._codec.layout = "mono"
        self._codec.format = "s16"
        self._codec.bit_rate = BIT_RATE
        self._codec.options = {"application": "audio", "compression_level": "5", "frame_duration": "20", "vbr": "on"}

    def encode(self, frame: Pcm) -> bytes:
        """One frame of 20 ms to one packet."""
        block = av.AudioFrame.from_ndarray(frame.reshape(1, FRAME_SAMPLES), format="s16", layout="mono")
        block.sample_rate = MEETING_RATE
        return b"".join(bytes(packet) for packet in self._codec.encode(block))


NO_SOUND: Pcm = np.zeros(FRAME_SAMPLES, np.int16)
"""20 ms of silence."""
