"""How much of a user's audio people were given."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from jumploop import run
from rejoinder.media.inlet import Inlet
from rejoinder.media.mouth import Mouth


def pcm(seconds: float, rate: int) -> bytes:
    return np.full(round(seconds * rate), 1000, "<i2").tobytes()


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
def test_played_cleared_and_waiting_are_all_that_was_taken(rate: int) -> None:
    async def scene() -> None:
        mouth = Mouth(lambda frame: None, continuous=True)
        inlet = Inlet(mouth)
        inlet.play(pcm(1.0, rate), rate)
        assert (inlet.played, inlet.waiting) == (pytest.approx(0, abs=2), pytest.approx(48_000, abs=2))
        await asyncio.sleep(0.5)
        assert inlet.played == pytest.approx(24_000, abs=1000)
        inlet.clear()
        played = inlet.played
        assert (inlet.waiting, inlet.cleared) == (0, 48_000 - played)
        inlet.play(pcm(0.25, rate), rate)
        await asyncio.sleep(0.5)
        assert (inlet.played - played, inlet.waiting) == (12_000, 0)
        mouth.stop()

    run(scene())
