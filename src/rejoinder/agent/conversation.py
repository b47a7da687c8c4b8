"""What was said in the meeting, by whom, and what of the bot's own words people really heard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rejoinder.agent.base import Message

MOST_CHARS = 9_000
"""Length of transcript a prompt carries: about 2,300 tokens, within every model's context and memory."""

SYSTEM_PROMPT = (
    "You are {name}, a voice assistant taking part in a meeting. You hear what each person says as "
    "'Name: words' and your replies are read aloud. Reply in one or two short sentences of plain spoken English: "
    "no lists, no markdown, no emoji, no speaker label. Answer the last speaker. When they ask what was said earlier, "
    "or by whom, answer from the conversation above and name the person. Otherwise answer from what you know. "
    "If you do not know, say so."
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
        for line in lines:
            role: str = "assistant" if line.own else "user"
            said = _said(line)
            if messages[-1].role == role:
                messages[-1] = Message(messages[-1].role, f"{messages[-1].content}\n{said}")
            else:
                messages.append(Message("assistant" if line.own else "user", said))
        return messages

    @property
    def last_own(self) -> Line | None:
        """The bot's latest line."""
        return next((line for line in reversed(self.lines) if line.own), None)


def _said(line: Line) -> str:
    if line.own:
        return f"{line.text}..." if line.cut else line.text
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
