"""Everyone at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rejoinder.recording.mix import KNEE, Mixer, soft_clip


def flat(value: int, count: int) -> np.ndarray:
    return np.full(count, value, np.int16)


def test_voices_add_up_at_their_places() -> None:
    mixer = Mixer(1000)
    mixer.add(0, flat(100, 300))
    mixer.add(200, flat(20, 300))
    mixed = mixer.take(600)
    assert mixed.tolist() == [100] * 200 + [120] * 100 + [20] * 200 + [0] * 100


def test_what_was_given_out_is_not_changed_and_the_rest_moves_up() -> None:
    mixer = Mixer(1000)
    mixer.add(0, flat(1, 800))
    assert mixer.take(500).tolist() == [1] * 500
    mixer.add(400, flat(10, 200))
    assert mixer.take(900).tolist() == [11] * 100 + [1] * 200 + [0] * 100
    assert mixer.front == 900


def test_a_mix_longer_than_the_window_ends_in_silence() -> None:
    mixer = Mixer(100)
    mixer.add(50, flat(5, 200))
    assert mixer.take(300).tolist() == [0] * 50 + [5] * 50 + [0] * 200
    mixer.add(300, flat(7, 10))
    assert mixer.take(310).tolist() == [7] * 10


def test_twenty_loud_people_do_not_wrap() -> None:
    mixer = Mixer(1000)
    for _ in range(20):
        mixer.add(0, flat(32_767, 500))
        mixer.add(500, flat(-32_768, 500))
    mixed = mixer.take(1000)
    assert (mixed[:500] > 32_000).all()
    assert (mixed[500:] < -32_000).all()


def test_below_the_knee_the_sum_is_exact() -> None:
    total = np.array([0, 1, -1, KNEE, -KNEE], np.int32)
    assert (soft_clip(total) == total).all()


@given(hnp.arrays(np.int32, st.integers(1, 50), elements=st.integers(-(1 << 24), 1 << 24)))
def test_clipping_keeps_order_and_sign(total: np.ndarray) -> None:
    clipped = soft_clip(total)
    order = np.argsort(total)
    assert (np.diff(clipped[order].astype(int)) >= 0).all()
    assert (np.sign(clipped) == np.sign(total)).all()
