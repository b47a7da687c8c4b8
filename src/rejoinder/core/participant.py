"""Who is in a meeting."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Participant:
    """A person or bot in a meeting, as the meeting names them."""

    id: str
    name: str
    is_bot: bool = False
    is_host: bool = False
