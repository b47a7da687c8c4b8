"""What live and batch transcribers must do, with the real models and synthetic people.

The voice is hibari. Its model also says how long it makes each sound, which is the truth that estimated word times are
judged by.
"""

from __future__ import annotations

import asyncio
import difflib
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

from rejoinder.agent.base import STT_RATE, Samples
from rejoinder.agent.words import words as plain
from rejoinder.core.transcript import Word
from rejoinder.errors import ProviderError
from rejoinder.models.fetch import ensure
from rejoinder.rehearsal.check import word_error_rate
from rejoinder.settings import Settings
from rejoinder.transcription.base import LiveResult, TrackAudio
from rejoinder.transcription.local_batch import LocalBatch
from rejoinder.transcription.local_live import LocalLive
from rejoinder.transcription.merge import merge
from rejoinder.vendors.hibari.tts import levelled
from rejoinder.vendors.moonshine.stt import MoonshineTranscriber
from rejoinder.vendors.silero.vad import SileroScorer

pytestmark = pytest.mark.models

BLOCK = 320
WORST_WER = 0.15
WORST_WORD_S = 0.15
"""Median error of a word's beginning."""
FIRST_INTERIM_S = 1.0
SCRIPT = {
    "Ada": (
        (1.0, "Good morning everyone, let us start with the budget."),
        (9.2, "The numbers from the second quarter are not very convincing, so please check them again."),
    ),
    "Grace": ((5.0, "I spoke with the customer yesterday. Could you send me the file? I was not able to open it."),),
    "Joan": (
        (2.5, "The deadline is on Friday, and we still need two more reviews."),  # over Ada
        (10.4, "My proposal is simple, we stop the old service at the end of March."),  # over Ada and Grace
    ),
}
"""Who says what, and when they begin; people speak over each other."""
LENGTH_S = 16.0


class Voice:
    """hibari, with the true times of its words."""

    def __init__(self) -> None:
        import onnx
        import onnxruntime
        from hibari import Hibari

        self._hibari: Any = Hibari(threads=1)
        model = onnx.load(self._hibari.model_path)
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info("/Clip_output_0"))  # frames per phoneme
        self._session = onnxruntime.InferenceSession(model.SerializeToString())

    def say(self, text: str) -> tuple[Samples, list[Word]]:
        """The sound at 16 kHz, and each word's time in it."""
        from hibari import dsp

        sound: list[Samples] = []
        said: list[Word] = []
        at = 0.0
        for sentence in self._hibari.split_sentences(text):
            phonemes = self._hibari.g2p(sentence)
            inputs = {"ids": np.asarray([self._hibari.ids(phonemes)], np.int64), "speed": np.ones(1, np.float32)}
            *spectra, frames = self._session.run(None, inputs)
            samples = dsp.synth(*(output[0] for output in spectra), np.random.default_rng(0))
            ends = np.cumsum(frames.reshape(-1)) * (len(samples) / 24_000 / float(frames.sum()))
            kept = [character for character in phonemes if character in self._hibari.vocab]
            spans: list[list[float]] = []
            inside = False
            for index, character in enumerate(kept):
                if character == " ":
                    inside = False
                elif character not in ".,!?;:":
                    if not inside:
                        spans.append([float(ends[index]), 0.0])
                    inside = True
                    spans[-1][1] = float(ends[index + 1])
            said += [
                Word(word, at + start, at + end) for word, (start, end) in zip(sentence.split(), spans, strict=True)
            ]
            sound.append(samples)
            at += len(samples) / 24_000
        return soxr.resample(levelled(np.concatenate(sound)), 24_000, STT_RATE).astype(np.float32), said


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    audio: Samples
    words: list[Word]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@pytest.fixture(scope="session")
def voice() -> Voice:
    return Voice()


@pytest.fixture(scope="session")
def people(voice: Voice) -> list[Person]:
    found = []
    for name, lines in SCRIPT.items():
        audio = np.random.default_rng(len(name)).normal(0, 0.0005, int(LENGTH_S * STT_RATE)).astype(np.float32)
        words: list[Word] = []
        for begin, text in lines:
            sound, said = voice.say(text)
            start = round(begin * STT_RATE)
            audio[start : start + len(sound)] += sound
            words += [replace(word, start=word.start + begin, end=word.end + begin) for word in said]
        found.append(Person(name, audio, words))
    return found


