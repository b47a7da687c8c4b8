"""What waits to be sent to a user's server."""

from __future__ import annotations

import asyncio

from rejoinder.bridges.outbox import Outbox


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


def test_a_frame_that_was_not_sent_stays_unless_it_had_to_make_room() -> None:
    outbox = Outbox()
    frames = [str(number) for number in range(Outbox.MAX_FRAMES + 1)]
    for frame in frames[:-1]:
        outbox.put_audio(frame)
    assert outbox.take() == "0"
    assert outbox.take() == "0"
    outbox.put_audio(frames[-1])
    outbox.sent(frames[0])
    assert drain(outbox) == frames[1:]


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
