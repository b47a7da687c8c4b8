"""One participant's audio on its way to the voice activity model and, while they speak, to the transcriber."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from rejoinder.agent.base import (
    STT_RATE,
    Recognition,
    Samples,
    SpeechScorer,
    Transcriber,
    TranscriptionStream,
)
from rejoinder.agent.hush import Hush

PREROLL_S = 0.35
"""Audio before the detected onset that still belongs to the first word: detection takes 64 ms, soft onsets more."""
TURN_MODEL_S = 8.0
"""What the turn model listens to at the most."""
_PREROLL, _MODEL = int(STT_RATE * PREROLL_S), int(STT_RATE * TURN_MODEL_S)


class Ear:
    """Keeps the last seconds, feeds the transcriber only around speech.

    ``on_window(probability)`` is called for each scored window, ``on_words(text, complete)`` for each recognition;
    ``complete`` means it covers everything pushed before the last :meth:`flush`. ``on_hush(silent)`` says, within an
    utterance, that the level fell to silence (True) or rose again (False).
    """

    def __init__(
        self,
        scorer: SpeechScorer,
        transcriber: Transcriber,
        on_window: Callable[[float], None],
        on_words: Callable[[str, bool], None],
        on_hush: Callable[[bool], None],
    ) -> None:
        self._chunks: deque[Samples] = deque()
        self._kept = 0
        self._end = 0
        """Samples heard in all."""
        self._sent = 0
        """Position up to which the transcriber has got the audio."""
        self._pushed = 0
        """Samples the transcriber got since its last commit."""
        self._flush_at: int | None = None
        self._open = False
        self._keep = _PREROLL
        self._feeding = False
        self._on_words = on_words
        self._on_hush = on_hush
        self._hush: Hush | None = None
        self._stream: TranscriptionStream | None = None
        self._transcriber = transcriber
        self._track = scorer.open(on_window)

    def hear(self, samples: Samples, *, urgent: bool) -> None:
        """The next 16 kHz audio of this participant; ``urgent`` see :class:`~rejoinder.agent.base.SpeechTrack`."""
        track, count = self._track, len(samples)
        track.urgent = urgent
        self._chunks.append(samples)
        self._kept += count
        self._end += count
        while self._kept - len(self._chunks[0]) >= self._keep:
            self._kept -= len(self._chunks.popleft())
        track.push(samples)
        if not self._open:
            return
        if self._feeding:
            self._feed()
        if self._hush is not None and (change := self._hush.hear(samples)) is not None:
            self._on_hush(change)

    def listen(self) -> None:
        """Speech began (or went on after a pause): transcribe from a little before it."""
        self._open = True
        self._keep = _MODEL
        self._feeding = True
        if self._hush is None:
            self._hush = Hush()
        if self._stream is None:
            self._stream = self._transcriber.open(self._recognised)
        self._sent = max(self._sent, self._end - _PREROLL)
        self._feed()

    def flush(self) -> None:
        """The speaker paused: ask for the words of everything up to now."""
        if self._stream is not None:
            self._feed()
            self._feeding = False
            self._flush_at = self._pushed
            self._stream.flush()

    def commit(self) -> None:
        """The utterance was used."""
        self._open = self._feeding = False
        self._keep = _PREROLL
        self._hush = None
        self._flush_at = None
        self._pushed = 0
        if self._stream is not None:
            self._stream.commit()

    def recent(self) -> Samples:
        """The last (up to) 8 s."""
        return np.concatenate(list(self._chunks)) if self._chunks else np.zeros(0, np.float32)

    def close(self) -> None:
        """Stop listening to this participant."""
        self._track.close()
        if self._stream is not None:
            self._stream.close()

    def _feed(self) -> None:
        missing = self._end - self._sent
        if missing <= 0 or self._stream is None:
            return
        late: list[Samples] = []
        for chunk in reversed(self._chunks):
            if missing <= 0:
                break
            late.append(chunk[-missing:] if missing < len(chunk) else chunk)
            missing -= len(late[-1])
        for chunk in reversed(late):
            self._stream.push(chunk)
            self._pushed += len(chunk)
        self._sent = self._end

    def _recognised(self, recognition: Recognition) -> None:
        covered = recognition.heard_s * STT_RATE
        complete = recognition.final and self._flush_at is not None and covered >= self._flush_at - STT_RATE // 50
        self._on_words(recognition.text, complete)
