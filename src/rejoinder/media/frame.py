"""Sound and pictures in the shapes used inside.

Sound is mono: 48 kHz int16 towards meetings, 16 kHz float32 towards speech models.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
"""Mono signed 16-bit samples."""

MEETING_RATE = 48_000
"""Hz of everything that goes to or comes from a meeting (WebRTC's own rate; MeetStream's live audio rate)."""

FRAME_SAMPLES = MEETING_RATE // 50
"""Samples in one 20 ms frame, the packet length of Opus in WebRTC."""


Rgb = npt.NDArray[np.uint8]
"""A picture of shape (height, width, 3)."""

VIDEO_SIZE = (640, 360)
"""Width and height of a bot's video: enough for a tile, 1 % of a core to encode at 2 frames a second."""


def to_float(pcm: Pcm) -> npt.NDArray[np.float32]:
    """int16 to float32 in [-1, 1)."""
    return pcm.astype(np.float32) * np.float32(1.0 / 32768.0)


def to_pcm(samples: npt.NDArray[np.float32]) -> Pcm:
    """float32 to int16; what is beyond [-1, 1] is clipped."""
    return (np.clip(samples, -1.0, 1.0) * np.float32(32767.0)).astype(np.int16)
