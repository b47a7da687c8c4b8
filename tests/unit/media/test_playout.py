"""The bot's mouth, sample by sample."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.media.playout import FADE_SAMPLES, Played, Playout

FRAME = 960


def ramp(count: int, first: int = 1) -> np.ndarray:
    return np.arange(first, first + count).astype(np.int16)


def test_frames_come_out_in_order_and_the_last_is_padded() -> None:
    playout = Playout()
    playout.add("a", ramp(1000))
    playout.close("a")
    first = playout.pull(FRAME)
    assert first is not None
    assert (first == ramp(FRAME)).all()
    assert playout.started == ["a"]
    last = playout.pull(FRAME)
    assert last is not None
    assert (last[:40] == ramp(40, 961)).all()
    assert not last[40:].any()
    assert playout.finished == [Played("a", 1000, 1000, whole=True)]
    assert playout.pull(FRAME) is None


def test_a_clip_that_runs_dry_keeps_its_place_and_loses_nothing() -> None:
    playout = Playout()
    playout.add("a", ramp(100))
    playout.add("b", ramp(100, 5000))
    frame = playout.pull(FRAME)
    assert frame is not None
    assert not (frame >= 5000).any()
    playout.add("a", ramp(100, 101))
    playout.close("a")
    frame = playout.pull(FRAME)
    assert frame is not None
    assert list(frame[99:102]) == [200, 5000, 5001]


def test_pause_is_silent_within_a_frame_and_resume_goes_on_at_the_sample() -> None:
    playout = Playout()
    playout.add("a", np.full(5 * FRAME, 1000, np.int16))
    playout.pull(FRAME)
    playout.pause()
    faded = playout.pull(FRAME)
    assert faded is not None
    assert faded[0] == 1000
    assert not faded[FADE_SAMPLES:].any()
    assert playout.pull(FRAME) is None
    assert playout.position("a") == FRAME
    playout.resume()
    frame = playout.pull(FRAME)
    assert frame is not None
    assert (frame == 1000).all()
    assert playout.position("a") == 2 * FRAME


def test_clear_says_exactly_what_was_given() -> None:
    playout = Playout()
    playout.add("a", ramp(2 * FRAME))
    playout.close("a")
    playout.add("b", ramp(FRAME))
    for _ in range(2):
        playout.pull(FRAME)
    playout.pull(100)
    assert playout.clear() == [Played("b", 100, FRAME, whole=False)]
    assert not playout.speaking
    playout.pull(FRAME)
    assert playout.pull(FRAME) is None


def test_clear_before_anything_was_heard_makes_no_sound() -> None:
    playout = Playout()
    playout.add("a", ramp(FRAME))
    assert playout.clear() == [Played("a", 0, FRAME, whole=False)]
    assert playout.pull(FRAME) is None


def test_a_clip_with_a_tail_ends_by_itself() -> None:
    playout = Playout()
    playout.add("a", ramp(900), tail=lambda: ramp(60, 901))
    frame = playout.pull(FRAME)
    assert frame is not None
    assert (frame == ramp(FRAME)).all()
    assert playout.finished == [Played("a", FRAME, FRAME, whole=True)]
    assert not playout.speaking


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 2500)), max_size=12),
    st.lists(st.integers(1, 2000), max_size=30),
)
def test_every_sample_is_played_once_and_in_order(adds: list[tuple[str, int]], pulls: list[int]) -> None:
    playout = Playout()
    expected: dict[str, int] = {}
    for clip, count in adds:
        playout.add(clip, np.full(count, 1, np.int16))
        expected[clip] = expected.get(clip, 0) + count
    for clip in expected:
        playout.close(clip)
    out = 0
    for count in [*pulls, *[3000] * 40]:
        frame = playout.pull(count)
        out += 0 if frame is None else int(frame.sum())
    assert out == sum(expected.values())
