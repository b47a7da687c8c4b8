"""Sound that waits for the name of its speaker."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.core.participant import Participant
from rejoinder.platforms.waiting import MAX_BLOCKS, PAUSE_S, Block, Named, Waiting

ADA, BEN = Participant("a", "Ada"), Participant("b", "Ben")


class Desk:
    """A roster whose answers a test sets, by track."""

    def __init__(self) -> None:
        self.names: dict[int, Participant] = {}
        self.waits: dict[int, float] = {}
        self.waiting = Waiting(lambda track, _at: self.names.get(track), lambda track, _at: self.waits.get(track, 0.0))
        self.count = 0
        self.out: list[tuple[int, int, Participant | None]] = []
        """(track, number of the block, whose)"""

    def keep(self, named: list[Named]) -> list[Participant | None]:
        self.out += [(one.block.track, int(one.block.pcm[0]), one.person) for one in named]
        return [one.person for one in named]

    def take(self, track: int, now: float, loud: bool = True) -> list[Participant | None]:
        self.count += 1
        return self.keep(self.waiting.take(Block(track, now, np.array([self.count], np.int16), loud), now))

    def due(self, now: float) -> list[Participant | None]:
        return self.keep(self.waiting.due(now))


def test_settled_sound_does_not_wait() -> None:
    desk = Desk()
    desk.names[0] = ADA
    assert desk.take(0, 1.0) == [ADA]
    assert desk.take(1, 1.0) == [None]
    assert not desk.waiting.active


def test_first_sound_waits_for_its_name_and_comes_out_under_it_in_order() -> None:
    desk = Desk()
    desk.names[0], desk.waits[0] = BEN, 0.12  # Ben had the track before
    assert desk.take(0, 1.00) == []
    assert desk.take(0, 1.02) == []
    assert desk.take(0, 1.04, loud=False) == []
    assert desk.waiting.since == 1.0
    desk.names[0], desk.waits[0] = ADA, 0.0
    assert desk.due(1.05) == [ADA, ADA, ADA]
    assert desk.take(0, 1.06) == [ADA]
    assert [number for _, number, _ in desk.out] == [1, 2, 3, 4]
    assert not desk.waiting.active
    assert desk.waiting.since is None


def test_a_name_that_does_not_come_costs_the_wait_once_and_not_again_before_a_pause() -> None:
    desk = Desk()
    desk.waits[0] = 0.1
    for step in range(6):
        desk.take(0, 1.0 + step * 0.02)
    assert desk.out[0] == (0, 1, None)
    assert len(desk.out) == 6, "who has waited long enough is heard at once"
    assert desk.take(0, 1.12) == [None]
    assert desk.take(0, 1.12 + PAUSE_S + 0.02) == [], "after a pause it may be somebody else"


def test_a_name_known_once_is_waited_for_again() -> None:
    desk = Desk()
    desk.waits[0] = 0.05
    desk.take(0, 1.0)
    assert desk.due(1.06) == [None]
    desk.waits[0] = 0.0
    desk.take(0, 1.08)
    desk.waits[0] = 0.05
    assert desk.take(0, 1.10) == []


def test_time_alone_ends_the_wait_of_sound_nothing_comes_after() -> None:
    desk = Desk()
    desk.waits[0] = 0.1
    desk.take(0, 1.0)
    assert desk.due(1.09) == []
    assert desk.due(1.11) == [None]


def test_silence_never_waits_for_a_name() -> None:
    desk = Desk()
    desk.waits[0] = 9.0
    assert desk.take(0, 1.0, loud=False) == [None]
    assert not desk.waiting.active


def test_one_track_does_not_hold_up_another() -> None:
    desk = Desk()
    desk.waits[0], desk.names[1] = 9.0, BEN
    desk.take(0, 1.0)
    assert desk.take(1, 1.0) == [BEN]
    desk.names[0], desk.waits[0] = ADA, 0.0
    assert desk.due(1.1) == [ADA]


def test_what_still_waits_when_the_page_goes_is_heard() -> None:
    desk = Desk()
    desk.waits[0] = 9.0
    desk.take(0, 1.0)
    assert desk.keep(desk.waiting.rest()) == [None]
    assert not desk.waiting.active


def test_memory_is_bounded_whatever_a_roster_says() -> None:
    desk = Desk()
    desk.waits[0] = float("inf")
    for step in range(2 * MAX_BLOCKS):
        desk.take(0, 1.0 + step * 0.02)
    assert len(desk.out) == MAX_BLOCKS


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.booleans(), st.sampled_from([0.0, 0.05, 0.3]), st.floats(0.0, 0.1)), max_size=80
    )
)
def test_every_block_comes_out_once_and_in_the_order_of_its_track(
    steps: list[tuple[int, bool, float, float]],
) -> None:
    desk, now = Desk(), 0.0
    for track, loud, wait, pause in steps:
        now += pause
        desk.waits[track] = wait
        desk.take(track, now, loud)
        desk.due(now)
    desk.due(now + 1.0)
    assert not desk.waiting.active
    assert sorted(number for _, number, _ in desk.out) == list(range(1, len(steps) + 1))
    for track in range(3):
        numbers = [number for at, number, _ in desk.out if at == track]
        assert numbers == sorted(numbers)
