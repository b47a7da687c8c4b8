"""The headers of a webhook, and how a receiver checks them. Pure.

MeetStream's scheme: HMAC-SHA256 over the raw bytes of the body, in hexadecimal. The time is not part of it; some
receivers refuse one that is five minutes away from their own. Attendee's: HMAC-SHA256 over the body's canonical JSON,
in base64, with a secret of 32 bytes that is shown in base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime

from rejoinder import __version__

SIGNATURE = "X-MeetStream-Signature"
TIMESTAMP = "X-MeetStream-Timestamp"
DELIVERY = "X-Rejoinder-Delivery"
ATTENDEE_SIGNATURE = "X-Webhook-Signature"
ATTENDEE_SECRET_BYTES = 32
TOLERANCE_S = 300.0
"""The clock difference that MeetStream's clients allow."""


def headers(body: bytes, secret: str | None, at: datetime, delivery_id: int | str) -> dict[str, str]:
    """The headers of one attempt. ``at``: when it is made (aware). Signed only if there is a ``secret``.

    ``delivery_id`` stays the same when a webhook is sent again, so receivers can tell.
    """
    result = {
        "Content-Type": "application/json",
        "User-Agent": f"rejoinder/{__version__}",
        TIMESTAMP: at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        DELIVERY: str(delivery_id),
    }
    if secret:
        result[SIGNATURE] = f"sha256={_digest(body, secret)}"
    return result


def attendee_headers(body: bytes, secret: str | None, delivery_id: int | str) -> dict[str, str]:
    """The same for a webhook in Attendee's dialect. ``body`` must be canonical JSON."""
    result = {
        "Content-Type": "application/json",
        "User-Agent": f"rejoinder/{__version__}",
        DELIVERY: str(delivery_id),
    }
    if secret:
        digest = hmac.digest(attendee_key(secret), body, hashlib.sha256)
        result[ATTENDEE_SIGNATURE] = base64.b64encode(digest).decode("ascii")
    return result


def attendee_key(secret: str) -> bytes:
    """The bytes Attendee's clients sign with: they decode the secret from base64 first. One that is not 32 bytes in
    base64 is taken as it is."""
    try:
        key = base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        return secret.encode()
    return key if len(key) == ATTENDEE_SECRET_BYTES else secret.encode()


def verify(
    body: bytes,
    signature: str,
    secret: str,
    *,
    timestamp: str | None = None,
    now: datetime | None = None,
    tolerance_s: float = TOLERANCE_S,
) -> bool:
    """Whether ``signature`` (with or without ``sha256=``) is that of ``body``.

    If ``now`` is given, ``timestamp`` must also be there and at most ``tolerance_s`` away from it.
    """
    given = signature.strip().removeprefix("sha256=").lower()
    if not secret or not hmac.compare_digest(_digest(body, secret).encode(), given.encode("utf-8", "replace")):
        return False
    return now is None or _near(timestamp or "", now, tolerance_s)


def _near(timestamp: str, now: datetime, tolerance_s: float) -> bool:
    try:
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        return False
    return at.tzinfo is not None and abs((now - at).total_seconds()) <= tolerance_s


def _digest(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
