"""The voice agent in a meeting joined in a browser: asked aloud, it answers aloud, and is silent when talked over.

Everything is real but the service: server, models, Chromium on both sides; the meeting is Google Meet's stand-in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rejoinder import plugins
from rejoinder.demo import read_back, synthesize
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.media.loop import new_event_loop
from rejoinder.platforms.google_meet.platform import GoogleMeet
from sound import cut, sounds
from stage import Stage, all_models
from standins.common.humans import LOCAL_FLAGS, Human, until
from standins.google_meet.scene import people_at
from standins.google_meet.server import Standin, standin

pytestmark = [pytest.mark.models, pytest.mark.browser]

QUESTION = "Robin, what is the capital of France?"
LONG = "Robin, please tell me a long story about a ship."
STOP = "Thank you, that is enough."


@dataclass
class Talk:
    stage: Stage
    bot: str
    ada: Human
    clips: dict[str, Pcm]

    async def says(self, text: str) -> float:
        """Ada says it; Unix seconds at which she has."""
        began = await self.now()
        await self.ada.speak(self.clips[text])
        return began + len(self.clips[text]) / MEETING_RATE

    async def now(self) -> float:
        at: float = await self.ada.page.evaluate("Date.now() / 1000")
        return at

    async def spans(self, since: float) -> tuple[list[tuple[float, float]], Pcm]:
        """When Ada heard the bot since a moment (Unix seconds), and what."""
        start, samples = await self.ada.heard("0", 30.0)
        pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
        pcm = pcm[max(0, round((since - start) * MEETING_RATE)) :]
        return [(since + begin, since + end) for begin, end in sounds(pcm, gap_s=0.5)], pcm

    async def quiet(self, since: float, seconds: float) -> bool:
        spans, _ = await self.spans(since)
        return bool(spans) and await self.now() - spans[-1][1] > seconds


@asynccontextmanager
async def talking(folder: Path, runner: asyncio.Runner, meeting: Standin) -> AsyncIterator[Talk]:
    stage = Stage(folder, runner, all_models(), chromium_flags=" ".join(LOCAL_FLAGS))
    await stage.open()
    try:
        async with people_at(meeting, "Ada") as (ada,):
            bot = await stage.create("", meeting_link=meeting.link, agent_config_id="default")
            await stage.until_status(bot, "InMeeting", 30)
            assert stage.server.services is not None
            voice = stage.server.services.voice
            clips = {text: await synthesize(voice, text, low=True) for text in (QUESTION, LONG, STOP)}
            await ada.page.evaluate("human.keep(30)")
            yield Talk(stage, bot, ada, clips)
            await stage.remove(bot)
    finally:
        await stage.close()


def test_a_question_in_google_meet_is_answered_aloud_and_an_answer_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(runner: asyncio.Runner) -> None:
        async with standin() as meeting:
            monkeypatch.setattr(plugins, "drivers", lambda _settings: [GoogleMeet(origin=meeting.url)])
            async with talking(tmp_path, runner, meeting) as talk:
                await asyncio.sleep(5.0)  # the model reads its instructions
                asked = await talk.says(QUESTION)
                await until(lambda: talk.quiet(asked, 1.5), 30, "no answer")
                spans, pcm = await talk.spans(asked)
                assert talk.stage.server.services is not None
                heard = await read_back(
                    talk.stage.server.services.transcriber,
                    cut(pcm, max(0.0, spans[0][0] - asked - 0.2), spans[-1][1] - asked + 0.2),
                )
                print(f"answered after {spans[0][0] - asked:.3f} s: {heard!r}")
                assert "paris" in heard.lower()

                asked = await talk.says(LONG)

                async def tells() -> bool:
                    spans, _ = await talk.spans(asked)
                    return bool(spans) and spans[-1][1] - spans[0][0] > 1.5

                await until(tells, 30, "no story")
                cut_in = await talk.now()
                await talk.says(STOP)
                await asyncio.sleep(1.5)
                spans, _ = await talk.spans(asked)
                last = next(end for begin, end in spans if begin < cut_in < end + 1.0)
                print(f"silent {last - cut_in:.3f} s after she began")
                assert last - cut_in < 2.0, "the bot goes on"

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.get_loop()
        runner.run(asyncio.wait_for(scene(runner), 150))
