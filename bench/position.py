"""A sound that says where in it one is: two tones per tenth of a second, as on a telephone's keys.

Symbol ``n`` is the pair of tones ``n % 256`` stands for, so that a piece of a recording tells which symbols it holds if
its place is known to 12 s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rejoinder.media.frame import MEETING_RATE, Pcm

SYMBOL_S = 0.1
COUNT = 256
SYMBOL = round(SYMBOL_S * MEETING_RATE)
WINDOW, STEP = MEETING_RATE // 20, MEETING_RATE // 40
LOW, HIGH = 400 + 80 * np.arange(16), 1800 + 100 * np.arange(16)
"""Hz; multiples of 20, the grain of a window's spectrum."""
LOUDEST = 3.0
"""A tone is there if it is this much stronger than all others of its row."""
FAINTEST = 0.02
"""And if it has this share of full scale."""


def sound(first: int, count: int) -> Pcm:
    """``count`` symbols from ``first`` on, 48 kHz."""
    times = np.arange(SYMBOL) / MEETING_RATE
    edge = np.clip(np.minimum(times, times[::-1]) / 0.003, 0.0, 1.0)
    parts = []
    for number in range(first, first + count):
        high, low = divmod(number % COUNT, 16)
        tones = np.sin(2 * np.pi * LOW[low] * times) + np.sin(2 * np.pi * HIGH[high] * times)
        parts.append((6000 * edge * tones).astype(np.int16))
    return np.concatenate(parts)


def heard(pcm: Pcm) -> list[tuple[float, int]]:
    """(seconds, symbol modulo 256) of all 50 ms windows that clearly hold one."""
    shape = np.hanning(WINDOW)
    found = []
    for start in range(0, len(pcm) - WINDOW + 1, STEP):
        window = pcm[start : start + WINDOW].astype(np.float64) * shape
        spectrum = np.abs(np.fft.rfft(window)) * 4 / WINDOW / 32768
        low, high = _tone(spectrum, LOW), _tone(spectrum, HIGH)
        if low is not None and high is not None:
            found.append(((start + WINDOW / 2) / MEETING_RATE, 16 * high + low))
    return found


def _tone(spectrum: np.ndarray, row: np.ndarray) -> int | None:
    levels = spectrum[row // 20]
    best = int(np.argmax(levels))
    others = float(np.max(np.delete(levels, best)))
    return best if levels[best] >= FAINTEST and levels[best] > LOUDEST * others else None


def times_of(chunks: Sequence[tuple[int, float]]) -> np.ndarray:
    """When each symbol was said, from the beginnings (first symbol, time) of the chunks, which follow each other.

    After the last beginning ten more seconds are assumed.
    """
    numbers, times = zip(*sorted(chunks), strict=True)
    more = round(10 / SYMBOL_S)
    numbers, times = (*numbers, numbers[-1] + more), (*times, times[-1] + more * SYMBOL_S)
    return np.interp(np.arange(numbers[-1]), numbers, times)


def resolve(windows: Sequence[tuple[float, int]], times: np.ndarray, offset_s: float) -> dict[int, float]:
    """Which symbols were heard, and where in the recording. ``times``: when each was said; ``offset_s``: what to add
    for its place in the recording, known to 10 s.

    A window whose symbol is not within half a second of where the others put it counts for nothing.
    """
    guesses = []
    for at, code in windows:
        candidates = np.arange(code, len(times), COUNT)
        if len(candidates):
            number = int(candidates[np.argmin(np.abs(times[candidates] + offset_s - at))])
            guesses.append((number, at, at - float(times[number])))
    if not guesses:
        return {}
    shift = float(np.median([apart for _, _, apart in guesses]))
    found: dict[int, float] = {}
    for number, at, apart in guesses:
        if abs(apart - shift) < 0.5:
            found.setdefault(number, at)
    return found


def lost_after(heard_symbols: set[int], begins: Sequence[int], last: int, ahead: int = 15) -> list[float]:
    """Seconds missing after each of the ``begins`` (symbol numbers, ascending) and before the next one; what is missing
    in the ``ahead`` symbols before one counts as its loss, too. ``last``: the last symbol that is looked for."""
    ends = [*(begin - ahead for begin in begins[1:]), last + 1]
    return [
        round(SYMBOL_S * sum(number not in heard_symbols for number in range(begin - ahead, end)), 3)
        for begin, end in zip(begins, ends, strict=True)
    ]
