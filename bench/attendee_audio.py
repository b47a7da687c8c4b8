"""Attendee's realtime audio sockets, between a user's server and a person's ear in the built-in room.

The server runs in a process of its own; the person (real WebRTC, libwebrtc's jitter buffer) and the user's websocket
server run here, on one clock.

``played_ratio``: how much of what the user's server sent is heard, 1 at most. ``clip_250ms``: one message of 250 ms;
    ``pieces_60ms``: 60 ms every 160 ms, ten times (audible time over -40 dBFS at the ear, in 5 ms, by the time sent);
    ``burst_5s``: five seconds sent as fast as the socket takes them (tenths of a second found again by their tones).
``clear_to_silence_ms``: from sending ``realtime_audio.clear`` in the middle of a clip to the last audible sample (over
    -40 dBFS) at the ear.
``sinad_db``: tones at -6 dBFS through everything the bot does to the user's audio, up to the 48 kHz samples that go to
    the codec: base64, resampler, playout. ``sinad_mixed_db``: the other way, from the meeting's 48 kHz through mix,
    resampler and message.
``bytes_per_message``: of ``realtime_audio.mixed`` at 16 kHz, 20 ms each, as it came.
``cpu_us_per_message``: CPU time from one person's 10 ms blocks to the text of a message, without the socket.
``machine_load``: with more than one or two runnable processes per core, the delays are those of the busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("WRTC_ALLOW_LOOPBACK", "1")

import numpy as np
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.exceptions import ConnectionClosed

from bench import position
from bench.harness import Served, serve, spread, table, write
from rejoinder import plugins
from rejoinder.bridges.attendee import realtime as codec
from rejoinder.bridges.attendee.feed import Chunks
from rejoinder.bridges.attendee.mix import LiveMix
from rejoinder.core.commands import PlayAudio
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.media.inlet import Inlet
from rejoinder.media.loop import new_event_loop
from rejoinder.media.mouth import Mouth
from rejoinder.media.resample import convert
from rejoinder.rehearsal import Person
from rejoinder.settings import Settings

TONES = (440, 1000, 3000)
SPEECH_RATE = 16_000
AUDIBLE = 0.01
SETTLE_S = 2.0
EAR_S = 0.6


@dataclass
class User:
    """The user's server."""

    port: int = 0
    sockets: list[ServerConnection] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    async def serve(self, connection: ServerConnection) -> None:
        self.sockets.append(connection)
        try:
            async for message in connection:
                if '"realtime_audio.mixed"' in message[:40]:  # type: ignore[operator]
                    self.sizes.append(len(message))
        except ConnectionClosed:
            pass

    async def send(self, trigger: str, **data: Any) -> float:
        """Send a message; when it was sent."""
        text = json.dumps({"trigger": trigger, "data": data})
        now = asyncio.get_running_loop().time()
        await self.sockets[-1].send(text)
        return now

    async def speak(self, pcm: Pcm, rate: int = SPEECH_RATE) -> float:
        return await self.send("realtime_audio.bot_output", chunk=encoded(pcm), sample_rate=rate)


@asynccontextmanager
async def users_server() -> AsyncIterator[User]:
    user = User()
    async with serve_websockets(user.serve, "127.0.0.1", 0, compression=None) as server:
        user.port = next(iter(server.sockets)).getsockname()[1]
        yield user


def encoded(pcm: Pcm) -> str:
    return base64.b64encode(pcm.astype("<i2").tobytes()).decode()


def tone(seconds: float, hz: float = 500.0, rate: int = SPEECH_RATE, peak: int = 9000) -> Pcm:
    return (peak * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).round().astype(np.int16)


