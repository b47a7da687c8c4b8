"""Makes of a bot's epochs what its users get: one WAV of everything and one WebM per person, all on one timeline.

Whatever the epochs' files hold is used, also when they end in the middle of a line, a block or a sample. Doing it again
gives the same files. Memory does not grow with the length of the recording.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import numpy.typing as npt

from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE
from rejoinder.recording import journal, opus, wav, webm
from rejoinder.recording.tape import META, MIX

FRAME_S = FRAME_SAMPLES / MEETING_RATE
MAX_GAP_S = 6 * 3600.0
"""Two epochs cannot be further apart: no meeting waits that long for its bot, so one of their clocks was wrong."""
_BEYOND_S = 60.0
"""A block this far behind the mix's end is not a block."""
_COPY = 1 << 20
_NAME_BYTES = 80
"""Of a name or id in a file name: two fit into the 255 bytes file systems take."""


@dataclass(frozen=True, slots=True)
class Track:
    """One person's file. It begins with the recording and ends with the person's last sound.

    ``bot``: the bot itself.
    """

    participant_id: str
    name: str
    bot: bool
    path: Path
    duration_s: float
    first_sound_s: float


@dataclass(frozen=True, slots=True)
class Speech:
    """A stretch in which somebody spoke, in seconds of the recording."""

    participant_id: str
    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A finished recording. ``wav`` is None when there is no audio at all; ``speech`` is in the order of time."""

    began_at: float
    duration_s: float
    wav: Path | None
    tracks: tuple[Track, ...]
    speech: tuple[Speech, ...]


@dataclass(frozen=True, slots=True)
class _Epoch:
    folder: Path
    journal: journal.Journal
    offset: int
    """Frames from the recording's beginning; whole ones, so that packets keep their places."""
    samples: int
    """Of its mix."""

    @property
    def length_s(self) -> float:
        return max(self.samples / MEETING_RATE, self.journal.closed or 0.0)


@dataclass(slots=True)
class _Person:
    """Somebody over all epochs."""

    id: str
    name: str
    own: bool
    ids: set[str] = field(default_factory=set)
    stays: list[tuple[float, float]] = field(default_factory=list)
    parts: list[tuple[_Epoch, journal.Person]] = field(default_factory=list)


def finish(folders: Sequence[Path], out: Path) -> Recording:
    """Join the epochs in ``folders`` (ascending; missing and empty ones count for nothing) into files in ``out``.

    Blocks; run it in a thread. Raises OSError when ``out`` cannot be written; what is there then is not torn.
    """
    epochs = _epochs(folders)
    people = _people(epochs)
    out.mkdir(parents=True, exist_ok=True)
    names: set[str] = set()
    tracks = [track for person in people if (track := _write_track(person, out, names)) is not None]
    end = max((epoch.offset * FRAME_SAMPLES + epoch.samples for epoch in epochs), default=0)
    end = max([end, *(round(track.duration_s * MEETING_RATE) for track in tracks)])
    if end:
        _write_wav(epochs, end, out / "audio.wav")
    return Recording(
        (epochs[0].journal.began_at or 0.0) if epochs else 0.0,
        end / MEETING_RATE,
        out / "audio.wav" if end else None,
        tuple(tracks),
        tuple(_speech(people)),
    )


# -- epochs and people ----------------------------------------------------------------------------------------


def _epochs(folders: Sequence[Path]) -> list[_Epoch]:
    epochs: list[_Epoch] = []
    free = 0
    for folder in folders:
        told = journal.read(folder / META)
        try:
            state = (folder / MIX).stat()
            samples, changed = state.st_size // 2, state.st_mtime
        except FileNotFoundError:
            samples, changed = 0, 0.0
        if told.began_at is None:
            if not samples:
                continue
            told.began_at = changed - samples / MEETING_RATE  # the journal is lost; it was written to the end
        offset = 0
        if epochs:
            apart = told.began_at - (epochs[0].journal.began_at or 0.0)
            offset = max(free, round(apart / FRAME_S)) if apart / FRAME_S - free < MAX_GAP_S / FRAME_S else free
        epoch = _Epoch(folder, told, offset, samples)
        epochs.append(epoch)
        free = offset + math.ceil(epoch.length_s / FRAME_S)
    return epochs


def _people(epochs: Sequence[_Epoch]) -> list[_Person]:
    """The same person is who has the same id, or else the same name while nobody of that name is there."""
    people: list[_Person] = []
    for epoch in epochs:
        strangers = []
        for track in epoch.journal.people.values():
            known = next((one for one in people if one.own == track.own and (track.own or track.id in one.ids)), None)
            if known is None:
                strangers.append(track)
            else:
                _met(known, epoch, track)
        for track in strangers:
            namesake = next((one for one in people if _is_namesake(one, epoch, track)), None)
            if namesake is None:
                namesake = _Person(track.id, track.name, track.own)
                people.append(namesake)
            _met(namesake, epoch, track)
    return people


def _stay(epoch: _Epoch, track: journal.Person) -> tuple[float, float]:
    start = epoch.offset * FRAME_S
    left = epoch.length_s if track.left is None else track.left
    return start + track.joined, start + max(left, track.joined)


