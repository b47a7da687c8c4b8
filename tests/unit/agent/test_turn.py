"""Turn-taking conversations."""

from __future__ import annotations

import pytest

from playbook import Talk
from rejoinder.agent.decisions import (
    Commit,
    Discard,
    EndTurn,
    Flush,
    Interrupt,
    Judge,
    Listen,
    Pause,
    Resume,
    Speculate,
)
from rejoinder.agent.turn import Floor, TurnTuning

W = 0.032


def kinds(commands: list[object]) -> list[type]:
    return [type(command) for command in commands]


def test_a_question_is_heard_speculated_and_committed() -> None:
    talk = Talk()
    assert talk.speech(1.0) == [Listen("ada")]
    assert talk.silence(2 * W) == [Flush("ada", 2 * W)]
    assert talk.words("what is the deadline?") == [Speculate("ada", "what is the deadline?")]
    ended = talk.silence(4 * W)
    assert kinds(ended) == [EndTurn, Commit]
    assert ended[1] == Commit("ada", "what is the deadline?")
    assert talk.silence(3.0) == []


def test_without_a_turn_model_the_turn_ends_after_six_windows_of_silence() -> None:
    talk = Talk()
    talk.speech(1.0)
    end = talk.now
    talk.silence(1.0)
    (moment,) = [at for at, command in talk.said if isinstance(command, EndTurn)]
    assert moment - end == pytest.approx(6 * W)


def test_one_window_of_noise_is_not_speech() -> None:
    talk = Talk()
    assert talk.speech(W) == []
    assert talk.silence(1.0) == []


def test_a_pause_in_the_middle_discards_the_speculation_and_the_turn_goes_on() -> None:
    talk = Talk()
    talk.speech(1.0)
    talk.silence(3 * W)
    talk.words("what is")
    assert talk.speech(2 * W) == [Discard("ada"), Listen("ada")]
    talk.speech(0.5)
    talk.silence(2 * W)
    assert talk.words("what is the deadline?") == [Speculate("ada", "what is the deadline?")]
    assert Commit("ada", "what is the deadline?") in talk.silence(0.5)


def test_the_turn_ends_before_its_words_are_known_and_commits_when_they_come() -> None:
    talk = Talk()
    talk.speech(1.0)
    assert kinds(talk.silence(0.5)) == [Flush, EndTurn]
    assert talk.words("hello there") == [Commit("ada", "hello there")]


def test_words_that_never_come_do_not_hang_the_turn() -> None:
    talk = Talk()
    talk.speech(1.0)
    talk.silence(0.5)
    assert talk.wait(3.0) == [Commit("ada", "")]


def test_a_track_that_stops_in_mid_speech_ends_the_turn() -> None:
    talk = Talk()
    talk.speech(1.0)
    talk.words("so I was", complete=False)
    assert kinds(talk.wait(3.0)) == [EndTurn, Commit]
    assert talk.said[-1][1] == Commit("ada", "so I was")


@pytest.mark.parametrize(
    ("score", "text", "silence"),
    [
        (0.95, "what is the deadline?", 0.2),
        (0.55, "what is the deadline?", 0.2),
        (0.6, "the deadline is friday", 0.5),
        (0.9, "and then I went to the", 0.5),
        (0.3, "the deadline is friday", 1.2),
        (0.05, "and then I went to the", 2.2),
    ],
)
def test_the_needed_score_falls_with_silence_and_words_help(score: float, text: str, silence: float) -> None:
    talk = Talk(judged=True)
    talk.speech(1.0)
    end = talk.now
    talk.silence(3 * W)
    talk.words(text)
    talk.score(score)
    talk.silence(3.0)
    (moment,) = [at for at, command in talk.said if isinstance(command, EndTurn)]
    assert moment - end == pytest.approx(silence, abs=W)


def test_the_turn_model_is_asked_again_in_a_long_pause_and_never_while_speaking() -> None:
    talk = Talk(judged=True)
    talk.speech(1.0)
    asked = []
    for _ in range(40):
        before = talk.now
        if Judge("ada") in talk.silence(W):
            asked.append(round(talk.now - before, 3))
    assert len(asked) == len(TurnTuning().ask_s)


def test_a_late_turn_model_does_not_hold_a_finished_sentence() -> None:
    talk = Talk(judged=True)
    talk.speech(1.0)
    end = talk.now
    talk.silence(3 * W)
    talk.words("what is the deadline?")
    talk.silence(1.5)
    (moment,) = [at for at, command in talk.said if isinstance(command, EndTurn)]
    assert moment - end == pytest.approx(TurnTuning().unjudged_s, abs=W)


def test_a_score_for_a_pause_that_is_over_is_ignored() -> None:
    talk = Talk(judged=True)
    talk.speech(1.0)
    talk.silence(4 * W)
    talk.speech(0.3)
    assert talk.score(1.0) == []


# -- the level's guess ------------------------------------------------------------


def test_a_hush_asks_for_the_words_before_the_model_is_sure() -> None:
    talk = Talk()
    talk.speech(1.0)
    assert talk.hush() == [Flush("ada", 0.08)]
    talk.speech(2 * W)
    assert talk.words("what is the deadline?") == [Speculate("ada", "what is the deadline?")]
    assert talk.silence(2 * W) == []
    assert Commit("ada", "what is the deadline?") in talk.silence(5 * W)


