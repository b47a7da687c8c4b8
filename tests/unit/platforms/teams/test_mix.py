"""Which of Teams' tracks to hear, and whose the mix is."""

from __future__ import annotations

from rejoinder.platforms.teams.mix import Speakers, TrackChoice, Voice


def heard(choice: TrackChoice, now: float, numbers: range = range(3)) -> set[int]:
    return {number for number in numbers if choice.hears(number, now)}


def measured(choice: TrackChoice, levels: dict[int, float], begin: float, seconds: float) -> float:
    for step in range(round(seconds * 4)):
        choice.on_levels(levels, begin + step / 4)
    return begin + seconds


def test_only_the_main_mix_is_heard_whatever_the_order() -> None:
    for order in ((0, 1), (1, 0)):
        choice = TrackChoice()
        for number in order:
            choice.on_track(number, ("audioDouble-1", "mainAudio-1")[number], True, 100.0)
        now = measured(choice, {0: 0.1, 1: 0.1}, 100.0, 60)
        assert heard(choice, now) == {1}


def test_a_meeting_where_nobody_speaks_is_no_reason_to_give_up() -> None:
    choice = TrackChoice()
    choice.on_track(0, "mainAudio", True, 100.0)
    choice.on_track(1, "other", True, 100.0)
    now = measured(choice, {0: 0.0, 1: 0.0}, 100.0, 600)
    assert heard(choice, now) == {0}


def test_a_main_mix_silent_for_20_s_while_another_sounds_is_given_up() -> None:
    choice = TrackChoice()
    choice.on_track(0, "mainAudio", True, 100.0)
    choice.on_track(1, "other", True, 100.0)
    assert heard(choice, measured(choice, {0: 0.0, 1: 0.1}, 100.0, 19.9)) == {0}
    assert 1 in heard(choice, measured(choice, {0: 0.0, 1: 0.1}, 119.9, 1))


def test_without_a_main_mix_one_track_is_heard_for_15_s_then_all_that_differ() -> None:
    choice = TrackChoice()
    for number in (0, 1, 2):
        choice.on_track(number, f"audio{number}", True, 100.0)
    for step in range(59):
        third = 0.2 if step % 7 else 0.0
        choice.on_levels({0: 0.1, 1: 0.105, 2: third}, 100.0 + step / 4)
    assert heard(choice, 114.9) == {0}
    choice.on_levels({0: 0.1, 1: 0.1, 2: 0.0}, 115.0)
    assert heard(choice, 115.0) == {0, 2}


def test_a_main_mix_that_comes_late_takes_over() -> None:
    choice = TrackChoice()
    choice.on_track(0, "x", True, 100.0)
    assert heard(choice, 101.0) == {0}
    choice.on_track(1, "mainAudio", True, 102.0)
    assert heard(choice, 102.0) == {1}
    choice.on_track(1, "mainAudio", False, 103.0)
    choice.on_track(2, "mainAudio-2", True, 104.0)
    assert heard(choice, 104.0) == {2}


def test_the_lit_tile_has_the_mix_also_for_sound_that_came_before_its_light() -> None:
    speakers = Speakers()
    speakers.on_tiles(["a", "b"], [], 10.0)
    assert speakers.at(10.5) is None
    assert speakers.on_tiles(["a", "b"], ["a"], 11.0) == Voice("a", "dom", 0.8)
    assert speakers.at(10.85) == Voice("a", "dom", 0.8)
    assert speakers.at(10.7) is None


def test_the_last_speaker_keeps_the_mix_through_gaps_with_less_confidence() -> None:
    speakers = Speakers()
    speakers.on_tiles(["a", "b"], ["a"], 10.0)
    assert speakers.on_tiles(["a", "b"], [], 12.0) == Voice("a", "dom", 0.5)
    assert speakers.on_tiles(["a", "b"], ["b"], 13.0) == Voice("b", "dom", 0.8)
    assert speakers.on_tiles(["a"], [], 14.0) == Voice("a", "dom", 0.95)


def test_of_several_whoever_began_first_has_it_and_the_label_is_a_guess() -> None:
    speakers = Speakers()
    speakers.on_tiles(["a", "b", "c"], ["a"], 10.0)
    assert speakers.on_tiles(["a", "b", "c"], ["b", "a"], 11.0) == Voice("a", "mixed", 0.4)
    assert speakers.on_tiles(["a", "b", "c"], ["b"], 12.0) == Voice("b", "dom", 0.8)


def test_the_only_other_one_has_the_mix_without_any_light() -> None:
    speakers = Speakers()
    assert speakers.on_tiles(["a"], [], 10.0) == Voice("a", "dom", 0.95)
    assert speakers.at(9.0) == Voice("a", "dom", 0.95)


def test_tiles_that_are_all_lit_for_seconds_are_not_believed() -> None:
    speakers = Speakers()
    for step in range(60):
        voice = speakers.on_tiles(["a", "b"], ["a", "b"], 10.0 + step / 10)
    assert voice is None
    assert speakers.on_tiles(["a", "b"], ["b"], 17.0) == Voice("b", "dom", 0.8)


def test_captions_correct_tiles_that_light_the_wrong_way_round() -> None:
    speakers = Speakers()
    for step in range(3):
        speakers.on_tiles(["a", "b", "c"], ["b", "c"], 10.0 + step)
        assert speakers.believed
        speakers.on_caption("a", 10.5 + step)
    assert not speakers.believed
    assert speakers.on_tiles(["a", "b", "c"], ["b", "c"], 13.0) == Voice("a", "captions", 0.5)
    speakers.on_caption("b", 13.5)
    assert speakers.believed


def test_captions_stand_in_where_no_tile_is_ever_lit() -> None:
    speakers = Speakers()
    speakers.on_tiles(["a", "b"], [], 10.0)
    assert speakers.on_caption("b", 11.0) == Voice("b", "captions", 0.5)
    assert speakers.on_tiles(["a", "b"], [], 14.0) is None
