"""The transcripts of all tracks as one conversation. Pure.

People are heard on tracks of their own, so nothing said at the same time is lost; what is to be decided is the order in
which it is read. Each track is taken apart into phrases, the phrases are put in order of their beginning, and those of
one speaker are joined again as long as nobody else begins in between and the pause is short.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from rejoinder.core.transcript import Segment, Word

BREATH_S = 0.3
"""A pause after which another speaker's phrase may come in between."""
PAUSE_S = 1.0
"""A longer pause begins a new segment."""
LONGEST_S = 60.0
"""A segment ends with the phrase in which it becomes longer: players and readers want places to go to."""


def merge(segments: Iterable[Segment]) -> list[Segment]:
    """One list by time of beginning. Every word is in it once, with the speaker it came with."""
    parts = sorted(_phrases(segments), key=lambda segment: (segment.start, segment.participant_id))
    merged: list[Segment] = []
    for part in parts:
        if merged and _goes_on(merged[-1], part):
            last = merged[-1]
            merged[-1] = Segment(last.participant_id, last.speaker, last.words + part.words)
        else:
            merged.append(part)
    return merged


def _goes_on(last: Segment, part: Segment) -> bool:
    return (
        last.participant_id == part.participant_id
        and last.speaker == part.speaker
        and part.start - last.end <= PAUSE_S
        and last.end - last.start <= LONGEST_S
    )


def _phrases(segments: Iterable[Segment]) -> Iterator[Segment]:
    """The phrases of each speaker: up to a pause for breath, or the end of a sentence."""
    tracks: dict[tuple[str, str], list[Word]] = {}
    for segment in segments:
        tracks.setdefault((segment.participant_id, segment.speaker), []).extend(segment.words)
    for (participant, speaker), words in tracks.items():
        words.sort(key=lambda word: word.start)
        begin = 0
        for index, (word, following) in enumerate(itertools.pairwise(words), 1):
            if following.start - word.end >= BREATH_S or _ends_sentence(word.text):
                yield Segment(participant, speaker, tuple(words[begin:index]))
                begin = index
        if words:
            yield Segment(participant, speaker, tuple(words[begin:]))


def _ends_sentence(text: str) -> bool:
    return text.rstrip("\"'”’)").endswith((".", "?", "!", "…"))
