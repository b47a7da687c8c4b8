"""Two people who talk at the same time for 40 s, in words: how many of each one's come out under the right name.

``meet``: the stand-in of Google Meet (three tracks that change hands, contributing sources, tiles that glow; a third
    person says nothing), joined by the real driver in Chromium. Nobody was heard before: the second person falls into
    the first one's first sentence.
``meet_same_moment``: so, but both begin in the same moment, so that nothing tells them apart until one of them pauses.
``room``: the built-in room, heard at a user's audio socket.

For each: ``words_right``, per person: words of theirs that the local model reads (as after a meeting) from what was
    heard under their name, over the words they said; ``recogniser_alone``: so from what they said itself, without a
    meeting; ``blocks``: blocks of 20 ms of theirs under the right, a wrong and no name, and lost (a lone block under
    a wrong name is as often the ruler's error); ``confidence`` of the labels told, by source (the room gives everyone a
    track: nothing is guessed).
``words_right_ratio``: the worst person of ``meet`` and ``room``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("WRTC_ALLOW_LOOPBACK", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.exceptions import ConnectionClosed

from bench.harness import Served, serve, table, write
from bench.separation_ruler import (
    WHISTLES_HZ,
    Heard,
    Layout,
    Script,
    blocks_by_name,
    chunks,
    confidences,
    right_words,
    share,
    whistled,
)
from rejoinder import plugins
from rejoinder.browser.chromium import Browsers
from rejoinder.core.events import ParticipantJoined, SpeakerLabelled
from rejoinder.demo import synthesize
from rejoinder.media.frame import MEETING_RATE, to_float
from rejoinder.media.loop import new_event_loop
from rejoinder.media.resample import convert
from rejoinder.models.fetch import ensure
from rejoinder.platforms.browser import UNKNOWN
from rejoinder.rehearsal import Person
from rejoinder.settings import Settings
from rejoinder.transcription.base import TrackAudio
from rejoinder.transcription.local_batch import LocalBatch
from standins.common.humans import LOCAL_FLAGS, until
from standins.google_meet.scene import Scene
from standins.google_meet.server import standin

SCENES = ("meet", "room", "meet_same_moment")
SPEECH_S = 40.0
PAUSES_S = (0.4, 1.0)
"""Between sentences."""
FALLS_IN_S = 1.0
"""How long after the first person's first word the second one begins."""
BEFORE_S, AFTER_S = 1.0, 2.0
SAID = {
    "Ada": (
        "Good morning everyone, and thank you for coming.",
        "I would like to begin with the plan for the next release.",
        "The new version will be finished on Friday afternoon.",
        "We still have to repair the problem with the pictures.",
        "Maria has promised to look at it tomorrow morning.",
        "After that we can send the invitation to our customers.",
        "The weather was very cold when we visited the factory.",
        "Please remember to bring your own cup to the kitchen.",
        "Our train leaves the station early in the morning.",
        "The children were playing football behind the school.",
        "I have written a short letter to the manager.",
        "There is a small garden between the house and the river.",
        "Nobody knew the answer to the last question.",
        "The music was so loud that we could not talk.",
    ),
    "Ben": (
        "Before we start, I want to say something about the budget.",
        "We have spent more money than we expected this month.",
        "The hotel in the city was much too expensive.",
        "Next time we should find a cheaper place to stay.",
        "My brother works for a company that builds bridges.",
        "He told me that the material has become difficult to buy.",
        "The doctor said that I should drink more water.",
        "We can meet again on Wednesday after lunch.",
        "The library is closed on the second floor today.",
        "She opened the window because the room was warm.",
        "Several people have asked for a longer summer holiday.",
        "The old computer in the office does not work any more.",
        "I will bring some bread and butter for breakfast.",
        "The teacher explained the story to the whole class.",
    ),
}

WHISTLES = dict(zip(SAID, WHISTLES_HZ, strict=True))


