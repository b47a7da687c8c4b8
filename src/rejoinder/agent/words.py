"""Judgements on what was said, from its words alone."""

from __future__ import annotations

import difflib
import itertools
import re

_WORD = re.compile(r"[a-z0-9']+")

_BACKCHANNELS = frozenset(
    "uh um hm hmm hmmm mm mmm mhm uhhuh huh ah aha oh yeah yep yup ok okay right sure cool great nice wow alright "
    "exactly true indeed yes ya".split()
)
"""Words that say "go on" while someone else talks. "no", "stop" and "wait" are the opposite and are not here."""

_BACKCHANNEL_PHRASES = frozenset(
    {"i see", "got it", "go on", "uh huh", "mm hm", "all right", "of course", "makes sense"}
)

_OPEN_ENDS = frozenset(
    "and or but so because if when that which who the a an to of in on at for with from by as is are was were my your "
    "our their his her its this these those than then like about into i we you they he she it's i'm um uh".split()
)
"""A turn that breaks off after one of these is seldom over."""


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower().replace("’", "'"))


def is_backchannel(text: str) -> bool:
    """Whether a text is nothing, or only a listener's "mhm": no reason to stop talking."""
    said = words(text)
    if len(said) > 4:
        return False
    return all(word in _BACKCHANNELS for word in said) or " ".join(said) in _BACKCHANNEL_PHRASES


def sounds_finished(text: str) -> float:
    """How far the words make the end of a turn likelier (> 0) or less likely (< 0); added to a probability."""
    said = words(text)
    if not said:
        return 0.0
    if said[-1] in _OPEN_ENDS or text.rstrip().endswith((",", "-", "—", "...")):
        return -0.35
    if text.rstrip().endswith("?"):
        return 0.25
    return 0.05


def is_echo(text: str, spoken: str) -> bool:
    """Whether what was heard is what the bot itself just said, come back through someone's loudspeaker.

    True when at least 80 % of the (three or more) words stand in the spoken text in the same order.
    """
    heard, said = words(text), words(spoken)
    if len(heard) < 3 or not said:
        return False
    matcher = difflib.SequenceMatcher(None, heard, said, autojunk=False)
    matching = sum(block.size for block in matcher.get_matching_blocks())
    return matching >= 0.8 * len(heard)


def names(text: str, name: str) -> bool:
    """Whether a text calls someone by name, as a transcriber may have spelled it.

    Compares each word, and each pair of words run together, with each part of the name; 0.8 of similarity suffices
    ("Rejoinder" comes as "re joinder", "Robin" as "Robyn").
    """
    said = words(text)
    candidates = said + ["".join(pair) for pair in itertools.pairwise(said)]
    parts = [part for part in words(name) if len(part) > 2] or words(name)
    parts.append("".join(words(name)))
    return any(_alike(candidate, part) for part in parts for candidate in candidates)


def _alike(heard: str, name: str) -> bool:
    if heard == name:
        return True
    if len(name) < 4 or abs(len(heard) - len(name)) > 2:
        return False
    return difflib.SequenceMatcher(None, heard, name, autojunk=False).ratio() >= 0.8


def normalised(text: str) -> str:
    """A text with nothing but its words, to tell whether two transcripts ask the same."""
    return " ".join(words(text))
