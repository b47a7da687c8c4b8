from __future__ import annotations

from itertools import pairwise

from rejoinder.engine.retry import JOB, RESTART, SETTLE, YOUNG_S, Retry, restart_pause


def pauses(rule: Retry) -> list[float]:
    found = []
    while (pause := rule.pause(len(found) + 1)) is not None:
        found.append(pause)
    return found


def test_pauses_double_from_two_seconds_to_five_minutes_and_end_after_twenty_tries() -> None:
    found = pauses(JOB)
    assert found[0] == 2.0
    assert found[-1] == 300.0
    assert len(found) == 19, "the first run is a try too"
    assert all(later in (earlier * 2, 300.0) for earlier, later in pairwise(found))


def test_settling_goes_on_for_hours() -> None:
    assert sum(pauses(SETTLE)) > 10 * 3600


def test_a_process_that_had_run_for_a_while_is_started_again_at_once() -> None:
    assert restart_pause(YOUNG_S, 7) == (0.0, 0)


def test_a_process_that_dies_young_is_started_at_once_only_the_first_time() -> None:
    deaths, found = 0, []
    for _ in range(12):
        pause, deaths = restart_pause(1.0, deaths)
        found.append(pause)
    assert found[:4] == [0.0, 0.5, 1.0, 2.0]
    assert found[-1] == RESTART.most_s
