"""The decisions of the user socket: when to try again, where, and what waits to be sent."""

from __future__ import annotations

import asyncio

import pytest

from rejoinder.bridges.socket import (
    MAX_TRIES,
    STABLE_S,
    Outbox,
    count_try,
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


def drain(outbox: Outbox) -> list[str | bytes]:
    taken = []
    while (item := outbox.take()) is not None:
        taken.append(item)
        outbox.sent(item)
    return taken


def test_texts_go_before_audio() -> None:
    outbox = Outbox()
    outbox.put_audio(b"1")
    assert outbox.put_text("a")
    outbox.put_audio(b"2")
    assert outbox.put_text("b")
    assert drain(outbox) == ["a", "b", b"1", b"2"]


def test_the_oldest_audio_is_dropped_and_counted() -> None:
    outbox = Outbox()
    for number in range(Outbox.MAX_FRAMES + 3):
        outbox.put_audio(number.to_bytes(2, "little"))
    kept = drain(outbox)
    assert (len(kept), outbox.dropped) == (Outbox.MAX_FRAMES, 3)
    assert kept[0] == (3).to_bytes(2, "little")


def test_texts_are_refused_rather_than_dropped() -> None:
    outbox = Outbox()
    texts = [str(number) for number in range(Outbox.MAX_TEXTS)]
    assert all(outbox.put_text(text) for text in texts)
    assert not outbox.put_text("one more")
    assert drain(outbox) == texts
    assert outbox.put_text("again")


def test_a_text_that_was_not_sent_stays() -> None:
    outbox = Outbox()
    outbox.put_text("a")
    assert outbox.take() == "a"
    assert outbox.take() == "a"


def test_waiting() -> None:
    async def scene() -> None:
        outbox = Outbox()
        filled = asyncio.get_running_loop().create_task(outbox.filled())
        await asyncio.sleep(0)
        assert not filled.done()
        outbox.put_audio(b"1")
        outbox.put_text("a")
        await filled
        drained = asyncio.get_running_loop().create_task(outbox.drained())
        await asyncio.sleep(0)
        assert outbox.take() == "a"
        outbox.sent("a")
        await asyncio.sleep(0)
        assert not drained.done()
        assert outbox.take() == b"1"
        outbox.sent(b"1")
        await drained

    asyncio.run(scene())
