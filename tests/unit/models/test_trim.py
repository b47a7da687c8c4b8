"""The trimmed voice activity model hears what the published one hears."""

from __future__ import annotations

from pathlib import Path

import pytest

from rejoinder.models import trim
from rejoinder.models.fetch import ensure
from rejoinder.settings import Settings


@pytest.mark.models
def test_the_same_numbers_from_a_fifth_of_the_operators(tmp_path: Path) -> None:
    import onnx

    settings = Settings()
    ensure(["silero-vad"], settings)
    source = settings.cache_dir / "models" / "silero-vad"
    trim.trim(source, tmp_path)
    trimmed = tmp_path / trim.NAME
    assert trim.difference(source / trim.NAME, trimmed.read_bytes()) <= trim.TOLERANCE
    assert len(onnx.load(str(trimmed)).graph.node) <= 25


@pytest.mark.models
def test_a_model_that_differs_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    ensure(["silero-vad"], settings)
    monkeypatch.setattr(trim, "difference", lambda source, made: 0.1)
    with pytest.raises(ValueError, match="differs"):
        trim.trim(settings.cache_dir / "models" / "silero-vad", tmp_path)
    assert not list(tmp_path.iterdir())
