"""One Opus stream in WebM: written live, read back from whatever a crash left, written anew to be played and seeked.

A live file is a chain of clusters (RFC 9559) of half a second, each of known size and written with one call, in a
segment of unknown size: what is cut off is at most the last cluster. libav's muxer writes block by block, and a failed
write puts it out of action for good; here a cluster can be tried again or left out.

Places are counted in frames of 20 ms. The time of a block is that of its first sample *before* the codec's delay, as
CodecDelay (RFC 9559, section 5.1.4.1.27) wants it; players take it off.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rejoinder.media.frame import MEETING_RATE
from rejoinder.recording import opus

FRAME_MS = 20
SEEK_MS = 5_000
"""Length of a finished file's clusters, each of which can be seeked to."""
_MAX_CLUSTER = 1 << 20
"""Bytes; larger is not one of ours (half a second of Opus has at most 32 kB)."""
_READ = 1 << 16

_EBML, _SEGMENT, _SEEK_HEAD, _INFO, _TRACKS, _CUES = (
    bytes.fromhex(number) for number in ("1A45DFA3", "18538067", "114D9B74", "1549A966", "1654AE6B", "1C53BB6B")
)
_CLUSTER, _TIMESTAMP, _BLOCK = bytes.fromhex("1F43B675"), b"\xe7", b"\xa3"
_UNKNOWN = b"\x01" + b"\xff" * 7
_BLOCK_HEAD = struct.Struct(">BhB")
_KEYFRAME = 0x80


class Block(NamedTuple):
    """One packet and the frame of the timeline it holds."""

    frame: int
    packet: bytes


def live_head() -> bytes:
    """The beginning of a file that will be written as it happens."""
    return _ebml() + _SEGMENT + _UNKNOWN + _info(None) + _tracks()


def cluster(blocks: Iterable[Block]) -> bytes:
    """Blocks of up to 32 s as one cluster."""
    first: int | None = None
    parts: list[bytes] = []
    for frame, packet in blocks:
        if first is None:
            first = frame
            parts.append(_element(_TIMESTAMP, _number(frame * FRAME_MS)))
        head = _BLOCK_HEAD.pack(0x81, (frame - first) * FRAME_MS, _KEYFRAME)
        parts += (_BLOCK, _size(len(packet) + 4), head, packet)
    return _element(_CLUSTER, b"".join(parts))


