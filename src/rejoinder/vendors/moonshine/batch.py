"""The process that transcribes recordings: ``python -m rejoinder.vendors.moonshine.batch``.

:class:`rejoinder.transcription.local_batch.LocalBatch` starts it. It finds speech with Silero, reads it with Moonshine,
in one thread and at low priority, and ends with its parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from pathlib import Path

from rejoinder.agent.base import Samples
from rejoinder.errors import ModelError
from rejoinder.transcription.base import TrackAudio
from rejoinder.transcription.listen import Listener
from rejoinder.transcription.local_batch import Reports, read_orders
from rejoinder.vendors.moonshine.model import Moonshine
from rejoinder.vendors.moonshine.stt import read_speech
from rejoinder.vendors.silero.vad import SileroScorer

NICE = 10
"""Nobody waits for it: where a core is contested, live work gets ten times as much."""
FETCHED = ("silero-vad", "moonshine-base")
"""The models it needs, by their catalogue names."""


class Silero:
    """The voice activity model of one track, asked at once."""

    def __init__(self, scorer: SileroScorer) -> None:
        self.window = scorer.window
        self._scores: list[float] = []
        self._track = scorer.open(self._scores.append)  # a single open track is scored inside push

    def __call__(self, samples: Samples) -> list[float]:
        """See :class:`~rejoinder.transcription.listen.Score`."""
        self._track.push(samples)
        scores = self._scores.copy()
        self._scores.clear()
        return scores

    def close(self) -> None:
        """Forget the track."""
        self._track.close()


class Reader:
    """Both models, loaded. Raises :class:`ModelError`."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self._scorer = SileroScorer(folders["silero-vad"])
        self._model = Moonshine(folders["moonshine-base"], threads=1)

    def read(self, number: int, track: TrackAudio) -> None:
        """Transcribe a track and say so on standard output."""
        score = Silero(self._scorer)
        listener = Listener(score, self._text, lambda seconds: _say(Reports.progress(number, seconds)))
        try:
            for words in listener.hear(track.blocks()):
                _say(Reports.words(number, words))
        finally:
            score.close()

    def _text(self, samples: Samples) -> str:
        return read_speech(self._model, samples)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Do what standard input orders."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    orders = read_orders(sys.stdin.buffer)
    _end_with_parent()
    try:
        reader = Reader(orders.folders)
        for number, track in enumerate(orders.tracks):
            try:
                reader.read(number, track)
            except (OSError, ValueError) as error:
                _say(Reports.error(f'The recording of "{track.name}" cannot be read: {error}'))
                return
    except ModelError as error:
        _say(Reports.error(str(error)))
        return
    except Exception as error:
        _say(Reports.error(f"The transcription failed: {type(error).__name__}"))
        return
    _say(Reports.end())


if __name__ == "__main__":
    main()
