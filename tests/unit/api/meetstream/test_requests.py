"""Every spelling of a create call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.api.meetstream.requests import FIELDS, parse_create
from rejoinder.core.bot import AgentConfig, BotConfig
from rejoinder.errors import InvalidRequest

NOW = datetime(2026, 9, 1, 10, 0, tzinfo=UTC)
LINK = "http://room/standup"


def read(**body: Any) -> BotConfig:
    return parse_create({"meeting_link": LINK} | body, NOW)


def refused(field: str | None, words: str, /, **body: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read(**body)
    assert caught.value.field == field
    assert words in str(caught.value)
    return caught.value


def test_the_least_there_is() -> None:
    body = {"meeting_link": LINK}
    assert parse_create(body, NOW) == BotConfig(LINK, request=body)


def test_the_defaults_are_those_of_the_model() -> None:
    assert (read().bot_name, read().lobby_timeout_s) == (
        BotConfig(LINK).bot_name,
        BotConfig(LINK).lobby_timeout_s,
    )


def test_the_create_call_of_the_guide() -> None:
    body = {
        "meeting_url": LINK,
        "bot_name": "My Assistant",
        "live_audio_required": {"websocket_url": "wss://your-server.com/{bot_id}/audio"},
        "socket_connection_url": {"websocket_url": "wss://your-server.com/{bot_id}/control"},
    }
    assert parse_create(body, NOW) == BotConfig(
        LINK,
        bot_name="My Assistant",
        audio_socket_url="wss://your-server.com/{bot_id}/audio",
        control_socket_url="wss://your-server.com/{bot_id}/control",
        request=body,
    )


def test_the_create_call_of_the_article() -> None:
    config = read(
        bot_name="MeetingAssistant",
        live_audio_required={"websocket_url": "wss://yourserver.com/audio"},
        live_transcription_required={
            "webhook_url": "https://yourserver.com/webhooks/transcript",
            "provider": {
                "name": "deepgram_streaming",
                "api_key": "KEY",
                "model": "nova-3",
                "diarize": True,
                "interim_results": True,
                "endpointing": 300,
            },
        },
        socket_connection_url={"websocket_url": "wss://yourserver.com/control"},
    )
    assert (config.audio_socket_url, config.control_socket_url) == (
        "wss://yourserver.com/audio",
        "wss://yourserver.com/control",
    )


def test_a_full_create_call_with_all_that_others_send() -> None:
    config = read(
        video_required=False,
        audio_required=True,
        callback_url="https://app.example/hooks",
        custom_attributes={"tenant": "t1", "n": 3},
        audio_separate_streams=True,
        video_separate_streams=True,
        recording_config={
            "transcript": {"provider": {"deepgram": {"model": "nova-3"}}},
            "retention": {"type": "timed", "hours": 48},
            "realtime_endpoints": [{"type": "webhook", "url": "https://app.example/p", "events": []}],
        },
        automatic_leave={
            "waiting_room_timeout": 300,
            "everyone_left_timeout": 5,
            "in_call_recording_timeout": 14400,
            "recording_permission_denied_timeout": 60,
        },
        some_future_field={"anything": [1, 2]},
    )
    assert config.lobby_timeout_s == 300.0
    assert config.custom_attributes == {"tenant": "t1", "n": 3}


@pytest.mark.parametrize("field", ["socket_connection_url", "live_audio_required"])
def test_sockets(field: str) -> None:
    def url(value: Any) -> str | None:
        config = read(**{field: value})
        return config.control_socket_url if field == "socket_connection_url" else config.audio_socket_url

    assert url("wss://h/c") == url({"websocket_url": " wss://h/c ", "other": 1}) == "wss://h/c"
    for off in (None, {}, "", False, {"websocket_url": None}, {"websocket_url": ""}):
        assert url(off) is None
    refused(field, "websocket_url", **{field: True})
    refused(field, "websocket_url", **{field: ["wss://h/c"]})
    refused(field, "wss://", **{field: "https://h/c"})
    refused(f"{field}.websocket_url", "wss://", **{field: {"websocket_url": "h/c"}})
    refused(f"{field}.websocket_url", "string", **{field: {"websocket_url": 5}})


@pytest.mark.parametrize("body", [None, [], "x", 3])
def test_a_body_that_is_no_object(body: object) -> None:
    with pytest.raises(InvalidRequest, match="JSON object"):
        parse_create(body, NOW)


@pytest.mark.parametrize("link", [None, "", "  "])
def test_no_link(link: str | None) -> None:
    error = refused("meeting_link", "meeting_link is required.", meeting_link=link)
    assert str(error) == "meeting_link is required."
    assert read(meeting_link=link, meeting_url=LINK).meeting_link == LINK


@pytest.mark.parametrize("field", FIELDS)
def test_every_known_field_has_its_type(field: str) -> None:
    refused(field, field, **{field: 5})
    if field not in ("meeting_link", "meeting_url"):
        assert read(**{field: None}).meeting_link == LINK


def test_texts() -> None:
    assert read(bot_name="  Ada ", bot_message=" hi ").bot_name == "Ada"
    assert read(bot_message=" hi ").bot_message == "hi"
    assert read(bot_name="", bot_message="", bot_image_url="", callback_url="").bot_image_url is None
    refused("bot_name", "80", bot_name="x" * 81)
    refused("bot_message", "10000", bot_message="x" * 10_001)
    refused("meeting_link", "2048", meeting_link="x" * 2049)


def test_images_are_links() -> None:
    assert read(bot_image_url="https://x.example/a.png").bot_image_url == "https://x.example/a.png"
    refused("bot_image_url", "https://", bot_image_url="data:image/png;base64,AAAA")
    refused("bot_image_url", "https://", bot_image_url="a.png")
    refused("callback_url", "https://", callback_url="nonsense")


def test_the_agent() -> None:
    assert read().agent is None
    assert read(agent_config_id="").agent is None
    assert read(agent_config_id="default").agent == read(agent={}).agent == AgentConfig()
    agent = {"answer": "always", "greeting": "Hello", "prompt": "Be brief.", "chat_mirror": False}
    assert read(agent=agent).agent == AgentConfig("always", "Hello", "Be brief.", False)
    assert read(agent=agent, agent_config_id="default").agent == AgentConfig("always", "Hello", "Be brief.", False)
    refused("agent_config_id", "default", agent_config_id="YOUR_MIA_AGENT_CONFIG_ID")
    refused("agent", "object", agent="default")
    refused("agent.answer", "addressed", agent={"answer": "never"})
    refused("agent.answer", "string", agent={"answer": 1})
    refused("agent.greeting", "string", agent={"greeting": 1})
    refused("agent.prompt", "20000", agent={"prompt": "x" * 20_001})
    refused("agent.chat_mirror", "true or false", agent={"chat_mirror": "no"})
    refused("agent.promt", "greeting", agent={"promt": "x"})


def test_times_to_leave() -> None:
    assert read(automatic_leave={"waiting_room_timeout": 5}).lobby_timeout_s == 5.0
    assert read(automatic_leave={"waiting_room_timeout": 2.5}).lobby_timeout_s == 2.5
    assert read(automatic_leave={"waiting_room_timeout": 99999}).lobby_timeout_s == 1800.0
    for value in (0, -1, "60", True, [], float("inf")):
        refused("automatic_leave.waiting_room_timeout", "seconds", automatic_leave={"waiting_room_timeout": value})
    refused("automatic_leave.everyone_left_timeout", "seconds", automatic_leave={"everyone_left_timeout": "x"})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("in_call_recording_timeout", 599, "in_call_recording_timeout must be at least 600 seconds"),
        (
            "recording_permission_denied_timeout",
            301,
            "recording_permission_denied_timeout must not exceed 300 seconds",
        ),
        (
            "recording_permission_denied_timeout",
            59,
            "recording_permission_denied_timeout must be at least 60 seconds",
        ),
    ],
)
def test_meetstreams_own_limits(name: str, value: int, message: str) -> None:
    error = refused(f"automatic_leave.{name}", message, automatic_leave={name: value})
    assert str(error) == message


def test_zoom_fields() -> None:
    read(zoom={"zak_url": "https://x.example"}, use_zoom_obf=False)
    error = refused("zoom", "only one", zoom={"zak_url": "https://x", "obf_url": "https://y"})
    assert str(error) == "Pass only one of zoom.zak_url or zoom.obf_url"
    assert str(refused("use_zoom_obf", "no longer", use_zoom_obf=True)) == "use_zoom_obf is no longer supported"
    refused("use_zoom_obf", "no longer", zoom={"use_zoom_obf": True})


def test_live_transcripts_need_a_streaming_provider() -> None:
    live = {"webhook_url": "https://x.example/t"}
    field = "live_transcription_required.webhook_url"
    begin = "live_transcription_required.webhook_url is provided but no streaming provider found. "
    assert str(refused(field, begin, live_transcription_required=live)).startswith(begin)
    refused(
        field,
        begin,
        live_transcription_required=live,
        recording_config={"transcript": {"provider": {"deepgram": {}}}},
    )
    provider = {"transcript": {"provider": {"deepgram_streaming": {}}}}
    read(live_transcription_required=live, recording_config=provider)
    read(live_transcription_required=live | {"provider": "meetstream_streaming"})
    read(live_transcription_required={})
    read(live_transcription_required={"deepgram_api_key": "x"})
    refused(field, "https://", live_transcription_required={"webhook_url": "x"}, recording_config=provider)
    refused("recording_config.transcript", "object", recording_config={"transcript": []})
    refused("recording_config.transcript.provider", "object", recording_config={"transcript": {"provider": "x"}})


def test_bots_for_later_are_refused_rather_than_sent_now() -> None:
    for past in ("2026-09-01T10:00:00Z", "2026-09-01 09:00:00", "2026-09-01T12:00:00+02:00", "", " "):
        assert read(join_at=past).meeting_link == LINK
    late = (NOW + timedelta(minutes=2)).isoformat()
    assert refused("join_at", "schedule", join_at=late).code == "unsupported"
    refused("join_at", "2026-09-01T10:00:00Z", join_at="tomorrow")


KEYS = "websocket_url webhook_url provider transcript name answer waiting_room_timeout zak_url".split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "socket_connection_url", "live_audio_required"]), JSON))
def test_any_body_is_read_or_refused(body: dict[str, Any]) -> None:
    result: BotConfig | InvalidRequest
    try:
        result = parse_create(body, NOW)
    except InvalidRequest as error:
        result = error
    if isinstance(result, InvalidRequest):
        assert result.field
        assert result.field.split(".")[-1] in str(result)
    else:
        assert result.request is body
