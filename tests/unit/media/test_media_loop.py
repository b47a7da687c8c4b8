"""The media thread and its event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from rejoinder.media.loop import MediaLoop


def test_coroutines_run_in_the_media_thread_until_it_is_stopped_for_good() -> None:
    async def where() -> str:
        return threading.current_thread().name

    media = MediaLoop()
    media.start()
    assert asyncio.run(media.run(where())) == "media"
    loop = media._loop
    media.stop()
    assert loop.is_closed(), "its descriptors are left open"
    late = where()
    with pytest.raises(RuntimeError):
        media.submit(late)
    late.close()
    media.stop()