def _is_namesake(person: _Person, epoch: _Epoch, track: journal.Person) -> bool:
    if person.own or track.own or not track.name or person.name.casefold() != track.name.casefold():
        return False
    begin, end = _stay(epoch, track)
    return all(until <= begin or since >= end for since, until in person.stays)


def _met(person: _Person, epoch: _Epoch, track: journal.Person) -> None:
    person.ids.add(track.id)
    person.name = track.name or person.name
    person.stays.append(_stay(epoch, track))
    person.parts.append((epoch, track))


# -- files ----------------------------------------------------------------------------------------------------


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that has its name only when it is complete."""
    draft = path.with_name(path.name + ".part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # a disk that is full needs the room


def _write_track(person: _Person, out: Path, names: set[str]) -> Track | None:
    blocks = _sounds(person)
    first = next(blocks, None)
    if first is None:
        return None
    path = out / f"{_file_name(person, names)}_0.webm"
    with _whole(path) as file:
        writer = webm.Finished(file)
        _fill(writer, first)
        for block in blocks:
            _fill(writer, block)
        writer.close()
    return Track(
        person.id, person.name, person.own, path, round(writer.frames * FRAME_S, 3), round(first.frame * FRAME_S, 3)
    )


def _sounds(person: _Person) -> Iterator[webm.Block]:
    """The packets of all epochs, at their places on the recording's timeline."""
    for epoch, track in person.parts:
        limit = (epoch.length_s + _BEYOND_S) / FRAME_S
        for frame, packet in webm.read_live(epoch.folder / f"{track.number}.webm"):
            if frame < limit:
                yield webm.Block(epoch.offset + frame, packet)


def _fill(writer: webm.Finished, block: webm.Block) -> None:
    if block.frame < writer.frames:
        return  # two epochs overlap: clocks were set
    while writer.frames < block.frame:
        writer.add(opus.SILENCE)
    writer.add(block.packet)


def _write_wav(epochs: Sequence[_Epoch], samples: int, path: Path) -> None:
    with _whole(path) as file:
        file.write(wav.head(samples))
        written = 0
        for epoch in epochs:
            written += _zeros(file, epoch.offset * FRAME_SAMPLES - written)
            if epoch.samples:
                written += _copy(epoch.folder / MIX, file, epoch.samples)
        _zeros(file, samples - written)


def _copy(path: Path, file: BinaryIO, samples: int) -> int:
    left = 2 * samples
    with path.open("rb") as source:
        while left and (data := source.read(min(left, _COPY))):
            file.write(data)
            left -= len(data)
    file.write(bytes(left))
    return samples


def _zeros(file: BinaryIO, samples: int) -> int:
    left = 2 * max(0, samples)
    while left:
        left -= file.write(bytes(min(left, _COPY)))
    return max(0, samples)


def _file_name(person: _Person, taken: set[str]) -> str:
    """``<name>_<id>``, fit for any file system and object store."""
    base = f"{safe_name(person.name) or 'participant'}_{safe_name(person.id) or 'x'}"
    name, number = base, 2
    while name.casefold() in taken:
        name, number = f"{base}-{number}", number + 1
    taken.add(name.casefold())
    return name


def safe_name(text: str) -> str:
    """Letters and digits of any script and ``-``; everything between as one ``_``. At most 80 bytes of UTF-8."""
    plain = unicodedata.normalize("NFKC", text)
    kept = "".join(sign if sign.isalnum() or sign == "-" else " " for sign in plain)
    joined = "_".join(kept.split())
    return joined.encode("utf-8", "ignore")[:_NAME_BYTES].decode("utf-8", "ignore")


# -- who spoke when -------------------------------------------------------------------------------------------


def _speech(people: Sequence[_Person]) -> list[Speech]:
    found: list[Speech] = []
    for person in people:
        for epoch, track in person.parts:
            base = epoch.offset * FRAME_S
            for start, end in track.speech:
                stop = epoch.length_s if end is None else end
                for begin, until in _unpaused(start, stop, epoch.journal.pauses):
                    found.append(Speech(person.id, person.name, round(base + begin, 4), round(base + until, 4)))
    return sorted(found, key=lambda speech: (speech.start_s, speech.end_s, speech.participant_id))


def _unpaused(start: float, end: float, pauses: Sequence[tuple[float, float | None]]) -> Iterator[tuple[float, float]]:
    """What of a stretch lies outside the pauses."""
    for since, until in pauses:
        if since >= end:
            break
        if until is not None and until <= start:
            continue
        if since > start:
            yield start, since
        if until is None:
            return
        start = until
    if start < end:
        yield start, end


# -- reading --------------------------------------------------------------------------------------------------


def read_track_pcm(path: Path, rate: int = 16_000) -> Iterator[npt.NDArray[np.float32]]:
    """A track's audio from the recording's beginning on, silence included, as mono float32 blocks of any length.

    Raises OSError when the file cannot be read.
    """
    try:
        with av.open(str(path)) as container:
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            for frame in container.decode(audio=0):
                for block in resampler.resample(frame):
                    yield block.to_ndarray()[0]
            for block in resampler.resample(None):
                yield block.to_ndarray()[0]
    except av.FFmpegError as error:
        raise OSError(f"{path.name} is not a track that can be read: {error}") from error
