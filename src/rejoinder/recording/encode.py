"""The mixed recording in the formats Attendee's users ask for."""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import av

Format = Literal["mp4", "mp3"]
TYPES: dict[Format, str] = {"mp4": "video/mp4", "mp3": "audio/mpeg"}
_CODECS: dict[Format, tuple[str, int]] = {"mp4": ("aac", 96_000), "mp3": ("libmp3lame", 96_000)}
"""Codec and bit rate of 48 kHz mono."""


def _quietly() -> None:
    """The thread steps back behind those that serve meetings; only Linux counts niceness per thread."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


encoder = ThreadPoolExecutor(1, thread_name_prefix="encode", initializer=_quietly)
"""Where to run :func:`compress`."""


def compress(wav: Path, out: Path, kind: Format) -> None:
    """Encode a WAV file: MP3, or AAC in MP4 with its index in front. Blocks. Raises OSError."""
    codec, rate = _CODECS[kind]
    options = {"movflags": "faststart"} if kind == "mp4" else {}
    try:
        with av.open(str(wav)) as source, av.open(str(out), "w", format=kind, options=options) as target:
            sound = source.streams.audio[0]
            stream = target.add_stream(codec, rate=sound.rate, layout="mono")
            stream.bit_rate = rate
            for frame in source.decode(sound):
                target.mux(stream.encode(frame))
            target.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise OSError(f"{wav.name} cannot be encoded: {error}") from error
