"""Streaming sample-rate conversion on libswresample (PyAV).

Chosen over soxr for live audio because it holds back 1 ms instead of 20 to 38 ms, at -99 dB of aliasing.
"""

from __future__ import annotations

import av
import numpy as np

from rejoinder.media.frame import Pcm


class Resampler:
    """Converts one mono s16 stream from ``source`` to ``target`` Hz; keeps its filter state between calls."""

    def __init__(self, source: int, target: int) -> None:
        self.source = source
        self.target = target
        self._convert = None if source == target else _engine(target)

    def push(self, pcm: Pcm) -> Pcm:
        """Take samples of any number, give those that are ready (all but about 1 ms)."""
        if self._convert is None or not len(pcm):
            return pcm
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self.source
        return _join(self._convert.resample(frame))

    def flush(self) -> Pcm:
        """Give what is still held back; the stream starts anew afterwards."""
        if self._convert is None:
            return np.zeros(0, np.int16)
        rest = _join(self._convert.resample(None))
        self._convert = _engine(self.target)
        return rest


def _engine(target: int) -> av.AudioResampler:
    return av.AudioResampler(format="s16", layout="mono", rate=target)


def _join(frames: list[av.AudioFrame]) -> Pcm:
    arrays: list[Pcm] = [frame.to_ndarray()[0] for frame in frames]
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int16)


def convert(pcm: Pcm, source: int, target: int) -> Pcm:
    """Convert a whole clip at once, keeping its length to the sample (rounded)."""
    if source == target:
        return pcm
    resampler = Resampler(source, target)
    whole = np.concatenate([resampler.push(pcm), resampler.flush()])
    return whole[: round(len(pcm) * target / source)]
