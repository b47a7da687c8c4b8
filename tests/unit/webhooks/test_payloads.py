"""What webhooks say, against the contract's samples."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rejoinder.core.bot import Bot, BotConfig, BotStatus
from rejoinder.core.lifecycle import TABLE, Moment
from rejoinder.core.records import Attendance
from rejoinder.webhooks.payloads import encode, lifecycle, participant

AT = 1788258025.123456
TIME = "2026-09-01T10:20:25.123456+00:00"


def bot(status: BotStatus = BotStatus.IN_MEETING, message: str = "", platform: str = "Room") -> Bot:
    config = BotConfig("http://room/standup", custom_attributes={"tenant": "t1"})
    return Bot("b1", "acme", config, 0.0, status, message, platform)


def stage(event: str, bot_event: str, status: str, message: str, code: int = 200) -> dict[str, Any]:
    return {
        "event": event,
        "bot_event": bot_event,
        "bot_id": "b1",
        "bot_status": status,
        "message": message,
        "status_code": code,
        "timestamp": TIME,
        "custom_attributes": {"tenant": "t1"},
    }


def result(event: str, message: str, code: int = 200, /, **extra: str) -> dict[str, Any]:
    return {
        "event": event,
        "bot_event": event,
        "bot_id": "b1",
        "status": "success" if code == 200 else "error",
        "message": message,
        "status_code": code,
        "timestamp": TIME,
        "custom_attributes": {"tenant": "t1"},
    } | extra


WHOLE: dict[Moment, dict[str, Any]] = {
    Moment.SCHEDULED: stage("bot.scheduled", "bot.scheduled", "Scheduled", "Bot is scheduled"),
    Moment.JOINING: stage("bot.joining", "bot.joining", "Joining", "Joining the meeting"),
    Moment.IN_WAITING_ROOM: stage(
        "bot.in_waiting_room", "bot.in_waiting_room", "InWaitingRoom", "Waiting to be let in"
    ),
    Moment.IN_MEETING: stage("bot.inmeeting", "bot.inmeeting", "InMeeting", "Bot joined the meeting"),
    Moment.RECORDING_ALLOWED: stage(
        "bot.recording_permission_allowed", "bot.recording_permission_allowed", "InMeeting", "Recording was allowed"
    ),
    Moment.RECORDING_REFUSED: stage(
        "bot.recording_permission_denied", "bot.recording_permission_denied", "InMeeting", "Recording was not allowed"
    ),
    Moment.RECORDING: stage("bot.recording", "bot.recording", "Recording", "Recording"),
    Moment.LEAVING: stage("bot.leaving", "bot.leaving", "Leaving", "Leaving the meeting"),
    Moment.STOPPED: stage("bot.stopped", "bot.stopped", "Stopped", "Bot left the meeting"),
    Moment.KICKED: stage("bot.stopped", "bot.kicked", "Stopped", "The host removed the bot"),
    Moment.NOT_ALLOWED: stage("bot.stopped", "bot.notallowed", "NotAllowed", "Failed: Not admitted to meeting", 500),
    Moment.DENIED: stage("bot.stopped", "bot.denied", "Denied", "Failed: The host refused the bot", 500),
    Moment.FAILED: stage("bot.stopped", "bot.failed", "Failed", "Failed: Unexpected error", 500),
    Moment.MANIFEST_COMPLETED: result("manifest.completed", "Manifest completed", manifest_status="Success"),
    Moment.AUDIO_PROCESSED: result("audio.processed", "Audio processing completed", audio_status="Success"),
    Moment.TRANSCRIPTION_PROCESSED: result(
        "transcription.processed", "Transcription completed", transcript_status="Success"
    ),
    Moment.TRANSCRIPTION_FAILED: result(
        "transcription.failed", "Transcription failed", 500, transcript_status="Failed"
    ),
    Moment.TRANSCRIPTION_READY: result("bot.transcriptionready", "Transcript is ready"),
    Moment.DONE: stage("bot.done", "bot.done", "Done", "Completed"),
}


@pytest.mark.parametrize("moment", WHOLE)
def test_the_whole_payload(moment: Moment) -> None:
    assert lifecycle(bot(), moment, "", AT) == WHOLE[moment]


TOLD = [moment for moment, rule in TABLE.items() if rule.event is not None]
ALWAYS = {"event", "bot_event", "bot_id", "message", "status_code", "timestamp"}


@pytest.mark.parametrize("moment", TOLD)
def test_what_every_payload_has(moment: Moment) -> None:
    payload = lifecycle(bot(), moment, "it is so", AT)
    assert payload.keys() >= ALWAYS | set(TABLE[moment].extra)
    assert (payload["message"], payload["bot_event"], payload["timestamp"]) == ("it is so", moment.value, TIME)
    assert ("bot_status" in payload) != ("status" in payload)
    assert ("custom_attributes" in payload) == (moment is not Moment.DATA_DELETED)


@pytest.mark.parametrize("moment", [moment for moment in Moment if moment not in TOLD])
def test_what_is_not_told(moment: Moment) -> None:
    with pytest.raises(ValueError, match=moment.value):
        lifecycle(bot(), moment, "", AT)


def test_whole_seconds_have_microseconds_too() -> None:
    assert lifecycle(bot(), Moment.JOINING, "", 1788258000.0)["timestamp"] == "2026-09-01T10:20:00.000000+00:00"


def test_the_bots_own_speaker_id() -> None:
    assert lifecycle(bot(), Moment.IN_MEETING, "", AT, speaker_id="p7")["speaker_id"] == "p7"
    assert "speaker_id" not in lifecycle(bot(), Moment.RECORDING, "", AT, speaker_id="p7")


def test_transcript_ids() -> None:
    for moment in (Moment.TRANSCRIPTION_PROCESSED, Moment.TRANSCRIPTION_FAILED):
        assert lifecycle(bot(), moment, "", AT, transcript_id="t1")["transcript_id"] == "t1"
    assert "transcript_id" not in lifecycle(bot(), Moment.DONE, "", AT, transcript_id="t1")


def test_a_webhook_that_transcribe_asked_for() -> None:
    payload = lifecycle(bot(), Moment.TRANSCRIPTION_FAILED, "provider error", AT, transcript_id="t1", attributes=False)
    assert payload == {
        "event": "transcription.failed",
        "bot_event": "transcription.failed",
        "bot_id": "b1",
        "status": "error",
        "transcript_status": "Failed",
        "message": "provider error",
        "status_code": 500,
        "timestamp": TIME,
        "transcript_id": "t1",
    }


def test_deletion() -> None:
    message = "Successfully deleted 7 objects for bot b1"
    assert lifecycle(bot(), Moment.DATA_DELETED, message, AT, deleted_objects=7) == {
        "event": "data_deletion",
        "bot_event": "data_deletion",
        "bot_id": "b1",
        "status": "success",
        "message": message,
        "deleted_objects": 7,
        "timestamp": TIME,
        "status_code": 200,
    }


@pytest.mark.parametrize("status", [BotStatus.FAILED, BotStatus.NOT_ALLOWED, BotStatus.DENIED])
def test_the_end_of_a_bot_that_failed(status: BotStatus) -> None:
    failed = bot(status, "Failed: the meeting cannot be reached")
    for said in ("", "Completed"):
        payload = lifecycle(failed, Moment.DONE, said, AT)
        assert payload == stage("bot.done", "bot.done", "Done", "Failed: the meeting cannot be reached", 500)
    assert lifecycle(failed, Moment.DONE, "disk full", AT)["message"] == "disk full"
    assert lifecycle(bot(BotStatus.MEDIA_PROCESSING, "left"), Moment.DONE, "", AT)["message"] == "Completed"


@pytest.mark.parametrize(
    ("platform", "word"), [("GMeet", "gmeet"), ("Zoom", "zoom"), ("Teams", "teams"), ("Room", "room")]
)
def test_participants(platform: str, word: str) -> None:
    ada = Attendance("p1", "Ada L", False, AT)
    assert participant(bot(platform=platform), ada, "leave", AT, 50.7) == {
        "event": "participant_events.leave",
        "timestamp": "2026-09-01T10:20:25.123Z",
        "data": {
            "data": {
                "action": "leave",
                "participant": {"id": "p1", "name": "Ada L", "full_name": "Ada L", "platform": word},
                "timestamp": {"relative": 50.7, "absolute": "2026-09-01T10:20:25.123Z"},
            },
            "bot": {"id": "b1", "metadata": {}},
        },
        "custom_attributes": {"tenant": "t1"},
    }
    assert participant(bot(), ada, "join", AT, 0.0)["event"] == "participant_events.join"


def test_any_name_can_be_encoded() -> None:
    payload = participant(bot(), Attendance("p1", 'Zoë "\ud800"', False, AT), "join", AT, 0.0)
    assert json.loads(encode(payload)) == payload