@pytest.fixture(scope="session")
def folders() -> dict[str, Path]:
    return ensure(("silero-vad", "moonshine-base"), Settings())


def word_errors(said: list[Word], heard: list[Word]) -> list[float]:
    """Seconds between the true and the found beginning of each word that was understood."""
    texts = [[" ".join(plain(word.text)) for word in side] for side in (said, heard)]
    blocks = difflib.SequenceMatcher(None, *texts, autojunk=False).get_matching_blocks()
    return [
        abs(said[block.a + index].start - heard[block.b + index].start)
        for block in blocks
        for index in range(block.size)
    ]


# Batch


def read(path: Path) -> Iterator[Samples]:
    """A recording, as a track's ``blocks``; runs in the transcriber's process."""
    audio = np.load(path)
    for start in range(0, len(audio), STT_RATE):
        yield audio[start : start + STT_RATE]


@pytest.fixture(scope="session")
def batch(folders: dict[str, Path]) -> LocalBatch:
    return LocalBatch("rejoinder.vendors.moonshine.batch", folders)


def test_batch_understands_everyone_and_knows_when(
    batch: LocalBatch, people: list[Person], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = []
    for number, person in enumerate(people):
        np.save(tmp_path / f"{number}.npy", person.audio)
        tracks.append(TrackAudio(str(number), person.name, partial(read, tmp_path / f"{number}.npy")))
    told: list[float] = []
    began = time.monotonic()
    segments = asyncio.run(batch.transcribe(tracks, {"language": "en"}, told.append))
    took = time.monotonic() - began
    errors, rates = [], []
    for number, person in enumerate(people):
        heard = [word for segment in segments if segment.participant_id == str(number) for word in segment.words]
        rates.append(word_error_rate(person.text, " ".join(word.text for word in heard)))
        errors += word_errors(person.words, heard)
    with capsys.disabled():
        print(f"\nbatch: WER {max(rates):.3f}, {len(people) * LENGTH_S / took:.0f} x real time with loading", end=", ")
        print(f"word start median {np.median(errors) * 1000:.0f} ms, p90 {np.percentile(errors, 90) * 1000:.0f} ms")
    assert max(rates) <= WORST_WER
    assert np.median(errors) <= WORST_WORD_S
    assert told[-1] == pytest.approx(len(people) * LENGTH_S)
    turns = [segment.speaker for segment in merge(segments)]
    assert turns[:3] == ["Ada", "Joan", "Grace"]


def test_batch_of_silence_is_nothing(batch: LocalBatch, tmp_path: Path) -> None:
    np.save(tmp_path / "silence.npy", np.zeros(60 * STT_RATE, np.float32))
    track = TrackAudio("1", "Ada", partial(read, tmp_path / "silence.npy"))
    assert asyncio.run(batch.transcribe([track], {})) == []


def test_a_recording_that_cannot_be_read_is_an_error(batch: LocalBatch, tmp_path: Path) -> None:
    track = TrackAudio("1", "Ada", partial(read, tmp_path / "gone.npy"))
    with pytest.raises(ProviderError, match='The recording of "Ada" cannot be read'):
        asyncio.run(batch.transcribe([track], {}))


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    nothing = LocalBatch("rejoinder.vendors.moonshine.batch", {"silero-vad": tmp_path, "moonshine-base": tmp_path})
    with pytest.raises(ProviderError, match="rejoinder models fetch"):
        asyncio.run(nothing.transcribe([TrackAudio("1", "Ada", partial(read, tmp_path))], {}))


# Live


@dataclass(frozen=True, slots=True)
class Come:
    """A result, and how much of the recording had been played when it came."""

    at: float
    result: LiveResult


@pytest.fixture(scope="session")
def live_results(folders: dict[str, Path], people: list[Person]) -> dict[str, list[Come]]:
    """What a live transcriber says of everyone, fed in real time."""

    async def work() -> dict[str, list[Come]]:
        transcriber = await asyncio.to_thread(MoonshineTranscriber, folders["moonshine-base"])
        live = LocalLive(SileroScorer(folders["silero-vad"]), transcriber.paced(0.4))
        come: dict[str, list[Come]] = {person.name: [] for person in people}
        position = 0

        def deliver(result: LiveResult) -> None:
            come[result.name].append(Come(position / STT_RATE, result))

        streams = [live.open(person.name, person.name, deliver) for person in people]
        began, cpu = time.monotonic(), time.process_time()
        for position in range(BLOCK, int(LENGTH_S * STT_RATE) + 1, BLOCK):
            await asyncio.sleep(began + position / STT_RATE - time.monotonic())
            for stream, person in zip(streams, people, strict=True):
                stream.push(person.audio[position - BLOCK : position], (position - BLOCK) / STT_RATE)
        print(f"live: {(time.process_time() - cpu) / LENGTH_S / len(people):.3f} cores per participant")
        for stream in streams:
            stream.close()
        await asyncio.sleep(0.5)
        await asyncio.to_thread(transcriber.close)
        return come

    return asyncio.run(work())


def test_live_understands_everyone_and_knows_when(
    live_results: dict[str, list[Come]], people: list[Person], capsys: pytest.CaptureFixture[str]
) -> None:
    errors, rates = [], []
    for person in people:
        heard = [word for come in live_results[person.name] if come.result.final for word in come.result.words]
        rates.append(word_error_rate(person.text, " ".join(word.text for word in heard)))
        errors += word_errors(person.words, heard)
    with capsys.disabled():
        print(f"\nlive: WER {max(rates):.3f}, word start median {np.median(errors) * 1000:.0f} ms")
    assert max(rates) <= WORST_WER
    assert np.median(errors) <= WORST_WORD_S


def test_interim_results_come_soon_and_often(
    live_results: dict[str, list[Come]], people: list[Person], capsys: pytest.CaptureFixture[str]
) -> None:
    first: list[float] = []
    between: list[float] = []
    for person in people:
        come = live_results[person.name]
        for (begin, _), line in zip(SCRIPT[person.name], _lines(person), strict=True):
            spoken = min(word.start for word in line)
            first.append(next(item.at for item in come if item.at > begin) - spoken)
        pairs = itertools.pairwise(come)
        between += [after.at - before.at for before, after in pairs if not before.result.final]
    with capsys.disabled():
        print(f"\nlive: first words after {np.median(first):.2f} s (at most {max(first):.2f})", end=", ")
        print(f"then each {np.median(between):.2f} s")
    assert max(first) <= FIRST_INTERIM_S
    assert np.median(between) <= 0.6


def test_final_results_end_turns(live_results: dict[str, list[Come]], people: list[Person]) -> None:
    for person in people:
        results = [come.result for come in live_results[person.name]]
        assert results[-1].final
        finals = [result for result in results if result.final]
        assert len(finals) >= len(SCRIPT[person.name])
        assert all(result.end_of_turn for result in finals)
        late = [
            come.at - come.result.words[-1].end
            for come in live_results[person.name]
            if come.result.final and come.result.words
        ]
        assert max(late) < 2.0


def _lines(person: Person) -> list[list[Word]]:
    """The words of each line of a person's script."""
    rest = iter(person.words)
    return [[next(rest) for _ in text.split()] for _, text in SCRIPT[person.name]]


def test_the_process_is_of_low_priority(batch: LocalBatch, people: list[Person], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", people[0].audio)
    path = tmp_path / "priority"
    track = TrackAudio("1", "Ada", partial(note_priority, tmp_path / "a.npy", path))
    asyncio.run(batch.transcribe([track], {}))
    assert int(path.read_text()) >= os.getpriority(os.PRIO_PROCESS, 0) + 10 or int(path.read_text()) == 19


def note_priority(audio: Path, path: Path) -> Iterator[Samples]:
    """Like :func:`read`, and writes down how nice the reading process is."""
    path.write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))
    return read(audio)
