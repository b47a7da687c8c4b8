"""Noticing that people speak."""

from __future__ import annotations

import numpy as np

from fakes import EnergyScorer
from rejoinder.agent.watch import SpeechWatch


def test_each_stretch_of_speech_is_told_once_and_per_participant() -> None:
    told: list[str] = []
    watch = SpeechWatch(EnergyScorer(), told.append)
    loud, quiet = np.full(5120, 0.1, np.float32), np.zeros(5120, np.float32)
    for samples in (quiet, loud, loud, quiet, loud):
        watch.hear("ada", samples)
        watch.hear("ben", quiet)
    assert told == ["ada", "ada"]
    watch.forget("ada")
    watch.hear("ada", loud)
    assert told == ["ada", "ada", "ada"]
    watch.close()


def test_a_click_is_not_speech() -> None:
    told: list[str] = []
    watch = SpeechWatch(EnergyScorer(), told.append)
    watch.hear("ada", np.concatenate([np.full(512, 0.1), np.zeros(1024)]).astype(np.float32))
    assert told == []