def test_a_wrong_hush_discards_what_it_began() -> None:
    talk = Talk()
    talk.speech(1.0)
    talk.hush()
    talk.words("what is")
    assert talk.spoke_on() == [Discard("ada"), Listen("ada")]
    talk.speech(0.5)
    assert talk.silence(2 * W) == [Flush("ada", 2 * W)]


def test_soft_speech_after_a_hush_is_asked_for_again() -> None:
    talk = Talk()
    talk.speech(1.0)
    talk.hush()
    talk.words("what is the")
    talk.speech(0.4)
    assert talk.silence(2 * W) == [Flush("ada", 2 * W)]
    assert talk.words("what is the deadline?") == [Speculate("ada", "what is the deadline?")]


def test_a_hush_never_ends_a_turn() -> None:
    talk = Talk()
    talk.speech(1.0)
    talk.hush()
    talk.words("what is the deadline?")
    assert EndTurn not in kinds(talk.speech(1.0))


# -- barge-in ---------------------------------------------------------------------------------------------------------


def speaking() -> Talk:
    talk = Talk()
    talk.floor(Floor.PENDING)
    talk.floor(Floor.SPEAKING)
    return talk


def test_speech_silences_the_bot_with_its_first_window() -> None:
    talk = speaking()
    assert talk.speech(W) == [Pause("ada")]
    assert talk.speech(W) == [Listen("ada")]
    assert talk.speech(0.5) == []


def test_a_click_silences_the_bot_for_one_window_only() -> None:
    talk = speaking()
    assert talk.speech(W) == [Pause("ada")]
    assert talk.silence(W) == [Resume()]
    assert talk.silence(2.0) == []


def test_a_click_of_another_does_not_let_the_bot_speak_into_a_sentence() -> None:
    talk = speaking()
    talk.speech(0.3, "ada")
    assert talk.speech(W, "ben") == []
    assert talk.silence(W, "ben") == []
    assert talk.machine.paused


def test_a_click_before_the_bot_is_heard_does_not_matter() -> None:
    talk = Talk()
    talk.floor(Floor.PENDING)
    assert talk.speech(W) == []
    assert talk.silence(W) == []


def test_a_cough_lets_the_bot_go_on() -> None:
    talk = speaking()
    talk.speech(0.16)
    assert talk.silence(2 * W) == [Flush("ada", 2 * W)]
    assert talk.words("") == [Resume(), Commit("ada", "")]


@pytest.mark.parametrize("text", ["uh", "Mm-hm.", "Yeah.", "Okay, right.", "I see"])
def test_a_listeners_noise_lets_the_bot_go_on(text: str) -> None:
    talk = speaking()
    talk.speech(0.4)
    talk.silence(2 * W)
    assert talk.words(text)[0] == Resume()


def test_words_end_the_reply_and_become_the_next_turn() -> None:
    talk = speaking()
    talk.speech(0.8)
    talk.silence(2 * W)
    assert talk.words("no, wait") == [Interrupt("ada"), Speculate("ada", "no, wait")]
    assert Commit("ada", "no, wait") in talk.silence(0.5)


def test_partial_words_end_the_reply_while_the_person_still_speaks() -> None:
    talk = speaking()
    talk.speech(0.5)
    assert talk.words("no wait I", complete=False) == [Interrupt("ada")]


def test_long_speech_ends_the_reply_without_any_words() -> None:
    talk = speaking()
    assert Interrupt("ada") in talk.speech(2.0)


def test_a_transcriber_that_stays_silent_does_not_keep_the_bot_silent() -> None:
    talk = speaking()
    talk.speech(0.3)
    assert Resume() in talk.silence(TurnTuning().words_wait_s + 0.1)


def test_late_words_still_interrupt() -> None:
    talk = speaking()
    talk.speech(0.3)
    talk.silence(0.9)
    assert Interrupt("ada") in talk.words("stop please")


def test_two_people_the_bot_waits_for_both() -> None:
    talk = speaking()
    talk.speech(0.2, "ada")
    assert talk.speech(0.2, "ben") == [Listen("ben")]
    talk.silence(2 * W, "ada")
    assert Resume() not in talk.words("uh", "ada")
    talk.silence(2 * W, "ben")
    assert Resume() in talk.words("yeah", "ben")


def test_the_bot_does_not_begin_while_another_person_speaks() -> None:
    talk = Talk()
    talk.speech(0.5, "ben")
    assert talk.floor(Floor.PENDING) == [Pause("ben")]


def test_someone_who_leaves_in_mid_sentence_is_heard_out_and_frees_the_bot() -> None:
    talk = speaking()
    talk.speech(0.3)
    talk.words("uh", complete=False)
    assert talk.machine.gone("ada", talk.now) == [Commit("ada", "uh"), Resume()]
    assert talk.machine.gone("ada", talk.now) == []


def test_when_the_bot_is_done_nothing_is_left_paused() -> None:
    talk = speaking()
    talk.speech(0.3)
    talk.floor(Floor.QUIET)
    assert not talk.machine.paused
    talk.silence(2 * W)
    assert Resume() not in talk.words("uh")


def test_a_new_speaker_has_no_effect_on_anothers_turn() -> None:
    talk = Talk()
    talk.speech(1.0, "ada")
    talk.silence(3 * W, "ada")
    talk.speech(0.5, "ben")
    assert talk.words("hello", "ada") == [Speculate("ada", "hello")]
