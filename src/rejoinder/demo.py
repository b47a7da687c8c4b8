"""A meeting without people: scripted participants talk to a bot over real WebRTC, and what they heard is checked."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import wave
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from rejoinder import plugins, waterfall
from rejoinder.agent.base import Recognition, Samples, Transcriber, Voice
from rejoinder.app.server import Server
from rejoinder.core.bot import AgentConfig, BotConfig
from rejoinder.core.participant import Participant
from rejoinder.media.frame import MEETING_RATE, Pcm, to_float, to_pcm
from rejoinder.media.loop import MediaLoop
from rejoinder.media.resample import convert
from rejoinder.rehearsal import Person
from rejoinder.rehearsal.check import word_error_rate
from rejoinder.settings import Settings

T = TypeVar("T")

BOT = "Robin"
ACCOUNT = "demo"
ANSWER_S = 15.0
QUIET_S = 1.2
WORST_WER = 0.15
WORST_BARGE_IN_MS = 400.0
"""Far over the usual 150 to 200 ms: a demo on a busy machine must not cry wolf."""


@dataclass(slots=True)
class Report:
    """What the demo found. Times in milliseconds."""

    lines: list[tuple[float, str, str]] = field(default_factory=list)
    """(seconds since the start, speaker, words)"""
    mouth_to_ear_ms: list[float] = field(default_factory=list)
    barge_in_ms: float | None = None
    word_error_rates: list[float] = field(default_factory=list)
    remembered: bool = False
    turns: list[dict[str, Any]] = field(default_factory=list)
    wav: Path | None = None

    @property
    def failures(self) -> list[str]:
        """What did not go as it should."""
        found = []
        if len(self.mouth_to_ear_ms) < 3:
            found.append("not every question was answered")
        if any(rate > WORST_WER for rate in self.word_error_rates):
            found.append(f"an answer could not be read back: word error rates {self.word_error_rates}")
        if self.barge_in_ms is None or self.barge_in_ms > WORST_BARGE_IN_MS:
            found.append(f"the bot did not fall silent when spoken over ({self.barge_in_ms} ms)")
        if not self.remembered:
            found.append("the question about what was said before was not answered from the meeting")
        return found


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def run(settings: Settings, models: Mapping[str, Path], wav: Path, say: Callable[[str], None]) -> Report:
    """Play the demo; ``say`` gets each line of the meeting as it happens."""
    with tempfile.TemporaryDirectory() as data:
        own = settings.model_copy(
            update={"host": "127.0.0.1", "port": free_port(), "public_url": None, "data_dir": Path(data)}
        )
        server = Server(own, models)
        started = asyncio.Event()
        people = MediaLoop()
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(started.set))
            await started.wait()
            people.start()
            try:
                report = await people.run(_Script(server, say, wav, asyncio.get_running_loop()).play())
            finally:
                server.stop()
        people.stop()
        return report


class _Script:
    """The scene: two people and a bot. Runs on the people's event loop."""

    def __init__(self, server: Server, say: Callable[[str], None], wav: Path, main: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._main = main
        self._bot = ""
        self._print = say
        self._wav = wav
        self._report = Report()
        assert server.services is not None
        self._services = server.services
        self._start = 0.0

    async def play(self) -> Report:
        settings = self._server.settings
        url = f"ws://127.0.0.1:{settings.port}/room/demo/ws"
        engine = plugins.engine(settings)
        ada, ben = Person(engine, url, "Ada"), Person(engine, url, "Ben")
        self._start = ada.now
        await ada.join()
        await ben.join()
        link = f"{settings.base_url}/room/demo"
        config = BotConfig(meeting_link=link, bot_name=BOT, agent=AgentConfig(greeting=f"Hello, this is {BOT}."))
        bot = (await self._served(self._server.bots.create(config, ACCOUNT))).bot
        self._bot = bot.id
        await ada.until(lambda: any(seen.name == BOT for seen in ada.others), 10, f"{BOT} to join")
        robin = ada.find(BOT)
        await ada.until(lambda: ada.tapes[robin.id].first_sound(0) is not None, 10, "the greeting")
        await ada.until_quiet(robin.id, QUIET_S, 20)
        await self._scene(ada, ben, robin)
        await asyncio.sleep(0.5)
        self._report.turns = await self._turns()
        self._write_wav(ada)
        for person in (ada, ben):
            await person.leave()
        return self._report

    async def _scene(self, ada: Person, ben: Person, robin: Participant) -> None:
        await self._speak(ada, "Good morning. The release is planned for Friday afternoon.")
        await asyncio.sleep(0.8)
        await self._speak(ben, "Thanks. I will write the announcement on Thursday.")
        await asyncio.sleep(1.0)
        await self._ask(ada, robin, f"{BOT}, what is the capital of France?")
        await self._talk_over(ada, ben, robin)
        answer = await self._ask(ada, robin, f"{BOT}, who will write the announcement?")
        self._report.remembered = "ben" in answer.lower()

    async def _speak(self, person: Person, text: str) -> float:
        """Say something; returns when its last sound left the speaker's mouth."""
        clip = await synthesize(self._services.voice, text, low=person.name == "Ben")
        self._line(person.now, person.name, text)
        return (await person.say(clip)).ended

    async def _ask(self, person: Person, robin: Participant, text: str) -> str:
        ended = await self._speak(person, text)
        tape = person.tapes[robin.id]
        await person.until(lambda: tape.first_sound(ended) is not None, ANSWER_S, "an answer")
        first = tape.first_sound(ended)
        assert first is not None
        self._report.mouth_to_ear_ms.append(round(1000 * (first - ended)))
        await person.until_quiet(robin.id, QUIET_S, 30)
        heard = await read_back(self._services.transcriber, tape.samples(first - 0.3))
        said = await self._last_answer()
        self._report.word_error_rates.append(round(word_error_rate(said, heard), 3))
        self._line(first, BOT, f"{said}   [{person.name} heard it after {1000 * (first - ended):.0f} ms]")
        return heard

    async def _talk_over(self, ada: Person, ben: Person, robin: Participant) -> None:
        ended = await self._speak(ben, f"{BOT}, what is the difference between the weather and the climate?")
        tape = ada.tapes[robin.id]
        await ada.until(lambda: tape.first_sound(ended) is not None, ANSWER_S, "an answer")
        first = tape.first_sound(ended)
        assert first is not None
        self._report.mouth_to_ear_ms.append(round(1000 * (first - ended)))
        await asyncio.sleep(0.9)
        clip = await synthesize(self._services.voice, "Thank you, that is far enough.")
        self._line(ada.now, "Ada", "(talks over the bot) Thank you, that is far enough.")
        spoken = await ada.say(clip)
        silent = tape.last_sound(spoken.began - 0.5, spoken.began + 1.0)
        self._report.barge_in_ms = None if silent is None else round(1000 * (silent - spoken.began))
        await ada.until_quiet(robin.id, QUIET_S, 20)
        self._line(
            first, BOT, f"{await self._last_answer()} -   [silent {self._report.barge_in_ms} ms after Ada spoke]"
        )

    async def _last_answer(self) -> str:
        turns = await self._turns()
        return str(turns[-1]["answer"]) if turns else ""

    async def _turns(self) -> list[dict[str, Any]]:
        return list(await self._served(self._server.bots.turns(self._bot, ACCOUNT)))

    async def _served(self, call: Coroutine[Any, Any, T]) -> T:
        """Call the server on its own event loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, self._main))

    def _line(self, at: float, speaker: str, words: str) -> None:
        since = at - self._start
        self._report.lines.append((since, speaker, words))
        self._print(f"{since:6.2f} s  {speaker + ':':<7} {words}")

    def _write_wav(self, ada: Person) -> None:
        length = round((ada.now - self._start) * MEETING_RATE)
        mix = ada.own.laid_out(self._start, length).astype(np.int32)
        for tape in ada.tapes.values():
            mix += tape.laid_out(self._start, length)
        with wave.open(str(self._wav), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(MEETING_RATE)
            file.writeframes(np.clip(mix, -32768, 32767).astype("<i2").tobytes())
        self._report.wav = self._wav


async def synthesize(voice: Voice, text: str, *, low: bool = False) -> Pcm:
    """A clip at 48 kHz; ``low`` makes a second, deeper voice of the same one."""
    parts: list[Samples] = [part async for part in voice.speak(text)]
    pcm = to_pcm(np.concatenate(parts))
    return convert(pcm, round(voice.sample_rate * (0.84 if low else 1.0)), MEETING_RATE)


async def read_back(transcriber: Transcriber, pcm: Pcm) -> str:
    """Transcribe what someone heard (48 kHz)."""
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def deliver(recognition: Recognition) -> None:
        if recognition.final and not answer.done():
            answer.set_result(recognition.text)

    stream = transcriber.open(deliver)
    try:
        samples = to_float(convert(pcm, MEETING_RATE, 16_000))
        for start in range(0, len(samples), 1600):
            stream.push(samples[start : start + 1600])
        stream.flush()
        return await asyncio.wait_for(answer, 30)
    finally:
        stream.close()


def summary(report: Report) -> str:
    """The demo's figures and the waterfall of each answer."""
    parts = [waterfall.text(turn) for turn in report.turns if turn["marks"].get("speech_end")]
    ears = ", ".join(f"{value:.0f}" for value in report.mouth_to_ear_ms)
    rates = ", ".join(f"{rate:.2f}" for rate in report.word_error_rates)
    parts.append(
        f"mouth to ear, measured at the listener: {ears} ms\n"
        f"silent after someone spoke over the bot: {report.barge_in_ms} ms\n"
        f"word error rate of the answers as heard: {rates}\n"
        f"recording of the meeting: {report.wav}"
    )
    return "\n\n".join(parts)
