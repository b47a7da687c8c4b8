"""The whole agent with services of known latency, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from fakes import EnergyScorer, FakeLanguageModel, FakeTranscriber, FakeTurnModel, FakeVoice
from jumploop import run
from rejoinder.agent.agent import Services, VoiceAgent
from rejoinder.core.bot import AgentConfig
from rejoinder.core.commands import MirrorChat
from rejoinder.core.participant import Participant
from rejoinder.errors import ProviderError

ADA, BEN = Participant("p1", "Ada"), Participant("p2", "Ben")
LONG = "The release is planned for Friday at noon. After that we send it to the customer and go home."


class Meeting:
    """An agent in a meeting; times are seconds on the loop's clock."""

    def __init__(self, texts: list[str], answer: str = LONG, **more: Any) -> None:
        self.transcriber = FakeTranscriber(texts, latency_s=more.pop("stt_s", 0.086))
        self.llm = FakeLanguageModel(
            answer, more.pop("llm_s", 0.3), more.pop("token_s", 0.015), more.pop("error", None)
        )
        self.voice = FakeVoice(more.pop("tts_s", 0.12))
        self.turn_model: FakeTurnModel | None = more.pop("turn_model", None)
        self.frames: list[tuple[float, float]] = []
        self.chats: list[MirrorChat] = []
        self.problems: list[str] = []
        self.loop = asyncio.get_running_loop()
        self.agent = VoiceAgent(
            more.pop("config", AgentConfig()),
            "Robin",
            Services(EnergyScorer(), self.transcriber, self.llm, self.voice, self.turn_model),
            self._write,
            continuous=False,
            on_chat=self.chats.append,
            on_problem=self.problems.append,
            **more,
        )
        self.agent.participant_joined(ADA)

    def _write(self, pcm: np.ndarray) -> None:
        self.frames.append((self.loop.time(), float(np.abs(pcm).max())))

    async def speak(self, seconds: float, who: Participant = ADA) -> float:
        """Returns when the speech ended."""
        await self._sound(seconds, 0.1, who)
        return self.loop.time()

    async def quiet(self, seconds: float, who: Participant = ADA) -> None:
        await self._sound(seconds, 0.0, who)

    async def _sound(self, seconds: float, level: float, who: Participant) -> None:
        for _ in range(round(seconds * 50)):
            await asyncio.sleep(0.02)
            for other in (ADA, BEN):
                if other.id in self.agent._people:
                    own = level if other is who else 0.0
                    self.agent.hear(other.id, np.full(320, own, np.float32))

    def first_sound(self, since: float) -> float:
        return min(at for at, level in self.frames if at >= since and level > 0)

    def silences(self, since: float) -> list[float]:
        times = [at for at, level in self.frames if at >= since and level > 0]
        return [after - before for before, after in itertools.pairwise(times) if after - before > 0.03]

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [(line.speaker, line.text) for line in self.agent.conversation.lines if line.speaker]