class Finished:
    """Writes a file that has a duration and can be seeked. Blocks come in order and without gaps."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._cues: list[bytes] = []
        self._blocks: list[Block] = []
        self.frames = 0
        self._start = len(_ebml()) + len(_SEGMENT) + 8
        self._file.write(self._head(0, 0))

    def add(self, packet: bytes) -> None:
        """The next 20 ms."""
        self._blocks.append(Block(self.frames, packet))
        self.frames += 1
        if len(self._blocks) * FRAME_MS >= SEEK_MS:
            self._write()

    def close(self) -> None:
        """Complete the file; it stays open."""
        if self._blocks:
            self._write()
        cues = self._file.tell() - self._start
        self._file.write(_element(_CUES, b"".join(self._cues)))
        end = self._file.tell() - self._start
        self._file.seek(0)
        self._file.write(self._head(end, cues))
        self._file.seek(0, 2)

    def _write(self) -> None:
        at = self._file.tell() - self._start
        place = _element(b"\xf7", b"\x01") + _element(b"\xf1", _number(at))
        time = _element(b"\xb3", _number(self._blocks[0].frame * FRAME_MS))
        self._cues.append(_element(b"\xbb", time + _element(b"\xb7", place)))
        self._file.write(cluster(self._blocks))
        self._blocks.clear()

    def _head(self, segment: int, cues: int) -> bytes:
        info, tracks = _info(self.frames * FRAME_MS), _tracks()
        index = len(_seek_head(0, 0, 0))
        seek = _seek_head(index, index + len(info), cues)
        return _ebml() + _SEGMENT + b"\x01" + segment.to_bytes(7, "big") + seek + info + tracks


def read_live(path: Path) -> Iterator[Block]:
    """What a live file holds, in the order of time. Torn and foreign bytes are passed over; memory stays flat."""
    last = -1
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for body in _clusters(file):
            for block in _blocks(body):
                if block.frame > last:
                    last = block.frame
                    yield block


def _clusters(file: BinaryIO) -> Iterator[bytes]:
    """The contents of the clusters; the last may be cut off."""
    data = b""
    while True:
        found = data.find(_CLUSTER)
        if found < 0:
            more = file.read(_READ)
            if not more:
                return
            data = data[-(len(_CLUSTER) - 1) :] + more
            continue
        data = data[found:]
        while len(data) < len(_CLUSTER) + 8 and (more := file.read(_READ)):
            data += more
        read = _read_size(data, len(_CLUSTER))
        if read is None or read[0] > _MAX_CLUSTER:
            data = data[len(_CLUSTER) :]
            continue
        size, start = read
        while len(data) < start + size and (more := file.read(_READ)):
            data += more
        body = data[start : start + size]
        if _whole(body):
            yield body
            data = data[start + size :]
        else:  # cut off; whole ones may follow
            following = body.find(_CLUSTER)
            yield body if following < 0 else body[:following]
            data = data[start + max(0, following) :]


def _whole(body: bytes) -> bool:
    at = 0
    while at < len(body):
        read = _read_size(body, at + 1)
        if body[at : at + 1] not in (_TIMESTAMP, _BLOCK) or read is None:
            return False
        at = read[1] + read[0]
    return at == len(body)


def _blocks(body: bytes) -> Iterator[Block]:
    time: int | None = None
    at = 0
    while at < len(body):
        kind = body[at : at + 1]
        read = _read_size(body, at + 1)
        if kind not in (_TIMESTAMP, _BLOCK) or read is None or read[1] + read[0] > len(body):
            return
        size, start = read
        content = body[start : start + size]
        at = start + size
        if kind == _TIMESTAMP:
            time = int.from_bytes(content, "big")
        elif time is not None and size > _BLOCK_HEAD.size:
            offset = _BLOCK_HEAD.unpack_from(content)[1]
            yield Block((time + offset) // FRAME_MS, content[_BLOCK_HEAD.size :])


# -- EBML (RFC 8794) ------------------------------------------------------------------------------------------


def _size(size: int) -> bytes:
    """A data size as a variable-length number; all ones are reserved."""
    length = 1
    while size >= (1 << (7 * length)) - 1:
        length += 1
    return (size | 1 << (7 * length)).to_bytes(length, "big")


def _read_size(data: bytes, at: int) -> tuple[int, int] | None:
    """(size, place behind it), None if it is cut off or none."""
    if at >= len(data) or not data[at]:
        return None
    length = 9 - data[at].bit_length()
    if at + length > len(data):
        return None
    return int.from_bytes(data[at : at + length], "big") & ((1 << (7 * length)) - 1), at + length


def _element(identity: bytes, content: bytes) -> bytes:
    return identity + _size(len(content)) + content


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _of(identity: str, value: int | float | str | bytes) -> bytes:
    if isinstance(value, str):
        content = value.encode()
    elif isinstance(value, float):
        content = struct.pack(">d", value)
    else:
        content = _number(value) if isinstance(value, int) else value
    return _element(bytes.fromhex(identity), content)


def _ebml() -> bytes:
    version = _of("4286", 1) + _of("42F7", 1) + _of("42F2", 4) + _of("42F3", 8)
    return _element(_EBML, version + _of("4282", "webm") + _of("4287", 4) + _of("4285", 2))


def _info(duration_ms: int | None) -> bytes:
    duration = b"" if duration_ms is None else _of("4489", float(duration_ms))
    content = _of("2AD7B1", 1_000_000) + duration + _of("4D80", "rejoinder") + _of("5741", "rejoinder")
    return _element(_INFO, content)


def _tracks() -> bytes:
    delay_ns, roll_ns = opus.PRE_SKIP * 1_000_000_000 // MEETING_RATE, 80_000_000
    audio = _of("B5", float(MEETING_RATE)) + _of("9F", 1)
    entry = b"".join(
        (
            _of("D7", 1),  # number
            _of("73C5", 1),  # UID
            _of("83", 2),  # audio
            _of("9C", 0),  # no lacing
            _of("86", "A_OPUS"),
            _of("63A2", opus.head()),
            _of("56AA", delay_ns),
            _of("56BB", roll_ns),  # decoded before a place that is seeked to (RFC 7845, section 4.6)
            _of("E1", audio),
        )
    )
    return _element(_TRACKS, _of("AE", entry))


def _seek_head(info: int, tracks: int, cues: int) -> bytes:
    """Where the parts are, from the segment's first byte. Always of the same length."""
    places = ((_INFO, info), (_TRACKS, tracks), (_CUES, cues))
    return _element(
        _SEEK_HEAD, b"".join(_of("4DBB", _of("53AB", name) + _of("53AC", at.to_bytes(8, "big"))) for name, at in places)
    )
