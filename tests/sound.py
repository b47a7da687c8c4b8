"""Tones to send and to recognise again."""

from __future__ import annotations

import base64
import io
import wave

import numpy as np

from rejoinder.media.frame import MEETING_RATE, Pcm

AMPLITUDE = 8000
RAMP_S = 0.003
AUDIBLE = 0.01 * 32768
MARGIN_S = 0.03
"""How much of a sound may be missing at the ear: it is measured in blocks, through a codec."""
STRETCH_S = 0.3
"""How much longer it may be: a jitter buffer on a busy computer fills in for what comes late."""
GAP_S = 0.15
"""A shorter silence inside of a sound is the jitter buffer's, too."""
SCALE = (500.0, 1700.0, 900.0, 2100.0, 1300.0, 700.0, 1900.0, 1100.0, 2300.0, 1500.0)
"""Pitches that follow each other: however they are stretched, none may be missing, and none out of its place."""


def tone(hz: float, seconds: float, rate: int = MEETING_RATE) -> Pcm:
    """A steady tone with soft edges."""
    times = np.arange(round(seconds * rate)) / rate
    edge = np.clip(np.minimum(times, times[::-1]) / RAMP_S, 0.0, 1.0)
    return (AMPLITUDE * edge * np.sin(2 * np.pi * hz * times)).astype(np.int16)


def pitch(pcm: Pcm, rate: int = MEETING_RATE) -> float:
    """The strongest frequency of some samples, in Hz."""
    spectrum = _spectrum(pcm)
    return float(np.argmax(spectrum) * rate / len(pcm))


def share(pcm: Pcm, hz: float, rate: int = MEETING_RATE, within_hz: float = 60.0) -> float:
    """How much of the energy lies within ``within_hz`` of a frequency, 0 to 1."""
    power = np.square(_spectrum(pcm))
    frequencies = np.arange(len(power)) * rate / len(pcm)
    return float(power[np.abs(frequencies - hz) <= within_hz].sum() / max(power.sum(), 1e-9))


def rms(pcm: Pcm) -> float:
    """Root mean square of the samples."""
    return float(np.sqrt(np.mean(np.square(pcm.astype(np.float64))))) if len(pcm) else 0.0


def loudness(pcm: Pcm) -> float:
    """Root mean square of the typical 20 ms: what a jitter buffer makes up in between does not count."""
    block = MEETING_RATE // 50
    return float(np.median([rms(pcm[start : start + block]) for start in range(0, max(1, len(pcm) - block), block)]))


def sounds(pcm: Pcm, gap_s: float = 0.03) -> list[tuple[float, float]]:
    """(begin, end) in seconds of what can be heard in some 48 kHz samples, to 5 ms; pauses under ``gap_s`` are part.

    Positions in the samples are those of the ear; the times at which blocks arrive also tell how busy the loop was.
    """
    block = MEETING_RATE // 200
    found: list[tuple[float, float]] = []
    for start in range(0, len(pcm) - block + 1, block):
        if rms(pcm[start : start + block]) < AUDIBLE:
            continue
        begin, end = start / MEETING_RATE, (start + block) / MEETING_RATE
        if found and begin - found[-1][1] < gap_s:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def whole(length: float, sent: float) -> bool:
    """Whether a sound is as long at the ear as it was sent."""
    return sent - MARGIN_S <= length <= sent + STRETCH_S


def steps(pcm: Pcm) -> list[float]:
    """The pitches of SCALE in the order they can be heard."""
    found: list[float] = []
    block = MEETING_RATE // 50
    for start in range(0, len(pcm) - block + 1, block):
        part = pcm[start : start + block]
        hz = min(SCALE, key=lambda one: abs(one - pitch(part)))
        if rms(part) > 2000 and abs(hz - pitch(part)) < 80 and hz not in found[-1:]:
            found.append(hz)
    return found


def cut(pcm: Pcm, begin: float, end: float) -> Pcm:
    """The samples between two positions in seconds."""
    return pcm[round(begin * MEETING_RATE) : round(end * MEETING_RATE)]


def _spectrum(pcm: Pcm) -> np.ndarray:
    return np.abs(np.fft.rfft(pcm.astype(np.float64) * np.hanning(len(pcm))))


def wav_file() -> str:
    """A tenth of a second of silence, as a call's base64 of a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(bytes(3200))
    return base64.b64encode(file.getvalue()).decode()
