from __future__ import annotations

from pathlib import Path

import pytest

from rejoinder.browser.selectors import Alternative, load_selectors, parse_selectors
from rejoinder.errors import InvalidRequest

GOOD = """
[meta]
seen = "2026-11"
[selectors]
join = ["#join", "button >> text:join"]
[texts.en]
join = ["Ask to join"]
[texts.de]
join = ["Teilnahme anfragen"]
[regions]
ignore = [".chat"]
"""


def test_a_file_is_read_with_all_its_languages() -> None:
    read = parse_selectors(GOOD, "x.toml")
    labels = ("Ask to join", "Teilnahme anfragen")
    assert read.selectors == {"join": (Alternative("#join"), Alternative("button", labels))}
    assert read.text("join") == labels
    assert read.ignore == (".chat",)
    assert read.seen == "2026-11"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("[meta]", "[meta", "selectors_dir"),
        ('seen = "2026-11"', 'seen = "last year"', "meta.seen"),
        ('seen = "2026-11"', "", "meta.seen"),
        ("[selectors]", "[selektors]", "selektors"),
        ('join = ["#join", "button >> text:join"]', "join = []", "selectors.join"),
        ('join = ["#join", "button >> text:join"]', 'join = "#join"', "selectors.join"),
        ('join = ["#join", "button >> text:join"]', 'join = [" "]', "selectors.join"),
        ('join = ["#join", "button >> text:join"]', 'Join-Button = ["#join"]', "selectors.Join-Button"),
        ("text:join", "text:knock", "selectors.join"),
        ('join = ["Teilnahme anfragen"]', "join = [1]", "texts.de.join"),
        ('ignore = [".chat"]', "ignore = 3", "regions.ignore"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(old: str, new: str, field: str) -> None:
    assert old in GOOD
    with pytest.raises(InvalidRequest, match=r"x\.toml") as caught:
        parse_selectors(GOOD.replace(old, new, 1), "x.toml")
    assert caught.value.field == field


def test_an_operators_file_takes_the_place_of_ours(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "meet.toml", tmp_path / "own" / "meet.toml"
    theirs.parent.mkdir()
    ours.write_text(GOOD)
    assert load_selectors(ours, theirs.parent).selectors["join"][0].css == "#join"
    theirs.write_text(GOOD.replace("#join", "#new"))
    assert load_selectors(ours, theirs.parent).selectors["join"][0].css == "#new"


def test_an_operators_file_must_have_what_ours_has(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "meet.toml", tmp_path / "own" / "meet.toml"
    theirs.parent.mkdir()
    ours.write_text(GOOD)
    theirs.write_text(GOOD.replace('\njoin = ["#join"', '\nknock = ["#join"'))
    with pytest.raises(InvalidRequest, match="lacks join") as caught:
        load_selectors(ours, theirs.parent)
    assert caught.value.field == "selectors.join"
