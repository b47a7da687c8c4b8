"""The built-in voice agent: hears a meeting, decides when to answer, answers aloud.

It performs what :mod:`rejoinder.agent.turn` decides. Audio comes in by a plain call on the event loop and is acted
upon in the same call; models run elsewhere and come back as callbacks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import structlog

from rejoinder.agent.address import is_addressed
from rejoinder.agent.base import LanguageModel, Message, Samples, SpeechScorer, Transcriber, TurnModel, Voice
from rejoinder.agent.conversation import Conversation, Line
from rejoinder.agent.decisions import (
    Command,
    Commit,
    Discard,
    EndTurn,
    Flush,
    Interrupt,
    Judge,
    Listen,
    Pause,
    Resume,
    Speculate,
)
from rejoinder.agent.ear import Ear
from rejoinder.agent.hush import HUSH_S
from rejoinder.agent.reply import Reply
from rejoinder.agent.sentences import FIRST_WORDS
from rejoinder.agent.speaker import Speaker
from rejoinder.agent.trace import TurnTrace
from rejoinder.agent.turn import Floor, TurnTaking, TurnTuning
from rejoinder.agent.words import is_backchannel, is_echo, normalised
from rejoinder.core.bot import AgentConfig
from rejoinder.core.commands import MirrorChat
from rejoinder.core.participant import Participant
from rejoinder.media.frame import Pcm
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)

MAX_SPECULATIONS = 3
"""Replies begun ahead per turn: a speaker with many pauses must not cost a model call each."""
KEPT_TRACES = 200
GREETING_DELAY_S = 0.4
"""From the first person's first audio to the greeting: their loudspeaker starts a moment after their microphone."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the agent thinks with. All are shared by the bots of a process."""

    scorer: SpeechScorer
    transcriber: Transcriber
    llm: LanguageModel
    voice: Voice
    turn_model: TurnModel | None = None


@dataclass(slots=True)
class _Person:
    who: Participant
    ear: Ear
    reply: Reply | None = None
    """A speculative reply to their open turn."""
    reply_key: str = ""
    reply_task: asyncio.Task[None] | None = None
    judging: asyncio.Task[None] | None = None
    speculations: int = 0
    answered_at: float | None = None
    marks: dict[str, float] = field(default_factory=dict)