class Call:
    """A person, a bot, and the user's server."""

    def __init__(self, user: User, person: Person, robin: str) -> None:
        self.user, self.person, self.robin = user, person, robin

    @classmethod
    async def make(cls, served: Served, user: User, room: str) -> Call:
        person = Person(plugins.engine(Settings()), served.signalling(room), "Ada")
        await person.join()
        audio = {"url": f"ws://127.0.0.1:{user.port}/", "sample_rate": SPEECH_RATE}
        body = {
            "meeting_url": f"{served.url}/room/{room}",
            "bot_name": "Robin",
            "websocket_settings": {"audio": audio},
        }
        async with served.http.post(f"{served.url}/api/v1/bots", json=body) as response:
            if response.status != 201:
                raise RuntimeError(f"POST bots: {response.status} {await response.text()}")
        await person.until(lambda: bool(user.sockets and person.others), 15, "the bot")
        robin = person.find("Robin").id
        await person.until(lambda: len(person.tapes[robin].blocks) > 10, 15, "the bot's audio")
        await asyncio.sleep(SETTLE_S)
        return cls(user, person, robin)

    def heard(self, since: float) -> Pcm:
        return self.person.tapes[self.robin].samples(since)

    async def clip(self) -> float:
        since = await self.user.speak(tone(0.25))
        await asyncio.sleep(0.25 + EAR_S)
        return min(1.0, audible(self.heard(since)) / 0.25)

    async def pieces(self) -> float:
        since = self.person.now
        for number in range(10):
            await asyncio.sleep(max(0.0, since + number * 0.16 - self.person.now))
            await self.user.speak(tone(0.06))
        await asyncio.sleep(EAR_S)
        return min(1.0, audible(self.heard(since)) / 0.6)

    async def burst(self) -> float:
        count = round(5 / position.SYMBOL_S)
        pcm = convert(position.sound(0, count), MEETING_RATE, SPEECH_RATE)
        since = self.person.now
        for start in range(0, len(pcm), SPEECH_RATE // 10):
            await self.user.speak(pcm[start : start + SPEECH_RATE // 10])
        await asyncio.sleep(5 + EAR_S)
        found = {symbol for _, symbol in position.heard(self.heard(since))}
        return len(found & set(range(count))) / count

    async def clear(self) -> float | None:
        since = await self.user.speak(tone(2.0))
        await self.person.until(lambda: self.person.tapes[self.robin].first_sound(since) is not None, 1, "the clip")
        await asyncio.sleep(random.uniform(0.2, 0.4))
        sent = await self.user.send("realtime_audio.clear")
        await asyncio.sleep(EAR_S)
        last = self.person.tapes[self.robin].last_sound(sent)
        return None if last is None or last > self.person.now - 0.1 else 1000 * (last - sent)


def audible(pcm: Pcm) -> float:
    """Seconds of sound, in 5 ms."""
    step = MEETING_RATE // 200
    blocks = pcm[: len(pcm) // step * step].reshape(-1, step).astype(np.float64) / 32768
    return float(np.sum(np.sqrt(np.mean(blocks * blocks, axis=1)) >= AUDIBLE)) * step / MEETING_RATE


async def spoken(hz: int, rate: int) -> float:
    """SINAD of a tone on its way from a message to the codec."""
    frames: list[Pcm] = []
    mouth = Mouth(frames.append, continuous=False)
    inlet = Inlet(mouth)
    pcm = tone(0.5, hz, rate, 16384)
    for start in range(0, len(pcm), rate // 10):
        data = {"chunk": encoded(pcm[start : start + rate // 10]), "sample_rate": rate}
        command = codec.decode(json.dumps({"trigger": "realtime_audio.bot_output", "data": data}))
        assert isinstance(command, PlayAudio)
        inlet.play(command.pcm, command.sample_rate)
    await asyncio.sleep(0.7)
    mouth.stop()
    return sinad(np.concatenate(frames)[: MEETING_RATE // 2], hz, MEETING_RATE)


def listened(hz: int, rate: int) -> float:
    """SINAD of a tone on its way from the meeting into messages."""
    texts = messages(tone(0.5, hz, MEETING_RATE, 16384), rate)
    chunks = [np.frombuffer(base64.b64decode(json.loads(text)["data"]["chunk"]), "<i2") for text in texts]
    return sinad(np.concatenate(chunks), hz, rate)


def messages(pcm: Pcm, rate: int) -> list[str]:
    mix, chunks, texts = LiveMix(0), Chunks(rate), []
    block = MEETING_RATE // 100
    for now in range(block, len(pcm) + 1, block):
        mix.add("ada", now, pcm[now - block : now])
        for frame in mix.take(now):
            for chunk in chunks.push(*frame):
                texts.append(codec.mixed("bot_0123456789abcdef", chunk.pcm, 1_700_000_000_000 + chunk.at // 48, rate))
    return texts


def sinad(pcm: Pcm, hz: int, rate: int) -> float:
    """Signal to noise and distortion in dB; the first and last 50 ms do not count."""
    heard = pcm[rate // 20 : -rate // 20].astype(np.float64)
    phase = 2 * np.pi * hz * np.arange(len(heard)) / rate
    basis = np.stack([np.sin(phase), np.cos(phase), np.ones_like(phase)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, heard, rcond=None)[0]
    return round(float(10 * np.log10(np.mean(fit**2) / max(float(np.mean((heard - fit) ** 2)), 1e-9))), 1)


def cpu_us() -> float:
    pcm = np.random.default_rng(1).normal(0, 2500, 40 * MEETING_RATE).clip(-32000, 32000).astype(np.int16)
    began = time.process_time()
    count = len(messages(pcm, SPEECH_RATE))
    return round(1e6 * (time.process_time() - began) / count, 1)


async def measure(rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as data:
        async with users_server() as user, serve(Path(data), agent=False) as served:
            call = await Call.make(served, user, "attendee")
            clips = [await call.clip() for _ in range(rounds)]
            pieces = [await call.pieces() for _ in range(max(1, rounds // 5))]
            burst = await call.burst()
            clears = [value for _ in range(rounds) if (value := await call.clear()) is not None]
            await call.person.leave()
    load = os.getloadavg()[0]
    if len(clears) < 0.9 * rounds:
        raise RuntimeError(f"the bot was not heard to fall silent in {rounds - len(clears)} of {rounds} rounds")
    names = [(f"{rate // 1000}k_{hz}", hz, rate) for rate in codec.RATES for hz in TONES]
    purity = await asyncio.gather(*(spoken(hz, rate) for _, hz, rate in names))
    return {
        "played_ratio": {
            "clip_250ms": round(float(np.mean(clips)), 3),
            "pieces_60ms": round(float(np.mean(pieces)), 3),
            "burst_5s": round(burst, 3),
        },
        "clear_to_silence_ms": spread(clears),
        "sinad_db": {name: value for (name, _, _), value in zip(names, purity, strict=True)},
        "sinad_mixed_db": {name: listened(hz, rate) for name, hz, rate in names},
        "bytes_per_message": round(float(np.mean(user.sizes)), 1),
        "cpu_us_per_message": cpu_us(),
        "rounds": rounds,
        "machine_load": round(load, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="clips and clears")
    parser.add_argument("--quick", action="store_true", help="10 rounds")
    chosen = parser.parse_args()
    rounds = 10 if chosen.quick else chosen.rounds
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        figures = runner.run(measure(rounds))
    rows = [
        ("heard of what was sent, share", figures["played_ratio"]),
        ("clear to silence at the ear, ms", figures["clear_to_silence_ms"]),
        ("SINAD of bot_output at the codec, dB", figures["sinad_db"]),
        ("SINAD of the mixed audio, dB", figures["sinad_mixed_db"]),
        ("bytes of a mixed message (16 kHz, 20 ms)", figures["bytes_per_message"]),
        ("CPU of a mixed message, us", figures["cpu_us_per_message"]),
        ("runnable processes meanwhile (all of the machine)", figures["machine_load"]),
    ]
    table(rows, f"attendee_audio: {rounds} rounds")
    print(f"  -> {write('attendee_audio', figures)}")


if __name__ == "__main__":
    sys.exit(main())
