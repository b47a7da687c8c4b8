"""One way between a person in the built-in room and a user's server: delays, flush, cost per bot, purity of tone.

The server runs in a process of its own; the person (real WebRTC, libwebrtc's jitter buffer) and the user's websocket
server run here, on one clock.

``mouth_to_socket_ms``: a 100 ms chirp is said. Its first sample leaves the mouth as it would at a microphone: audio is
    handed to WebRTC in frames of 20 ms when a frame's *last* sample has been spoken, and the chirp begins at a random
    place in its frame. The clock stops when the user's server has received the websocket message in which that sample
    lies (found by cross-correlation, so the codec's delay counts).
``socket_to_ear_ms``: the bot is idle; from the user's server sending ``sendaudio`` (a 100 ms chirp at 24 kHz) to that
    chirp's first sample at the person's ear. A block of audio that comes out of the jitter buffer is heard from then
    on, sample after sample, as through a loudspeaker.
``flush_ms``: from sending ``interrupt`` in the middle of a clip to the last audible sample (over -40 dBFS) at the ear.
``cpu_core_per_bot``, ``rss_mb_per_bot``: server and worker process with six bots less those with none, over six. Each
    bot is in a room of its own with one person who speaks all the time, and sends audio to its own socket.
``sinad_db``: 1 kHz at -6 dBFS through the bot's mouth, before the codec; the worst of the rates.

Sound cards are in none of these figures.
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

from bench.harness import Served, cpu_seconds, family, rss_mb, serve, spread, table, write
from rejoinder import plugins
from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm
from rejoinder.media.inlet import Inlet
from rejoinder.media.loop import new_event_loop
from rejoinder.media.mouth import Mouth
from rejoinder.rehearsal import Person
from rejoinder.settings import Settings

RATES = (8_000, 16_000, 24_000, 44_100, 48_000)
SPEECH_RATE = 24_000
"""What most speech services give."""
CHIRP_S, CHIRP_HZ = 0.1, (400.0, 3200.0)
EVERY_S = 0.5
MATCH = 0.5
"""Least correlation with the chirp that counts as having found it; 0.95 is usual after the codec."""
AUDIBLE = 0.01
BOTS = 6
SETTLE_S = 2.0


@dataclass
class Stream:
    """Audio as it came in: the time of each block and its samples."""

    times: list[float] = field(default_factory=list)
    blocks: list[Pcm] = field(default_factory=list)

    def since(self, time: float) -> tuple[list[float], list[int], Pcm]:
        """(times, first position, all samples) of the blocks that came after ``time``."""
        first = next((number for number, at in enumerate(self.times) if at >= time), len(self.times))
        blocks = self.blocks[first:]
        starts = np.cumsum([0, *(len(block) for block in blocks)]).tolist()
        return self.times[first:], starts, np.concatenate(blocks) if blocks else np.zeros(0, np.int16)


@dataclass
class User:
    """The user's server."""

    port: int = 0
    heard: dict[str, Stream] = field(default_factory=dict)
    """What came of each bot's one person, by bot id."""
    controls: dict[str, ServerConnection] = field(default_factory=dict)

    async def command(self, bot: str, **body: Any) -> float:
        """Send a command; when it was sent."""
        text = json.dumps(body)
        now = asyncio.get_running_loop().time()
        await self.controls[bot].send(text)
        return now

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        _, bot, kind = connection.request.path.split("/")
        loop = asyncio.get_running_loop()
        stream = self.heard.setdefault(bot, Stream())
        if kind == "control":
            self.controls[bot] = connection
        try:
            async for message in connection:
                if isinstance(message, bytes):
                    stream.times.append(loop.time())
                    stream.blocks.append(samples_of(message))
        except ConnectionClosed:
            pass


def samples_of(message: bytes) -> Pcm:
    """The samples of an audio message (u8, u16 id length, id, u16 name length, name, PCM)."""
    name = 3 + int.from_bytes(message[1:3], "little")
    return np.frombuffer(message, "<i2", offset=name + 2 + int.from_bytes(message[name : name + 2], "little"))


@asynccontextmanager
async def users_server() -> AsyncIterator[User]:
    user = User()
    async with serve_websockets(user.serve, "127.0.0.1", 0, compression=None) as server:
        user.port = next(iter(server.sockets)).getsockname()[1]
        yield user


def chirp(rate: int) -> Pcm:
    times = np.arange(round(CHIRP_S * rate)) / rate
    low, high = CHIRP_HZ
    return (9000 * np.sin(2 * np.pi * (low + (high - low) * times / CHIRP_S / 2) * times)).astype(np.int16)


def find_chirp(samples: Pcm) -> int | None:
    """Where the chirp begins in 48 kHz samples, None if it is not there."""
    pattern = chirp(MEETING_RATE).astype(np.float64)
    signal = samples.astype(np.float64)
    if len(signal) < len(pattern):
        return None
    size = 1 << (len(signal) + len(pattern)).bit_length()
    spectrum = np.fft.rfft(signal, size) * np.conj(np.fft.rfft(pattern, size))
    products = np.fft.irfft(spectrum, size)[: len(signal) - len(pattern) + 1]
    energies = np.cumsum(np.concatenate([[0.0], signal * signal]))
    lengths = np.sqrt(energies[len(pattern) :] - energies[: -len(pattern)]) * np.sqrt(pattern @ pattern)
    match = products / np.maximum(lengths, 1e6)
    best = int(np.argmax(match))
    return best if match[best] >= MATCH else None


