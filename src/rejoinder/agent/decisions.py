"""What turn-taking can decide: the commands of :mod:`rejoinder.agent.turn`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listen:
    """Speech began, or goes on after a pause: transcribe this participant."""

    participant: str


@dataclass(frozen=True, slots=True)
class Flush:
    """The speaker paused, ``silence`` seconds ago: ask the transcriber for what was said."""

    participant: str
    silence: float


@dataclass(frozen=True, slots=True)
class Judge:
    """Ask the turn model about this participant's last seconds."""

    participant: str


@dataclass(frozen=True, slots=True)
class Speculate:
    """These words may be the whole turn: begin a reply, keep it to yourself."""

    participant: str
    text: str


@dataclass(frozen=True, slots=True)
class Discard:
    """The speaker goes on: a speculative reply to them is void."""

    participant: str


@dataclass(frozen=True, slots=True)
class EndTurn:
    """The turn is over (known before its words are, possibly)."""

    participant: str
    silence: float
    score: float | None


@dataclass(frozen=True, slots=True)
class Commit:
    """The turn's words: answer them if they are meant for the bot. Empty when nothing was said."""

    participant: str
    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Be silent at once; keep the reply."""

    participant: str


@dataclass(frozen=True, slots=True)
class Resume:
    """It was nothing: go on where you stopped."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """It was an interruption: the reply is over."""

    participant: str


Command = Listen | Flush | Judge | Speculate | Discard | EndTurn | Commit | Pause | Resume | Interrupt
