"""What webhooks say: our nouns as MeetStream's JSON, the superset of its generations. Pure.

Every payload has ``event`` (the general name) and ``bot_event`` (the exact one), because some clients read the one and
some the other.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal

from rejoinder.core.bot import Bot, BotStatus
from rejoinder.core.lifecycle import TABLE, Moment
from rejoinder.core.records import Attendance

_WENT_WRONG = frozenset({BotStatus.NOT_ALLOWED, BotStatus.DENIED, BotStatus.FAILED})


def lifecycle(
    bot: Bot,
    moment: Moment,
    message: str,
    at: float,
    *,
    speaker_id: str | None = None,
    transcript_id: str | None = None,
    deleted_objects: int | None = None,
    attributes: bool = True,
) -> dict[str, Any]:
    """The webhook of one row of the lifecycle's table. ``at``: Unix seconds; ``message``: empty for the table's own.

    ``speaker_id``: how the meeting names the bot (for ``bot.inmeeting``). ``transcript_id``: for transcription.*.
    ``deleted_objects``: for ``data_deletion``. ``attributes``: False leaves the custom attributes out, as MeetStream
    does where the API's ``transcribe`` asked for the webhook. Raises ValueError for a moment that is not told.
    """
    rule = TABLE[moment]
    if rule.event is None:
        raise ValueError(f"{moment.value} has no webhook")
    code = rule.status_code
    if moment is Moment.DONE and bot.status in _WENT_WRONG:
        code = 500
        if message in ("", rule.message):
            message = bot.message
    payload: dict[str, Any] = {"event": rule.event, "bot_event": moment.value, "bot_id": bot.id}
    if rule.bot_status is not None:
        payload["bot_status"] = rule.bot_status
    else:
        payload["status"] = "success" if code == 200 else "error"
    payload |= rule.extra
    payload |= {"message": message or rule.message, "status_code": code, "timestamp": _micros(at)}
    if speaker_id is not None and moment is Moment.IN_MEETING:
        payload["speaker_id"] = speaker_id
    if transcript_id is not None and moment.value.startswith("transcription."):
        payload["transcript_id"] = transcript_id
    if moment is Moment.DATA_DELETED:
        payload["deleted_objects"] = deleted_objects or 0
    elif attributes:
        payload["custom_attributes"] = bot.config.custom_attributes
    return payload


def participant(
    bot: Bot, attendance: Attendance, action: Literal["join", "leave"], at: float, relative_s: float
) -> dict[str, Any]:
    """Somebody came or went. ``at``: Unix seconds; ``relative_s``: seconds since the bot came into the meeting."""
    absolute = _millis(at)
    return {
        "event": f"participant_events.{action}",
        "timestamp": absolute,
        "data": {
            "data": {
                "action": action,
                "participant": {
                    "id": attendance.participant_id,
                    "name": attendance.name,
                    "full_name": attendance.name,
                    "platform": bot.platform.lower(),
                },
                "timestamp": {"relative": round(relative_s, 3), "absolute": absolute},
            },
            "bot": {"id": bot.id, "metadata": {}},
        },
        "custom_attributes": bot.config.custom_attributes,
    }


def encode(payload: dict[str, Any]) -> bytes:
    """The bytes that are signed and sent. ASCII, so that no text a meeting gives us can fail to be encoded."""
    return json.dumps(payload, separators=(",", ":")).encode("ascii")


def _micros(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def _millis(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
