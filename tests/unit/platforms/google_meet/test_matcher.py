"""Numbers that are heard and tiles that glow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rejoinder.platforms.google_meet.matcher import APART_S, ENOUGH_S, Guesses, Matcher

NAMES = ("ada", "ben", "cat")


def test_enough_together_is_one() -> None:
    matcher = Matcher()
    matcher.observe(0.0, {1}, {"ada"})
    matcher.observe(ENOUGH_S - 0.01, {1}, {"ada"})
    assert matcher.owner(1) is None
    matcher.observe(ENOUGH_S + 0.01, {1}, {"ada"})
    assert matcher.owner(1) is not None
    assert matcher.owner(1) == ("ada", 0.64)


def test_a_long_silence_of_the_page_is_no_evidence() -> None:
    matcher = Matcher()
    matcher.observe(0.0, {1}, {"ada", "ben"})
    matcher.observe(0.3, {1}, {"ada"})
    matcher.observe(0.4, set(), set())
    matcher.observe(600.0, {1}, set())
    assert matcher.owner(1) is None


def test_a_glow_that_comes_late_and_stays_long_is_still_the_voices() -> None:
    matcher = Matcher()
    for step in range(80):
        at, turn = step * 0.1, (step // 20) % 2
        lit = ((step - 4) // 20) % 2 if step >= 4 else turn
        matcher.observe(at, {turn}, {NAMES[lit]})
    assert [(matcher.owner(0) or ("",))[0], (matcher.owner(1) or ("",))[0]] == ["ada", "ben"]


def test_a_late_glow_is_not_taken_for_that_of_who_began_with_it() -> None:
    """Ada begins, Ben falls in as her tile lights up; his lights up as late."""
    matcher = Matcher()
    for step in range(200):
        at = step * 0.1
        sources = {1} if at < 0.3 else {1, 2}
        voices = set() if at < 0.3 else {"ada"} if at < 0.6 else {"ada", "ben"}
        matcher.observe(at, sources, voices)
        assert matcher.owner(1) is None
        assert matcher.owner(2) is None
    for step in range(20):
        matcher.observe(20.0 + step * 0.1, {1}, {"ada", "ben"} if step < 4 else {"ada"})
    assert (matcher.owner(1) or ("",))[0] == "ada"


def test_who_left_is_forgotten() -> None:
    matcher = Matcher()
    matcher.observe(0.0, {1}, {"ada"})
    matcher.observe(0.5, {1}, {"ada"})
    assert matcher.owners() == {"ada"}
    matcher.forget_person("ada")
    assert matcher.owners() == frozenset()


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.frozensets(st.integers(1, 4)), st.frozensets(st.sampled_from(NAMES))), max_size=60
    )
)
def test_one_to_one_and_between_nothing_and_certain(seen: list[tuple[float, frozenset[int], frozenset[str]]]) -> None:
    matcher = Matcher()
    now = 0.0
    for pause, sources, voices in seen:
        now += pause
        matcher.observe(now, sources, voices)
        known = [owner for owner in map(matcher.owner, range(1, 5)) if owner is not None]
        assert len({who for who, _ in known}) == len(known)
        assert all(0.0 < sure < 1.0 for _, sure in known)


def test_the_only_new_number_and_the_only_new_tile_are_guessed_to_be_one() -> None:
    guesses, nobody = Guesses(), Matcher()
    guesses.observe(0.0, {1: 0.0}, {}, nobody)
    assert guesses.owner(1) is None
    guesses.observe(0.3, {1: 0.0, 2: 0.2}, {"ada": 0.3}, nobody)
    assert guesses.owner(1) is None, "it may be either's"
    guesses.observe(0.5, {1: 0.0}, {"ada": 0.3}, nobody)
    assert guesses.owner(1) == "ada"
    guesses.observe(0.7, {1: 0.0, 2: 0.6}, {"ada": 0.3, "ben": 0.7}, nobody)
    assert guesses.owner(2) == "ben", "who is left over"
    guesses.forget_person("ada")
    assert guesses.owner(1) is None


def test_a_tile_lit_before_the_number_came_is_no_reason_for_a_guess() -> None:
    guesses = Guesses()
    guesses.observe(1.0, {1: 1.0}, {"ada": 0.6}, Matcher())
    assert guesses.owner(1) is None


def test_a_guess_is_given_up_when_number_and_tile_part_and_gives_way_to_knowledge() -> None:
    guesses, known = Guesses(), Matcher()
    guesses.observe(0.0, {1: 0.0}, {"ada": 0.0}, known)
    at = 0.0
    while at < APART_S - 0.2:
        at += 0.1
        guesses.observe(at, {1: 0.0}, {}, known)
    assert guesses.owner(1) == "ada", "a tile follows its voice late"
    for _ in range(5):
        at += 0.1
        guesses.observe(at, {1: 0.0}, {}, known)
    assert guesses.owner(1) is None
    guesses.observe(at, {1: 0.0}, {"ada": at}, known)
    assert guesses.owner(1) == "ada"
    known.observe(at, {2}, {"ada"})
    known.observe(at + 0.45, {2}, {"ada"})
    guesses.observe(at + 0.45, {1: 0.0}, {"ada": at}, known)
    assert guesses.owner(1) is None
