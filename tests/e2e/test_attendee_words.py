"""Words in Attendee's dialect: transcripts while people speak and afterwards, and text spoken by the bot.

The server is the real one, with the real models; the people speak with a synthetic voice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from hooks import receiving
from rejoinder.demo import synthesize
from rejoinder.rehearsal.check import word_error_rate
from sound import sounds
from stage import Stage, open_stage
from test_attendee_rest import ask, created, heard, told, until

pytestmark = pytest.mark.models

ADA = "Good morning everyone. The release is planned for Friday afternoon."
WORST = 0.15


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with open_stage(tmp_path_factory.mktemp("words"), models=True) as stage:
        yield stage


def said(rows: list[dict[str, Any]]) -> str:
    return " ".join(row["transcription"]["transcript"] for row in rows if row["speaker_name"] == "Ada")


def test_transcript_and_speech(stage: Stage) -> None:
    async def scene() -> None:
        async with receiving() as hooks:
            assert stage.server.services is not None
            ada = await stage.person("Ada", "words")
            triggers = ["transcript.update", "async_transcription.state_change"]
            bot = await created(
                stage,
                "words",
                webhooks=[{"url": hooks.url, "triggers": triggers}],
                transcription_settings={"deepgram": {"language": "en"}},
            )
            await until(stage, bot, "joined_recording")
            await asyncio.sleep(0.5)
            await ada.say(await synthesize(stage.server.services.voice, ADA))
            await hooks.wait(lambda seen: "Friday" in said(told(seen, bot, "transcript.update")), 20)
            assert word_error_rate(ADA, said(told(hooks, bot, "transcript.update"))) <= WORST
            spoken = {"text": "Friday it is. I will tell the others."}
            await ask(stage, "POST", f"/{bot}/speech", body=spoken)
            robin = ada.find("Robin").id
            await ada.until(lambda: len(sounds(heard(ada, robin), gap_s=0.5)) > 0, 8, "the bot's voice")
            await ada.until_quiet(robin, 1.0, 15)
            assert sum(end - begin for begin, end in sounds(heard(ada, robin), gap_s=0.5)) > 1.5
            await ask(stage, "POST", f"/{bot}/leave")
            ended = await until(stage, bot, "ended", 20)
            assert (ended["transcription_state"], ended["recording_state"]) == ("complete", "complete")
            live = await ask(stage, "GET", f"/{bot}/transcript")
            assert word_error_rate(ADA, said(live)) <= WORST
            job = await ask(stage, "POST", f"/{bot}/transcript", 201, {"transcription_settings": {"openai": {}}})
            done = "async_transcription.state_change"
            await hooks.wait(lambda seen: len(told(seen, bot, done)) == 1, 40)
            assert told(hooks, bot, done)[0]["state"] == "complete"
            again = await ask(stage, "GET", f"/{bot}/transcript?async_transcription_id={job['id']}")
            assert word_error_rate(ADA, said(again)) <= WORST
            assert abs(again[0]["timestamp_ms"] - live[0]["timestamp_ms"]) < 1000
            await ask(stage, "DELETE", f"/{bot}/transcript")
            assert await ask(stage, "GET", f"/{bot}/transcript") == []

    stage.play(scene(), 150)
