"""From raw times to figures: pure functions over the events of one subject process (a *run*)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.live_loop.device import WORDS

SILENCE_S = 0.2
"""The bot is silent when nothing of it is heard for this long."""
WATCH_CAP_S = 8.0
"""Silence after a false interruption is counted up to here."""
LATE_FEEDER_S = 0.020
"""A run whose 95th percentile of feeder lateness is above this did not get real-time audio, and is not used."""
OVERLOADED_S = 0.100
"""``cpu``: a process whose feeder is later than this (95th percentile) does not carry its sessions."""
ANSWER_IN_TIME_S = 2.0
ANSWERED_SHARE = 0.9
"""``cpu``: share of the questions that must be answered within ``ANSWER_IN_TIME_S``."""


@dataclass(slots=True)
class Run:
    """What one subject process said."""

    about: dict[str, Any] = field(default_factory=dict)
    load: dict[str, Any] = field(default_factory=dict)
    lag: dict[str, Any] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    failed: str | None = None

    @property
    def late(self) -> bool:
        """The feeder was late: do not use."""
        return not self.lag or self.lag["p95"] > LATE_FEEDER_S

    @classmethod
    def of(cls, events: Iterable[dict[str, Any]]) -> Run:
        """Collect a process's events; a process that never said it was done has failed."""
        run, done = cls(), False
        for event in events:
            match event["event"]:
                case "about":
                    run.about = event
                case "load":
                    run.load = event
                case "lag":
                    run.lag = event
                case "session":
                    run.sessions.append(event)
                case "failed":
                    run.failed = event["error"]
                case "done":
                    done = True
        if not run.sessions and run.failed is None and not done:
            run.failed = "the process ended without a result"
        return run


def _first_audio(session: dict[str, Any], index: int) -> float | None:
    """When the bot was first heard after question ``index`` began and before the next one did."""
    said = session["utterances"]
    until = said[index + 1]["onset"] if index + 1 < len(said) else float("inf")
    for start, *_ in session["spans"]:
        if said[index]["onset"] <= start < until:
            return float(start)
    return None


def voice_to_voice(run: Run) -> list[float]:
    """Per answered question: ms from the last speech sample to the first bot sample (negative: it cut in)."""
    out = []
    for session in run.sessions:
        for index, said in enumerate(session["utterances"]):
            audio = _first_audio(session, index)
            if audio is not None:
                out.append((audio - said["end"]) * 1000)
    return out


def unanswered(run: Run) -> int:
    """Questions after which nothing was heard."""
    return sum(
        _first_audio(session, index) is None for session in run.sessions for index in range(len(session["utterances"]))
    )


def added(run: Run) -> list[float]:
    """Per answered question: ms from the subject's own end-of-speech decision to the first bot sample."""
    out = []
    for session in run.sessions:
        for index, said in enumerate(session["utterances"]):
            audio = _first_audio(session, index)
            stops = [stop for stop in session["vad_stops"] if stop > said["end"]]
            if audio is not None and stops:
                out.append((audio - stops[0]) * 1000)
    return out


def decision(run: Run) -> list[float]:
    """Per question: ms from the last speech sample to the subject's own end-of-speech decision."""
    out = []
    for session in run.sessions:
        for said in session["utterances"]:
            stops = [stop for stop in session["vad_stops"] if stop > said["end"]]
            if stops:
                out.append((stops[0] - said["end"]) * 1000)
    return out


def requests_per_question(run: Run) -> float | None:
    """How many answers were asked of the model per question: the price of speculation."""
    questions = sum(len(session["utterances"]) for session in run.sessions)
    return sum(len(session["llm_requests"]) for session in run.sessions) / questions if questions else None


def longest_gap(run: Run) -> float:
    """The longest pause in ms within one answer (between two spans of the same reply)."""
    worst = 0.0
    for session in run.sessions:
        spans = session["spans"]
        for (_, end, _, last), (start, _, first, _) in itertools.pairwise(spans):
            if last // WORDS == first // WORDS:
                worst = max(worst, (start - end) * 1000)
    return worst