class VoiceAgent:
    """One bot's mind in one meeting. Create it on the event loop that will feed it.

    ``write`` receives 20 ms frames of 48 kHz speech at the pace of the meeting; ``continuous`` see
    :class:`~rejoinder.media.mouth.Mouth`. ``on_chat`` gets what the bot says as text, ``on_turn`` each finished
    trace, ``on_problem`` a sentence when a service failed, ``on_said`` every line of the conversation.
    """

    def __init__(
        self,
        config: AgentConfig,
        bot_name: str,
        services: Services,
        write: Callable[[Pcm], None],
        *,
        continuous: bool = True,
        tuning: TurnTuning | None = None,
        first_words: int = FIRST_WORDS,
        on_chat: Callable[[MirrorChat], None] | None = None,
        on_turn: Callable[[TurnTrace], None] | None = None,
        on_problem: Callable[[str], None] | None = None,
        on_said: Callable[[Line], None] | None = None,
        network_ms: Callable[[str], tuple[float | None, float | None]] | None = None,
    ) -> None:
        self.config = config
        self.name = bot_name
        self.conversation = Conversation(bot_name, config.prompt)
        self.traces: list[TurnTrace] = []
        self._services = services
        self._on_chat = on_chat
        self._on_turn = on_turn
        self._on_problem = on_problem
        self._on_said = on_said
        self._network_ms = network_ms
        self._turn = TurnTaking(tuning, judged=services.turn_model is not None)
        self._people: dict[str, _Person] = {}
        self._greeted = False
        self._count = 0
        self._loop = asyncio.get_running_loop()
        self._offset = time.time() - self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks = Tasks(on_error=self._task_failed)
        self._speaker = Speaker(
            services.voice,
            write,
            self._tasks,
            continuous=continuous,
            first_words=first_words,
            on_started=self._started,
            on_ended=self._ended,
            on_problem=self._problem,
        )
        self.mouth = self._speaker.mouth
        self._warming: asyncio.Task[None] | None = None
        self._closed = False

    # -- what the meeting tells ---------------------------------------------------------------------------------

    def participant_joined(self, participant: Participant) -> None:
        """Someone is in the meeting."""
        if participant.id in self._people:
            return
        ident = participant.id
        ear = Ear(
            self._services.scorer,
            self._services.transcriber,
            lambda probability: self._scored(ident, probability),
            lambda text, complete: self._recognised(ident, text, complete),
            lambda silent: self._hushed(ident, silent),
        )
        self._people[ident] = _Person(participant, ear)
        self.conversation.note(f"{participant.name} joined", time.time())
        self._read_ahead(self.conversation.messages())

    def participant_left(self, participant: str) -> None:
        """Someone left."""
        person = self._people.get(participant)
        if person is None:
            return
        self._perform(self._turn.gone(participant, self._loop.time()))
        self._drop_speculation(person)
        del self._people[participant]
        person.ear.close()
        self.conversation.note(f"{person.who.name} left", time.time())

    def hear(self, participant: str, samples: Samples) -> None:
        """The next audio of a participant: 16 kHz float32, any length (20 ms is usual)."""
        person = self._people.get(participant)
        if person is None or self._closed:
            return
        if not self._greeted:
            self._greet(person)
        person.ear.hear(samples, urgent=self._speaker.reply is not None)

    def _greet(self, person: _Person) -> None:
        """Greet the first person once their sound arrives: before that they could not hear the bot either."""
        if person.who.is_bot:
            return
        self._greeted = True
        if self.config.greeting:
            self._loop.call_later(GREETING_DELAY_S, self._say_greeting, self.config.greeting)

    def _say_greeting(self, greeting: str) -> None:
        if not self._closed and self._speaker.reply is None and not self._turn.anyone_speaking:
            self.say(greeting)

    def chatted(self, participant: Participant, text: str) -> None:
        """A chat message: part of what the agent knows of the meeting."""
        self.conversation.add(Line(f"{participant.name} (in the chat)", text, time.time()))

    def say(self, text: str) -> None:
        """Say a fixed text now (a greeting); replaces what the bot is saying."""

        async def tokens() -> AsyncIterator[str]:
            yield text + " "

        self._begin(*self._speaker.make(self._trace("", "", ""), tokens))

    def interrupt(self) -> None:
        """Fall silent and give up the present reply; history keeps what people heard of it."""
        self._speaker.stop("interrupted")
        self.mouth.clear()

    async def close(self) -> None:
        """Stop listening and speaking."""
        self._closed = True
        self._speaker.stop("interrupted")
        for person in self._people.values():
            self._drop_speculation(person)
            person.ear.close()
        self._people.clear()
        if self._timer is not None:
            self._timer.cancel()
        self.mouth.stop()
        await self._tasks.cancel()

    # -- events for the machine ---------------------------------------------------------------------------------

    def _scored(self, participant: str, probability: float) -> None:
        self._perform(self._turn.window(participant, probability, self._loop.time()))

    def _hushed(self, participant: str, silent: bool) -> None:
        now = self._loop.time()
        if silent:
            self._perform(self._turn.hushed(participant, HUSH_S, now))
        else:
            self._perform(self._turn.spoke_on(participant, now))

    def _recognised(self, participant: str, text: str, complete: bool) -> None:
        person = self._people.get(participant)
        if person is None or self._closed:
            return
        if self._speaker.reply is not None and is_echo(text, self._speaker.reply.text):
            text = ""
        now = self._loop.time()
        if complete:
            person.marks["words"] = now
        elif text:
            self._warm(person, text)
        self._perform(self._turn.heard(participant, text, now, complete=complete))

    async def _judge(self, person: _Person) -> None:
        assert self._services.turn_model is not None
        score = await self._services.turn_model.score(person.ear.recent())
        self._perform(self._turn.judged(person.who.id, score, self._loop.time()))

    def _tick(self) -> None:
        self._timer = None
        self._perform(self._turn.tick(self._loop.time()))
        self._arm()

    # -- performing ---------------------------------------------------------------------------------------------

    def _perform(self, commands: list[Command]) -> None:
        for command in commands:
            self._do(command)
        if commands:
            self._arm()

    def _arm(self) -> None:
        deadline = self._turn.deadline()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None and not self._closed:
            self._timer = self._loop.call_at(max(deadline, self._loop.time() + 0.05), self._tick)

    def _do(self, command: Command) -> None:
        match command:
            case Pause():
                self.mouth.pause()
                if self._speaker.reply is not None:
                    self._speaker.reply.trace.pauses += 1
                return
            case Resume():
                self.mouth.resume()
                return
            case Interrupt():
                self._speaker.stop("interrupted")
                return
        person = self._people.get(command.participant)
        if person is None:
            return
        match command:
            case Listen():
                person.ear.listen()
                self._warm(person, "")
            case Discard():
                self._drop_speculation(person)
            case Flush(silence=silence):
                now = self._loop.time()
                person.marks = {"speech_end": now - silence, "paused": now}
                person.ear.flush()
            case Judge():
                if person.judging is None or person.judging.done():  # a late model is not asked twice
                    person.judging = self._tasks.start(self._judge(person), "turn model")
            case Speculate(text=text):
                self._speculate(person, text)
            case EndTurn():
                person.marks["turn_end"] = self._loop.time()
            case Commit(text=text):
                self._committed(person, text)

    def _addressed(self, person: _Person, text: str) -> bool:
        since = None if person.answered_at is None else self._loop.time() - person.answered_at
        return not person.who.is_bot and is_addressed(
            text,
            policy=self.config.answer,
            bot_name=self.name,
            people=sum(not other.who.is_bot for other in self._people.values()),
            since_answer_to_speaker=since,
        )

    def _speculate(self, person: _Person, text: str) -> None:
        if not self._addressed(person, text):
            return
        key = normalised(text)
        if person.reply is not None and person.reply_key == key:
            return
        self._drop_speculation(person)
        if person.speculations >= MAX_SPECULATIONS:
            return
        person.speculations += 1
        person.reply, person.reply_task = self._answer(person, text)
        person.reply_key = key

    def _drop_speculation(self, person: _Person) -> None:
        if person.reply_task is not None:
            person.reply_task.cancel()
        person.reply = person.reply_task = None

    def _committed(self, person: _Person, text: str) -> None:
        person.ear.commit()
        person.speculations = 0
        reply, task = person.reply, person.reply_task
        person.reply = person.reply_task = None
        wanted = self._addressed(person, text)
        if text and not is_backchannel(text):
            for other in self._people.values():
                other.answered_at = None if other is not person else other.answered_at
        fits = reply is not None and not reply.failed and person.reply_key == normalised(text)
        if task is not None and not (wanted and fits):
            task.cancel()
        if text:
            self._record(Line(person.who.name, text, time.time()))
        if not wanted:
            return
        if not fits or reply is None or task is None:
            self._speaker.stop("interrupted")  # its words belong into the prompt
            reply, task = self._answer(person, None)
            reply.trace.question = text
        reply.trace.marks.update(person.marks)
        self._begin(reply, task)

    def _record(self, line: Line) -> None:
        self.conversation.add(line)
        if self._on_said is not None and line.text:
            self._on_said(line)

    # -- replies ------------------------------------------------------------------------------------------------

    def _trace(self, participant: str, speaker: str, question: str) -> TurnTrace:
        self._count += 1
        return TurnTrace(f"t{self._count}", participant, speaker, question, self._offset)

    def _answer(self, person: _Person, text: str | None) -> tuple[Reply, asyncio.Task[None]]:
        """A reply to ``text``, or (None) to the conversation as it stands."""
        messages = self.conversation.messages(None if text is None else person.who.name, text or "")
        if self._warming is not None:
            self._warming.cancel()
        trace = self._trace(person.who.id, person.who.name, text or "")
        return self._speaker.make(trace, lambda: self._services.llm.stream(messages))

    def _begin(self, reply: Reply, task: asyncio.Task[None]) -> None:
        self._speaker.take(reply, task)
        self._perform(self._turn.floor(Floor.PENDING, self._loop.time()))
        self._speaker.release()

    def _started(self, reply: Reply, now: float) -> None:
        if self._network_ms is not None:
            reply.trace.capture_ms, reply.trace.audible_ms = self._network_ms(reply.trace.participant)
        self._perform(self._turn.floor(Floor.SPEAKING, now))

    def _ended(self, reply: Reply, outcome: str) -> None:
        trace = reply.trace
        trace.outcome, trace.answer = outcome, reply.heard()
        person = self._people.get(trace.participant)
        if person is not None and outcome in ("said", "interrupted"):
            person.answered_at = self._loop.time()
        if trace.answer:
            self._record(Line(self.name, trace.answer, time.time(), own=True, cut=outcome == "interrupted"))
            if self._on_chat is not None and self.config.chat_mirror:
                self._on_chat(MirrorChat("assistant", trace.answer, is_final=True))
        self.traces.append(trace)
        del self.traces[:-KEPT_TRACES]
        if self._on_turn is not None:
            self._on_turn(trace)
        self._perform(self._turn.floor(Floor.QUIET, self._loop.time()))

    # -- helpers ------------------------------------------------------------------------------------------------

    def _warm(self, person: _Person, text: str) -> None:
        """Let the model read what is being said while it is being said."""
        if self._speaker.reply is None:
            self._read_ahead(self.conversation.messages(person.who.name, text))

    def _read_ahead(self, messages: list[Message]) -> None:
        if self._warming is None or self._warming.done():
            self._warming = self._tasks.start(self._services.llm.warm(messages), "warm")

    def _problem(self, message: str) -> None:
        log.warning("agent problem", problem=message)
        if self._on_problem is not None:
            self._on_problem(message)

    def _task_failed(self, name: str, error: BaseException) -> None:
        log.error("agent task failed", task=name, exc_info=error)
        self._problem(f"{name}: {error}")
        self._speaker.fail()
