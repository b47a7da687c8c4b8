"""Notices that people begin to speak, for bots whose mind is elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from rejoinder.agent.base import Samples, SpeechScorer, SpeechTrack
from rejoinder.agent.turn import TurnTuning

_TUNING = TurnTuning()


class SpeechWatch:
    """Calls ``on_speech(participant)`` once for each stretch of speech, 64 ms after its onset."""

    def __init__(self, scorer: SpeechScorer, on_speech: Callable[[str], None]) -> None:
        self._scorer = scorer
        self._on_speech = on_speech
        self._tracks: dict[str, SpeechTrack] = {}
        self._runs: dict[str, int] = {}

    def hear(self, participant: str, samples: Samples) -> None:
        """The next 16 kHz audio of a participant."""
        track = self._tracks.get(participant)
        if track is None:
            track = self._tracks[participant] = self._scorer.open(
                lambda probability: self._scored(participant, probability)
            )
            track.urgent = True
        track.push(samples)

    def _scored(self, participant: str, probability: float) -> None:
        run = self._runs.get(participant, 0)
        if probability >= (_TUNING.onset if run < _TUNING.onset_windows else _TUNING.offset):
            self._runs[participant] = run + 1
            if run + 1 == _TUNING.onset_windows:
                self._on_speech(participant)
        else:
            self._runs[participant] = 0

    def forget(self, participant: str) -> None:
        """A participant left."""
        track = self._tracks.pop(participant, None)
        self._runs.pop(participant, None)
        if track is not None:
            track.close()

    def close(self) -> None:
        """Stop."""
        for participant in list(self._tracks):
            self.forget(participant)
