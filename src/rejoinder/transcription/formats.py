"""A transcript as a file: WebVTT and SubRip subtitles, plain text, Markdown. Pure.

WebVTT: https://www.w3.org/TR/webvtt1/. SubRip has no standard; what players agree on is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rejoinder.core.transcript import Segment, Word

CUE_S = 6.0
"""A subtitle that stays longer is hard to follow (broadcasters' guidelines say 6 to 7 s)."""
CUE_CHARS = 84
"""Two lines of 42 characters, the usual limit of broadcasters."""
LEAST_CUE_S = 0.5
"""Shorter ones cannot be read."""

_SPACE = re.compile(r"\s+")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~-])")


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at a time."""

    start: float
    end: float
    speaker: str
    text: str


def cues(segments: Sequence[Segment]) -> Iterator[Cue]:
    """Segments as subtitles, in the same order, none with more text or time than can be read."""
    for segment in segments:
        words: list[Word] = []
        for word in segment.words:
            chars = sum(len(said.text) + 1 for said in words) + len(word.text)
            if words and (chars > CUE_CHARS or word.end - words[0].start > CUE_S):
                yield _cue(segment, words)
                words = []
            words.append(word)
        if words:
            yield _cue(segment, words)


def vtt(segments: Sequence[Segment]) -> str:
    """WebVTT, with the speakers as voices."""
    blocks = ["WEBVTT"]
    for cue in cues(segments):
        times = f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}"
        blocks.append(f"{times}\n<v {_escaped(cue.speaker)}>{_escaped(cue.text)}</v>")
    return "\n\n".join(blocks) + "\n"


def srt(segments: Sequence[Segment]) -> str:
    """SubRip, each subtitle with its speaker's name."""
    blocks = []
    for number, cue in enumerate(cues(segments), 1):
        times = f"{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}"
        said = f"{cue.speaker}: {cue.text}".replace("-->", "->")  # a text must not be taken for times
        blocks.append(f"{number}\n{times}\n{said}")
    return "".join(block + "\n\n" for block in blocks)


def txt(segments: Sequence[Segment]) -> str:
    """One line per segment: time, speaker, words."""
    return "".join(
        f"[{_short(segment.start)}] {_line(segment.speaker)}: {_line(segment.text)}\n" for segment in segments
    )


def markdown(segments: Sequence[Segment]) -> str:
    """A paragraph per segment."""
    paragraphs = [
        f"**{_plain(segment.speaker)}** ({_short(segment.start)})  \n{_plain(segment.text)}\n" for segment in segments
    ]
    return "# Transcript\n\n" + "\n".join(paragraphs)


FORMATS: Mapping[str, tuple[Callable[[Sequence[Segment]], str], str]] = {
    "vtt": (vtt, "text/vtt; charset=utf-8"),
    "srt": (srt, "application/x-subrip; charset=utf-8"),
    "txt": (txt, "text/plain; charset=utf-8"),
    "md": (markdown, "text/markdown; charset=utf-8"),
}
"""Exports by file name ending: the function and the media type."""


def _cue(segment: Segment, words: Sequence[Word]) -> Cue:
    start, end = max(0.0, words[0].start), words[-1].end
    text = _line(" ".join(word.text for word in words))
    return Cue(start, max(end, start + LEAST_CUE_S), _line(segment.speaker) or "Unknown", text)


def _line(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", _line(text))


def _clock(seconds: float, point: str) -> str:
    millis = round(max(0.0, seconds) * 1000)
    whole, millis = divmod(millis, 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{millis:03}"


def _short(seconds: float) -> str:
    whole = int(max(0.0, seconds))
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
