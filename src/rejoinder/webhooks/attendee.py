"""The bodies of Attendee's webhooks. Pure: keys and times are arguments.

Every body is canonical JSON (sorted keys, no spaces, no ASCII escapes), which is what Attendee's signature covers, so
receivers may check it over the bytes they got as well as over what they parsed and wrote again.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from rejoinder.core.attendee import SPEECH, Step
from rejoinder.core.bot import Bot
from rejoinder.core.records import ChatLine
from rejoinder.core.transcript import Segment

STATE_CHANGE = "bot.state_change"
TRANSCRIPT = "transcript.update"
CHAT = "chat_messages.update"
JOIN_LEAVE = "participant_events.join_leave"
ASYNC_TRANSCRIPTION = "async_transcription.state_change"
LOGS = "bot_logs.update"
SENT = frozenset({STATE_CHANGE, TRANSCRIPT, CHAT, JOIN_LEAVE, SPEECH, ASYNC_TRANSCRIPTION})
"""What this server tells."""
TRIGGERS = SENT | {LOGS}
"""What a bot's webhooks may ask for; of logs nothing is told."""


def envelope(bot: Bot, trigger: str, data: dict[str, Any], key: str) -> dict[str, Any]:
    """The outer part of every webhook. ``key``: a UUID of its own."""
    metadata = bot.config.attendee.metadata if bot.config.attendee is not None else {}
    return {
        "idempotency_key": key,
        "bot_id": bot.id,
        "bot_metadata": metadata or None,
        "trigger": trigger,
        "data": data,
    }


def encode(payload: dict[str, Any]) -> bytes:
    """The bytes that are sent: canonical JSON. Text that UTF-8 cannot hold becomes "?"."""
    text = json.dumps(payload, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def state_change(step: Step) -> dict[str, Any]:
    """``data`` of ``bot.state_change``."""
    return {
        "event_type": step.event,
        "event_sub_type": step.sub_type,
        "event_metadata": {},
        "old_state": step.old,
        "new_state": step.new,
        "created_at": iso(step.at),
    }


def utterance(segment: Segment, began_at: float, is_host: bool) -> dict[str, Any]:
    """Something that was said: ``data`` of ``transcript.update``, and a row of the transcript.

    ``began_at``: the Unix time the segment's times count from. Times of words count from the utterance's beginning.
    """
    return {
        "speaker_name": segment.speaker,
        "speaker_uuid": segment.participant_id,
        "speaker_user_uuid": None,
        "speaker_is_host": is_host,
        "timestamp_ms": round((began_at + segment.start) * 1000),
        "duration_ms": round((segment.end - segment.start) * 1000),
        "transcription": {
            "transcript": segment.text,
            "words": [
                {
                    "word": word.text,
                    "start": round(word.start - segment.start, 3),
                    "end": round(word.end - segment.start, 3),
                    "confidence": round(word.confidence, 3),
                }
                for word in segment.words
            ],
        },
    }


def chat_message(bot_id: str, line: ChatLine) -> dict[str, Any]:
    """A chat message: ``data`` of ``chat_messages.update``, and a row of the list."""
    return {
        "id": short_id("msg", bot_id, line.id, line.text),
        "to": "everyone",
        "text": line.text,
        "timestamp": int(line.at),
        "timestamp_ms": round(line.at * 1000),
        "sender_name": line.name,
        "sender_uuid": line.participant_id,
        "sender_user_uuid": None,
        "additional_data": {"from_bot": True} if line.own else {},
    }


def participant_event(bot_id: str, row_id: int, who: tuple[str, str, bool], event: str, at: float) -> dict[str, Any]:
    """Somebody came, went, began or stopped to speak. ``who``: the participant's id, name, and whether they host."""
    ident, name, is_host = who
    return {
        "id": short_id("pe", bot_id, str(row_id)),
        "participant_name": name,
        "participant_uuid": ident,
        "participant_user_uuid": None,
        "participant_is_host": is_host,
        "event_type": event,
        "event_data": {},
        "timestamp_ms": round(at * 1000),
    }


def short_id(prefix: str, *parts: str) -> str:
    """An id in Attendee's manner, the same for the same thing."""
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"{prefix}_{digest[:16]}"


def iso(at: float) -> str:
    """A time as Attendee writes it: microseconds and Z."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
