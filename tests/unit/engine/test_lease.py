from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rejoinder.engine.lease import SELF_FENCE, Lease


def living(now: float = 0.0) -> Lease:
    lease = Lease(10.0)
    lease.registered(now)
    return lease


def test_nothing_may_start_before_the_worker_is_registered() -> None:
    lease = Lease(10.0)
    assert not lease.trusted(0.0)
    lease.registered(0.0)
    assert lease.trusted(0.0)


def test_a_bot_whose_epoch_or_owner_changed_is_stopped_and_the_others_are_not() -> None:
    lease = living()
    for bot in ("kept", "newer", "gone"):
        lease.took(bot, 1, 0.5)
    assert sorted(lease.beat(1.0, True, {"kept": 1, "newer": 2})) == ["gone", "newer"]
    assert lease.held == {"kept": 1}


def test_an_answer_older_than_a_bot_does_not_judge_it() -> None:
    lease = living()
    lease.took("b", 1, 1.1)
    assert lease.beat(1.0, True, {}) == []
    assert lease.beat(2.0, True, {}) == ["b"]


def test_a_bot_whose_stay_is_over_is_not_stopped() -> None:
    lease = living()
    lease.took("b", 1, 0.0)
    lease.ended("b")
    assert lease.beat(1.0, True, {}) == []
    assert lease.expired(100.0) == []


def test_without_proof_bots_stop_at_seven_tenths_of_the_lease_counted_from_before_the_last_good_beat() -> None:
    lease = living()
    lease.took("b", 1, 0.0)
    assert lease.beat(3.0, True, {"b": 1}) == []  # however late the answer came
    assert lease.expired(9.9) == []
    assert lease.expired(10.0) == ["b"]
    assert lease.expired(10.1) == [], "told twice"
    assert not lease.trusted(10.0)
    lease.beat(11.0, True, {})
    assert lease.trusted(11.0)


def test_a_late_answer_to_an_old_beat_does_not_take_proof_back() -> None:
    lease = living()
    lease.beat(5.0, True, {})
    lease.beat(4.0, True, {})
    assert lease.deadline == 5.0 + SELF_FENCE * 10.0


def test_a_worker_declared_dead_stops_all_and_starts_nothing_until_it_registers_anew() -> None:
    lease = living()
    lease.took("a", 1, 0.0)
    lease.took("b", 3, 2.0)
    assert sorted(lease.beat(1.0, False, {})) == ["a", "b"]
    assert lease.dead
    assert not lease.trusted(1.0)
    lease.registered(2.0)
    assert lease.trusted(2.0)


steps = st.lists(
    st.tuples(st.floats(0.01, 4.0), st.sampled_from(["beat", "lost", "take", "look", "dead", "register"])), max_size=60
)


@given(steps)
def test_no_bot_is_held_past_the_moment_others_may_take_it(steps: list[tuple[float, str]]) -> None:
    """``seen`` is what the database knows: others take over only after seen + lease."""
    lease, now, seen, number = living(), 0.0, 0.0, 0
    for passed, step in steps:
        now += passed
        lease.expired(now)
        if step == "beat":
            lease.beat(now, True, lease.held)
            seen = now if not lease.dead else seen
        elif step == "take" and lease.trusted(now):
            number += 1
            lease.took(f"b{number}", 1, now)
        elif step == "dead":
            lease.beat(now, False, {})
        elif step == "register":
            lease.registered(now)
            seen = now
        assert not lease.held or now < seen + 10.0 * SELF_FENCE + 1e-9
