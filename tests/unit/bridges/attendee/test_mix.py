"""Everyone at once, while it happens: times are given, nothing waits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rejoinder.bridges.attendee.mix import AHEAD, FRAME_SAMPLES, HOLD, MOST_BEHIND, Frame, LiveMix
from rejoinder.media.frame import MEETING_RATE, Pcm

MS = MEETING_RATE // 1000
BLOCK = 10 * MS


def flat(value: int, count: int = BLOCK) -> Pcm:
    """A block of sound (0: of silence); :attr:`Meeting.sound` gives the value back."""
    return np.full(count, 100 * value, np.int16)


class Meeting:
    """Gives blocks to a mix and keeps what comes out, with the time it came."""

    def __init__(self) -> None:
        self.mix = LiveMix(0)
        self.frames: list[Frame] = []
        self.delays: list[int] = []

    def at(self, now_ms: float, **blocks: Pcm | list[Pcm]) -> None:
        now = round(now_ms * MS)
        for who, block in blocks.items():
            for pcm in block if isinstance(block, list) else [block]:
                self.mix.add(who, now, pcm)
        for frame in self.mix.take(now):
            self.frames.append(frame)
            self.delays.append(now - frame.at)

    @property
    def sound(self) -> Pcm:
        return np.concatenate([frame.pcm for frame in self.frames]) / 100

    def check_continuous(self) -> None:
        assert [frame.at for frame in self.frames] == [number * FRAME_SAMPLES for number in range(len(self.frames))]
        assert {len(frame.pcm) for frame in self.frames} == {FRAME_SAMPLES}


def test_an_empty_meeting_is_silence_at_the_pace_of_the_clock() -> None:
    meeting = Meeting()
    for now in range(0, 1001, 20):
        meeting.at(now)
    meeting.check_continuous()
    assert len(meeting.frames) == 50
    assert not meeting.sound.any()


def test_two_people_add_up_where_they_were_heard() -> None:
    meeting = Meeting()
    for now in range(10, 501, 10):
        blocks = {"ada": flat(100)}
        if 200 < now <= 300:
            blocks["ben"] = flat(20)
        meeting.at(now, **blocks)
    meeting.check_continuous()
    sound = meeting.sound
    assert set(sound[: 200 * MS]) == {100}
    assert set(sound[200 * MS : 300 * MS]) == {120}
    assert set(sound[300 * MS :]) == {100}
    assert max(meeting.delays) <= 60 * MS


def test_a_beginning_is_not_lost_when_all_were_silent_before() -> None:
    meeting = Meeting()
    for now in range(0, 101, 20):
        meeting.at(now)
    for now in range(105, 306, 10):
        meeting.at(now, ada=flat(7))
    meeting.at(400)
    assert int((meeting.sound == 7).sum()) == 21 * BLOCK


@pytest.mark.parametrize("stall_ms", [30, 60, 100, 200])
def test_a_stalled_loop_that_then_gets_all_at_once_loses_nothing(stall_ms: int) -> None:
    meeting = Meeting()
    for now in range(10, 1001, 10):
        meeting.at(now, ada=flat(1))
    meeting.at(1000 + stall_ms, ada=[flat(2)] * (stall_ms // 10))
    for now in range(1010 + stall_ms, 1501 + stall_ms, 10):
        meeting.at(now, ada=flat(3))
    for now in range(1510 + stall_ms, 2500, 10):
        meeting.at(now, ada=flat(0))
    meeting.check_continuous()
    sound = meeting.sound
    assert [int((sound == value).sum()) // BLOCK for value in (1, 2, 3)] == [100, stall_ms // 10, 50]


def test_after_a_burst_the_stream_is_on_time_again_as_soon_as_it_is_quiet() -> None:
    meeting = Meeting()
    for now in range(10, 501, 10):
        meeting.at(now, ada=flat(1))
    meeting.at(600, ada=[flat(2)] * 10)
    for now in range(610, 1001, 10):
        meeting.at(now, ada=flat(0))
    for now in range(1010, 1501, 10):
        meeting.at(now, ada=flat(3))
    first = int(np.flatnonzero(meeting.sound == 3)[0])
    assert first == pytest.approx(1000 * MS, abs=20 * MS)


def test_someone_who_sends_too_fast_is_not_kept_for_ever() -> None:
    mix = LiveMix(0)
    places = [mix.add("ada", 1000, flat(9)) for _ in range(100)]
    assert max(place for place in places if place is not None) <= 1000 + AHEAD
    assert places[-1] is None


def test_a_late_person_does_not_hold_up_the_others() -> None:
    meeting = Meeting()
    for now in range(10, 301, 10):
        meeting.at(now, ada=flat(5), ben=flat(1))
    for now in range(310, 601, 10):  # ben's network is gone
        meeting.at(now, ada=flat(5))
    assert max(meeting.delays) <= FRAME_SAMPLES + HOLD
    assert (meeting.sound >= 5).all()


def test_who_left_is_not_waited_for() -> None:
    meeting = Meeting()
    meeting.at(20, ada=flat(5), ben=flat(1))
    meeting.mix.left("ben")
    meeting.at(30, ada=flat(5))
    meeting.at(40, ada=flat(5))
    assert len(meeting.frames) == 2


def test_everyone_shouting_does_not_wrap() -> None:
    meeting = Meeting()
    for now in range(10, 101, 10):
        meeting.at(now, **{f"p{number}": flat(300) for number in range(8)})
    assert meeting.sound.min() > 240


def test_after_a_very_long_standstill_it_goes_on_with_now() -> None:
    mix = LiveMix(0)
    frames = mix.take(3600 * MEETING_RATE)
    assert len(frames) * FRAME_SAMPLES < MOST_BEHIND
    assert mix.take(3600 * MEETING_RATE + FRAME_SAMPLES)[0].at == frames[-1].at + FRAME_SAMPLES if frames else True


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2), st.sampled_from([480, 960, 441])), max_size=80))
def test_whatever_comes_the_stream_goes_on_without_a_gap(steps: list[tuple[int, int, int]]) -> None:
    mix, now, end = LiveMix(0), 0, 0
    for wait_ms, who, length in steps:
        now += wait_ms * MS
        mix.add(str(who), now, flat(10, length))
        for frame in mix.take(now):
            assert frame.at == end
            assert frame.at + FRAME_SAMPLES <= now
            end += FRAME_SAMPLES
        assert now - end < FRAME_SAMPLES + HOLD
