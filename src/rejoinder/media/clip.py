"""Sound files that users send, decoded."""

from __future__ import annotations

import io

import av
import numpy as np

from rejoinder.errors import InvalidRequest
from rejoinder.media.frame import MEETING_RATE, Pcm

LONGEST_S = 900.0
"""Of one file. 10 MB of MP3 at 128 kbit/s are 11 minutes; decoded, 15 minutes take 86 MB."""

# FFmpeg also reads playlists, and then whatever files and addresses they name. Only plain containers are read, and
# nothing but the bytes that were given.
_SAFE = {
    "format_whitelist": "mp3,wav,aac,flac,ogg,mov,mp4,m4a,matroska,webm,aiff,au,amr",
    "protocol_whitelist": "none",
}


def decode(data: bytes, field: str) -> Pcm:
    """All of a sound file as 48 kHz mono. Blocks; run it in a thread.

    MP3, WAV, AAC, FLAC, Ogg, MP4, WebM and the like. Raises InvalidRequest that names ``field``: no sound, broken, or
    longer than :data:`LONGEST_S`.
    """
    parts: list[Pcm] = []
    samples = 0
    try:
        with av.open(io.BytesIO(data), metadata_errors="ignore", options=dict(_SAFE)) as container:
            if not container.streams.audio:
                raise InvalidRequest(f"{field}: there is no sound in the file", field=field, code="invalid_audio")
            resampler = av.AudioResampler("s16", "mono", MEETING_RATE)
            for frame in container.decode(audio=0):
                for block in resampler.resample(frame):
                    parts.append(block.to_ndarray()[0])
                    samples += len(parts[-1])
                if samples > LONGEST_S * MEETING_RATE:
                    raise InvalidRequest(
                        f"{field}: the sound is longer than {LONGEST_S:.0f} seconds", field=field, code="too_long"
                    )
            parts += [block.to_ndarray()[0] for block in resampler.resample(None)]
    except (av.FFmpegError, ValueError, OSError) as error:
        raise InvalidRequest(
            f"{field}: expected a sound file, such as MP3, that can be decoded ({error})",
            field=field,
            code="invalid_audio",
        ) from error
    pcm = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    if not len(pcm):
        raise InvalidRequest(f"{field}: there is no sound in the file", field=field, code="invalid_audio")
    return pcm
