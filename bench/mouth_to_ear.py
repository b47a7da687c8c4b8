"""Mouth to ear, offline, with the real models: a person in a room asks, the bot answers, both over real WebRTC.

The clock starts when the last audible sample of the question leaves the person's mouth and stops when the first audible
sample of the answer is in their ear (both WebRTC ways and both jitter buffers included; sound cards are not).
Barge-in is the first audible sample of an interrupting sentence to the last audible sample of the bot at the ear.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("WRTC_ALLOW_LOOPBACK", "1")

from bench.harness import Served, serve, spread, table, write
from rejoinder import plugins
from rejoinder.core.participant import Participant
from rejoinder.demo import read_back, synthesize
from rejoinder.media.frame import Pcm
from rejoinder.media.loop import new_event_loop
from rejoinder.models.fetch import ensure
from rejoinder.rehearsal import Person
from rejoinder.rehearsal.check import word_error_rate
from rejoinder.settings import Settings

FACTS = (
    "Here is the plan. The release is due on Friday, Maria writes the announcement, "
    "and the budget is nine hundred dollars."
)
QUESTIONS = (
    "What is the capital of France?",
    "When is the release due?",
    "Who writes the announcement?",
    "How many days are there in a week?",
    "What is the budget?",
    "What colour do you get when you mix blue and yellow?",
    "What is the largest planet in the solar system?",
    "How many minutes are in one hour?",
    "Which ocean lies between Europe and America?",
    "What is the opposite of hot?",
)
LONG_QUESTIONS = (
    "What is the difference between the weather and the climate?",
    "Why is the sky blue during the day and red in the evening?",
    "What should a good plan for a birthday party contain?",
    "How does a bicycle stay upright while it is moving?",
    "What are the advantages of trains over cars?",
    "How is bread made from flour and water?",
    "Why do people need to sleep every night?",
    "What does a gardener do in spring?",
    "How does a refrigerator keep food cold?",
    "What makes a good teacher?",
)
STOP = "Thank you, that is enough about that."
QUIET_S = 1.0


class Bench:
    """One person, one bot, one room."""

    def __init__(self, served: Served, person: Person, services: plugins.Speech) -> None:
        self.served, self.person, self.services = served, person, services
        self.robin = Participant("", "")
        self.bot = ""

    async def set_up(self) -> None:
        await self.person.join()
        self.bot = await self.served.create_bot("bench", bot_name="Robin", agent_config_id="default")
        await self.person.until(lambda: any(who.name == "Robin" for who in self.person.others), 20, "the bot")
        self.robin = self.person.find("Robin")
        await asyncio.sleep(1.5)
        await self.say(FACTS)
        await self.settle()

    async def say(self, text: str) -> float:
        return (await self.person.say(await self.clip(text))).ended

    async def clip(self, text: str) -> Pcm:
        return await synthesize(self.services.voice, text)

    async def settle(self) -> None:
        await asyncio.sleep(1.5)
        await self.person.until_quiet(self.robin.id, QUIET_S, 40)

    async def answer_to(self, text: str) -> tuple[float, float]:
        """(end of the question, first sound of the answer)"""
        ended = await self.say(text)
        tape = self.person.tapes[self.robin.id]
        await self.person.until(lambda: tape.first_sound(ended) is not None, 20, f"an answer to {text!r}")
        first = tape.first_sound(ended)
        assert first is not None
        return ended, first

    async def ask(self, text: str) -> tuple[float, float]:
        """(mouth to ear in ms, word error rate of the answer as heard)"""
        ended, first = await self.answer_to(text)
        await self.person.until_quiet(self.robin.id, QUIET_S, 40)
        heard = await read_back(self.services.transcriber, self.person.tapes[self.robin.id].samples(first - 0.3))
        turn = (await self.turns())[-1]
        print(f"  {1000 * (first - ended):6.0f} ms  {text}  ->  {turn['answer']}", flush=True)
        return 1000 * (first - ended), word_error_rate(turn["answer"], heard)

    async def interrupt(self, question: str, after_s: float) -> float | None:
        """Human onset to silence at the ear, in ms; None when the bot had nothing more to say."""
        _, first = await self.answer_to(question)
        clip = await self.clip(STOP)
        await asyncio.sleep(max(0.0, first + after_s - self.person.now))
        spoken = await self.person.say(clip)
        tape = self.person.tapes[self.robin.id]
        loud = [end for _, end in tape.loud_times(spoken.began - 0.3, spoken.began + 1.2)]
        await self.settle()
        if not loud or loud[0] > spoken.began:
            return None
        last = loud[0]
        for end in loud:
            if end - last > 0.2:
                break
            last = end
        return 1000 * (last - spoken.began) if last > spoken.began else None

    async def turns(self) -> list[dict[str, Any]]:
        return list((await self.served.get(f"/api/v1/bots/{self.bot}/turns"))["turns"])


async def measure(rounds: int, interruptions: int) -> dict[str, Any]:
    settings = Settings()
    models = await asyncio.to_thread(ensure, plugins.models_needed(settings), settings)
    with tempfile.TemporaryDirectory() as data:
        async with serve(Path(data), agent=True) as served:
            services = await plugins.load_speech(models)
            bench = Bench(served, Person(plugins.engine(settings), served.signalling("bench"), "Ada"), services)
            await bench.set_up()
            asked = [await bench.ask(QUESTIONS[number % len(QUESTIONS)]) for number in range(rounds)]
            turns = [turn for turn in await bench.turns() if turn["total_ms"] is not None]
            silenced = [
                await bench.interrupt(LONG_QUESTIONS[number % len(LONG_QUESTIONS)], 0.7 + 0.13 * (number % 5))
                for number in range(interruptions)
            ]
            await bench.person.leave()
    stages: dict[str, list[float]] = {}
    for turn in turns:
        for stage, value in turn["stages_ms"].items():
            stages.setdefault(stage, []).append(value)
    barge_in = [value for value in silenced if value is not None]
    return {
        "total_ms": spread([total for total, _ in asked]),
        "stages_ms": {stage: spread(values) for stage, values in stages.items()},
        "barge_in_ms": spread(barge_in) if barge_in else None,
        "wer": round(sum(rate for _, rate in asked) / len(asked), 3),
        "turns": len(asked),
        "interruptions": len(barge_in),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--interruptions", type=int, default=10)
    chosen = parser.parse_args()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        figures = runner.run(measure(chosen.rounds, chosen.interruptions))
    rows = [("mouth to ear, ms", figures["total_ms"])]
    rows += [(f"  {stage}", value) for stage, value in figures["stages_ms"].items()]
    rows += [("barge-in at the ear, ms", figures["barge_in_ms"]), ("word error rate as heard", figures["wer"])]
    table(rows, f"mouth_to_ear: {figures['turns']} questions, {figures['interruptions']} interruptions")
    print(f"  -> {write('mouth_to_ear', figures)}")


if __name__ == "__main__":
    sys.exit(main())
