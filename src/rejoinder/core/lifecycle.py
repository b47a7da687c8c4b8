"""The bot's life: one table of what may happen, from which statuses, timeline and webhooks derive.

The names, codes and their order are MeetStream's (G3: ``event`` and ``bot_event``). Nothing else changes a status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from rejoinder.core.bot import BotStatus
from rejoinder.errors import RejoinderError

S = BotStatus


class Moment(Enum):
    """What can happen to a bot. The value is the name in the bot's log and, for most, the webhook's ``bot_event``."""

    SCHEDULED = "bot.scheduled"
    JOINING = "bot.joining"
    IN_WAITING_ROOM = "bot.in_waiting_room"
    IN_MEETING = "bot.inmeeting"
    RECORDING_ALLOWED = "bot.recording_permission_allowed"
    RECORDING_REFUSED = "bot.recording_permission_denied"
    RECORDING = "bot.recording"
    LEAVING = "bot.leaving"
    STOPPED = "bot.stopped"
    KICKED = "bot.kicked"
    NOT_ALLOWED = "bot.notallowed"
    DENIED = "bot.denied"
    FAILED = "bot.failed"
    CANCELLED = "bot.cancelled"
    UPLOADING = "bot.uploading"
    MANIFEST_COMPLETED = "manifest.completed"
    MANIFEST_SKIPPED = "manifest.skipped"
    AUDIO_PROCESSED = "audio.processed"
    AUDIO_SKIPPED = "audio.skipped"
    TRANSCRIPTION_PROCESSED = "transcription.processed"
    TRANSCRIPTION_FAILED = "transcription.failed"
    TRANSCRIPTION_SKIPPED = "transcription.skipped"
    TRANSCRIPTION_READY = "bot.transcriptionready"
    DONE = "bot.done"
    MEDIA_EXPIRED = "bot.mediaexpired"
    DATA_DELETED = "data_deletion"


class IllegalTransition(RejoinderError):
    """What is said to have happened cannot happen in the bot's present state."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    after: frozenset[BotStatus]
    """The statuses in which this may happen."""
    to: BotStatus | None
    """The status afterwards; None: it stays."""
    message: str
    """What is said when nobody says anything better."""
    event: str | None
    """The webhook's ``event``; None: it is not told."""
    bot_status: str | None = None
    """The webhook's ``bot_status``."""
    status_code: int = 200
    timeline: str | None = None
    """The name in ``StatusTimeline``."""
    most: int = 1
    """How many webhooks of this kind a bot sends at most. A bot that a second worker takes up joins again, but
    users are told of the meeting once; only ``bot.joining`` may come up to three times."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further keys of the webhook."""


_BEFORE = frozenset({S.SCHEDULED, S.JOINING})
_OUTSIDE = frozenset({S.SCHEDULED, S.JOINING, S.IN_WAITING_ROOM})
_INSIDE = frozenset({S.IN_MEETING, S.RECORDING})
_ALIVE = _OUTSIDE | _INSIDE | {S.LEAVING}
_AFTER = frozenset({S.STOPPED, S.MEDIA_PROCESSING, S.NOT_ALLOWED, S.DENIED, S.FAILED})
_CLOSED = frozenset({S.DONE, S.NOT_ALLOWED, S.DENIED, S.FAILED, S.CANCELLED, S.MEDIA_EXPIRED})
_ANY = frozenset(BotStatus)

