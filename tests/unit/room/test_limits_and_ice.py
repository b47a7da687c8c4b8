"""Token buckets, and the operator's ICE servers."""

from __future__ import annotations

import pytest

from rejoinder.errors import InvalidRequest
from rejoinder.room.ice import ice_servers
from rejoinder.room.limits import Allowance


def test_a_burst_and_then_the_rate() -> None:
    allowance = Allowance(burst=3, per_second=0.5)
    assert [allowance.take(1, 10.0) for _ in range(4)] == [True, True, True, False]
    assert not allowance.take(1, 11.9)
    assert allowance.take(1, 12.0)
    assert not allowance.take(1, 12.0)


def test_it_never_holds_more_than_a_burst() -> None:
    allowance = Allowance(burst=2, per_second=1)
    assert allowance.take(1, 0.0)
    assert allowance.whole(500.0)
    assert [allowance.take(1, 1000.0) for _ in range(3)] == [True, True, False]


def test_a_debt_is_a_rest() -> None:
    allowance = Allowance(burst=2, per_second=4)
    assert [allowance.owe(1, 0.0) for _ in range(4)] == [0.0, 0.0, 0.25, 0.5]
    assert allowance.owe(1, 0.5) == 0.25
    assert not allowance.whole(0.5)


def test_ice_servers() -> None:
    assert ice_servers(["stun:stun.example.org:3478", " turn:ada:s:e@cret@turn.example.org?transport=tcp ", ""]) == [
        {"urls": ["stun:stun.example.org:3478"]},
        {"urls": ["turn:turn.example.org?transport=tcp"], "username": "ada", "credential": "s:e@cret"},
    ]


@pytest.mark.parametrize(
    "url",
    ["stun.example.org", "http://example.org", "stun:", "turn:turn.example.org", "turn:ada@turn.example.org",
     "turn:ada:secret@", "stun://example.org"],
)  # fmt: skip
def test_ice_servers_that_cannot_be(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ice_servers([url])
    assert caught.value.field == "ice_servers"
    assert "secret@" not in str(caught.value).replace("user:secret@", "")
