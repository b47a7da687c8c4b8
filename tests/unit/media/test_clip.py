"""Sound files that users send."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from rejoinder.errors import InvalidRequest
from rejoinder.media import clip
from rejoinder.media.clip import decode
from rejoinder.media.frame import MEETING_RATE
from sound import share, tone


def encoded(form: str, codec: str, seconds: float = 0.5, rate: int = MEETING_RATE) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=form) as target:
        stream = target.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(1000, seconds, rate).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "codec", "rate"),
    [("mp3", "libmp3lame", 44_100), ("wav", "pcm_s16le", 16_000), ("ogg", "libopus", 48_000), ("flac", "flac", 48_000)],
)
def test_files_become_48_khz_mono(form: str, codec: str, rate: int) -> None:
    pcm = decode(encoded(form, codec, rate=rate), "data")
    assert pcm.dtype == np.int16
    assert abs(len(pcm) / MEETING_RATE - 0.5) < 0.06
    assert share(pcm, 1000) > 0.9


@pytest.mark.parametrize("data", [b"no sound", b"RIFF....WAVE", bytes(1000)])
def test_what_is_no_sound_is_named(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="data") as refused:
        decode(data, "data")
    assert refused.value.field == "data"


def test_a_list_of_files_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # FFmpeg's own guard lets relative names pass
    Path("secret.wav").write_bytes(encoded("wav", "pcm_s16le"))
    with pytest.raises(InvalidRequest):
        decode(b"ffconcat version 1.0\nfile secret.wav\n", "data")


def test_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "LONGEST_S", 0.2)
    with pytest.raises(InvalidRequest, match="longer than"):
        decode(encoded("mp3", "libmp3lame"), "data")
