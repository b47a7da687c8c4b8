"""A stream of tokens cut into pieces worth speaking.

The first piece decides how soon the bot is heard, so it is short: the first punctuation, or a few words. Everything
after it is spoken while the bot already talks, so it goes sentence by sentence, which sounds better.
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
FIRST_WORDS_MOST = 5
LATER_CHARS = 140
"""A later sentence longer than this may be cut at a clause, so that its audio is in time."""


class Pieces:
    """Feed it tokens, get pieces. ``first_words``: see :data:`FIRST_WORDS`."""

    def __init__(self, first_words: int = FIRST_WORDS) -> None:
        self._text = ""
        self._first = True
        self._first_words = first_words

    def feed(self, token: str) -> list[str]:
        """Add a token; give the pieces that are complete now."""
        self._text += token
        pieces = []
        while (cut := self._cut()) is not None:
            piece, self._text = self._text[:cut].strip(), self._text[cut:]
            if piece:
                pieces.append(piece)
                self._first = False
        return pieces

    def end(self) -> list[str]:
        """The stream is over: give what is left."""
        rest, self._text = self._text.strip(), ""
        return [rest] if rest else []

    def _cut(self) -> int | None:
        if self._first:
            return self._first_cut()
        for match in _SENTENCE_END.finditer(self._text):
            if not _ABBREVIATION.search(self._text[: match.end()].rstrip("\"'”’)]")):
                return match.end()
        newline = self._text.find("\n")
        if newline > 0 and self._text[:newline].strip():
            return newline + 1
        if len(self._text) > LATER_CHARS:
            ends = [match.end() for match in _CLAUSE_END.finditer(self._text)]
            return ends[-1] if ends else None
        return None

    def _first_cut(self) -> int | None:
        for match in _CLAUSE_END.finditer(self._text):
            if not _ABBREVIATION.search(self._text[: match.end()]):
                return match.end()
        complete = list(re.finditer(r"\S+(?=\s)", self._text))
        if len(complete) < self._first_words:
            return None
        last = complete[-1].group().lower()
        if last in _WEAK and len(complete) < FIRST_WORDS_MOST:
            return None
        return complete[-1].end()