async def scripts(voice: Any, second_after_s: float) -> dict[str, Script]:
    """What both say: sentences with pauses, for about 40 s."""
    source, found = random.Random(7), {}
    for name, sentences in SAID.items():
        parts = [np.zeros(round(MEETING_RATE * (second_after_s if name == "Ben" else 0.0)), np.int16)]
        said: list[str] = []
        for sentence in sentences:
            if sum(map(len, parts)) > SPEECH_S * MEETING_RATE:
                break
            parts.append(whistled(await synthesize(voice, sentence, low=name == "Ben"), WHISTLES[name]))
            parts.append(np.zeros(round(source.uniform(*PAUSES_S) * MEETING_RATE), np.int16))
            said.append(sentence)
        found[name] = Script(" ".join(said), np.concatenate(parts))
    return found


def length_s(said: Mapping[str, Script]) -> float:
    return max(len(script.pcm) for script in said.values()) / MEETING_RATE


async def in_meet(folder: Path, said: Mapping[str, Script]) -> Heard:
    """Both at the stand-in of Google Meet, heard by a bot."""
    settings = Settings(data_dir=folder, chromium=os.environ.get("REJOINDER_CHROMIUM"))
    browsers, loop = Browsers(settings, LOCAL_FLAGS), asyncio.get_running_loop()
    try:
        async with standin() as meeting, Scene(browsers, settings).people(meeting, *said) as humans:
            meeting.guests = ("Grace",)
            async with Scene(browsers, settings).bot(meeting) as bot:
                await bot.inside()
                await until(lambda: len(bot.names()) == 3, 10, "roster")
                await asyncio.sleep(BEFORE_S)
                begun = loop.time()
                await asyncio.gather(
                    *(human.speak(script.pcm) for human, script in zip(humans, said.values(), strict=True))
                )
                await asyncio.sleep(length_s(said) + AFTER_S)
                names = {event.participant.id: event.participant.name for event in bot.got(ParticipantJoined)}
                layout = Layout()
                for who, blocks in bot.audio.items():
                    for at, pcm in blocks:
                        layout.hear(names[who], at - begun, pcm)
                return Heard(layout.tracks(), bot.got(SpeakerLabelled))
    finally:
        await browsers.close()


async def in_room(folder: Path, said: Mapping[str, Script]) -> Heard:
    """Both in a built-in room, heard at a user's audio socket."""
    loop, layout, begun = asyncio.get_running_loop(), Layout(), asyncio.Event()
    zero = 0.0
    came: set[str] = set()

    async def socket(connection: ServerConnection) -> None:
        try:
            async for message in connection:
                if not isinstance(message, bytes):
                    continue
                end = 3 + int.from_bytes(message[1:3], "little")
                begin = end + 2
                end = begin + int.from_bytes(message[end:begin], "little")
                name = message[begin:end].decode()
                came.add(name)
                if begun.is_set():
                    layout.hear(name, loop.time() - zero, np.frombuffer(message, "<i2", offset=end))
        except ConnectionClosed:
            pass

    async with serve_websockets(socket, "127.0.0.1", 0, compression=None) as user, serve(folder, agent=False) as served:
        port = next(iter(user.sockets)).getsockname()[1]
        people = await _seated(served, port, list(said))
        await people[0].until(lambda: came >= set(said), 20, "audio of both at the user's server")
        zero = loop.time()
        begun.set()
        await asyncio.gather(
            *(person.say(script.pcm) for person, script in zip(people, said.values(), strict=True)),
        )
        await asyncio.sleep(AFTER_S)
        for person in people:
            await person.leave()
    return Heard(layout.tracks())


async def _seated(served: Served, port: int, names: list[str]) -> list[Person]:
    people = [Person(plugins.engine(Settings()), served.signalling("separation"), name) for name in names]
    for person in people:
        await person.join()
    url = f"ws://127.0.0.1:{port}/audio"
    await served.create_bot("separation", bot_name="Robin", live_audio_required=url)
    await people[0].until(lambda: any(one.name == "Robin" for one in people[0].others), 20, "the bot")
    return people


