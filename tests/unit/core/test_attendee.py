"""Our log as Attendee's events and states."""

from __future__ import annotations

import itertools

import pytest

from rejoinder.core.attendee import ARROWS, DEFAULTS, EVENTS, STATES, SUB_TYPES, TERMINAL, Life, replay, tells_speech
from rejoinder.core.bot import AttendeeConfig, BotConfig, TriggerWebhook
from rejoinder.core.lifecycle import TABLE, Moment
from rejoinder.core.records import Happening

M = Moment
INSIDE = (M.JOINING, M.IN_MEETING, M.RECORDING)
GONE = (M.STOPPED, M.UPLOADING, M.MANIFEST_COMPLETED, M.AUDIO_PROCESSED, M.DONE)


def log(*lines: Moment | str | tuple[Moment, str]) -> list[Happening]:
    """Lines of a log; a pair has a reason."""
    found = []
    for at, line in enumerate(lines):
        name, reason = line if isinstance(line, tuple) else (line, None)
        event = name.value if isinstance(name, Moment) else name
        found.append(Happening(float(at), event, "", {} if reason is None else {"reason": reason}))
    return found


def told(*lines: Moment | str | tuple[Moment, str], records: bool = True) -> list[tuple[str, str | None, str]]:
    """(event, sub-type, new state) of each step."""
    _, steps = replay(log(*lines), records=records)
    assert all(before.new == after.old for before, after in itertools.pairwise(steps))
    return [(step.event, step.sub_type, step.new) for step in steps]


def test_a_bot_that_is_sent_away() -> None:
    assert told(*INSIDE, "recording.paused", "recording.resumed", (M.LEAVING, "requested"), *GONE) == [
        ("join_requested", None, "joining"),
        ("joined_meeting", None, "joined_not_recording"),
        ("recording_permission_granted", None, "joined_recording"),
        ("recording_paused", None, "joined_recording_paused"),
        ("recording_resumed", None, "joined_recording"),
        ("leave_requested", "user_requested", "leaving"),
        ("left_meeting", None, "post_processing"),
        ("post_processing_completed", None, "ended"),
    ]


def test_a_scheduled_bot_is_staged_first() -> None:
    state, steps = replay(log(M.SCHEDULED))
    assert (state, steps) == ("scheduled", [])
    assert told(M.SCHEDULED, M.JOINING, M.IN_WAITING_ROOM, M.IN_MEETING) == [
        ("staged", None, "staged"),
        ("join_requested", None, "joining"),
        ("put_in_waiting_room", None, "waiting_room"),
        ("joined_meeting", None, "joined_not_recording"),
    ]
    assert replay(log(M.SCHEDULED, M.CANCELLED))[0] == "ended"


@pytest.mark.parametrize(
    ("reason", "sub_type"),
    [
        ("requested", "user_requested"),
        ("voice_inactivity", "auto_leave_silence"),
        ("everyone_left", "auto_leave_only_participant_in_meeting"),
        ("no_one_joined", "auto_leave_only_participant_in_meeting"),
        ("only_bots", "auto_leave_only_participant_in_meeting"),
        ("max_recording", "auto_leave_max_uptime_exceeded"),
        ("recording_permission", None),
        ("", "user_requested"),
    ],
)
def test_why_it_left(reason: str, sub_type: str | None) -> None:
    assert told(*INSIDE, (M.LEAVING, reason), M.STOPPED)[3:] == [
        ("leave_requested", sub_type, "leaving"),
        ("left_meeting", None, "post_processing"),
    ]


@pytest.mark.parametrize("reason", ["ended", "host_ended", "removed"])
def test_a_meeting_that_ends_is_no_request_to_leave(reason: str) -> None:
    last = M.KICKED if reason == "removed" else M.STOPPED
    assert told(*INSIDE, (M.LEAVING, reason), last, M.DONE)[3:] == [
        ("meeting_ended", None, "post_processing"),
        ("post_processing_completed", None, "ended"),
    ]


