"""Meetings to record, faster than real time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from rejoinder.core.participant import Participant
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.recording.join import read_track_pcm
from rejoinder.recording.recorder import BOT, Recorder

BLOCK_S = 0.01
BLOCK = round(BLOCK_S * MEETING_RATE)
SILENCE: Pcm = np.zeros(2 * BLOCK, np.int16)


def word(seed: int, seconds: float = 1.0) -> Pcm:
    """A second that resembles no other: noise in the band of speech, recognisable to the sample."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * MEETING_RATE))
    return np.asarray(np.convolve(noise, np.hanning(24) / 4, "same") * 3000, np.float64).astype(np.int16)


def place_of(sound: Pcm, audio: np.ndarray) -> float:
    """Where in ``audio`` (seconds) a sound is, by correlation of its first 0.2 s; -1 if it is not there."""
    sample = sound[: MEETING_RATE // 5].astype(np.float64)
    heard = audio.astype(np.float64)
    size = 1 << (len(heard) + len(sample)).bit_length()
    match = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sample, size)))[: len(heard)]
    at = int(np.argmax(match))
    found = heard[at : at + len(sample)]
    alike = match[at] / (np.linalg.norm(found) * np.linalg.norm(sample[: len(found)]) + 1e-9)
    return at / MEETING_RATE if alike > 0.3 else -1.0


def wav_of(path: Path) -> np.ndarray:
    """The samples of a (small) WAV."""
    return np.frombuffer(path.read_bytes()[44:], "<i2")


def track_of(path: Path) -> np.ndarray:
    """The samples of a track."""
    return np.concatenate(list(read_track_pcm(path, MEETING_RATE))) * 32768


def handles() -> int:
    """Open files of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class Room:
    """A meeting with a clock of its own. Everybody sends 10 ms blocks without delay; the recorder works every 50 ms."""

    def __init__(
        self, folder: Path, began_at: float = 1000.0, me: Participant = BOT, **how: Callable[..., object]
    ) -> None:
        self.now = 0.0
        self.told: list[str] = []
        self.speech: list[tuple[str, bool]] = []
        self.recorder = Recorder(
            folder,
            lambda: 500.0 + self.now,
            began_at,
            me=me,
            on_problem=self.told.append,
            on_speech=lambda *change: self.speech.append(change),
            worker=None,
            **how,  # type: ignore[arg-type]
        )
        self._saying: dict[str, Iterator[Pcm]] = {}

    def join(self, *people: str) -> None:
        """People come; each is called as they are known."""
        for who in people:
            self.recorder.joined(Participant(who, who.title()))

    def say(self, who: str, sound: Pcm) -> None:
        """From now on; the bot itself is "bot"."""
        self._saying[who] = (sound[start : start + BLOCK] for start in range(0, len(sound), BLOCK))

    def run(self, seconds: float) -> None:
        """Let the meeting go on."""
        for _ in range(round(seconds / BLOCK_S)):
            spoken = {who: block for who, blocks in self._saying.items() if (block := next(blocks, None)) is not None}
            if "bot" in spoken:
                self.recorder.spoke(spoken.pop("bot"))
            self.now = round(self.now + BLOCK_S, 6)
            for who, block in spoken.items():
                self.recorder.hear(who, block)
            if round(self.now / BLOCK_S) % 5 == 0:
                self.recorder.work()

    def end(self) -> None:
        """The bot leaves."""
        self.recorder.end()
        self.recorder.work()
        assert self.recorder.closed
