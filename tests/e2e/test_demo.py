"""The demo is the end-to-end test: real WebRTC, real models; what the participants heard is transcribed back."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from rejoinder import demo, plugins, waterfall
from rejoinder.models.fetch import ensure
from rejoinder.settings import Settings

pytestmark = pytest.mark.models


def test_questions_are_answered_interruptions_obeyed_and_the_meeting_remembered(tmp_path: Path) -> None:
    settings = Settings()
    models = ensure(plugins.models_needed(settings), settings)
    lines: list[str] = []
    report = asyncio.run(demo.run(settings, models, tmp_path / "demo.wav", lines.append))
    assert report.failures == []
    assert len(lines) >= 8
    answered = [turn for turn in report.turns if turn["total_ms"] is not None]
    assert len(answered) >= 3
    assert {"vad", "stt", "end_of_turn", "llm_first_token", "tts_first_audio", "send"} <= set(answered[0]["stages_ms"])
    with wave.open(str(tmp_path / "demo.wav")) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert len(pcm) > 10 * 48_000
    assert np.abs(pcm).max() > 3000
    assert np.mean(np.abs(pcm.astype(int)) >= 32_767) < 1e-4
    waterfall.picture(answered, tmp_path / "waterfall.png")
    assert (tmp_path / "waterfall.png").stat().st_size > 5000