def heard_at(times: list[float], starts: list[int], position: int) -> tuple[float, int]:
    """When the block with a sample came, and the sample's place in it."""
    number = int(np.searchsorted(starts, position, side="right")) - 1
    return times[number], position - starts[number]


class Call:
    """One person, one bot, one room."""

    def __init__(self, served: Served, user: User, person: Person, bot: str) -> None:
        self.served, self.user, self.person, self.bot = served, user, person, bot
        self.ear = Stream()

    @classmethod
    async def make(cls, served: Served, user: User, room: str, *, audio: bool = True) -> Call:
        person = Person(plugins.engine(Settings()), served.signalling(room), "Ada")
        await person.join()
        sockets = {"socket_connection_url": f"ws://127.0.0.1:{user.port}/{{bot_id}}/control"}
        if audio:
            sockets["live_audio_required"] = f"ws://127.0.0.1:{user.port}/{{bot_id}}/audio"
        call = cls(served, user, person, await served.create_bot(room, bot_name="Robin", **sockets))
        await person.until(lambda: call.bot in user.controls and bool(person.others), 15, "the bot")
        robin = person.find("Robin").id
        await person.until(lambda: len(person.tapes[robin].blocks) > 10, 15, "the bot's audio")
        if audio:
            await person.until(lambda: bool(user.heard[call.bot].blocks), 15, "audio at the user's server")
        call.ear = Stream(person.tapes[robin].times, person.tapes[robin].blocks)
        return call

    async def mouth_to_socket(self) -> float | None:
        lead = random.randrange(FRAME_SAMPLES)
        clip = np.concatenate([np.zeros(lead, np.int16), chirp(MEETING_RATE)])
        since = self.person.now
        began = (await self.person.say(clip)).written + (lead - FRAME_SAMPLES) / MEETING_RATE
        await asyncio.sleep(EVERY_S - CHIRP_S + random.uniform(0, 0.02))
        times, starts, samples = self.user.heard[self.bot].since(since)
        position = find_chirp(samples)
        return None if position is None else 1000 * (heard_at(times, starts, position)[0] - began)

    async def socket_to_ear(self) -> float | None:
        sent = await self._speak(chirp(SPEECH_RATE))
        await asyncio.sleep(EVERY_S + random.uniform(0, 0.02))
        times, starts, samples = self.ear.since(sent)
        position = find_chirp(samples)
        if position is None:
            return None
        at, place = heard_at(times, starts, position)
        return 1000 * (at + place / MEETING_RATE - sent)

    async def flush(self) -> float | None:
        seconds = np.arange(2 * SPEECH_RATE) / SPEECH_RATE
        await self._speak((9000 * np.sin(2 * np.pi * 500 * seconds)).astype(np.int16))
        await asyncio.sleep(random.uniform(0.4, 0.6))
        sent = await self.user.command(self.bot, command="interrupt", action="clear_audio_queue")
        await asyncio.sleep(0.6)
        times, starts, samples = self.ear.since(sent)
        step = MEETING_RATE // 1000
        whole = samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64) / 32768
        loud = np.flatnonzero(np.sqrt(np.mean(whole * whole, axis=1)) >= AUDIBLE)
        if not len(loud) or (loud[-1] + 1) * step >= len(samples) - MEETING_RATE // 10:
            return None
        at, place = heard_at(times, starts, int(loud[-1]) * step)
        return 1000 * (at + (place + step) / MEETING_RATE - sent)

    async def _speak(self, pcm: Pcm) -> float:
        audio = base64.b64encode(pcm.astype("<i2").tobytes()).decode()
        return await self.user.command(self.bot, command="sendaudio", audiochunk=audio, sample_rate=SPEECH_RATE)

    async def talk(self) -> None:
        """Speak on and on: bursts of noise, as loud and as often interrupted as speech."""
        source = np.random.default_rng(1)
        while True:
            noise = source.normal(0, 2500, MEETING_RATE // 4).clip(-32000, 32000).astype(np.int16)
            await self.person.say(noise)
            await asyncio.sleep(0.08)


async def delays(served: Served, user: User, rounds: int) -> dict[str, Any]:
    call = await Call.make(served, user, "delays")
    await asyncio.sleep(SETTLE_S)
    figures: dict[str, Any] = {}
    for name in ("mouth_to_socket", "socket_to_ear", "flush"):
        found = [await getattr(call, name)() for _ in range(rounds)]
        values = [value for value in found if value is not None]
        if len(values) < 0.9 * rounds:
            raise RuntimeError(f"{name}: only {len(values)} of {rounds} sounds were found again")
        figures[f"{name}_ms"] = spread(values)
        figures.setdefault("samples", {})[name] = len(values)
    await call.person.leave()
    return figures


@dataclass(frozen=True)
class Load:
    """What the server and its worker process need: cores and MB."""

    cores: float
    rss: float


async def load(pid: int, seconds: float) -> Load:
    processes, loop = family(pid), asyncio.get_running_loop()
    before, began = sum(map(cpu_seconds, processes)), loop.time()
    await asyncio.sleep(seconds)
    spent = sum(map(cpu_seconds, processes)) - before
    return Load(spent / (loop.time() - began), sum(map(rss_mb, processes)))


async def cost(user: User, seconds: float, *, audio: bool) -> tuple[Load, Load]:
    """(first bot, each of six)"""
    with tempfile.TemporaryDirectory() as data:
        async with serve(Path(data), agent=False) as served, asyncio.TaskGroup() as group:
            await asyncio.sleep(SETTLE_S)
            loads, calls, talking = {0: await load(served.pid, seconds)}, [], []
            for count in (1, BOTS):
                while len(calls) < count:
                    calls.append(await Call.make(served, user, f"cost-{len(calls)}", audio=audio))
                    talking.append(group.create_task(calls[-1].talk()))
                await asyncio.sleep(SETTLE_S)
                loads[count] = await load(served.pid, seconds)
            for task in talking:
                task.cancel()
            for call in calls:
                await call.person.leave()
    return each(loads[0], loads[1], 1), each(loads[0], loads[BOTS], BOTS)


def each(none: Load, some: Load, count: int) -> Load:
    return Load(round((some.cores - none.cores) / count, 4), round((some.rss - none.rss) / count, 1))


async def sinad(rate: int) -> float:
    """Signal to noise and distortion of 1 kHz through inlet, resampler and playout, in dB."""
    frames: list[Pcm] = []
    mouth = Mouth(frames.append, continuous=False)
    inlet = Inlet(mouth)
    pcm = (16384 * np.sin(2 * np.pi * 1000 * np.arange(rate // 2) / rate)).round().astype("<i2")
    for start in range(0, len(pcm), rate // 10):
        inlet.play(pcm[start : start + rate // 10].tobytes(), rate)
    await asyncio.sleep(0.7)
    mouth.stop()
    heard = np.concatenate(frames)[MEETING_RATE // 20 : MEETING_RATE * 9 // 20].astype(np.float64)
    phase = 2 * np.pi * 1000 * np.arange(len(heard)) / MEETING_RATE
    basis = np.stack([np.sin(phase), np.cos(phase), np.ones_like(phase)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, heard, rcond=None)[0]
    residue = float(np.mean(np.square(heard - fit)))
    return float(10 * np.log10(np.mean(np.square(fit)) / max(residue, 1e-9)))


def machine() -> tuple[float, float]:
    """(CPU seconds all processes of this computer used, those of this process and its ended children)"""
    ticks = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]]
    busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
    own = os.times()
    return busy, own.user + own.system + own.children_user + own.children_system


async def measure(rounds: int, seconds: float) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    began, before = loop.time(), machine()
    async with users_server() as user:
        with tempfile.TemporaryDirectory() as data:
            async with serve(Path(data), agent=False) as served:
                figures = await delays(served, user, rounds)
        first, per_bot = await cost(user, seconds, audio=True)
        _, listening = await cost(user, seconds, audio=False)
    after, took = machine(), loop.time() - began
    purity = {str(rate): round(await sinad(rate), 1) for rate in RATES}
    return {
        **figures,
        "cpu_core_per_bot": per_bot.cores,
        "rss_mb_per_bot": per_bot.rss,
        "sinad_db": min(purity.values()),
        "first_bot": {"cpu_core": first.cores, "rss_mb": first.rss},
        "without_audio_socket": {"cpu_core": listening.cores, "rss_mb": listening.rss},
        "sinad_db_by_rate": purity,
        "others_cores": round(((after[0] - before[0]) - (after[1] - before[1])) / took, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="sounds for each of the three delays")
    parser.add_argument("--quick", action="store_true", help="20 sounds and short spans of load")
    chosen = parser.parse_args()
    rounds, seconds = (20, 3.0) if chosen.quick else (chosen.rounds, 10.0)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        figures = runner.run(measure(rounds, seconds))
    rows = [
        ("mouth to the user's socket, ms", figures["mouth_to_socket_ms"]),
        ("sendaudio to ear, ms", figures["socket_to_ear_ms"]),
        ("interrupt to silence at the ear, ms", figures["flush_ms"]),
        (f"CPU per bot (of {BOTS}, audio socket on), cores", figures["cpu_core_per_bot"]),
        ("  the first bot", figures["first_bot"]["cpu_core"]),
        ("  without audio socket", figures["without_audio_socket"]["cpu_core"]),
        (f"memory per bot (of {BOTS}), MB", figures["rss_mb_per_bot"]),
        ("  the first bot", figures["first_bot"]["rss_mb"]),
        ("SINAD of 1 kHz before the codec, worst rate, dB", figures["sinad_db"]),
        ("cores in use by other processes meanwhile", figures["others_cores"]),
    ]
    table(rows, f"room_audio: {rounds} sounds each")
    print(f"  -> {write('room_audio', figures)}")


if __name__ == "__main__":
    sys.exit(main())
