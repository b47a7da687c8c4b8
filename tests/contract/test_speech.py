"""What every speech-to-text, voice, turn model, voice activity model and language model must do: fakes and
real ones.

The real ones need their weights (marker ``models``): they are fetched into the cache on first use.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import (
    EnergyScorer,
    FakeLanguageModel,
    FakeTranscriber,
    FakeTurnModel,
    FakeVoice,
)
from rejoinder.agent.base import (
    STT_RATE,
    LanguageModel,
    Message,
    Recognition,
    Samples,
    SpeechScorer,
    Transcriber,
    TurnModel,
    Voice,
)
from rejoinder.models.catalogue import LANGUAGE, SPEECH
from rejoinder.models.fetch import ensure
from rejoinder.settings import Settings
from rejoinder.vendors.hibari.tts import HibariVoice
from rejoinder.vendors.llama.llm import LlamaModel, LlamaProcess
from rejoinder.vendors.moonshine.stt import MoonshineTranscriber
from rejoinder.vendors.silero.vad import SileroScorer
from rejoinder.vendors.smart_turn.turn import SmartTurn

models = pytest.mark.models
both = ["fake", pytest.param("real", marks=models)]
SENTENCE = "Good morning everyone, let us start with the budget."


def within(seconds: float, work: Callable[[], Awaitable[Any]]) -> Any:
    """Run ``work`` on a fresh event loop; a contract that is not kept must not hang the tests."""

    async def bounded() -> Any:
        async with asyncio.timeout(seconds):
            return await work()

    return asyncio.run(bounded())


@pytest.fixture(scope="session")
def folders() -> dict[str, Path]:
    return ensure(SPEECH, Settings())


@pytest.fixture(scope="session")
def voice_24k() -> HibariVoice:
    return HibariVoice()


@pytest.fixture(scope="session")
def speech(voice_24k: HibariVoice) -> Samples:
    """``SENTENCE`` at 16 kHz."""
    return at_16k(within(20, lambda: said(voice_24k, SENTENCE)), voice_24k.sample_rate)


async def said(voice: Voice, text: str) -> Samples:
    chunks = [chunk async for chunk in voice.speak(text)]
    return np.concatenate(chunks) if chunks else np.zeros(0, np.float32)


def at_16k(samples: Samples, rate: int) -> Samples:
    count = len(samples) * STT_RATE // rate
    times = np.arange(count) * rate / STT_RATE
    return np.interp(times, np.arange(len(samples)), samples).astype(np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * STT_RATE), np.float32)


def frames(samples: Samples, size: int = 320) -> Iterator[Samples]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()


# Speech to text


@pytest.fixture(scope="session")
def moonshine(folders: dict[str, Path]) -> Iterator[MoonshineTranscriber]:
    transcriber = MoonshineTranscriber(folders["moonshine-base"])
    yield transcriber
    transcriber.close()


@pytest.fixture(params=both)
def transcriber(request: pytest.FixtureRequest) -> Transcriber:
    if request.param == "fake":
        return FakeTranscriber([SENTENCE], latency_s=0.01, partial_every_s=0.6)
    return request.getfixturevalue("moonshine")


class Heard:
    """Collects recognitions; ``final()`` waits for the next final one."""

    def __init__(self) -> None:
        self.all: list[Recognition] = []
        self._finals: asyncio.Queue[Recognition] = asyncio.Queue()

    def __call__(self, result: Recognition) -> None:
        self.all.append(result)
        if result.final:
            self._finals.put_nowait(result)

    async def final(self) -> Recognition:
        return await self._finals.get()


@models
def test_transcriber_understands(transcriber: Transcriber, speech: Samples) -> None:
    async def work() -> tuple[Recognition, Heard]:
        heard = Heard()
        stream = transcriber.open(heard)
        for frame in frames(speech):
            stream.push(frame)
        stream.flush()
        result = await heard.final()
        stream.close()
        return result, heard

    result, _ = within(20, work)
    assert words(result.text) == words(SENTENCE)
    assert result.heard_s == pytest.approx(len(speech) / STT_RATE)


def test_a_flush_of_nothing_is_answered(transcriber: Transcriber) -> None:
    async def work() -> Recognition:
        heard = Heard()
        stream = transcriber.open(heard)
        stream.flush()
        return await heard.final()

    assert within(20, work).heard_s == 0.0


def test_each_flush_is_answered_and_covers_what_was_pushed(transcriber: Transcriber) -> None:
    async def work() -> list[float]:
        heard = Heard()
        stream = transcriber.open(heard)
        covered = []
        for seconds in (0.5, 0.25):
            stream.push(silence(seconds))
            stream.flush()
        for _ in range(2):
            covered.append((await heard.final()).heard_s)
        return covered

    assert within(20, work) == pytest.approx([0.5, 0.75])


def test_commit_begins_a_new_utterance_and_drops_results_under_way(transcriber: Transcriber) -> None:
    async def work() -> list[Recognition]:
        heard = Heard()
        stream = transcriber.open(heard)
        stream.push(silence(1.0))
        stream.flush()
        stream.commit()
        stream.push(silence(0.5))
        stream.flush()
        await heard.final()
        await asyncio.sleep(0.1)
        return [result for result in heard.all if result.final]

    (only,) = within(20, work)
    assert only.heard_s == pytest.approx(0.5)


def test_a_closed_stream_says_nothing(transcriber: Transcriber) -> None:
    async def work() -> list[Recognition]:
        heard = Heard()
        stream = transcriber.open(heard)
        stream.push(silence(1.0))
        stream.flush()
        stream.close()
        stream.push(silence(1.0))
        await asyncio.sleep(0.3)
        return heard.all

    assert within(20, work) == []


@models
def test_partials_come_while_someone_speaks(transcriber: Transcriber, speech: Samples) -> None:
    async def work() -> list[Recognition]:
        heard = Heard()
        stream = transcriber.open(heard)
        for frame in frames(speech, 1600):
            stream.push(frame)
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        stream.close()
        return heard.all

    partials = within(20, work)
    assert partials
    assert not any(result.final for result in partials)
    assert "morning" in partials[-1].text.lower()


@models
@pytest.mark.parametrize("kind", ["silence", "noise", "click"])
def test_what_is_no_speech_has_no_text(moonshine: MoonshineTranscriber, kind: str) -> None:
    rng = np.random.default_rng(0)
    samples = {
        "silence": silence(2.0),
        "noise": rng.normal(0, 0.02, 2 * STT_RATE).astype(np.float32),
        "click": np.concatenate((silence(0.5), rng.normal(0, 0.3, 800).astype(np.float32), silence(0.5))),
    }[kind]

    async def work() -> str:
        heard = Heard()
        stream = moonshine.open(heard)
        stream.push(samples)
        stream.flush()
        return (await heard.final()).text

    assert within(20, work) == ""


@models
def test_a_long_utterance_is_whole(moonshine: MoonshineTranscriber, voice_24k: HibariVoice) -> None:
    text = " ".join(
        [
            SENTENCE,
            "The deadline is on Friday, and we still need two more reviews.",
            "I spoke with the customer yesterday and they were quite happy.",
            "We should move the database to the new servers next month.",
            "The marketing team wants to know when the website will be ready.",
        ]
    )

    async def work() -> str:
        heard = Heard()
        stream = moonshine.open(heard)
        stream.push(at_16k(await said(voice_24k, text), voice_24k.sample_rate))
        stream.flush()
        return (await heard.final()).text

    wanted, got = words(text), words(within(30, work))
    assert abs(len(got) - len(wanted)) <= 2
    assert len(set(wanted) - set(got)) <= 2


@models
def test_many_streams_do_not_mix(moonshine: MoonshineTranscriber, voice_24k: HibariVoice) -> None:
    texts = ["The budget is too small.", "I will be late tomorrow.", "Please open the window."]

    async def one(text: str) -> str:
        heard = Heard()
        stream = moonshine.open(heard)
        for frame in frames(at_16k(await said(voice_24k, text), voice_24k.sample_rate)):
            stream.push(frame)
            await asyncio.sleep(0.001)
        stream.flush()
        return (await heard.final()).text

    async def work() -> list[str]:
        return list(await asyncio.gather(*map(one, texts)))

    assert list(map(words, within(30, work))) == list(map(words, texts))


# Voice


@pytest.fixture(params=both)
def voice(request: pytest.FixtureRequest) -> Voice:
    return FakeVoice() if request.param == "fake" else request.getfixturevalue("voice_24k")


def test_a_voice_speaks_within_range(voice: Voice) -> None:
    samples = within(20, lambda: said(voice, "The deadline is Friday, I think."))
    assert samples.dtype == np.float32
    assert 0.5 < len(samples) / voice.sample_rate < 5
    assert 0.3 < float(np.abs(samples).max()) <= 0.95


def test_nothing_to_say_is_no_sound_and_no_error(voice: Voice) -> None:
    assert len(within(20, lambda: said(voice, ""))) == 0


def test_a_voice_can_be_stopped_and_used_again(voice: Voice) -> None:
    async def work() -> Samples:
        async with aclosing(voice.speak("One sentence. And another one. And a third.")) as chunks:
            async for _ in chunks:
                break
        return await said(voice, "Still here.")

    assert len(within(20, work)) > 0


@models
@pytest.mark.parametrize("text", ["***", "...", "日本語", "\U0001f600", "\n"])
def test_text_without_sounds_is_silent(voice_24k: HibariVoice, text: str) -> None:
    assert len(within(20, lambda: said(voice_24k, text))) == 0


@models
def test_the_first_sound_comes_at_once(voice_24k: HibariVoice) -> None:
    samples = within(20, lambda: said(voice_24k, "The deadline is Friday,"))
    assert int(np.flatnonzero(np.abs(samples) > 0.01)[0]) / voice_24k.sample_rate <= 0.04


# Turn model


@pytest.fixture(params=both)
def turn(request: pytest.FixtureRequest) -> TurnModel:
    if request.param == "fake":
        return FakeTurnModel([0.3])
    return SmartTurn(request.getfixturevalue("folders")["smart-turn"])


@pytest.mark.parametrize("seconds", [0.0, 0.5, 8.0, 20.0])
def test_a_turn_model_answers_with_a_probability(turn: TurnModel, seconds: float) -> None:
    assert 0.0 <= within(20, lambda: turn.score(silence(seconds))) <= 1.0


@models
def test_a_finished_sentence_scores_above_one_cut_short(folders: dict[str, Path], speech: Samples) -> None:
    model = SmartTurn(folders["smart-turn"])
    whole = within(20, lambda: model.score(np.concatenate((speech, silence(0.2)))))
    cut = within(20, lambda: model.score(np.concatenate((speech[: int(len(speech) * 0.55)], silence(0.2)))))
    assert whole > 0.5
    assert whole > cut


# Voice activity


@pytest.fixture(params=both)
def scorer(request: pytest.FixtureRequest) -> SpeechScorer:
    if request.param == "fake":
        return EnergyScorer()
    return SileroScorer(request.getfixturevalue("folders")["silero-vad"])


@models
@pytest.mark.parametrize("size", [320, 512, 100, 5000])
@pytest.mark.parametrize("tracks", [1, 9])
def test_speech_is_told_from_silence(scorer: SpeechScorer, speech: Samples, size: int, tracks: int) -> None:
    async def work() -> list[list[float]]:
        scores: list[list[float]] = [[] for _ in range(tracks)]
        opened = [scorer.open(into.append) for into in scores]
        for frame in frames(np.concatenate((silence(1), speech, silence(1))), size):
            for track in opened:
                track.push(frame)
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        for track in opened:
            track.close()
        return scores

    total = (len(speech) + 2 * STT_RATE) // scorer.window
    for scores in within(30, work):
        assert len(scores) == total
        assert max(scores[:25]) < 0.3
        assert np.mean(np.array(scores[35:-35]) > 0.5) > 0.6
        assert max(scores[-15:]) < 0.3


@models
def test_tracks_scored_together_score_as_alone(folders: dict[str, Path], speech: Samples) -> None:
    scorer = SileroScorer(folders["silero-vad"])
    others = [
        speech * 0.3,
        np.roll(speech, 8000),
        silence(1),
        speech[::-1].copy(),
        speech * 0.05,
        speech[4000:],
    ]

    async def score(tracks: list[Samples]) -> list[float]:
        first: list[float] = []
        opened = [scorer.open(first.append if number == 0 else lambda _: None) for number in range(len(tracks))]
        for number in range(0, len(speech), 320):
            for track, samples in zip(opened, tracks, strict=True):
                track.push(samples[number : number + 320])
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.02)
        for track in opened:
            track.close()
        return first

    alone = within(20, lambda: score([speech]))
    together = within(20, lambda: score([speech, *others]))
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_a_closed_track_says_nothing(scorer: SpeechScorer) -> None:
    async def work() -> list[float]:
        scores: list[float] = []
        opened = [scorer.open(scores.append) for _ in range(6)]
        noise = np.random.default_rng(0).normal(0, 0.1, 600).astype(np.float32)
        for track in opened:
            track.push(noise[:500])
        for track in opened:
            track.close()
            track.push(noise)
        await asyncio.sleep(0.02)
        return scores

    assert within(20, work) == []


@models
def test_a_listener_that_fails_does_not_cost_the_others_their_scores(folders: dict[str, Path]) -> None:
    scorer = SileroScorer(folders["silero-vad"])

    async def work() -> list[float]:
        scores: list[float] = []

        def fail(_: float) -> None:
            raise RuntimeError("a bug of one bot")

        opened = [scorer.open(fail if number == 0 else scores.append) for number in range(6)]
        noise = np.random.default_rng(0).normal(0, 0.1, 512).astype(np.float32)
        for track in opened:
            track.push(noise)
        await asyncio.sleep(0.05)
        return scores

    assert len(within(20, work)) == 5


# Language model

QUESTION = [
    Message("system", "Answer with one word."),
    Message("user", "What is the capital of France?"),
]


@pytest.fixture(scope="session")
def language_folder() -> Path:
    return ensure([LANGUAGE], Settings())[LANGUAGE]


@pytest.fixture(params=both)
def use_llm(request: pytest.FixtureRequest) -> Callable[[Callable[[LanguageModel], Awaitable[Any]]], Any]:
    """Runs a function with a language model that lives on its event loop."""
    if request.param == "fake":
        return lambda work: within(20, lambda: work(FakeLanguageModel("Paris it is.", 0.01, 0.01)))
    folder = request.getfixturevalue("language_folder")

    async def real(work: Callable[[LanguageModel], Awaitable[Any]]) -> Any:
        model = LlamaModel(await LlamaProcess.start(folder / "model.gguf"))
        try:
            return await work(model)
        finally:
            await model.close()

    return lambda work: within(60, lambda: real(work))


def test_a_language_model_answers_in_increments(use_llm: Callable[..., Any]) -> None:
    async def work(model: LanguageModel) -> list[str]:
        await model.warm(QUESTION[:1])
        return [text async for text in model.stream(QUESTION, max_tokens=20)]

    parts = use_llm(work)
    assert "Paris" in "".join(parts)


def test_an_answer_can_be_cut_short_and_another_asked(use_llm: Callable[..., Any]) -> None:
    async def work(model: LanguageModel) -> str:
        long = [Message("user", "Count from one to one hundred in words. Say Paris when you are done.")]
        async with aclosing(model.stream(long)) as answer:
            async for _ in answer:
                break
        return "".join([text async for text in model.stream(QUESTION, max_tokens=20)])

    assert "Paris" in use_llm(work)