class Reader:
    """Reads tracks as they are read after a meeting."""

    def __init__(self, models: Mapping[str, Path]) -> None:
        self._batch = LocalBatch("rejoinder.vendors.moonshine.batch", models)

    async def read(self, tracks: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, str]:
        """Text by name."""
        audio = [
            TrackAudio(name, name, partial(chunks, to_float(convert(pcm, MEETING_RATE, 16_000))))
            for name, pcm in tracks.items()
        ]
        texts = dict.fromkeys(tracks, "")
        for segment in await self._batch.transcribe(audio, {}):
            texts[segment.participant_id] += f" {segment.text}"
        return texts


async def judge(said: Mapping[str, Script], heard: Heard, reader: Reader) -> dict[str, Any]:
    """The figures of one scene."""
    silence = np.zeros(MEETING_RATE, np.int16)
    named = {name: heard.tracks.get(name, silence) for name in said}
    texts = await reader.read(named)
    clean = await reader.read({name: np.concatenate([script.pcm, silence]) for name, script in said.items()})
    blocks = blocks_by_name(WHISTLES, heard.tracks)
    whole = blocks_by_name(WHISTLES, {name: script.pcm for name, script in said.items()})
    ratios: dict[str, dict[str, float]] = {"words_right": {}, "recogniser_alone": {}}
    for name, script in said.items():
        for key, read in (("words_right", texts), ("recogniser_alone", clean)):
            right, count = right_words(script.text, read[name])
            ratios[key][name] = round(right / count, 4)
        print(f"  {name}: {texts[name].strip()}", file=sys.stderr)
    return {
        "words_right_ratio": min(ratios["words_right"].values()),
        **ratios,
        "words_said": {name: right_words(script.text, "")[1] for name, script in said.items()},
        "blocks": {name: share(blocks[name], name, UNKNOWN.name, whole[name][name]) for name in said},
        "confidence": confidences(heard.labels),
    }


async def measure(scenes: tuple[str, ...] = SCENES) -> dict[str, Any]:
    """All scenes; takes about four minutes."""
    settings = Settings()
    models = ensure(plugins.SPEECH_MODELS, settings)
    speech = await plugins.load_speech(models)
    falls_in = await scripts(speech.voice, FALLS_IN_S)
    same_moment = await scripts(speech.voice, 0.0) if "meet_same_moment" in scenes else {}
    del speech
    reader, figures = Reader(models), {}
    for scene in scenes:
        with tempfile.TemporaryDirectory() as folder:
            said = same_moment if scene == "meet_same_moment" else falls_in
            heard = await (in_room if scene == "room" else in_meet)(Path(folder), said)
        figures[scene] = await judge(said, heard, reader)
    counted = [figures[scene]["words_right_ratio"] for scene in ("meet", "room") if scene in figures]
    return {"words_right_ratio": min(counted, default=None), **figures, "load": round(os.getloadavg()[0], 1)}


def show(figures: dict[str, Any]) -> None:
    """Print what was measured."""
    rows = [("words under the right name, worst of all", figures["words_right_ratio"])]
    for scene in (scene for scene in SCENES if scene in figures):
        found = figures[scene]
        rows += [(f"{scene}: {key}", found[key]) for key in ("words_right", "recogniser_alone")]
        rows += [(f"{scene}: blocks of {name}", shares) for name, shares in found["blocks"].items()]
        rows += [(f"{scene}: confidence, {source}", one) for source, one in found["confidence"].items()]
    table(rows, "separation: two people who talk at once")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="*", help=f"of {', '.join(SCENES)}; all if none is named")
    chosen = parser.parse_args()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        figures = runner.run(measure(tuple(chosen.scenes) or SCENES))
    show(figures)
    print(f"  -> {write('separation', figures)}")


if __name__ == "__main__":
    main()
