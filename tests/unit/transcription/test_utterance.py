"""When words are asked for, shown and settled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.agent.base import STT_RATE, Recognition
from rejoinder.transcription.utterance import (
    ASK_WINDOWS,
    END_WINDOWS,
    LONGEST_S,
    PATIENCE_S,
    PREROLL_S,
    Command,
    Commit,
    Feed,
    Flush,
    Listen,
    Show,
    Utterance,
    new_words,
    once,
)

WINDOW = 512
WINDOW_S = WINDOW / STT_RATE


class Bench:
    """Plays the holder of the audio and the transcriber."""

    def __init__(self) -> None:
        self.rules = Utterance(WINDOW)
        self.commands: list[Command] = []
        self.start = self.fed = self.at = 0
        self.flushed: list[int] = []
        self.used: list[tuple[int, int]] = []

    def take(self, commands: list[Command]) -> list[Command]:
        for command in commands:
            match command:
                case Listen(start):
                    self.start = self.fed = start
                case Feed(to):
                    assert to >= self.fed
                    self.fed = to
                case Flush():
                    self.flushed.append(self.fed)
                case Commit():
                    self.used.append((self.start, self.fed))
                    self.flushed.clear()
                case Show():
                    pass
        self.commands += commands
        return commands

    def hear(self, score: float, windows: int) -> list[Command]:
        said = []
        for _ in range(windows):
            self.at += WINDOW
            said += self.take(self.rules.window(score))
        return said

    def answer(self, text: str) -> list[Command]:
        """Answer the first open flush."""
        return self.take(self.rules.recognised(Recognition(text, (self.flushed.pop(0) - self.start) / STT_RATE, True)))

    def partial(self, text: str) -> list[Command]:
        return self.take(self.rules.recognised(Recognition(text, (self.fed - self.start) / STT_RATE, False)))


def shows(commands: list[Command]) -> list[Show]:
    return [command for command in commands if isinstance(command, Show)]


def test_speech_is_listened_to_from_before_it_began() -> None:
    bench = Bench()
    bench.hear(0.0, 100)
    first, second = bench.hear(0.9, 2)
    assert first == Listen(100 * WINDOW - int(PREROLL_S * STT_RATE))
    assert second == Feed(102 * WINDOW)


def test_one_window_is_no_speech() -> None:
    bench = Bench()
    assert bench.hear(0.9, 1) + bench.hear(0.0, 50) == []
    assert not bench.rules.open


def test_interim_results_come_when_the_text_changed() -> None:
    bench = Bench()
    bench.hear(0.9, 100)
    (show,) = bench.partial("hello every")
    assert show == Show("hello every", "hello every", 100 * WINDOW)
    (show,) = bench.partial("hello everyone here")
    assert isinstance(show, Show)
    assert show.new_text == "everyone here"
    assert bench.partial("hello everyone here") == []


def test_a_pause_asks_and_a_longer_one_settles() -> None:
    bench = Bench()
    bench.hear(0.9, 50)
    assert Flush() not in bench.hear(0.0, ASK_WINDOWS - 1)
    assert bench.hear(0.0, 1)[-1] == Flush()
    bench.partial("hello")
    (show,) = bench.answer("Hello all.")
    assert isinstance(show, Show)
    assert not show.final, "they may go on"
    assert bench.hear(0.0, END_WINDOWS - ASK_WINDOWS - 1) == []
    final, commit = bench.hear(0.0, 1)
    assert final == Show("Hello all.", "", (50 + ASK_WINDOWS) * WINDOW, final=True, end_of_turn=True)
    assert commit == Commit()
    assert not bench.rules.open


def test_who_goes_on_after_a_pause_is_one_utterance() -> None:
    bench = Bench()
    bench.hear(0.9, 50)
    bench.hear(0.0, ASK_WINDOWS + 2)
    bench.answer("Hello")
    resumed = bench.hear(0.9, 1)
    assert resumed == [Feed((50 + ASK_WINDOWS + 3) * WINDOW)], "the pause is fed too: times must stay true"
    bench.hear(0.9, 20)
    bench.hear(0.0, END_WINDOWS)
    (show, commit) = bench.answer("Hello all.")
    assert isinstance(show, Show)
    assert (show.text, show.new_text, show.final, show.end_of_turn) == ("Hello all.", "all.", True, True)
    assert commit == Commit()


def test_an_answer_from_before_they_went_on_settles_nothing() -> None:
    bench = Bench()
    bench.hear(0.9, 50)
    bench.hear(0.0, ASK_WINDOWS)
    bench.hear(0.9, 30)
    bench.hear(0.0, END_WINDOWS)
    assert Commit() not in bench.answer("Hello")
    assert Commit() in bench.answer("Hello all.")


def test_who_speaks_again_before_the_answer_loses_nothing() -> None:
    bench = Bench()
    bench.hear(0.9, 50)
    bench.hear(0.0, END_WINDOWS + 5)
    assert bench.hear(0.9, 10) == []
    commands = bench.answer("First.")
    assert [type(command) for command in commands] == [Show, Commit, Listen, Feed]
    assert bench.start <= (50 + END_WINDOWS + 5) * WINDOW
    assert bench.fed == bench.at


def test_long_speech_is_settled_at_a_dip() -> None:
    bench = Bench()
    bench.hear(0.9, int(15 / WINDOW_S))
    assert bench.hear(0.4, 1)[-1] == Flush()
    cut = bench.fed
    bench.hear(0.9, 5)
    show, commit, listen, feed = bench.answer("A long story.")
    assert isinstance(show, Show)
    assert show.final
    assert not show.end_of_turn
    assert (commit, listen, feed) == (Commit(), Listen(cut), Feed(bench.at))


def test_speech_without_a_dip_is_settled_in_any_case() -> None:
    bench = Bench()
    commands = bench.hear(0.9, int(LONGEST_S / WINDOW_S) + 2)
    assert commands.count(Flush()) == 1
    assert bench.flushed[0] - bench.start == pytest.approx(LONGEST_S * STT_RATE, abs=2 * WINDOW)


def test_a_turn_that_ends_right_after_it_was_settled_is_ended() -> None:
    bench = Bench()
    bench.hear(0.9, int(15 / WINDOW_S))
    bench.hear(0.0, 1)
    bench.answer("A long story.")
    bench.hear(0.0, END_WINDOWS)
    (show, _) = bench.answer("")
    assert isinstance(show, Show)
    assert (show.text, show.final, show.end_of_turn) == ("", True, True)
    bench.hear(0.9, 10)
    bench.hear(0.0, END_WINDOWS)
    assert shows(bench.answer("")) == [], "and only then"


def test_noise_is_nothing_to_show_unless_words_were_shown() -> None:
    bench = Bench()
    bench.hear(0.9, 10)
    bench.hear(0.0, END_WINDOWS)
    assert bench.answer("") == [Commit()]
    bench.hear(0.9, 10)
    bench.partial("uh")
    bench.hear(0.0, END_WINDOWS)
    (show,) = shows(bench.answer(""))
    assert show.final
    assert show.text == ""


def test_an_answer_that_never_comes_is_given_up() -> None:
    bench = Bench()
    bench.hear(0.9, 50)
    bench.partial("Hello")
    commands = bench.hear(0.0, END_WINDOWS + int(PATIENCE_S / WINDOW_S) + 2)
    (show,) = shows(commands)
    assert (show.text, show.final) == ("Hello", True)
    assert not bench.rules.open


@pytest.mark.parametrize("quiet", [0, ASK_WINDOWS, END_WINDOWS])
def test_who_leaves_is_heard_to_the_end(quiet: int) -> None:
    bench = Bench()
    bench.hear(0.9, 50)
    bench.hear(0.0, quiet)
    bench.take(bench.rules.end(bench.at + 100))
    if not quiet:
        assert bench.fed == bench.at + 100
    commands = bench.answer("Bye.")
    assert shows(commands)[-1].final
    assert not bench.rules.open


def test_who_leaves_after_a_cut_is_heard_to_the_end() -> None:
    bench = Bench()
    bench.hear(0.9, int(15 / WINDOW_S))
    bench.hear(0.4, 1)
    bench.hear(0.9, 20)
    bench.take(bench.rules.end(bench.at))
    assert not shows(bench.answer("A long story,"))[-1].end_of_turn
    assert bench.fed == bench.at
    assert shows(bench.answer("and more."))[-1].end_of_turn
    assert not bench.rules.open


def test_nobody_answers_who_left() -> None:
    bench = Bench()
    bench.hear(0.9, 50)
    bench.partial("Bye")
    bench.take(bench.rules.end(bench.at))
    (show, commit) = bench.rules.give_up()
    assert isinstance(show, Show)
    assert (show.text, show.final, commit) == ("Bye", True, Commit())
    assert bench.rules.give_up() == []


stretches = st.lists(
    st.tuples(st.sampled_from([0.0, 0.4, 0.9]), st.integers(1, 400), st.booleans()), min_size=1, max_size=15
)


@given(stretches)
def test_all_speech_is_used_once_in_order(plan: list[tuple[float, int, bool]]) -> None:
    bench = Bench()
    speaking: list[int] = []
    for score, windows, answered in plan:
        if score == 0.9 and windows >= 2:
            speaking += range(bench.at, bench.at + windows * WINDOW, WINDOW)
        for _ in range(windows):
            bench.hear(score, 1)
            if answered and bench.flushed:
                bench.answer("words")
    bench.take(bench.rules.end(bench.at))
    while bench.flushed:
        bench.answer("words")
    bench.take(bench.rules.give_up())
    assert not bench.rules.open
    ends = 0
    for start, end in bench.used:
        assert start >= ends, "nothing is heard twice"
        ends = end
    for at in speaking:
        assert any(start <= at < end for start, end in bench.used), "nothing is lost"


def test_new_words() -> None:
    assert new_words("", "a b") == "a b"
    assert new_words("a b", "a b c") == "c"
    assert new_words("a b", "a x c") == "x c"
    assert new_words("a b c", "a b") == ""


def test_words_said_over_and_over() -> None:
    assert once("Good morning. Good morning, good morning") == "Good morning."
    assert once("no no yes") == "no no yes"
    assert once("") == ""
    assert once("Hello") == "Hello"
