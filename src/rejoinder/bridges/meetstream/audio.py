"""The live audio frames of MeetStream's audio socket: one speaker's PCM behind a small header. Pure.

Layout, as MeetStream's guide "External Meeting Control & Command Patterns" decodes it (integers are
little-endian):

    u8 0x01 | u16 length of id | id, UTF-8 | u16 length of name | name, UTF-8 | int16 mono PCM at 48000 Hz
"""

from __future__ import annotations

from functools import lru_cache

FRAME_TYPE = 0x01
"""First byte of every audio frame."""
SAMPLE_RATE = 48_000
"""Hz of the PCM in a frame."""
MAX_TEXT_BYTES = 0xFFFF
"""What the u16 length fields can count; longer ids and names are cut."""


def encode_frame(speaker_id: str, speaker_name: str, pcm: bytes | bytearray | memoryview) -> bytes:
    """One binary message for the audio socket. ``pcm`` is mono s16le at 48000 Hz, any number of samples."""
    return b"".join((frame_header(speaker_id, speaker_name), pcm))


@lru_cache(maxsize=1024)
def frame_header(speaker_id: str, speaker_name: str) -> bytes:
    """All of a frame before its PCM. Kept per speaker: it is needed 50 times a second for each."""
    id_bytes, name_bytes = _cut(speaker_id), _cut(speaker_name)
    return b"".join(
        (
            bytes((FRAME_TYPE,)),
            len(id_bytes).to_bytes(2, "little"),
            id_bytes,
            len(name_bytes).to_bytes(2, "little"),
            name_bytes,
        )
    )


def _cut(text: str) -> bytes:
    """UTF-8 of ``text``, at most 65535 bytes, never ending inside a character."""
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_TEXT_BYTES:
        return data
    return data[:MAX_TEXT_BYTES].decode("utf-8", "ignore").encode("utf-8")
