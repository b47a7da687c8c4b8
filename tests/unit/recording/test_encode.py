"""The mixed recording as MP3 and MP4."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import pytest

from rejoinder.recording.encode import Format, compress
from sound import tone


@pytest.mark.parametrize(("kind", "codec"), [("mp3", "mp3float"), ("mp4", "aac")])
def test_the_length_stays(tmp_path: Path, kind: Format, codec: str) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes(tone(440, 3.0).tobytes())
    compress(tmp_path / "a.wav", tmp_path / "out", kind)
    with av.open(str(tmp_path / "out")) as made:
        assert made.streams.audio[0].codec.name == codec
        samples = sum(frame.samples for frame in made.decode(audio=0))
    assert abs(samples / 48_000 - 3.0) < 0.06


def test_what_is_no_wav(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"nothing")
    with pytest.raises(OSError, match=r"a\.wav"):
        compress(tmp_path / "a.wav", tmp_path / "out", "mp3")
