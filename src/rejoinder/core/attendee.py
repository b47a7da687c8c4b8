"""A bot's life in Attendee's words: states, events and their sub-types, derived from its log alone.

Our log says more than Attendee's machine knows (a worker that takes a bot up joins once more, for example). What its
table has no arrow for does not show: clients see a life that only goes forward.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rejoinder.core.bot import BotConfig
from rejoinder.core.lifecycle import Moment
from rejoinder.core.records import Happening

PAUSED: Final = "recording.paused"
RESUMED: Final = "recording.resumed"
"""Notes of the bot's log that are events here."""

NO_ENGINE: Final = "transcription.unavailable"
"""The note of a bot that was to transcribe live on a worker without models."""
SPEECH: Final = "participant_events.speech_start_stop"
"""The webhook trigger of speech."""

READY: Final = "ready"
SCHEDULED: Final = "scheduled"

_JOINING = frozenset({"joining", "waiting_room"})
_INSIDE = frozenset(
    {
        "joined_not_recording",
        "joined_recording_permission_denied",
        "joined_recording",
        "joined_recording_paused",
        "joining_breakout_room",
        "leaving_breakout_room",
    }
)
_THERE = _JOINING | _INSIDE
_LIVE = _THERE | {READY, SCHEDULED, "staged", "leaving", "post_processing"}
TERMINAL: frozenset[str] = frozenset({"ended", "fatal_error", "data_deleted"})
STATES: frozenset[str] = _LIVE | TERMINAL


@dataclass(frozen=True, slots=True)
class Arrow:
    """One row of Attendee's table: from which states an event leads where."""

    before: frozenset[str]
    after: str


ARROWS: Mapping[str, Arrow] = {
    "staged": Arrow(frozenset({SCHEDULED}), "staged"),
    "join_requested": Arrow(frozenset({READY, "staged"}), "joining"),
    "put_in_waiting_room": Arrow(frozenset({"joining"}), "waiting_room"),
    "could_not_join_meeting": Arrow(_JOINING, "fatal_error"),
    "joined_meeting": Arrow(_JOINING, "joined_not_recording"),
    "recording_permission_granted": Arrow(
        frozenset({"joined_not_recording", "joined_recording_permission_denied"}), "joined_recording"
    ),
    "recording_permission_denied": Arrow(
        _INSIDE - {"joined_recording_permission_denied"}, "joined_recording_permission_denied"
    ),
    "recording_paused": Arrow(frozenset({"joined_recording"}), "joined_recording_paused"),
    "recording_resumed": Arrow(frozenset({"joined_recording_paused"}), "joined_recording"),
    "leave_requested": Arrow(_THERE, "leaving"),
    "left_meeting": Arrow(frozenset({"leaving"}), "post_processing"),
    "meeting_ended": Arrow(_THERE | {"leaving"}, "post_processing"),
    "post_processing_completed": Arrow(frozenset({"post_processing"}), "ended"),
    "fatal_error": Arrow(_LIVE, "fatal_error"),
    "data_deleted": Arrow(frozenset({"ended", "fatal_error"}), "data_deleted"),
}
"""The arrows our bots can take; they know no breakout rooms."""

_GONE = ("left_meeting", "meeting_ended")
_FAILED = ("could_not_join_meeting", "fatal_error")

EVENTS: Mapping[str, tuple[str, ...]] = {
    Moment.JOINING.value: ("staged", "join_requested"),
    Moment.IN_WAITING_ROOM.value: ("put_in_waiting_room",),
    Moment.IN_MEETING.value: ("joined_meeting",),
    Moment.RECORDING_ALLOWED.value: ("recording_permission_granted",),
    Moment.RECORDING.value: ("recording_permission_granted",),
    Moment.RECORDING_REFUSED.value: ("recording_permission_denied",),
    PAUSED: ("recording_paused",),
    RESUMED: ("recording_resumed",),
    Moment.LEAVING.value: ("leave_requested",),
    Moment.STOPPED.value: _GONE,
    Moment.KICKED.value: _GONE,
    Moment.NOT_ALLOWED.value: _FAILED,
    Moment.DENIED.value: _FAILED,
    Moment.FAILED.value: _FAILED,
    Moment.DONE.value: ("post_processing_completed",),
    Moment.MEDIA_EXPIRED.value: ("data_deleted",),
    Moment.SCHEDULED.value: (),
    Moment.CANCELLED.value: (),
}
"""A line of our log to the events it may be, tried one after the other; each is taken if there is an arrow for it."""

