"""One record per answer: where its time went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

STAGES: tuple[tuple[str, str, str], ...] = (
    ("vad", "speech_end", "paused"),
    ("stt", "paused", "words"),
    ("end_of_turn", "speech_end", "turn_end"),
    ("llm_first_token", "llm_request", "llm_first_token"),
    ("first_piece", "llm_first_token", "first_piece"),
    ("tts_first_audio", "tts_request", "tts_first_audio"),
    ("send", "tts_first_audio", "sent"),
)
"""(stage, from, to): the latency budget between capture and the listener's ear, which the network adds."""


@dataclass(slots=True)
class TurnTrace:
    """The marks of one answer, in seconds on the loop's clock, and what is needed to date them.

    In their usual order: speech_end, paused, words, turn_end, llm_request, llm_first_token, first_piece, tts_request,
    tts_first_audio, sent. Work done ahead puts later ones before turn_end.

    ``clock_offset`` added to a mark gives Unix seconds. ``capture_ms`` and ``audible_ms`` are the network's share:
    from the speaker's microphone to us, and from us to the listeners' ears (estimated from transport statistics).
    """

    id: str
    participant: str
    speaker: str
    question: str
    clock_offset: float
    marks: dict[str, float] = field(default_factory=dict)
    capture_ms: float | None = None
    audible_ms: float | None = None
    answer: str = ""
    outcome: str = "pending"
    """pending, said, interrupted, silent (nothing came) or failed"""
    pauses: int = 0
    """How often a sound made the bot hold its tongue during this answer."""

    def mark(self, name: str, now: float) -> None:
        """Note a moment; the first time counts."""
        self.marks.setdefault(name, now)

    def stages_ms(self) -> dict[str, float]:
        """Duration of each stage whose two ends are known, in milliseconds."""
        stages: dict[str, float] = {}
        if self.capture_ms is not None:
            stages["capture_network"] = self.capture_ms
        for stage, since, until in STAGES:
            if since in self.marks and until in self.marks:
                stages[stage] = round(1000 * (self.marks[until] - self.marks[since]), 1)
        if self.audible_ms is not None:
            stages["audible"] = self.audible_ms
        return stages

    def total_ms(self) -> float | None:
        """Mouth to ear: the end of the question to the answer's first sound, network included where known."""
        if "speech_end" not in self.marks or "sent" not in self.marks:
            return None
        inside = 1000 * (self.marks["sent"] - self.marks["speech_end"])
        return round(inside + (self.capture_ms or 0.0) + (self.audible_ms or 0.0), 1)

    def record(self) -> dict[str, Any]:
        """The JSON form: moments as Unix seconds, durations in milliseconds."""
        return {
            "id": self.id,
            "participant": self.participant,
            "speaker": self.speaker,
            "question": self.question,
            "answer": self.answer,
            "outcome": self.outcome,
            "pauses": self.pauses,
            "marks": {name: round(at + self.clock_offset, 4) for name, at in sorted(self.marks.items(), key=_when)},
            "stages_ms": self.stages_ms(),
            "total_ms": self.total_ms(),
        }


def _when(mark: tuple[str, float]) -> float:
    return mark[1]
