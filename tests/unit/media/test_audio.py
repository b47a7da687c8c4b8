"""Resampling, the user's audio inlet, pictures."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from rejoinder.errors import InvalidRequest
from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm
from rejoinder.media.image import picture
from rejoinder.media.inlet import Inlet
from rejoinder.media.mouth import Mouth
from rejoinder.media.resample import Resampler, convert

RATES = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000]


def tone(rate: int, seconds: float, hz: float = 1000.0) -> Pcm:
    return np.round(16_000 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)).astype(np.int16)


def sinad_db(samples: Pcm, hz: float = 1000.0) -> float:
    """Signal to everything else, by fitting the tone."""
    times = np.arange(len(samples)) / MEETING_RATE
    basis = np.stack([np.sin(2 * np.pi * hz * times), np.cos(2 * np.pi * hz * times)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, samples.astype(float), rcond=None)[0]
    rest = samples - fit
    return float(10 * np.log10(np.mean(fit**2) / np.mean(rest**2)))


@pytest.mark.parametrize("rate", RATES)
def test_a_clip_keeps_its_length_and_its_tone(rate: int) -> None:
    clip = convert(tone(rate, 0.5), rate, MEETING_RATE)
    assert len(clip) == MEETING_RATE // 2
    assert sinad_db(clip[2400:-2400]) >= 60


def test_streaming_gives_the_same_as_all_at_once() -> None:
    clip = tone(48_000, 0.4)
    streaming = Resampler(48_000, 16_000)
    parts = [streaming.push(clip[start : start + 960]) for start in range(0, len(clip), 960)] + [streaming.flush()]
    whole = Resampler(48_000, 16_000)
    assert (np.concatenate(parts) == np.concatenate([whole.push(clip), whole.flush()])).all()


class Sink:
    """Collects what a mouth writes; silent frames in between are kept as gaps."""

    def __init__(self) -> None:
        self.frames: list[Pcm] = []

    def __call__(self, pcm: Pcm) -> None:
        self.frames.append(pcm)

    @property
    def sound(self) -> Pcm:
        return np.concatenate(self.frames)


def play(chunks: list[tuple[bytes, int]], settle: Callable[[Mouth], None]) -> Pcm:
    """Everything a mouth says, its clock turned by hand."""

    async def scenario() -> Pcm:
        sink = Sink()
        mouth = Mouth(sink, continuous=False)
        inlet = Inlet(mouth)
        for data, rate in chunks:
            inlet.play(data, rate)
            settle(mouth)
        mouth.stop()
        drain(mouth)
        return sink.sound

    def drain(mouth: Mouth) -> None:
        while (frame := mouth.playout.pull(FRAME_SAMPLES)) is not None:
            mouth._write(frame)

    return asyncio.run(scenario())


@pytest.mark.parametrize("rate", RATES)
def test_a_quarter_second_clip_comes_out_whole(rate: int) -> None:
    clip = tone(rate, 0.25)
    out = play([(clip.tobytes(), rate)], lambda mouth: None)
    loud = np.flatnonzero(np.abs(out) > 200)
    assert (loud[-1] - loud[0]) / MEETING_RATE == pytest.approx(0.25, abs=0.002)
    assert sinad_db(out[loud[0] + 480 : loud[-1] - 480]) >= 60


@pytest.mark.parametrize("rate", RATES)
def test_pieces_of_20_ms_join_without_a_seam(rate: int) -> None:
    clip = tone(rate, 1.0)
    step = rate // 50
    pieces = [(clip[start : start + step].tobytes(), rate) for start in range(0, len(clip), step)]
    out = play(pieces, lambda mouth: None)
    loud = np.flatnonzero(np.abs(out) > 200)
    assert sinad_db(out[loud[0] + 480 : loud[-1] - 480]) >= 60


@pytest.mark.parametrize("rate", RATES)
def test_pieces_with_gaps_between_them_each_come_out_whole(rate: int) -> None:
    clip = tone(rate, 0.02)

    def wait_out(mouth: Mouth) -> None:
        while mouth.playout.speaking:
            frame = mouth.playout.pull(FRAME_SAMPLES)
            if frame is not None:
                mouth._write(frame)
        mouth._write(np.zeros(8 * FRAME_SAMPLES, np.int16))

    out = play([(clip.tobytes(), rate)] * 5, wait_out)
    energy = float(np.sum(np.square(out.astype(float))))
    expected = 5 * float(np.sum(np.square(clip.astype(float)))) * MEETING_RATE / rate
    assert energy == pytest.approx(expected, rel=0.08)


def test_a_change_of_rate_in_mid_stream_loses_nothing() -> None:
    out = play([(tone(16_000, 0.3).tobytes(), 16_000), (tone(24_000, 0.3).tobytes(), 24_000)], lambda mouth: None)
    loud = np.flatnonzero(np.abs(out) > 200)
    assert (loud[-1] - loud[0]) / MEETING_RATE == pytest.approx(0.6, abs=0.004)


# -- pictures ----------------------------------------------------------------------------------------------------------


def encoded(size: tuple[int, int], kind: str, colour: tuple[int, ...], mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, kind)
    return buffer.getvalue()


def test_a_picture_is_fitted_on_black() -> None:
    image = picture(encoded((300, 300), "PNG", (255, 0, 0)), "img")
    assert image.shape == (360, 640, 3)
    assert tuple(image[180, 320]) == (255, 0, 0)
    assert tuple(image[180, 10]) == (0, 0, 0)


def test_a_transparent_logo_is_shown_on_white() -> None:
    image = picture(encoded((640, 360), "PNG", (0, 0, 0, 0), "RGBA"), "img")
    assert tuple(image[180, 320]) == (255, 255, 255)


@pytest.mark.parametrize("data", [b"", b"not an image", encoded((10, 10), "PNG", (1, 2, 3))[:40], b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        picture(data, "img")
    assert caught.value.field == "img"


def test_an_enormous_picture_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(InvalidRequest) as caught:
        picture(encoded((8000, 6000), "PNG", (1, 2, 3)), "img_url")
    assert caught.value.code == "image_too_large"
