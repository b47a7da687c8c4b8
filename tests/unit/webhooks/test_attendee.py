"""Attendee's webhooks: bodies, canonical JSON, signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from rejoinder.core.attendee import Step
from rejoinder.core.bot import AttendeeConfig, Bot, BotConfig
from rejoinder.core.lifecycle import TABLE
from rejoinder.core.records import ChatLine
from rejoinder.core.transcript import Segment, Word
from rejoinder.webhooks import attendee, payloads, signing

AT = 1_788_257_625.123
KEY = "0b1c8f4e-8b4e-4a57-9d3b-2f1f2b9b6a10"
SECRET = base64.b64encode(bytes(range(32))).decode()


def bot(**more: object) -> Bot:
    return Bot("bot_aaaaaaaaaaaaaaaa", "acme", BotConfig("x", attendee=AttendeeConfig(**more)), 0.0)  # type: ignore[arg-type]


def test_the_envelope() -> None:
    step = Step("leave_requested", "user_requested", "joined_recording", "leaving", AT)
    data = attendee.state_change(step)
    assert attendee.envelope(bot(metadata={"a": "b"}), attendee.STATE_CHANGE, data, KEY) == {
        "idempotency_key": KEY,
        "bot_id": "bot_aaaaaaaaaaaaaaaa",
        "bot_metadata": {"a": "b"},
        "trigger": "bot.state_change",
        "data": {
            "event_type": "leave_requested",
            "event_sub_type": "user_requested",
            "event_metadata": {},
            "old_state": "joined_recording",
            "new_state": "leaving",
            "created_at": "2026-09-01T10:13:45.123000Z",
        },
    }
    assert attendee.envelope(bot(), attendee.STATE_CHANGE, data, KEY)["bot_metadata"] is None


def test_what_was_said() -> None:
    segment = Segment("p1", "Ada", (Word("Hello", 1.5, 1.9, 0.91), Word("all.", 2.0, 2.25)))
    assert attendee.utterance(segment, 1000.0, True) == {
        "speaker_name": "Ada",
        "speaker_uuid": "p1",
        "speaker_user_uuid": None,
        "speaker_is_host": True,
        "timestamp_ms": 1_001_500,
        "duration_ms": 750,
        "transcription": {
            "transcript": "Hello all.",
            "words": [
                {"word": "Hello", "start": 0.0, "end": 0.4, "confidence": 0.91},
                {"word": "all.", "start": 0.5, "end": 0.75, "confidence": 1.0},
            ],
        },
    }


def test_chat_and_participants() -> None:
    line = ChatLine("m1", "p1", "Ada", "hi", AT)
    found = attendee.chat_message("b", line)
    assert found.pop("id").startswith("msg_")
    assert found == {
        "to": "everyone",
        "text": "hi",
        "timestamp": 1_788_257_625,
        "timestamp_ms": 1_788_257_625_123,
        "sender_name": "Ada",
        "sender_uuid": "p1",
        "sender_user_uuid": None,
        "additional_data": {},
    }
    event = attendee.participant_event("b", 7, ("p1", "Ada", False), "speech_start", AT)
    assert event.pop("id") == attendee.short_id("pe", "b", "7")
    assert event == {
        "participant_name": "Ada",
        "participant_uuid": "p1",
        "participant_user_uuid": None,
        "participant_is_host": False,
        "event_type": "speech_start",
        "event_data": {},
        "timestamp_ms": 1_788_257_625_123,
    }


def test_the_body_is_canonical() -> None:
    body = attendee.encode({"b": "Zoë ✓", "a": [1, {"d": None, "c": True}]})
    assert body == '{"a":[1,{"c":true,"d":null}],"b":"Zoë ✓"}'.encode()
    assert attendee.encode({"a": "\ud800"}) == b'{"a":"?"}'


def test_the_signature_is_the_one_receivers_compute() -> None:
    body = attendee.encode(attendee.envelope(bot(), attendee.CHAT, {"text": "Zoë"}, KEY))
    headers = signing.attendee_headers(body, SECRET, 7)
    again = json.dumps(json.loads(body), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = hmac.new(base64.b64decode(SECRET), again.encode(), hashlib.sha256).digest()
    assert headers[signing.ATTENDEE_SIGNATURE] == base64.b64encode(digest).decode()
    assert signing.SIGNATURE not in headers
    assert signing.ATTENDEE_SIGNATURE not in signing.attendee_headers(body, None, 7)


@pytest.mark.parametrize("secret", ["whsec_tests", "abcd", base64.b64encode(b"short").decode()])
def test_a_secret_of_another_kind_is_taken_as_it_is(secret: str) -> None:
    assert signing.attendee_key(secret) == secret.encode()
    assert signing.attendee_key(SECRET) == bytes(range(32))


def test_no_trigger_is_an_event_of_the_other_dialect() -> None:
    ours = {rule.event for rule in TABLE.values()} | {
        "bot.error",
        "participant_events.join",
        "participant_events.leave",
    }
    assert not attendee.TRIGGERS & ours
    assert payloads.encode({}) == b"{}"
