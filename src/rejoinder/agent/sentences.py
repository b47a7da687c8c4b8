"""A stream of tokens cut into pieces worth speaking.

The first piece decides how soon the bot is heard, so it is short: the first punctuation, or a few words. Each of the
next is made while the one before is heard, so it may be longer: they grow until they are sentences, which sound best.
"""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)")
_CLAUSE_END = re.compile(r"[,;:—–.!?…]+[\"'”’)\]]*(?=\s)")
_ABBREVIATION = re.compile(
    r"\b(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|no|jan|feb|aug|sept|oct|nov|dec|[a-z])\.$", re.I
)
_WEAK = frozenset("the a an to of in on at for with from by as is are was were my your our their and or but".split())
"""Words no speaker pauses after; a first piece is not cut behind one unless it grows too long."""

FIRST_WORDS = 2
"""Words that make a first piece when no punctuation comes: about 0.6 s of speech, which covers the making of what
follows. Each further word would cost its time before anything is heard."""
GROWTH = ((1, FIRST_WORDS), (3, 8), (6, 16))
"""For the first pieces: words that suffice for a cut at a comma, and words that suffice for a cut anywhere. Each piece
lasts longer than a model of 20 words a second needs for the next. Later ones are whole sentences."""
MORE_WORDS = 3
"""So many words more are waited for, rather than cutting behind a weak one."""
LATER_CHARS = 140
"""A later sentence longer than this may be cut at a clause, so that its audio is in time."""


class Pieces:
    """Feed it tokens, get pieces. ``first_words``: see :data:`FIRST_WORDS`."""

    def __init__(self, first_words: int = FIRST_WORDS) -> None:
        self._text = ""
        self._number = 0
        self._growth = ((1, first_words), *GROWTH[1:])

    def feed(self, token: str) -> list[str]:
        """Add a token; give the pieces that are complete now."""
        self._text += token
        pieces = []
        while (cut := self._cut()) is not None:
            piece, self._text = self._text[:cut].strip(), self._text[cut:]
            if piece:
                pieces.append(piece)
                self._number += 1
        return pieces

    def end(self) -> list[str]:
        """The stream is over: give what is left."""
        rest, self._text = self._text.strip(), ""
        return [rest] if rest else []

    def _cut(self) -> int | None:
        if (end := self._ends(_SENTENCE_END)) is not None:
            return end
        newline = self._text.find("\n")
        if newline > 0 and self._text[:newline].strip():
            return newline + 1
        if self._number < len(self._growth):
            return self._early_cut(*self._growth[self._number])
        if len(self._text) > LATER_CHARS:
            ends = [match.end() for match in _CLAUSE_END.finditer(self._text)]
            return ends[-1] if ends else None
        return None

    def _ends(self, pattern: re.Pattern[str], words: int = 1) -> int | None:
        """Where the first clause or sentence of at least so many words ends."""
        for match in pattern.finditer(self._text):
            text = self._text[: match.end()]
            if len(text.split()) >= words and not _ABBREVIATION.search(text.rstrip("\"'”’)]")):
                return match.end()
        return None

    def _early_cut(self, clause_words: int, any_words: int) -> int | None:
        if (end := self._ends(_CLAUSE_END, clause_words)) is not None:
            return end
        complete = list(re.finditer(r"\S+(?=\s)", self._text))
        if len(complete) < any_words:
            return None
        weak = complete[-1].group().lower() in _WEAK
        return None if weak and len(complete) < any_words + MORE_WORDS else complete[-1].end()
