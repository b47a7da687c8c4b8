"""Attendee's create call: what every field becomes, and that every wrong one is named."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image

from rejoinder.api.attendee import create
from rejoinder.api.attendee.bots import rules
from rejoinder.api.attendee.create import parse_change, parse_create
from rejoinder.api.attendee.errors import FieldErrors, answer_of
from rejoinder.core.bot import AutomaticLeave, BotConfig, BotDetection, RealtimeAudio, TriggerWebhook
from rejoinder.core.signin import SignIn
from rejoinder.errors import RejoinderError
from rejoinder.settings import Settings

LEAST: dict[str, Any] = {"meeting_url": "http://room/a", "bot_name": "Robin"}
LAX = rules(Settings(allow_loopback_urls=True))
STRICT = rules(Settings())
HOOK = {"url": "https://app.example/h", "triggers": ["bot.state_change"]}


def png() -> str:
    file = io.BytesIO()
    Image.new("RGB", (32, 16), (200, 0, 0)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def made(**body: Any) -> BotConfig:
    return parse_create({**LEAST, **body}, LAX)


def wrong(body: Any, strict: bool = False) -> dict[str, Any]:
    with pytest.raises(RejoinderError) as refused:
        parse_create(body, STRICT if strict else LAX)
    status, answer = answer_of(refused.value)
    assert status == 400
    return answer


def test_the_least() -> None:
    config = made()
    assert (config.meeting_link, config.bot_name, config.record) == ("http://room/a", "Robin", True)
    assert config.callback_retries == 2
    assert config.leave == AutomaticLeave(
        waiting_room_s=900.0,
        no_one_joined_s=60.0,
        everyone_left_s=60.0,
        voice_inactivity_s=600.0,
        in_call_recording_s=None,
        recording_permission_denied_s=None,
        voice_inactivity_after_s=1200.0,
    )
    assert config.transcript is not None
    assert config.transcript.streaming
    attendee = config.attendee
    assert attendee is not None
    assert (attendee.recording_format, attendee.webhooks, attendee.audio, attendee.image) == ("mp4", (), None, None)


def test_the_most() -> None:
    config = made(
        bot_image={"type": "image/png", "data": png()},
        metadata={"tenant": "t1"},
        bot_chat_message={"to": "everyone", "message": "hello"},
        join_at="2027-01-01T10:00:00Z",
        deduplication_key="k",
        webhooks=[HOOK, {"url": "http://127.0.0.1:9/h", "triggers": ["transcript.update"]}],
        transcription_settings={"deepgram": {"language": "multi"}},
        websocket_settings={
            "audio": {"url": "wss://app.example/a", "sample_rate": 24000, "threshold": 500},
            "per_participant_audio": {"url": "ws://localhost:1/b"},
        },
        recording_settings={"format": "none", "view": "gallery_view", "record_chat_messages_when_paused": True},
        automatic_leave_settings={
            "only_participant_in_meeting_timeout_seconds": 5,
            "silence_activate_after_seconds": 0,
            "max_uptime_seconds": 100,
            "bot_keywords": ["Notetaker"],
        },
        google_meet_settings={"use_login": False, "ui_interaction_mode": "robotic"},
        teams_settings={"login_mode": "always"},
        zoom_settings={"sdk": "web", "meeting_settings": {"allow_participants_to_rename": True}},
        debug_settings={"create_debug_recording": False},
        kubernetes_settings={"bot_pod_spec_type": "DEFAULT"},
        callback_settings=None,
    )
    attendee = config.attendee
    assert attendee is not None
    assert attendee.image is not None
    assert base64.b64decode(attendee.image[1])[:3] == b"\xff\xd8\xff"
    assert png() not in str(config.request)
    assert attendee.metadata == config.custom_attributes == {"tenant": "t1"}
    assert config.bot_message == "hello"
    assert config.join_at == 1_798_797_600.0
    assert config.deduplication_key == "k"
    assert attendee.webhooks[1] == TriggerWebhook("http://127.0.0.1:9/h", ("transcript.update",))
    assert attendee.audio == RealtimeAudio("wss://app.example/a", 24_000, 500.0)
    assert attendee.per_participant_audio == RealtimeAudio("ws://localhost:1/b", 16_000, None)
    assert (config.record, attendee.recording_format) == (False, "none")
    assert (config.leave.everyone_left_s, config.leave.in_call_recording_s) == (5.0, 100.0)
    assert config.leave.voice_inactivity_after_s == 0.0
    assert config.leave.bot_detection == BotDetection(("Notetaker",), 0.0, 5.0)
    assert attendee.settings["transcription_settings"] == {"deepgram": {"language": "multi"}}


@pytest.mark.parametrize(
    ("link", "settings", "provider"),
    [
        ("http://room/a", None, "meetstream_streaming"),
        ("http://room/a", {"meeting_closed_captions": {}}, "meetstream_streaming"),
        ("https://meet.google.com/abc-defg-hij", None, "meeting_captions"),
        ("https://meet.google.com/abc-defg-hij", {"deepgram": {}}, "meetstream_streaming"),
        ("https://zoom.us/j/1", {"meeting_closed_captions": None, "gladia": {}}, "meetstream_streaming"),
    ],
)
def test_who_transcribes(link: str, settings: Any, provider: str) -> None:
    config = made(meeting_url=link, transcription_settings=settings)
    assert config.transcript is not None
    assert config.transcript.provider == provider


MEET, TEAMS = "https://meet.google.com/abc-defg-hij", "https://teams.microsoft.com/l/meetup-join/x"


def test_logins() -> None:
    login = {"use_login": True, "login_group_name": "Team-A"}
    assert made(meeting_url=MEET, google_meet_settings=login).sign_in == SignIn("team-a")
    late = {**login, "login_mode": "only_if_required"}
    assert made(meeting_url=TEAMS, teams_settings=late).sign_in == SignIn("team-a", when="if_required")
    assert made(meeting_url=MEET, google_meet_settings={"use_login": True}).sign_in == SignIn("google_meet")
    assert made(meeting_url=TEAMS, teams_settings={"use_login": True, "login_mode": "always"}).sign_in == SignIn(
        "teams"
    )
    for link, settings in (
        (MEET, {"teams_settings": login}),
        (TEAMS, {"google_meet_settings": login}),
        ("http://room/a", {"google_meet_settings": login, "teams_settings": login}),
        (MEET, {"google_meet_settings": {**login, "use_login": False}}),
        (MEET, {}),
    ):
        assert made(meeting_url=link, **settings).sign_in is None


def test_a_bot_that_is_sent_elsewhere_signs_in_there() -> None:
    config = made(meeting_url=MEET, google_meet_settings={"use_login": True}, teams_settings={"use_login": True})
    edit, _ = parse_change({"meeting_url": TEAMS}, LAX)
    assert edit(config).sign_in == SignIn("teams")
    rename, _ = parse_change({"bot_name": "New"}, LAX)
    assert rename(config).sign_in == SignIn("google_meet")
    other_dialect = BotConfig(MEET, sign_in=SignIn("work.example"))
    assert rename(other_dialect).sign_in == SignIn("work.example")


def test_join_at_that_has_come_is_now() -> None:
    assert made(join_at="2020-01-01T00:00:00Z").join_at is None


@pytest.mark.parametrize("missing", ["meeting_url", "bot_name"])
def test_what_must_be_there(missing: str) -> None:
    body = {name: value for name, value in LEAST.items() if name != missing}
    assert wrong(body) == {missing: [f"{missing} is required"]}
    assert set(wrong({})) == {"meeting_url", "bot_name"}
    assert set(wrong({**LEAST, missing: None})) == {missing}


LEAVE_NAMES = [
    "silence_timeout_seconds",
    "silence_activate_after_seconds",
    "only_participant_in_meeting_timeout_seconds",
    "wait_for_host_to_start_meeting_timeout_seconds",
    "waiting_room_timeout_seconds",
    "authorized_user_not_in_meeting_timeout_seconds",
    "max_uptime_seconds",
    "enable_closed_captions_timeout_seconds",
]
SOCKET = {"url": "wss://app.example/a"}
WRONG: list[tuple[str, Any]] = [
    *((name, 7) for name in sorted({*create.READERS, *create.ECHOED, *create.UNSUPPORTED})),
    ("bot_name", " "),
    ("bot_name", "x" * 81),
    ("bot_name", "Robin \U0001f600"),
    ("meeting_url", "x" * 3000),
    ("bot_image", {"type": "image/gif", "data": png()}),
    ("bot_image", {"type": "image/png"}),
    ("bot_image", {"type": "image/png", "data": "%%"}),
    ("bot_image", {"type": "image/png", "data": base64.b64encode(b"no picture").decode()}),
    ("bot_image", {"type": "image/png", "data": png(), "more": 1}),
    ("metadata", {"a": 1}),
    ("metadata", {"a": "x" * 1000}),
    ("bot_chat_message", {"to": "specific_user", "to_user_uuid": "u", "message": "hi"}),
    ("bot_chat_message", {"message": "\U0001f600"}),
    ("bot_chat_message", {"to": "everyone"}),
    ("bot_chat_message", {"message": "x" * 10_001}),
    ("join_at", "tomorrow"),
    ("join_at", "2999-01-01T00:00:00Z"),
    ("deduplication_key", ""),
    ("webhooks", [HOOK, {**HOOK, "url": "https://b/"}, {**HOOK, "url": "https://c/"}]),
    ("webhooks", [HOOK, HOOK]),
    ("webhooks", ["https://app.example"]),
    ("webhooks", [{"triggers": ["bot.state_change"]}]),
    ("webhooks", [{**HOOK, "url": "http://app.example/h"}]),
    ("webhooks", [{**HOOK, "url": "ftp://app.example/h"}]),
    ("webhooks", [{**HOOK, "triggers": []}]),
    ("webhooks", [{**HOOK, "triggers": ["calendar.state_change"]}]),
    ("webhooks", [{**HOOK, "triggers": [1]}]),
    ("transcription_settings", {"nobody": {}}),
    ("transcription_settings", {"deepgram": 1}),
    ("transcription_settings", {"deepgram": {}, "gladia": {}}),
    ("recording_settings", {"format": "avi"}),
    ("recording_settings", {"view": "x"}),
    ("recording_settings", {"resolution": "4k"}),
    ("recording_settings", {"nothing": True}),
    ("recording_settings", {"record_participant_speech_start_stop_events": "yes"}),
    ("recording_settings", {"reserve_additional_storage": 1}),
    ("recording_settings", {"record_chat_messages_when_paused": 1}),
    ("recording_settings", {"record_async_transcription_audio_chunks": 1}),
    ("websocket_settings", {"audio": {}}),
    ("websocket_settings", {"audio": 1}),
    ("websocket_settings", {"audio": {"url": "ws://app.example/a"}}),
    ("websocket_settings", {"audio": {**SOCKET, "sample_rate": 44100}}),
    ("websocket_settings", {"audio": {**SOCKET, "sample_rate": "16000"}}),
    ("websocket_settings", {"audio": {**SOCKET, "threshold": -1}}),
    ("websocket_settings", {"audio": {**SOCKET, "threshold": "loud"}}),
    ("websocket_settings", {"per_participant_audio": {**SOCKET, "sample_rate": 24000}}),
    ("websocket_settings", {"per_participant_audio": {**SOCKET, "threshold": 5}}),
    ("websocket_settings", {"per_participant_video": SOCKET}),
    ("websocket_settings", {"video": {}}),
    *(("automatic_leave_settings", {name: bad}) for name in LEAVE_NAMES for bad in ("5", -1, 1e9, True)),
    ("automatic_leave_settings", {"bot_keywords": "Notetaker"}),
    ("automatic_leave_settings", {"bot_keywords": [""]}),
    ("automatic_leave_settings", {"bot_keywords": ["x"] * 101}),
    ("automatic_leave_settings", {"nothing": 5}),
    ("google_meet_settings", {"use_login": 1}),
    ("google_meet_settings", {"login_group_name": "two words"}),
    ("google_meet_settings", {"login_group_name": ""}),
    ("google_meet_settings", {"ui_interaction_mode": "rude"}),
    ("google_meet_settings", {"login_group_name": 1}),
    ("teams_settings", {"use_login": "no"}),
    ("teams_settings", {"login_mode": "never"}),
    ("teams_settings", {"ui_interaction_mode": "robotic"}),
    ("zoom_settings", {"sdk": "ios"}),
    ("zoom_settings", {"meeting_settings": {"x": 1}}),
    ("zoom_settings", {"onbehalf_token": {"zoom_oauth_connection_user_id": "u"}}),
    ("debug_settings", {"create_debug_recording": 1}),
    ("kubernetes_settings", {"bot_pod_spec_type": 1}),
    ("calendar_event_id", "evt_1"),
    ("callback_settings", {"zoom_tokens_url": "https://x/"}),
    ("external_media_storage_settings", {"bucket_name": "b"}),
    ("voice_agent_settings", {"url": "https://x/"}),
    ("rtmp_settings", {"destination_url": "rtmps://x", "stream_key": "k"}),
    ("nothing_known", 1),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_every_wrong_value_is_named(field: str, value: Any) -> None:
    answer = wrong({**LEAST, field: value})
    ((name, messages),) = answer.items()
    assert name == field
    assert field in messages[0]


def test_several_are_named_together() -> None:
    assert set(wrong({**LEAST, "metadata": 1, "webhooks": {}, "rtmp_settings": {"a": 1}})) == {
        "metadata",
        "webhooks",
        "rtmp_settings",
    }


def test_plain_urls_only_where_the_server_allows_loopback() -> None:
    body = {**LEAST, "webhooks": [{"url": "http://127.0.0.1/h", "triggers": ["bot.state_change"]}]}
    assert parse_create(body, LAX).attendee
    assert "https://" in wrong(body, strict=True)["webhooks"][0]
    assert (
        "wss://"
        in wrong({**LEAST, "websocket_settings": {"audio": {"url": "ws://localhost/"}}}, True)["websocket_settings"][0]
    )


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_that_is_none(body: Any) -> None:
    assert wrong(body) == {"error": "The body must be a JSON object."}


def test_changes() -> None:
    edit, early = parse_change({"metadata": {"a": "b"}}, LAX)
    assert not early
    config = edit(made(deduplication_key="k"))
    assert config.attendee is not None
    assert (config.attendee.metadata, config.deduplication_key) == ({"a": "b"}, "k")
    edit, early = parse_change({"bot_name": "New", "join_at": "2027-01-01T10:00:00Z"}, LAX)
    assert early
    assert edit(made()).bot_name == "New"
    edit, _ = parse_change({"recording_settings": {"format": "none"}}, LAX)
    assert edit(made()).record is False
    for body in ({"join_at": "2020-01-01T00:00:00Z"}, {"bot_name": 1}, {"metadata": 1}, {"meeting_url": ""}):
        with pytest.raises(FieldErrors) as refused:
            parse_change(body, LAX)
        assert set(refused.value.fields) == set(body)
    with pytest.raises(RejoinderError, match="webhooks"):
        parse_change({"webhooks": []}, LAX)