TABLE: Mapping[Moment, Rule] = {
    Moment.SCHEDULED: Rule(_BEFORE, S.SCHEDULED, "Bot is scheduled", "bot.scheduled", "Scheduled", 200, "Scheduled"),
    # A worker that takes a bot up after another died joins again, from wherever the bot was.
    Moment.JOINING: Rule(
        _ALIVE - {S.LEAVING}, S.JOINING, "Joining the meeting", "bot.joining", "Joining", 200, "Joining", most=3
    ),
    Moment.IN_WAITING_ROOM: Rule(
        _OUTSIDE | _INSIDE,
        S.IN_WAITING_ROOM,
        "Waiting to be let in",
        "bot.in_waiting_room",
        "InWaitingRoom",
        200,
        "WaitingRoom",
    ),
    Moment.IN_MEETING: Rule(
        _OUTSIDE | _INSIDE, S.IN_MEETING, "Bot joined the meeting", "bot.inmeeting", "InMeeting", 200, "InMeeting"
    ),
    Moment.RECORDING_ALLOWED: Rule(
        _INSIDE, None, "Recording was allowed", "bot.recording_permission_allowed", "InMeeting"
    ),
    Moment.RECORDING_REFUSED: Rule(
        _INSIDE, None, "Recording was not allowed", "bot.recording_permission_denied", "InMeeting"
    ),
    Moment.RECORDING: Rule(_INSIDE, S.RECORDING, "Recording", "bot.recording", "Recording", 200, "Recording"),
    Moment.LEAVING: Rule(_ALIVE, S.LEAVING, "Leaving the meeting", "bot.leaving", "Leaving", 200, "Leaving"),
    Moment.STOPPED: Rule(_ALIVE, S.STOPPED, "Bot left the meeting", "bot.stopped", "Stopped", 200, "Stopped"),
    Moment.KICKED: Rule(_ALIVE, S.STOPPED, "The host removed the bot", "bot.stopped", "Stopped", 200, "Stopped"),
    Moment.NOT_ALLOWED: Rule(
        _ALIVE,
        S.NOT_ALLOWED,
        "Failed: Not admitted to meeting",
        "bot.stopped",
        "NotAllowed",
        500,
        "BotNotAllowed",
    ),
    Moment.DENIED: Rule(
        _ALIVE, S.DENIED, "Failed: The host refused the bot", "bot.stopped", "Denied", 500, "BotRejected"
    ),
    Moment.FAILED: Rule(_ALIVE, S.FAILED, "Failed: Unexpected error", "bot.stopped", "Failed", 500, "Error"),
    Moment.CANCELLED: Rule(_OUTSIDE, S.CANCELLED, "Cancelled before it joined", None),
    Moment.UPLOADING: Rule(frozenset({S.STOPPED}), S.MEDIA_PROCESSING, "Processing media", None),
    Moment.MANIFEST_COMPLETED: Rule(
        _AFTER, None, "Manifest completed", "manifest.completed", extra={"manifest_status": "Success"}
    ),
    Moment.MANIFEST_SKIPPED: Rule(
        _AFTER, None, "Nothing was recorded", "manifest.skipped", extra={"manifest_status": "Skipped"}
    ),
    Moment.AUDIO_PROCESSED: Rule(
        _AFTER,
        None,
        "Audio processing completed",
        "audio.processed",
        timeline="AudioProcessing",
        extra={"audio_status": "Success"},
    ),
    Moment.AUDIO_SKIPPED: Rule(
        _AFTER, None, "Nothing was recorded", "audio.skipped", extra={"audio_status": "Skipped"}
    ),
    Moment.TRANSCRIPTION_PROCESSED: Rule(
        _AFTER | _CLOSED,
        None,
        "Transcription completed",
        "transcription.processed",
        extra={"transcript_status": "Success"},
    ),
    Moment.TRANSCRIPTION_FAILED: Rule(
        _AFTER | _CLOSED,
        None,
        "Transcription failed",
        "transcription.failed",
        status_code=500,
        extra={"transcript_status": "Failed"},
    ),
    Moment.TRANSCRIPTION_SKIPPED: Rule(
        _AFTER,
        None,
        "Nothing to transcribe",
        "transcription.skipped",
        extra={"transcript_status": "Skipped"},
    ),
    Moment.TRANSCRIPTION_READY: Rule(
        _AFTER, None, "Transcript is ready", "bot.transcriptionready", timeline="TranscriptionReady"
    ),
    # Refused and failed bots keep the status that says so.
    Moment.DONE: Rule(_AFTER, S.DONE, "Completed", "bot.done", "Done", 200, "Done"),
    Moment.MEDIA_EXPIRED: Rule(_CLOSED, S.MEDIA_EXPIRED, "Media has expired", None, timeline="MediaExpired"),
    Moment.DATA_DELETED: Rule(_ANY, None, "Data deleted", "data_deletion"),
}

_KEEP_AT_DONE = frozenset({S.NOT_ALLOWED, S.DENIED, S.FAILED})


@dataclass(frozen=True, slots=True)
class Transition:
    """What a moment changes."""

    moment: Moment
    rule: Rule
    status: BotStatus
    tell: bool
    """Whether a webhook is to be sent."""


def apply(status: BotStatus, told: Mapping[str, int], moment: Moment) -> Transition:
    """What ``moment`` does to a bot in ``status``. ``told``: how many webhooks of each moment (by value) it has sent.

    Raises IllegalTransition.
    """
    rule = TABLE[moment]
    if status not in rule.after:
        raise IllegalTransition(f"{moment.value} cannot happen to a bot that is {status.value}")
    after = rule.to or status
    if moment is Moment.DONE and status in _KEEP_AT_DONE:
        after = status
    tell = rule.event is not None and told.get(moment.value, 0) < rule.most
    return Transition(moment, rule, after, tell)
