"""Signatures, also as MeetStream's own client checks them."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest
from meetstream import parse_webhook, verify_webhook_signature

from rejoinder.webhooks.signing import headers, verify

NOW = datetime(2026, 9, 1, 10, 0, 25, 123456, tzinfo=UTC)
BODY = '{"event":"bot.done","name":"Zoë"}'.encode()
SECRET = "whsec-ü"


def test_the_headers() -> None:
    found = headers(BODY, SECRET, NOW, 42)
    digest = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    assert found["X-MeetStream-Signature"] == f"sha256={digest}"
    assert found["X-MeetStream-Timestamp"] == "2026-09-01T10:00:25.123Z"
    assert found["X-Rejoinder-Delivery"] == "42"
    assert found["Content-Type"] == "application/json"
    assert found["User-Agent"].startswith("rejoinder/")
    assert SECRET not in str(found)


def test_the_time_is_utc() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=2)))
    assert headers(BODY, None, there, 1)["X-MeetStream-Timestamp"] == "2026-09-01T10:00:25.123Z"


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_there_is_no_signature(secret: str | None) -> None:
    assert "X-MeetStream-Signature" not in headers(BODY, secret, NOW, 1)
    assert not verify(BODY, f"sha256={hmac.new(b'', BODY, hashlib.sha256).hexdigest()}", secret or "")


def test_meetstreams_client_accepts_it() -> None:
    signature = headers(BODY, SECRET, NOW, 1)["X-MeetStream-Signature"]
    assert verify_webhook_signature(BODY, signature, SECRET)
    assert parse_webhook(BODY, signature, SECRET)["event"] == "bot.done"
    assert not verify_webhook_signature(BODY + b" ", signature, SECRET)


def test_verification() -> None:
    signature = headers(BODY, SECRET, NOW, 1)["X-MeetStream-Signature"]
    assert verify(BODY, signature, SECRET)
    assert verify(BODY, signature.removeprefix("sha256=").upper(), SECRET)
    assert not verify(BODY + b" ", signature, SECRET)
    assert not verify(BODY, signature, "other")
    for wrong in ("", "sha256=", signature[:-1], "sha256=ü"):
        assert not verify(BODY, wrong, SECRET)


def test_old_and_undated_webhooks() -> None:
    found = headers(BODY, SECRET, NOW, 1)
    signature, timestamp = found["X-MeetStream-Signature"], found["X-MeetStream-Timestamp"]

    def fresh(later_s: float, timestamp: str | None = timestamp, tolerance_s: float = 300) -> bool:
        now = NOW + timedelta(seconds=later_s)
        return verify(BODY, signature, SECRET, timestamp=timestamp, now=now, tolerance_s=tolerance_s)

    assert fresh(0)
    assert fresh(299)
    assert fresh(-299)
    assert not fresh(301)
    assert not fresh(-301)
    assert not fresh(20, tolerance_s=10)
    for undated in (None, "", "yesterday", "2026-09-01T10:00:25"):
        assert not fresh(0, undated)
