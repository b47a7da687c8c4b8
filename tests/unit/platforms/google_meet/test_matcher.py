"""Numbers that are heard and tiles that glow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rejoinder.platforms.google_meet.matcher import ENOUGH_S, Matcher

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
