"""What becomes of a webhook after an attempt to send it. Pure: the time is an argument.

MeetStream does not try a failed webhook again, and neither does this with ``retries`` 0. With more, the waits double
from 1 s to 60 s, a little shorter each by an amount that follows from the webhook's id, so that the webhooks that
failed together do not come back together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from rejoinder.core.records import Delivery

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
JITTER = 0.25
"""A wait is shortened by up to this share."""
MAX_ERROR_CHARS = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to.

    ``status``: the HTTP status answered, None if none came. ``error``: what went wrong, in words, None for 2xx.
    ``refused``: the URL (or where it redirects to) is not one this server may send to.
    """

    status: int | None = None
    error: str | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Send it again at ``at``, Unix seconds."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No try is left, or none would help."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It may not be sent there."""

    reason: str


Verdict = Delivered | TryAgain | GiveUp | Refused


def judge(delivery: Delivery, outcome: Outcome, now: float) -> Verdict:
    """What to do next. ``delivery.attempts`` counts the attempt that came to ``outcome``."""
    if outcome.status is not None and 200 <= outcome.status < 300:
        return Delivered()
    reason = (outcome.error or f"the receiver answered {outcome.status}")[:MAX_ERROR_CHARS]
    if outcome.refused:
        return Refused(reason)
    # 410: the receiver says that this address is gone for good (RFC 9110, section 15.5.11).
    if outcome.status == 410 or delivery.attempts > delivery.retries:
        return GiveUp(reason)
    return TryAgain(now + wait_s(delivery.id, delivery.attempts), reason)


def wait_s(delivery_id: int, attempts: int) -> float:
    """Seconds to wait after the given number of attempts (from 1)."""
    full = min(FIRST_WAIT_S * 2.0 ** (min(attempts, 32) - 1), LONGEST_WAIT_S)
    digest = hashlib.sha256(f"{delivery_id}:{attempts}".encode()).digest()
    return full * (1.0 - JITTER * int.from_bytes(digest[:4], "big") / 2**32)


def settled(delivery: Delivery, outcome: Outcome, now: float) -> Delivery:
    """The delivery as it is to be kept after the attempt."""
    verdict = judge(delivery, outcome, now)
    kept = replace(delivery, last_status=outcome.status, last_error=None)
    match verdict:
        case Delivered():
            return replace(kept, status="delivered", delivered_at=now)
        case TryAgain(at, reason):
            return replace(kept, status="pending", next_at=at, last_error=reason)
        case GiveUp(reason):
            return replace(kept, status="failed", last_error=reason)
        case Refused(reason):
            return replace(kept, status="refused", last_error=reason)
