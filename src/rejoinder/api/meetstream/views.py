"""Bots as MeetStream's JSON (contract 2.4, 4.1 to 4.4, 4.11, 4.12). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rejoinder.api.meetstream.masking import masked
from rejoinder.control.service import Created, Detail, Page
from rejoinder.core.bot import Bot
from rejoinder.core.lifecycle import TABLE, Moment
from rejoinder.core.records import Attendance, Happening

REPLAYED = "Duplicate request. Returning the original result."
"""MeetStream's words beside the original answer, status 507 (contract 1.4)."""
TIMELINE = (
    "Scheduled",
    "Joining",
    "WaitingRoom",
    "InMeeting",
    "Recording",
    "Leaving",
    "Stopped",
    "BotNotAllowed",
    "BotRejected",
    "Error",
    "AudioProcessing",
    "VideoProcessing",
    "TranscriptionReady",
    "Done",
    "MediaExpired",
)
_MOMENTS = {moment.value: moment for moment in Moment}


def iso(at: float) -> str:
    """A time as MeetStream writes it in bots: seconds and Z."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def iso_ms(at: float) -> str:
    """A time with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def created(made: Created) -> dict[str, Any]:
    """The answer to a create call. MeetStream always says "Active" here and names the link ``meeting_url``.

    A provider that works while people speak has no transcript to fetch, so its id is null.
    """
    bot = made.bot
    streaming = bot.config.transcript is not None and bot.config.transcript.streaming
    answer = {
        "bot_id": bot.id,
        "transcript_id": None if streaming else bot.transcript_id,
        "meeting_url": bot.config.meeting_link,
        "status": "Active",
    }
    return answer | {"message": REPLAYED} if made.outcome == "replayed" else answer


def status(bot: Bot) -> dict[str, Any]:
    """Where the bot is in its life. ``message``, which MeetStream does not have, says why it ended there."""
    return {
        "bot_id": bot.id,
        "status": bot.status.value,
        "message": bot.message,
        "custom_attributes": bot.config.custom_attributes,
    }


def removed(bot: Bot) -> dict[str, Any]:
    """The answer to a removal."""
    return {"message": "The bot has left." if bot.status.over else "The bot is leaving.", "bot_id": bot.id}


def deleted(bot_id: str, objects: int) -> dict[str, Any]:
    """The answer to a deletion."""
    return {
        "message": f"Successfully deleted {objects} objects for bot {bot_id}",
        "bot_id": bot_id,
        "deleted_objects": objects,
    }


def accepted(bot_id: str, command: str) -> dict[str, Any]:
    """The answer to a command for a bot in a meeting: it is on its way."""
    return {"status": "accepted", "bot_id": bot_id, "command": command}


def listing(page: Page) -> dict[str, Any]:
    """One page of bots. Clients read the rows in either spelling."""
    return {
        "bots": [_row(bot) for bot in page.bots],
        "hasNextPage": page.next_cursor is not None,
        "nextCursor": page.next_cursor,
    }


def _row(bot: Bot) -> dict[str, Any]:
    config = bot.config
    return {
        "bot_id": bot.id,
        "BotID": bot.id,
        "status": bot.status.value,
        "Status": bot.status.value,
        "bot_name": config.bot_name,
        "BotUsername": config.bot_name,
        "platform": bot.platform,
        "Platform": bot.platform,
        "meeting_link": config.meeting_link,
        "MeetingLink": config.meeting_link,
        "created_at": iso(bot.created_at),
        "CreatedAt": iso(bot.created_at),
        "custom_attributes": config.custom_attributes,
    }


def detail(known: Detail, summary: str | None = None) -> dict[str, Any]:
    """All that is known of a bot; with ``summary`` the answer of the summary call, in both shapes clients read."""
    details = _bot_details(known)
    if summary is None:
        return {"bot_details": details}
    return {"bot_details": details | {"Summary": summary}, "summary": summary}


