"""When one participant's words are asked for, shown and settled, while they speak. Pure.

Fed with speech probabilities (one per window) and with what the transcriber understood; answers with commands for
whoever holds the audio. All clocks are counted in audio, positions are samples since the stream was opened.

* 64 ms of speech open an utterance; the transcriber gets its audio from 0.35 s before.
* 0.29 s of silence: the transcriber is asked for everything so far, which costs nothing if the pause goes on.
* 0.61 s of silence: the utterance is over. Its words become final as soon as they are there.
* From 14 s on at the next dip in the voice, and at 20 s in any place, what was said is settled, and speech goes on in
  a new utterance.
"""

from __future__ import annotations

from dataclasses import dataclass

from rejoinder.agent.base import STT_RATE, Recognition
from rejoinder.transcription.spans import OFFSET, ONSET, ONSET_WINDOWS

PREROLL_S = 0.35
"""Audio before the detected onset that belongs to the first word, as in :mod:`rejoinder.agent.ear`."""
ASK_WINDOWS = 9
END_WINDOWS = 19
DIP_FROM_S, LONGEST_S = 14.0, 20.0
PATIENCE_S = 10.0
"""Audio after which an answer that did not come is given up; what was understood before becomes final."""
NEAR_S = 0.02
"""A result that covers all but this covers all."""
LOOPS_UNTIL_S = 2.0
"""Of so little speech a model may give its words several times ("Morning. Morning."); interim results do not."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Begin an utterance with the audio from ``start`` on."""

    start: int


@dataclass(frozen=True, slots=True)
class Feed:
    """Give the transcriber the audio up to ``to``."""

    to: int


@dataclass(frozen=True, slots=True)
class Flush:
    """Ask for everything fed so far."""


@dataclass(frozen=True, slots=True)
class Commit:
    """The utterance is used up."""


@dataclass(frozen=True, slots=True)
class Show:
    """Deliver words. They were said in the first ``covered`` samples of the utterance."""

    text: str
    new_text: str
    covered: int
    final: bool = False
    end_of_turn: bool = False


Command = Listen | Feed | Flush | Commit | Show


