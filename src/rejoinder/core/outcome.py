"""Why a stay in a meeting ended, or never began: one closed list for every platform, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "left",
    "denied",
    "lobby_timeout",
    "login_required",
    "login_busy",
    "captcha",
    "not_started",
    "ended",
    "removed",
    "host_ended",
    "wall",
    "network",
    "not_found",
    "crashed",
    "lost",
]
"""Of the less plain ones: lobby_timeout: nobody answered the knock. login_required: only signed-in guests, and this bot
is none. login_busy: every account it may sign in with is in use. captcha: the platform asks whether a human is there.
not_started: the host is not there yet. host_ended: the host ended it for all. wall: the platform does not let this
client in. network: the platform cannot be reached. crashed: the browser or its page died. lost: the page does not do
what it should, and nobody knows why."""

_PAUSES_S: dict[Reason, tuple[float, ...]] = {
    # A host who is late: every 15 s for 10 minutes.
    "not_started": (15.0,) * 40,
    "network": (1.0, 4.0, 15.0, 30.0),
    # Accounts become free when a bot leaves. Two minutes: longer would be a bot that silently misses its meeting.
    "login_busy": (5.0, 10.0, 15.0, 30.0, 60.0),
    # A crash while inside: people see the bot go and come, so at once, but not for ever.
    "crashed": (0.5, 3.0, 15.0),
    "lost": (1.0, 10.0),
}
"""Seconds before the second, third, ... try. What is not listed is final: a person decided it, or only a person can
change it, and knocking again would be a nuisance."""

_ENDED: dict[Reason, str] = {
    "left": "left",
    "denied": "denied",
    "lobby_timeout": "lobby_timeout",
    "ended": "ended",
    "host_ended": "ended",
    "removed": "removed",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. ``message`` is a sentence for a user; ``evidence`` the name of what was saved at that moment."""

    reason: Reason
    message: str
    evidence: str | None = None

    @property
    def retryable(self) -> bool:
        """Whether joining again may help."""
        return self.reason in _PAUSES_S

    @property
    def ended(self) -> str:
        """The word of :class:`~rejoinder.core.events.Ended` for it; "lost" for whatever is a failure."""
        return _ENDED.get(self.reason, "lost")


def pause_before_retry(reason: Reason, tries: int) -> float | None:
    """Seconds to wait before joining is tried again, after ``tries`` ended for this reason (1 or more) one after the
    other; None: give up."""
    pauses = _PAUSES_S.get(reason, ())
    return pauses[tries - 1] if 1 <= tries <= len(pauses) else None
