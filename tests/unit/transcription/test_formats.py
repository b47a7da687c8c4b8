"""Exports, read back."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.core.transcript import Segment, Word
from rejoinder.transcription.formats import CUE_CHARS, CUE_S, FORMATS, cues, markdown, srt, txt, vtt

WORDS = tuple(Word(text, 3599 + index, 3599.5 + index) for index, text in enumerate("So <b>what</b> & why?".split()))
SEGMENTS = [Segment("1", "Ada L", WORDS), Segment("2", "Bo", (Word("OK.", 3661.0, 3661.04),))]

VTT_CUE = re.compile(r"(\d\d+:\d\d:\d\d\.\d{3}) --> (\d\d+:\d\d:\d\d\.\d{3})\n<v ([^>\n]+)>([^\n]*)</v>")
SRT_CUE = re.compile(r"(\d+)\n(\d\d+:\d\d:\d\d,\d{3}) --> (\d\d+:\d\d:\d\d,\d{3})\n([^\n]+?): ([^\n]*)")


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def read_vtt(text: str) -> list[tuple[float, float, str, str]]:
    head, *blocks = text.rstrip("\n").split("\n\n")
    assert head == "WEBVTT"
    found = []
    for block in blocks:
        match = VTT_CUE.fullmatch(block)
        assert match, block
        found.append((seconds(match[1]), seconds(match[2]), html.unescape(match[3]), html.unescape(match[4])))
    return found


def read_srt(text: str) -> list[tuple[float, float, str, str]]:
    found = []
    for number, block in enumerate(text.rstrip("\n").split("\n\n") if text else [], 1):
        match = SRT_CUE.fullmatch(block)
        assert match, block
        assert int(match[1]) == number
        found.append((seconds(match[2]), seconds(match[3]), match[4], match[5]))
    return found


def test_subtitles_parse_back() -> None:
    expected = [(3599.0, 3602.5, "Ada L", "So <b>what</b> & why?"), (3661.0, 3661.5, "Bo", "OK.")]
    assert read_vtt(vtt(SEGMENTS)) == expected
    assert read_srt(srt(SEGMENTS)) == expected


def test_text() -> None:
    assert txt(SEGMENTS) == "[00:59:59] Ada L: So <b>what</b> & why?\n[01:01:01] Bo: OK.\n"


def test_markdown_shows_what_was_said_and_not_what_it_would_mean() -> None:
    assert "**Bo** (01:01:01)  \nOK.\n" in markdown(SEGMENTS)
    assert r"So \<b\>what\</b\> & why?" in markdown(SEGMENTS)


def test_long_speech_becomes_readable_subtitles() -> None:
    words = tuple(Word(f"word{index}", index * 0.4, index * 0.4 + 0.3) for index in range(200))
    found = list(cues([Segment("1", "Ada", words)]))
    assert " ".join(cue.text for cue in found) == " ".join(word.text for word in words)
    assert all(len(cue.text) <= CUE_CHARS and cue.end - cue.start <= CUE_S for cue in found)


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_transcript_is_a_file_too(name: str) -> None:
    made, media_type = FORMATS[name]
    assert isinstance(made([]), str)
    assert "/" in media_type


names = st.text(min_size=1, max_size=20)


@given(names, st.lists(st.tuples(st.text(min_size=1, max_size=12), st.floats(0, 90_000)), min_size=1, max_size=8))
def test_no_name_and_no_word_breaks_a_file(name: str, rows: list[tuple[str, float]]) -> None:
    segments = [Segment("1", name, (Word(text, start, start + 1),)) for text, start in rows]
    assert len(read_vtt(vtt(segments))) == len(rows)
    assert len(SRT_CUE.findall(srt(segments))) <= len(rows) == srt(segments).count(" --> ")
    assert txt(segments).count("\n") == len(rows)
