"""What the people do. Each scenario gives one script per session; scripts look at the loudspeaker and speak.

Every script ends by itself; ``limit_s`` bounds what never answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.live_loop.clips import BARGE_INS, QUESTIONS, SOUNDS
from bench.live_loop.device import WORDS

if TYPE_CHECKING:
    from bench.live_loop.subject import Seat

POLL_S = 0.01
ANSWER_LIMIT_S = 8.0
CYCLE_S = 8.0
"""``cpu``: a question every this many seconds in each session."""
WATCH_S = 8.5
"""``false_interruption``: how long the listener waits for the bot to go on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The scripts, the seconds of room noise before them, and the seconds after which they are cut off."""

    scripts: list[Coroutine[Any, Any, None]]
    limit_s: float
    settle_s: float = 1.0


async def _wait(condition: Callable[[], bool], limit: float) -> bool:
    end = time.perf_counter() + limit
    while not condition():
        if time.perf_counter() > end:
            return False
        await asyncio.sleep(POLL_S)
    return True


def _answered(seat: Seat, before: int, words: int) -> bool:
    """The last word of an answer begun since ``before`` spans has been heard."""
    device = seat.device
    if device.queued_s(time.perf_counter()) > 0 or len(device.spans) <= before:
        return False
    return device.spans[-1].last % WORDS == words - 1


async def _ask_and_listen(seat: Seat, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    words = sum(seat.profile.sentences)
    for turn in range(count):
        before = len(seat.device.spans)
        seat.mic.say(seat.clips[f"question{(turn + seed) % len(QUESTIONS)}"])
        if not await _wait(lambda before=before: _answered(seat, before, words), ANSWER_LIMIT_S):
            seat.notes.append(f"turn {turn}: not answered to the end")
        await asyncio.sleep(0.4 + float(random.uniform(0, 0.1)))


async def _talk_over(seat: Seat, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    device = seat.device
    seat.mic.say(seat.clips["question0"])
    done, misses = 0, 0
    while done < count and misses < 3:
        patience = 0.8 + float(random.uniform(0, 0.3))
        if not await _wait(lambda: device.audible_for(time.perf_counter()) >= patience, ANSWER_LIMIT_S):  # noqa: B023
            seat.notes.append(f"barge-in {done}: the bot was not speaking")
            misses += 1
            seat.mic.say(seat.clips["question0"])
            continue
        seat.mic.say(seat.clips[f"barge_in{(done + seed) % len(BARGE_INS)}"])
        done += 1
        await _wait(lambda: not seat.mic.busy, 5.0)
        await asyncio.sleep(0.25)
    await asyncio.sleep(1.0)


async def _make_a_sound(seat: Seat, name: str, start: float) -> None:
    device = seat.device
    await asyncio.sleep(start)
    seat.mic.say(seat.clips["question1"])
    if not await _wait(lambda: device.audible_for(time.perf_counter()) >= 1.2, ANSWER_LIMIT_S):
        seat.notes.append("the bot did not speak")
        return
    seat.mic.say(seat.clips[name])
    await asyncio.sleep(WATCH_S)


async def _converse(seat: Seat, start: float, seconds: float) -> None:
    begun = time.perf_counter()
    turn = 0
    while start + turn * CYCLE_S < seconds:
        await asyncio.sleep(max(0.0, begun + start + turn * CYCLE_S - time.perf_counter()))
        seat.mic.say(seat.clips[f"question{(turn + seat.index) % len(QUESTIONS)}"])
        turn += 1
    await asyncio.sleep(max(0.0, begun + seconds - time.perf_counter()))


def voice_to_voice(seats: list[Seat], count: int, seconds: float, seed: int) -> Plan:
    """``count`` questions, one after the other."""
    return Plan([_ask_and_listen(seat, count, seed) for seat in seats], count * 10.0)


def barge_in(seats: list[Seat], count: int, seconds: float, seed: int) -> Plan:
    """``count`` times: the bot gives a long answer, the person speaks over it, and gets the next answer."""
    return Plan([_talk_over(seat, count, seed) for seat in seats], count * 6.0 + 30)


def false_interruption(seats: list[Seat], count: int, seconds: float, seed: int) -> Plan:
    """One sound over one long answer in each session; the sessions are 0.17 s apart."""
    names = list(SOUNDS)
    scripts = [_make_a_sound(seat, names[i % len(names)], i * 0.17 + seed * 0.013) for i, seat in enumerate(seats)]
    return Plan(scripts, 40.0)


def cpu(seats: list[Seat], count: int, seconds: float, seed: int) -> Plan:
    """A conversation: in every 8 s a question of about 1.1 s and an answer of 2.4 s, the rest silence."""
    scripts = [_converse(seat, i * CYCLE_S / len(seats), seconds) for i, seat in enumerate(seats)]
    return Plan(scripts, seconds + 15, settle_s=3.0)


SCENARIOS: dict[str, Callable[[list[Seat], int, float, int], Plan]] = {
    "voice_to_voice": voice_to_voice,
    "barge_in": barge_in,
    "false_interruption": false_interruption,
    "cpu": cpu,
}