class Utterance:
    """One participant's speech. ``window``: samples per probability."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._at = 0
        """Samples judged so far."""
        self._run = 0
        self._quiet = 0
        self._open = False
        """The transcriber has an utterance."""
        self._start = 0
        self._asked: int | None = None
        """What the last flush covers, as long as its answer is wanted."""
        self._answered = False
        self._closing = False
        """The utterance ends at ``_asked``; later audio is held back for the next one."""
        self._again: int | None = None
        """Where speech began anew while the utterance was closing."""
        self._floor = 0
        """Audio before this was used."""
        self._text = ""
        self._covered = 0
        self._shown = ""
        self._turn = False
        """Some of the present turn was settled already."""
        self._ended = False

    @property
    def open(self) -> bool:
        """Whether something is under way."""
        return self._open

    @property
    def needed_from(self) -> int:
        """The first sample a new utterance may begin with; an open one needs what it was not fed."""
        return max(0, self._floor, self._at - self._run * self._window - int(PREROLL_S * STT_RATE))

    def window(self, score: float) -> list[Command]:
        """The next window's speech probability."""
        self._at += self._window
        if not self._open:
            return self._listen() if self._onset(score) else []
        if self._closing:
            return self._wait(score)
        self._quiet = self._quiet + 1 if score < OFFSET else (0 if score >= ONSET else self._quiet)
        if self._quiet == 0 and self._asked is not None:  # they went on: the answer is as good as an interim one
            self._asked, self._answered = None, False
        if self._quiet >= END_WINDOWS:
            return self._close() if self._asked is not None else [Feed(self._at), *self._ask(), *self._close()]
        if self._asked is not None:
            return []
        commands: list[Command] = [Feed(self._at)]
        length = self._at - self._start
        if length >= LONGEST_S * STT_RATE or (length >= DIP_FROM_S * STT_RATE and score < ONSET):
            self._again = self._at
            return [*commands, *self._ask(), *self._close()]
        if self._quiet == ASK_WINDOWS:
            commands += self._ask()
        return commands

    def recognised(self, result: Recognition) -> list[Command]:
        """What the transcriber understood of the utterance so far."""
        if not self._open:
            return []
        self._text, self._covered = result.text, round(result.heard_s * STT_RATE)
        if self._asked is not None and result.final:
            self._answered = self._start + self._covered >= self._asked - NEAR_S * STT_RATE
        if self._closing and self._answered:
            return self._finish()
        return self._interim()

    def end(self, at: int) -> list[Command]:
        """No more audio will come after sample ``at``."""
        self._at, self._ended = max(self._at, at), True
        if not self._open or self._closing:
            return []
        if self._asked is not None:
            return self._close()
        return [Feed(self._at), *self._ask(), *self._close()]

    def give_up(self) -> list[Command]:
        """No more answers will come either."""
        self._again = None
        return self._finish() if self._open else []

    def _onset(self, score: float) -> bool:
        self._run = self._run + 1 if score >= ONSET else 0
        return self._run >= ONSET_WINDOWS

    def _listen(self, start: int | None = None) -> list[Command]:
        if start is None:
            start = self.needed_from
        self._open, self._start = True, start
        self._run = self._quiet = 0
        self._asked, self._answered, self._closing, self._again = None, False, False, None
        self._text, self._covered, self._shown = "", 0, ""
        return [Listen(start), Feed(self._at)]

    def _ask(self) -> list[Command]:
        self._asked, self._answered = self._at, False
        return [Flush()]

    def _close(self) -> list[Command]:
        self._closing = True
        assert self._asked is not None
        self._floor = self._asked
        self._run = 0
        return self._finish() if self._answered else []

    def _wait(self, score: float) -> list[Command]:
        """Closing, and the answer is not there yet."""
        assert self._asked is not None
        if self._again is None:
            if self._onset(score):
                self._again, self._quiet = self.needed_from, 0
        else:
            self._quiet = self._quiet + 1 if score < OFFSET else (0 if score >= ONSET else self._quiet)
        if self._at - self._asked > PATIENCE_S * STT_RATE:
            return self._finish()
        return []

    def _finish(self) -> list[Command]:
        """Settle the words; go on with what was said since."""
        commands: list[Command] = []
        quiet, again = self._quiet, self._again
        if self._text or self._shown or (self._turn and again is None):
            commands.append(self._show(final=True, end_of_turn=again is None))
        self._turn = again is not None
        commands.append(Commit())
        self._open = self._closing = False
        self._again = None
        if again is not None:
            commands += self._listen(again)
            self._quiet = min(quiet, ASK_WINDOWS - 1)
            if self._ended:
                commands += [*self._ask(), *self._close()]
        return commands

    def _interim(self) -> list[Command]:
        if self._covered < LOOPS_UNTIL_S * STT_RATE:
            self._text = once(self._text)
        if self._text == self._shown:
            return []
        return [self._show()]

    def _show(self, *, final: bool = False, end_of_turn: bool = False) -> Show:
        new = new_words(self._shown, self._text)
        self._shown = self._text
        return Show(self._text, new, self._covered, final, end_of_turn)


def new_words(before: str, after: str) -> str:
    """The part of ``after`` that ``before`` did not have: from the first word that differs on."""
    old, new = before.split(), after.split()
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    return " ".join(new[same:])


def once(text: str) -> str:
    """A text that says the same over and over, said once; any other as it is."""
    said = text.split()
    plain = [word.strip(".,!?").lower() for word in said]
    for size in range(1, len(said) // 2 + 1):
        if all(plain[index] == plain[index % size] for index in range(len(plain))):
            return " ".join(said[:size])
    return text
