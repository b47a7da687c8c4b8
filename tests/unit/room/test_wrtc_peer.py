"""The native peer's own part: reading what another participant sends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import webrtc

from rejoinder.media.frame import MEETING_RATE
from rejoinder.room import wrtc_peer


class Track:
    """Stands for libwebrtc's side of a track: gives blocks to whoever reads."""

    def __init__(self) -> None:
        self.readable = webrtc.ReadableStream({"start": self._started})

    def _started(self, controller: Any) -> None:
        self._controller = controller

    def give(self, value: int) -> webrtc.AudioData:
        samples = np.full(MEETING_RATE // 100, value, np.int16)
        block = webrtc.AudioData(
            webrtc.AudioDataInit(
                format="s16",
                sample_rate=MEETING_RATE,
                number_of_frames=len(samples),
                number_of_channels=1,
                timestamp=0,
                data=samples.tobytes(),
            )
        )
        self._controller.enqueue(block)
        return block


@pytest.mark.parametrize("late", ["no block", "before the cancellation", "after the cancellation"])
def test_no_block_is_left_open_when_the_reader_ends(monkeypatch: pytest.MonkeyPatch, late: str) -> None:
    async def scene() -> None:
        track, heard = Track(), list[int]()
        monkeypatch.setattr(webrtc, "MediaStreamTrackProcessor", lambda init: track)
        monkeypatch.setattr(webrtc, "MediaStreamTrackProcessorInit", lambda *args, **options: None)
        peer = wrtc_peer.WrtcPeer.__new__(wrtc_peer.WrtcPeer)
        peer._events = SimpleNamespace(audio=lambda pcm: heard.append(int(pcm[0])))  # type: ignore[assignment]
        reading = asyncio.get_running_loop().create_task(peer._read(None))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        blocks = [track.give(1), track.give(2)]
        for _ in range(10):
            await asyncio.sleep(0)
        assert heard == [1, 2]
        if late == "before the cancellation":
            blocks.append(track.give(3))
        reading.cancel()
        if late == "after the cancellation":
            blocks.append(track.give(3))
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert heard == [1, 2]
        assert [block.number_of_frames for block in blocks] == [0] * len(blocks), "closed blocks have no frames"

    asyncio.run(scene())
