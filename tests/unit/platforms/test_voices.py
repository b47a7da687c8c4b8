from __future__ import annotations

from rejoinder.platforms.voices import FILL_S, Voices


def test_one_track_at_a_time_carries_someone() -> None:
    voices = Voices()
    assert voices.take("ann", 0, 1.00)
    assert not voices.take("ann", 1, 1.01)
    assert voices.take("ben", 1, 1.01)
    assert voices.take("ann", 0, 1.02)
    assert voices.take("ann", 2, 1.20), "the first track went quiet"
    assert voices.track_of("ann") == 2


def test_someone_whose_track_went_elsewhere_falls_silent_at_the_pace_of_time() -> None:
    voices = Voices()
    for frame in range(50):
        voices.take("ann", 0, frame * 0.02)
    last, frames, now = 0.98, 0, 0.98
    while now < last + 10:
        now += 0.04
        for who, count in voices.owed(now):
            assert who == "ann"
            frames += count
            assert abs(frames * 0.02 - (now - last)) < 0.061
    assert abs(frames * 0.02 - FILL_S) < 0.03
    assert not voices.active


def test_steady_audio_is_not_filled_up() -> None:
    voices = Voices()
    for frame in range(500):
        jitter = 0.03 if frame % 7 == 0 else 0.0
        voices.take("ann", 0, frame * 0.02 + jitter)
        assert voices.owed(frame * 0.02 + jitter + 0.01) == []


def test_audio_that_comes_back_owes_no_more() -> None:
    voices = Voices()
    voices.take("ann", 0, 1.0)
    assert voices.owed(1.5) == [("ann", 25)]
    voices.take("ann", 1, 1.51)
    assert voices.owed(1.55) == []


def test_nobody_is_owed_anything_once_cleared() -> None:
    voices = Voices()
    voices.take("ann", 0, 1.0)
    voices.clear()
    assert voices.owed(2.0) == []


def test_a_silent_block_never_takes_a_person_from_a_track_and_a_loud_one_takes_them_from_a_silent_one() -> None:
    voices = Voices()
    assert voices.take("ada", 1, 0.0, loud=False)
    assert voices.take("ada", 2, 0.01), "track 1 gave only silence"
    assert not voices.take("ada", 1, 0.02, loud=False)
    assert voices.take("ada", 2, 0.03, loud=False)
    assert not voices.take("ada", 1, 0.04, loud=False)
    assert not voices.take("ada", 1, 0.05), "track 2 was loud just now"
    assert voices.take("ada", 1, 0.2)
    assert voices.track_of("ada") == 1