def scenario(function: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def test() -> None:
        run(function())

    test.__name__ = function.__name__
    test.__doc__ = function.__doc__
    return test


@scenario
async def test_a_question_is_answered_with_the_work_done_in_the_silence() -> None:
    meeting = Meeting(["what is the deadline?"], first_words=2)
    await meeting.quiet(0.5)
    end = await meeting.speak(1.0)
    await meeting.quiet(8)
    # 150 ms for the words, 300 to the first token, 15 each for two more, 120 for the voice
    assert meeting.first_sound(end) - end == pytest.approx(0.600, abs=0.025)
    assert meeting.lines == [("Ada", "what is the deadline?"), ("Robin", LONG)]
    assert meeting.chats == [MirrorChat("assistant", LONG, True)]
    (trace,) = meeting.agent.traces
    assert trace.outcome == "said"
    assert trace.marks["llm_request"] < trace.marks["turn_end"] < trace.marks["llm_first_token"]
    await meeting.agent.close()


@scenario
async def test_with_instant_services_the_answer_begins_with_the_end_of_the_turn() -> None:
    meeting = Meeting(["what is the deadline?"], stt_s=0.0, llm_s=0.0, token_s=0.0, tts_s=0.0)
    await meeting.quiet(0.5)
    await meeting.speak(1.0)
    await meeting.quiet(8)
    (trace,) = meeting.agent.traces
    assert trace.marks["sent"] - trace.marks["turn_end"] < 0.003
    await meeting.agent.close()


@scenario
async def test_speech_that_goes_on_throws_the_speculation_away() -> None:
    meeting = Meeting(["what is the deadline?"], turn_model=FakeTurnModel([0.1, 0.1, 0.95]))
    await meeting.quiet(0.5)
    await meeting.speak(0.6)
    await meeting.quiet(0.3)
    assert len(meeting.llm.asked) == 1
    assert not meeting.frames
    end = await meeting.speak(0.6)
    await meeting.quiet(3)
    assert meeting.llm.cancelled == 1
    assert meeting.first_sound(0) > end
    assert [speaker for speaker, _ in meeting.lines].count("Ada") == 1
    await meeting.agent.close()


@scenario
async def test_a_cough_pauses_the_answer_which_goes_on_where_it_was() -> None:
    meeting = Meeting(["what is the deadline?", ""])
    await meeting.quiet(0.5)
    await meeting.speak(1.0)
    await meeting.quiet(1.5)
    onset = meeting.loop.time()
    await meeting.speak(0.28)
    await meeting.quiet(10)
    (gap,) = meeting.silences(onset - 0.1)
    assert gap < 0.7
    assert meeting.lines[-1] == ("Robin", LONG)
    assert meeting.agent.traces[0].pauses == 1
    await meeting.agent.close()


@scenario
async def test_an_interruption_ends_the_answer_and_history_keeps_what_was_heard() -> None:
    meeting = Meeting(["what is the deadline?", "no wait, I meant the other one"])
    await meeting.quiet(0.5)
    await meeting.speak(1.0)
    await meeting.quiet(2.5)
    onset = meeting.loop.time()
    await meeting.speak(1.0)
    before = max(at for at, level in meeting.frames if at < onset + 0.9 and level > 0)
    assert before - onset < 0.15
    await meeting.quiet(8)
    own = [text for speaker, text in meeting.lines if speaker == "Robin"]
    assert LONG.startswith(own[0])
    assert 3 <= len(own[0].split()) < len(LONG.split())
    assert own[1] == LONG
    assert meeting.agent.traces[0].outcome == "interrupted"
    assert f'(Robin said "{own[0]}" and was interrupted.)' in meeting.llm.asked[-1][-1].content
    await meeting.agent.close()


@scenario
async def test_among_several_people_only_an_address_is_answered_but_all_is_known() -> None:
    meeting = Meeting(["the release is on Friday", "Robin, when is the release?"])
    meeting.agent.participant_joined(BEN)
    await meeting.speak(1.0)
    await meeting.quiet(2)
    assert not meeting.llm.asked
    await meeting.speak(1.0)
    await meeting.quiet(9)
    asked = [message.content for message in meeting.llm.asked[-1]]
    assert any("Ada: the release is on Friday" in one for one in asked[:-1])
    assert asked[-1] == "Ada: Robin, when is the release?"
    assert meeting.lines[-1] == ("Robin", LONG)
    await meeting.agent.close()


@scenario
async def test_another_bot_is_never_answered() -> None:
    meeting = Meeting(["Robin, when is the release?"], config=AgentConfig(answer="always"))
    meeting.agent.participant_left("p1")
    bot = Participant("p2", "Ben", is_bot=True)
    meeting.agent.participant_joined(bot)
    await meeting.speak(1.0, BEN)
    await meeting.quiet(3, BEN)
    assert not meeting.llm.asked
    assert not meeting.frames
    await meeting.agent.close()


@scenario
async def test_its_own_voice_from_a_loudspeaker_is_no_interruption() -> None:
    meeting = Meeting(["what is the deadline?", "release is planned for Friday at noon"])
    await meeting.speak(1.0)
    await meeting.quiet(1.5)
    await meeting.speak(0.6)
    await meeting.quiet(10)
    assert meeting.lines == [("Ada", "what is the deadline?"), ("Robin", LONG)]
    await meeting.agent.close()


@scenario
async def test_a_failing_model_is_reported_and_the_next_turn_is_heard() -> None:
    meeting = Meeting(["hello there you"], error=ProviderError("the model is away", provider="fake"))
    await meeting.speak(1.0)
    await meeting.quiet(2)
    assert "the model is away" in meeting.problems
    assert meeting.agent.traces[-1].outcome == "failed"
    meeting.llm.error = None
    await meeting.speak(1.0)
    await meeting.quiet(9)
    assert meeting.lines[-1] == ("Robin", LONG)
    await meeting.agent.close()


@scenario
async def test_an_empty_answer_frees_the_floor() -> None:
    meeting = Meeting(["hello there you"], answer="")
    await meeting.speak(1.0)
    await meeting.quiet(2)
    assert meeting.agent.traces[-1].outcome == "silent"
    await meeting.agent.close()


@scenario
async def test_the_first_person_is_greeted_once() -> None:
    meeting = Meeting(["x"], config=AgentConfig(greeting="Hello, this is Robin."))
    await meeting.quiet(3)
    meeting.agent.participant_joined(BEN)
    await meeting.quiet(3, BEN)
    assert meeting.voice.said == ["Hello, this is Robin."]
    assert meeting.lines == [("Robin", "Hello, this is Robin.")]
    await meeting.agent.close()


@scenario
async def test_someone_who_leaves_while_being_answered_does_not_stop_the_others() -> None:
    meeting = Meeting(["what is the deadline?"], config=AgentConfig(answer="always"))
    meeting.agent.participant_joined(BEN)
    await meeting.speak(1.0)
    await meeting.quiet(1)
    meeting.agent.participant_left("p1")
    await meeting.quiet(9, BEN)
    assert meeting.agent.traces[-1].outcome == "said"
    await meeting.agent.close()


@scenario
async def test_the_bot_waits_while_someone_else_speaks() -> None:
    meeting = Meeting(["what is the deadline?", "uh"], config=AgentConfig(answer="always"))
    meeting.agent.participant_joined(BEN)
    await meeting.speak(1.0)
    await meeting.quiet(0.25)
    spoke = await meeting.speak(2.0, BEN)
    assert not [at for at, level in meeting.frames if level > 0 and at < spoke]
    await meeting.agent.close()


@scenario
async def test_a_microphone_that_dies_in_mid_sentence_does_not_hang_the_turn() -> None:
    meeting = Meeting(["what is the deadline"], answer=LONG)
    meeting.transcriber.partial_every_s = 0.6
    await meeting.speak(5.0)
    await asyncio.sleep(15)
    assert meeting.lines[0] == ("Ada", "what is the deadline")
    assert meeting.lines[-1] == ("Robin", LONG)
    await meeting.agent.close()


@scenario
async def test_a_slow_turn_model_is_not_asked_again_while_it_thinks() -> None:
    model = FakeTurnModel([0.1], latency_s=5.0)
    meeting = Meeting(["and so the"], turn_model=model)
    await meeting.speak(1.0)
    await meeting.quiet(1.5)
    assert len(model.asked) == 1
    await meeting.agent.close()