NOT_OURS = frozenset({"ended", "host_ended", "removed", "denied", "lobby_timeout", "waiting_room"})
"""Reasons for leaving that are no request to leave."""
_BROKEN = frozenset({"internal", "crashed"})
"""Reasons of failures that have nothing to do with the meeting."""

SUB_TYPES: Mapping[str, Mapping[str, str]] = {
    "leave_requested": {
        "requested": "user_requested",
        "voice_inactivity": "auto_leave_silence",
        "everyone_left": "auto_leave_only_participant_in_meeting",
        "no_one_joined": "auto_leave_only_participant_in_meeting",
        "only_bots": "auto_leave_only_participant_in_meeting",
        "max_recording": "auto_leave_max_uptime_exceeded",
    },
    "could_not_join_meeting": {
        "denied": "request_to_join_denied",
        "lobby_timeout": "waiting_room_timeout_exceeded",
        "waiting_room": "waiting_room_timeout_exceeded",
        "login_required": "login_required",
        "login_busy": "bot_login_attempt_failed",
        "captcha": "blocked_by_captcha",
        "not_started": "meeting_not_started_waiting_for_host",
        "not_found": "meeting_not_found",
    },
    "fatal_error": {"crashed": "process_terminated", "timeout": "heartbeat_timeout"},
    "recording_permission_denied": {"": "host_denied_permission"},
}
"""By event and reason; ``DEFAULTS`` where there is none."""
DEFAULTS: Mapping[str, str] = {
    "leave_requested": "user_requested",
    "could_not_join_meeting": "unable_to_connect_to_meeting",
    "fatal_error": "attendee_internal_error",
    "recording_permission_denied": "host_denied_permission",
}
_NO_SUB_TYPE = frozenset({"recording_permission"})
"""A reason to leave that Attendee has no word for."""


@dataclass(frozen=True, slots=True)
class Step:
    """An event of a bot's life. ``at``: Unix seconds."""

    event: str
    sub_type: str | None
    old: str
    new: str
    at: float


class Life:
    """A bot's state, moved by the lines of its log. ``records``: whether the bot makes a recording; one that does not
    is nevertheless told to have the permission, as Attendee's bots with ``format: none`` are."""

    def __init__(self, *, records: bool = True) -> None:
        self.state = READY
        self._records = records

    def take(self, happening: Happening) -> list[Step]:
        """The next line of the log, and what it is for Attendee's clients."""
        name = happening.event
        if name == Moment.SCHEDULED.value and self.state == READY:
            self.state = SCHEDULED
        elif name == Moment.CANCELLED.value:
            self.state = "ended"
        reason = str(happening.data.get("reason") or "")
        steps = [step for event in _events(name, reason) if (step := self._step(event, reason, happening.at))]
        if not self._records and any(step.event == "joined_meeting" for step in steps):
            granted = self._step("recording_permission_granted", "", happening.at)
            steps += [granted] if granted else []
        return steps

    def _step(self, event: str, reason: str, at: float) -> Step | None:
        arrow = ARROWS[event]
        if self.state not in arrow.before:
            return None
        old, self.state = self.state, arrow.after
        return Step(event, sub_type(event, reason), old, self.state, at)


def _events(name: str, reason: str) -> tuple[str, ...]:
    if name == Moment.LEAVING.value and reason in NOT_OURS:
        return ()
    if name == Moment.FAILED.value and reason in _BROKEN:
        return ("fatal_error",)
    return EVENTS.get(name, ())


def sub_type(event: str, reason: str) -> str | None:
    """Attendee's word for why an event happened."""
    if reason in _NO_SUB_TYPE:
        return None
    return SUB_TYPES.get(event, {}).get(reason) or DEFAULTS.get(event)


def replay(happenings: Iterable[Happening], *, records: bool = True) -> tuple[str, list[Step]]:
    """A bot's state and the events that led there, from its whole log."""
    life = Life(records=records)
    steps = [step for happening in happenings for step in life.take(happening)]
    return life.state, steps


def tells_speech(config: BotConfig) -> bool:
    """Whether anybody wants to know when participants begin and stop to speak."""
    attendee = config.attendee
    if attendee is None:
        return False
    asked = attendee.settings.get("recording_settings", {}).get("record_participant_speech_start_stop_events")
    return bool(asked) or any(SPEECH in hook.triggers for hook in attendee.webhooks)