@pytest.mark.parametrize(
    ("last", "sub_type"),
    [
        ((M.NOT_ALLOWED, "lobby_timeout"), "waiting_room_timeout_exceeded"),
        ((M.NOT_ALLOWED, "waiting_room"), "waiting_room_timeout_exceeded"),
        ((M.DENIED, "denied"), "request_to_join_denied"),
        ((M.FAILED, "login_required"), "login_required"),
        ((M.FAILED, "login_busy"), "bot_login_attempt_failed"),
        ((M.FAILED, "captcha"), "blocked_by_captcha"),
        ((M.FAILED, "not_started"), "meeting_not_started_waiting_for_host"),
        ((M.FAILED, "not_found"), "meeting_not_found"),
        ((M.FAILED, "network"), "unable_to_connect_to_meeting"),
        (M.FAILED, "unable_to_connect_to_meeting"),
    ],
)
def test_why_it_could_not_join(last: Moment | tuple[Moment, str], sub_type: str) -> None:
    reason = last[1] if isinstance(last, tuple) else ""
    first = [(M.LEAVING, reason)] if reason in ("lobby_timeout", "waiting_room", "denied") else []
    assert told(M.JOINING, M.IN_WAITING_ROOM, *first, last, M.DONE)[2:] == [
        ("could_not_join_meeting", sub_type, "fatal_error")
    ]


def test_failures_inside() -> None:
    assert told(*INSIDE, M.FAILED, M.DONE)[3:] == [("fatal_error", "attendee_internal_error", "fatal_error")]
    assert told(*INSIDE, (M.FAILED, "crashed"))[3:] == [("fatal_error", "process_terminated", "fatal_error")]
    assert told(M.JOINING, (M.FAILED, "internal"))[1:] == [("fatal_error", "attendee_internal_error", "fatal_error")]


def test_a_bot_that_another_worker_takes_up_does_not_go_back() -> None:
    again = told(*INSIDE, "recording.paused", *INSIDE, "recording.paused", (M.LEAVING, "requested"))
    assert [event for event, _, _ in again] == [
        "join_requested",
        "joined_meeting",
        "recording_permission_granted",
        "recording_paused",
        "leave_requested",
    ]


def test_without_a_recording_the_permission_is_told_all_the_same() -> None:
    assert told(M.JOINING, M.IN_MEETING, records=False)[1:] == [
        ("joined_meeting", None, "joined_not_recording"),
        ("recording_permission_granted", None, "joined_recording"),
    ]


def test_a_host_that_refuses_and_allows() -> None:
    assert told(M.JOINING, M.IN_MEETING, M.RECORDING_REFUSED, M.RECORDING_ALLOWED)[2:] == [
        ("recording_permission_denied", "host_denied_permission", "joined_recording_permission_denied"),
        ("recording_permission_granted", None, "joined_recording"),
    ]


def test_deleted_data_is_the_end() -> None:
    assert told(*INSIDE, M.STOPPED, M.DONE, M.MEDIA_EXPIRED, M.MEDIA_EXPIRED, M.FAILED)[-1] == (
        "data_deleted",
        None,
        "data_deleted",
    )


def test_the_tables_fit_together() -> None:
    assert set(EVENTS) - {"recording.paused", "recording.resumed"} <= {moment.value for moment in TABLE}
    assert {event for events in EVENTS.values() for event in events} == set(ARROWS)
    assert {arrow.after for arrow in ARROWS.values()} | {"ready", "scheduled"} <= STATES
    assert all(arrow.before <= STATES for arrow in ARROWS.values())
    assert set(SUB_TYPES) | set(DEFAULTS) <= set(ARROWS)
    assert all(not (arrow.before & TERMINAL) for name, arrow in ARROWS.items() if name != "data_deleted")


def test_any_log_walks_along_arrows() -> None:
    lines = [*M, "recording.paused", "recording.resumed", "socket.lost"]
    for order in itertools.permutations((M.JOINING, M.IN_MEETING, M.RECORDING, M.LEAVING, M.STOPPED, M.DONE)):
        life = Life()
        for line in (*order, *lines):
            for step in life.take(log(line)[0]):
                assert step.old in ARROWS[step.event].before
                assert step.new == ARROWS[step.event].after


def test_who_wants_to_know_of_speech() -> None:
    def config(**more: object) -> BotConfig:
        return BotConfig("x", attendee=AttendeeConfig(**more))  # type: ignore[arg-type]

    asked = {"recording_settings": {"record_participant_speech_start_stop_events": True}}
    assert tells_speech(config(settings=asked))
    assert tells_speech(config(webhooks=(TriggerWebhook("u", ("participant_events.speech_start_stop",)),)))
    assert not tells_speech(config(webhooks=(TriggerWebhook("u", ("bot.state_change",)),)))
    assert not tells_speech(BotConfig("x"))