def _bot_details(known: Detail) -> dict[str, Any]:
    bot = known.bot
    config = bot.config
    created_at = iso(bot.created_at)
    return {
        "BotID": bot.id,
        "BotUsername": config.bot_name,
        "BotImageURL": config.bot_image_url or "",
        "BotMessage": config.bot_message or "",
        "BotProfile": "",
        "MeetingLink": config.meeting_link,
        "Platform": bot.platform,
        "Status": bot.status.value,
        "OfferingType": "",
        "NativeSTT": config.transcript is not None and config.transcript.provider == "meeting_captions",
        "UserID": bot.account,
        "CreatedAt": created_at,
        "StartTime": None if bot.started_at is None else iso(bot.started_at),
        "EndTime": None if bot.ended_at is None else iso(bot.ended_at),
        "Duration": _duration(bot),
        "LastUpdatedAt": int(bot.updated_at or bot.created_at),
        "AudioStatus": bot.audio_status,
        "Evidence": f"/api/v1/bots/{bot.id}/evidence",
        "TranscriptStatus": bot.transcript_status,
        "ManifestStatus": _manifest_status(known.happenings),
        "transcript_id": bot.transcript_id,
        "caption_file": {"available": False},
        "participant_events": _participant_events(known),
        "custom_attributes": config.custom_attributes,
        "RequestPayload": masked(config.request),
        "StatusTimeline": timeline(known.happenings),
        "MediaS3Bucket": "",
        "PlatformCreatedAt": f"{bot.platform}#{created_at}",
        "PlatformStatusCreatedAt": f"{bot.platform}#{bot.status.value}#{created_at}",
        "StatusCreatedAt": f"{bot.status.value}#{created_at}",
        # What MeetStream does not tell:
        "Message": bot.message,
        "RecordingStatus": bot.recording,
        "ExpiresAt": None if bot.expires_at is None else iso(bot.expires_at),
    }


def _duration(bot: Bot) -> int | None:
    """Whole seconds in the meeting, once the bot has left."""
    if bot.started_at is None or bot.ended_at is None:
        return None
    return max(0, round(bot.ended_at - bot.started_at))


def _manifest_status(happenings: Sequence[Happening]) -> str | None:
    for happening in happenings:
        moment = _MOMENTS.get(happening.event)
        if moment in (Moment.MANIFEST_COMPLETED, Moment.MANIFEST_SKIPPED):
            return TABLE[moment].extra["manifest_status"]
    return None


def timeline(happenings: Sequence[Happening]) -> dict[str, dict[str, Any]]:
    """``StatusTimeline``: when each stage was first reached. A stage that was not has ``status`` false."""
    stages: dict[str, dict[str, Any]] = {name: {"message": "", "status": False, "timestamp": ""} for name in TIMELINE}
    for happening in happenings:
        moment = _MOMENTS.get(happening.event)
        name = TABLE[moment].timeline if moment is not None else None
        if name is not None and not stages[name]["status"]:
            stages[name] = {"message": happening.message, "status": True, "timestamp": iso_ms(happening.at)}
    return stages


def _participant_events(known: Detail) -> list[dict[str, Any]]:
    """Joins and leaves in their order, each as in the participant webhooks (contract 10.5)."""
    events: list[tuple[float, str, Attendance]] = []
    for stay in known.attendances:
        events.append((stay.joined_at, "join", stay))
        if stay.left_at is not None:
            events.append((stay.left_at, "leave", stay))
    began = known.bot.started_at or known.bot.created_at
    return [
        {
            "action": action,
            "participant": {"id": stay.participant_id, "name": stay.name, "full_name": stay.name},
            "timestamp": {"absolute": iso_ms(at), "relative": round(at - began, 3)},
        }
        for at, action, stay in sorted(events, key=lambda event: event[0])
    ]


def events(bot_id: str, happenings: Sequence[Happening]) -> dict[str, Any]:
    """A bot's log."""
    return {
        "bot_id": bot_id,
        "events": [
            {"timestamp": iso_ms(one.at), "event": one.event, "message": one.message, "data": one.data}
            for one in happenings
        ],
    }


def turns(bot_id: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The agent's answers."""
    return {"bot_id": bot_id, "turns": list(records)}