def _speaking_at(spans: Sequence[Sequence[float]], moment: float) -> int | None:
    return next((i for i, span in enumerate(spans) if span[0] <= moment < span[1]), None)


def barge_in(run: Run) -> list[float]:
    """Per utterance over the bot's speech: ms from its first sample to the last bot sample before ``SILENCE_S``."""
    out = []
    for session in run.sessions:
        spans = session["spans"]
        for said in session["utterances"]:
            index = _speaking_at(spans, said["onset"])
            if index is None:
                continue
            while index + 1 < len(spans) and spans[index + 1][0] - spans[index][1] < SILENCE_S:
                index += 1
            out.append((spans[index][1] - said["onset"]) * 1000)
    return out


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What one sound did to the bot's reply."""

    sound: str
    silent_ms: float
    """The longest silence the listener heard, up to ``WATCH_CAP_S``."""
    resumed: bool
    """The same reply went on, from the word where it stopped (one word of repetition or loss is allowed)."""


def false_interruptions(run: Run) -> list[Disturbance]:
    """One per session in which the bot was speaking when the sound began."""
    out = []
    for session in run.sessions:
        said = next((u for u in session["utterances"] if not u["name"].startswith("question")), None)
        if said is None:
            continue
        spans = session["spans"]
        index = _speaking_at(spans, said["onset"])
        if index is None:
            continue
        horizon = said["onset"] + WATCH_CAP_S
        gap, resumed = 0.0, True
        before = spans[index]
        for after in spans[index + 1 :]:
            if before[1] >= horizon:
                break
            gap = max(gap, after[0] - before[1])
            jump = after[2] - before[3]
            resumed = resumed and -1 <= jump <= 2
            before = after
        if before[1] < horizon:
            gap, resumed = max(gap, horizon - before[1]), False
        out.append(Disturbance(said["name"], min(gap, WATCH_CAP_S) * 1000, resumed))
    return out


def cpu_per_minute(run: Run) -> float:
    """CPU seconds (user and system, all threads, harness included) per session and minute."""
    return float(run.load["cpu_s"] / (run.load["wall_s"] / 60) / run.load["sessions"])


def overload(run: Run) -> str | None:
    """Why a ``cpu`` run's figure says nothing, or None. Work that is left undone would look like thrift."""
    if run.failed is not None:
        return run.failed
    if run.lag["p95"] > OVERLOADED_S:
        return f"overloaded: the feeder's p95 lag was {run.lag['p95'] * 1000:.0f} ms"
    asked = answered = 0
    for session in run.sessions:
        last = max((u["end"] for u in session["utterances"]), default=0.0)
        for index, said in enumerate(session["utterances"]):
            audio = _first_audio(session, index)
            if said["end"] == last and (audio is None):
                continue  # the run may have ended before its answer
            asked += 1
            answered += audio is not None and audio - said["end"] <= ANSWER_IN_TIME_S
    if asked == 0 or answered < ANSWERED_SHARE * asked:
        return f"overloaded: {answered} of {asked} questions answered within {ANSWER_IN_TIME_S:.0f} s"
    return None


def memory_per_session(points: dict[int, Run]) -> float | None:
    """MB per session: the slope of resident memory between the fewest and the most sessions that were carried."""
    counts = sorted(points)
    if len(counts) >= 2:
        low, high = points[counts[0]], points[counts[-1]]
        return float((high.load["rss_mb"] - low.load["rss_mb"]) / (counts[-1] - counts[0]))
    if counts:
        load = points[counts[0]].load
        return float((load["rss_mb"] - load["rss_base_mb"]) / (counts[0] - 1)) if counts[0] > 1 else None
    return None


def sessions_per_core(points: dict[int, Run], share: float = 0.8) -> int | None:
    """How many sessions one core carries at ``share`` of its time, from the largest point that was carried."""
    if not points:
        return None
    count = max(points)
    load = points[count].load
    return int(share * count * load["wall_s"] / load["cpu_s"])
