"""What the people in the bench say: clips at 16 kHz whose first and last speech sample are known.

Made once by the parent process (``synthesise``), written as one ``.npz`` file, loaded by every subject (``load``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]

RATE = 16_000
"""Hz of all that is said to a subject."""

ACTIVE_DB = -35.0
"""A 5 ms frame belongs to the speech while its level is above the clip's loudest frame plus this many dB."""

QUESTIONS = (
    "What time is it?",
    "Where do we meet tomorrow?",
    "Who wrote the report?",
    "Can you read the list?",
    "How long will it take?",
    "Which room is free now?",
)
BARGE_INS = (
    "Wait, stop right there please.",
    "No, that is not it.",
    "Sorry, can I ask something?",
    "Hold on, go back one step.",
)
SOUNDS: dict[str, tuple[str | None, str]] = {
    # name: (what is spoken, or None for the cough; what the transcriber makes of it)
    "cough": (None, ""),
    "ahem": ("Ahem!", ""),
    "uh": ("Ah!", "uh"),
    "yeah": ("Yeah.", "yeah"),
    "okay_right": ("Okay, right.", "okay, right"),
    "uh_not_transcribed": ("Ah!", ""),
}


@dataclass(frozen=True, slots=True)
class Clip:
    """Something said. ``samples`` starts ``onset`` samples before the first speech sample (a few ms of fade)."""

    name: str
    text: str
    samples: Pcm
    onset: int
    end: int

    def words(self) -> list[tuple[float, str]]:
        """(seconds from the clip's start at which a word has been said, text up to and with it), spread by letters."""
        words = self.text.split()
        total = sum(len(word) for word in words) or 1
        done, said, out = 0, "", []
        for word in words:
            done += len(word)
            said = f"{said} {word}".strip()
            out.append(((self.onset + (self.end - self.onset) * done / total) / RATE, said))
        return out


def find_speech(samples: npt.NDArray[np.float32], rate: int = RATE) -> tuple[int, int]:
    """First and one past the last sample of the speech, by the energy of 5 ms frames (``ACTIVE_DB``).

    Raises ValueError when the clip is silent.
    """
    frame = rate // 200
    count = len(samples) // frame
    levels = np.sqrt(np.mean(samples[: count * frame].reshape(count, frame).astype(np.float64) ** 2, axis=1))
    if count == 0 or levels.max() == 0:
        raise ValueError("the clip is silent: it has no onset and no end")
    active = np.flatnonzero(levels > levels.max() * 10 ** (ACTIVE_DB / 20))
    return int(active[0]) * frame, int(active[-1] + 1) * frame


def cough(seed: int = 7, seconds: float = 0.22) -> npt.NDArray[np.float32]:
    """A burst of low-passed noise with a sharp attack and an exponential fall; no voice in it.

    Silero takes it for no speech; the throat-clearing "ahem" is what every subject's detector hears.
    """
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    noise = np.convolve(rng.standard_normal(count + 8), np.hanning(9), mode="valid")[:count]
    shape = np.minimum(np.arange(count) / (0.008 * RATE), 1.0) * np.exp(-np.arange(count) / (0.07 * RATE))
    burst = noise * shape
    return (0.5 * burst / np.abs(burst).max()).astype(np.float32)


def resample(samples: npt.NDArray[np.float32], source: int, target: int) -> npt.NDArray[np.float32]:
    """Change the rate of a whole clip by cutting its spectrum (good enough for a clip that fades at both ends)."""
    count = len(samples) * target // source
    spectrum = np.fft.rfft(samples)[: count // 2 + 1]
    return (np.fft.irfft(spectrum, n=count) * (count / len(samples))).astype(np.float32)


def make_clip(name: str, text: str, samples: npt.NDArray[np.float32]) -> Clip:
    """Trim to the speech with 10 ms around it, bring to a peak of 0.5, and note where the speech is."""
    onset, end = find_speech(samples)
    lead = min(onset, RATE // 100)
    cut = samples[onset - lead : end + RATE // 100]
    cut = cut * (0.5 / np.abs(cut).max())
    return Clip(name, text, (cut * 32767).astype(np.int16), lead, lead + end - onset)


def synthesise(path: Path) -> None:
    """Say everything with the local voice and keep it in ``path``. Needs rejoinder's ``local`` extra."""
    import hibari

    voice = hibari.Hibari()
    clips = []
    spoken = [(f"question{i}", text, text) for i, text in enumerate(QUESTIONS)]
    spoken += [(f"barge_in{i}", text, text) for i, text in enumerate(BARGE_INS)]
    spoken += [(name, said, heard) for name, (said, heard) in SOUNDS.items() if said is not None]
    for name, said, heard in spoken:
        audio = np.asarray(voice(said, seed=1), dtype=np.float32)
        clips.append(make_clip(name, heard, resample(audio, hibari.SAMPLE_RATE, RATE)))
    clips.append(make_clip("cough", "", cough()))
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {clip.name: [clip.text, clip.onset, clip.end] for clip in clips}
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, about=np.array(json.dumps(about)), **{clip.name: clip.samples for clip in clips})
    temporary.replace(path)


def load(path: Path) -> dict[str, Clip]:
    """The clips by name."""
    with np.load(path) as data:
        about = json.loads(str(data["about"]))
        return {name: Clip(name, text, data[name], onset, end) for name, (text, onset, end) in about.items()}
