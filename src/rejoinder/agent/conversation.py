"""What was said in the meeting, by whom, and what of the bot's own words people really heard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rejoinder.agent.base import Message

MOST_CHARS = 9_000
"""Length of transcript a prompt carries: about 2,300 tokens, within every model's context and memory."""

SYSTEM_PROMPT = (
    "You are {name}, a knowledgeable voice assistant in a meeting. Each message is what one person said, as "
    "'Name: words'. Answer the last one in one or two short spoken sentences: no markdown, no lists, no emoji, no "
    "speaker label. Use your general knowledge for facts, arithmetic and advice. For questions about the meeting use "
    "only what people said before, and name who said it. Never guess: what nobody said was not mentioned."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was said. ``at`` is Unix seconds; ``own``: by the bot; ``cut``: it was interrupted there."""

    speaker: str
    text: str
    at: float
    own: bool = False
    cut: bool = False


class Conversation:
    """The meeting's lines and the prompt made of them.

    An answer that was cut off is told as an event, not as the assistant's own words: small models would go on to break
    off theirs in the same way.

    Each person's line is a message: what was said last is then the question, which small models lose in one long text.

    The prompt only ever grows at its end (until it is too long, when its older half goes at once), so that a model
    with a prefix cache reads each line once.
    """

    def __init__(self, name: str, instructions: str | None = None) -> None:
        self.lines: list[Line] = []
        self._system = SYSTEM_PROMPT.format(name=name)
        if instructions:
            self._system += "\n\n" + instructions
        self._first = 0

    def add(self, line: Line) -> None:
        """Append a line; empty ones are left out."""
        if not line.text.strip():
            return
        self.lines.append(line)
        if sum(len(kept.text) + len(kept.speaker) for kept in self.lines[self._first :]) > MOST_CHARS:
            self._first += (len(self.lines) - self._first) // 2

    def note(self, text: str, at: float) -> None:
        """Record an event of the meeting (someone joined)."""
        self.lines.append(Line("", text, at))

    def messages(self, speaker: str | None = None, text: str = "") -> list[Message]:
        """The prompt; with ``speaker``, as if they had just said ``text``."""
        lines: Sequence[Line] = self.lines[self._first :]
        if speaker is not None:
            lines = [*lines, Line(speaker, text, 0.0)]
        messages = [Message("system", self._system)]
        goes_on = False  # events stand before the words that come next, and what the bot says is one message
        for line in lines:
            own, event = line.own and not line.cut, not line.speaker or line.cut
            role: Literal["assistant", "user"] = "assistant" if own else "user"
            if goes_on and messages[-1].role == role:
                messages[-1] = Message(role, f"{messages[-1].content}\n{_said(line)}")
            else:
                messages.append(Message(role, _said(line)))
            goes_on = own or event
        return messages


def _said(line: Line) -> str:
    if line.own:
        return f'({line.speaker} said "{line.text}" and was interrupted.)' if line.cut else line.text
    return f"{line.speaker}: {line.text}" if line.speaker else f"({line.text})"


def heard_words(text: str, played: int, total: int) -> str:
    """The words of ``text`` that fit into the first ``played`` of ``total`` samples.

    Speech is taken as even over its letters, which is right to about a word; a word that was cut is not counted.
    """
    if total <= 0 or played <= 0:
        return ""
    if played >= total:
        return text
    limit = len(text) * played / total
    ends = [match.end() for match in re.finditer(r"\S+", text) if match.end() <= limit]
    return text[: ends[-1]] if ends else ""
