"""What waits for a slow receiver."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.transcription.backlog import RETRIES_S, Backlog, Event, retry_in


def event(body: str, speaker: str = "ada", *, final: bool = False) -> Event:
    return Event(body.encode(), speaker, final)


def drain(backlog: Backlog) -> list[str]:
    found = []
    while (taken := backlog.take()) is not None:
        found.append(taken.body.decode())
    return found


def test_events_go_out_in_order() -> None:
    backlog = Backlog()
    for number in range(5):
        backlog.add(event(str(number), final=True))
    assert drain(backlog) == list("01234")
    assert not backlog


def test_of_interim_events_only_the_newest_of_each_speaker_waits() -> None:
    backlog = Backlog()
    for body, speaker in (("a1", "ada"), ("b1", "bo"), ("a2", "ada"), ("a3", "ada")):
        backlog.add(event(body, speaker))
    assert drain(backlog) == ["b1", "a3"]


def test_a_final_event_takes_the_place_of_interim_ones() -> None:
    backlog = Backlog()
    backlog.add(event("interim"))
    backlog.add(event("final", final=True))
    backlog.add(event("next"))
    assert drain(backlog) == ["final", "next"]


def test_too_many_final_events_push_out_the_oldest() -> None:
    backlog = Backlog(limit=2)
    lost = [backlog.add(event(str(number), final=True)) for number in range(4)]
    backlog.add(event("interim", "bo"))
    assert lost == [0, 0, 1, 1]
    assert drain(backlog) == ["2", "3", "interim"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans())))
def test_no_final_event_is_dropped_and_the_backlog_is_bounded(plan: list[tuple[str, bool, bool]]) -> None:
    backlog = Backlog(limit=1000)
    sent, taken = [], []
    for number, (speaker, final, take) in enumerate(plan):
        backlog.add(event(str(number), speaker, final=final))
        if final:
            sent.append(str(number))
        if take and (got := backlog.take()) is not None:
            taken.append(got)
        assert len(list(backlog)) - backlog.finals <= 3
    while (got := backlog.take()) is not None:
        taken.append(got)
    assert [int(got.body) for got in taken] == sorted(int(got.body) for got in taken)
    assert [got.body.decode() for got in taken if got.final] == sent


@pytest.mark.parametrize("status", [None, 408, 429, 500, 503])
def test_final_events_are_tried_three_times_more(status: int | None) -> None:
    assert [retry_in(status, True, attempts) for attempts in (1, 2, 3, 4)] == [*RETRIES_S, None]
    assert retry_in(status, False, 1) is None


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
def test_what_will_not_change_is_not_tried_again(status: int) -> None:
    assert retry_in(status, True, 1) is None
