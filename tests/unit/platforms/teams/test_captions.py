"""Teams' caption lines to interim and final texts."""

from __future__ import annotations

from rejoinder.platforms.teams.captions import Caption, Captions


def test_a_line_grows_is_corrected_and_settles() -> None:
    captions = Captions()
    assert captions.deadline() is None
    assert captions.on_lines([("1", "Ann", "so we")], 10.0) == [Caption("Ann", "so we", False)]
    assert captions.on_lines([("1", "Ann", "So, we begin.")], 10.5) == [Caption("Ann", "So, we begin.", False)]
    assert captions.on_lines([("1", "Ann", "So, we begin.")], 10.8) == []
    assert captions.deadline() == 11.5
    assert captions.tick(11.4) == []
    assert captions.tick(11.5) == [Caption("Ann", "So, we begin.", True)]
    assert captions.deadline() is None


def test_what_is_said_after_a_pause_in_the_same_line_is_told_once() -> None:
    captions = Captions()
    captions.on_lines([("1", "Ann", "One two.")], 10.0)
    captions.tick(11.0)
    assert captions.on_lines([("1", "Ann", "One two. Three")], 12.0) == [Caption("Ann", "Three", False)]
    assert captions.tick(13.0) == [Caption("Ann", "Three", True)]


def test_an_element_used_for_another_line_ends_the_first() -> None:
    captions = Captions()
    captions.on_lines([("1", "Ann", "One two three")], 10.0)
    assert captions.on_lines([("1", "Ben", "Hello")], 10.2) == [
        Caption("Ann", "One two three", True),
        Caption("Ben", "Hello", False),
    ]


def test_lines_that_scroll_away_are_final_and_memory_is_bounded() -> None:
    captions = Captions()
    captions.on_lines([("1", "Ann", "One")], 10.0)
    assert captions.on_lines([], 10.1) == [Caption("Ann", "One", True)]
    told = captions.on_lines([(str(key), "Ann", f"line {key}") for key in range(200)], 11.0)
    assert sum(caption.final for caption in told) == 150
