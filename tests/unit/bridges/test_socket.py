"""The decisions of the user socket: when to try again, and where."""

from __future__ import annotations

import pytest

from rejoinder.bridges.socket import (
    MAX_TRIES,
    STABLE_S,
    count_try,
    even_delay,
    retry_delay,
    url_variants,
)


def test_thirty_tries_about_two_seconds_apart() -> None:
    delays = [retry_delay(attempt) for attempt in range(1, MAX_TRIES + 1)]
    assert delays[:4] == pytest.approx([0.25, 0.5, 1.0, 2.0])
    assert set(delays[3:-1]) == {2.0}
    assert delays[-1] is None
    assert retry_delay(10, 0.0) == pytest.approx(1.6)
    assert retry_delay(10, 1.0) == pytest.approx(2.4)


def test_thirty_retries_exactly_two_seconds_apart_as_attendee_says() -> None:
    delays = [even_delay(attempt) for attempt in range(1, 32)]
    assert delays == [2.0] * 30 + [None]


def test_only_a_connection_that_held_starts_the_count_anew() -> None:
    assert count_try(0, 0.0) == 1
    assert count_try(7, 0.0) == 8
    assert count_try(7, STABLE_S - 0.1) == 8
    assert count_try(7, STABLE_S) == 1


@pytest.mark.parametrize(
    ("url", "variants"),
    [
        ("wss://h/{bot_id}/audio", ("wss://h/b1/audio",)),
        ("wss://h/%7Bbot_id%7D/audio", ("wss://h/b1/audio",)),
        ("wss://h/c?bot={bot_id}", ("wss://h/c?bot=b1",)),
        ("wss://h/control?k=1", ("wss://h/control?k=1", "wss://h/b1/control?k=1")),
        ("wss://h", ("wss://h", "wss://h/b1")),
    ],
)
def test_where_to_connect(url: str, variants: tuple[str, ...]) -> None:
    assert url_variants(url, "b1") == variants
    assert url_variants(url, "b1", prefix_bot_id=False) == variants[:1]
