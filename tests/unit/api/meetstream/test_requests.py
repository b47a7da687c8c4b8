"""Every spelling of a create call."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.api.meetstream.recording import PARTICIPANT_EVENTS, PROVIDERS
from rejoinder.api.meetstream.requests import FIELDS, parse_create, parse_image, parse_message, parse_transcribe
from rejoinder.core.bot import (
    AgentConfig,
    AutomaticLeave,
    BotConfig,
    BotDetection,
    LiveTranscript,
    ParticipantWebhook,
    TranscriptConfig,
)
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
    assert config.live_transcript == LiveTranscript("https://yourserver.com/webhooks/transcript")
    assert config.transcript == TranscriptConfig(
        "deepgram_streaming",
        {"api_key": "KEY", "model": "nova-3", "diarize": True, "interim_results": True, "endpointing": 300},
    )
    assert config.transcript.streaming


def test_a_full_create_call_with_all_that_others_send() -> None:
    config = read(
        meeting_link="https://us05web.zoom.us/j/111?pwd=x",
        video_required=False,
        audio_required=True,
        callback_url="https://app.example/hooks",
        callback_retries=3,
        join_at="2026-09-01T10:30:00Z",
        record=False,
        custom_attributes={"tenant": "t1", "n": 3},
        deduplication_key="standup 1",
        audio_separate_streams=True,
        video_separate_streams=True,
        live_transcription_required={"websocket_url": "wss://app.example/ws"},
        recording_config={
            "transcript": {"provider": {"deepgram": {"model": "nova-3", "language": "en"}}},
            "retention": {"type": "timed", "hours": 48},
            "realtime_endpoints": [
                {"type": "webhook", "url": "https://app.example/p", "events": list(PARTICIPANT_EVENTS)}
            ],
            "audio_separate_streams": False,
        },
        automatic_leave={
            "waiting_room_timeout": 300,
            "no_one_joined_timeout": 120,
            "everyone_left_timeout": 5,
            "voice_inactivity_timeout": 200,
            "in_call_recording_timeout": 14400,
            "recording_permission_denied_timeout": 90,
            "bot_detection": {
                "using_participant_names": {"matches": [" notetaker "], "activate_after": 60, "timeout": 10}
            },
        },
        some_future_field={"anything": [1, 2]},
    )
    assert config == BotConfig(
        "https://us05web.zoom.us/j/111?pwd=x",
        callback_url="https://app.example/hooks",
        callback_retries=3,
        participant_webhooks=(ParticipantWebhook("https://app.example/p", PARTICIPANT_EVENTS),),
        live_transcript=LiveTranscript(None, "wss://app.example/ws"),
        transcript=TranscriptConfig("deepgram", {"model": "nova-3", "language": "en"}),
        leave=AutomaticLeave(300, 120, 5, 200, 14400, 90, BotDetection(("notetaker",), 60, 10)),
        join_at=(NOW + timedelta(minutes=30)).timestamp(),
        record=False,
        audio_separate_streams=True,
        video_required=False,
        retention_hours=48,
        deduplication_key="standup 1",
        custom_attributes={"tenant": "t1", "n": 3},
        request=config.request,
    )


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
    refused(field, field, **{field: 5.5})
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


def leaving(link: str = LINK, **times: Any) -> AutomaticLeave:
    return read(meeting_link=link, automatic_leave=times).leave


def test_times_to_leave() -> None:
    assert leaving() == leaving(waiting_room_timeout=None, bot_detection={}) == AutomaticLeave()
    assert leaving(waiting_room_timeout=5, everyone_left_timeout=2.5) == AutomaticLeave(5, everyone_left_s=2.5)
    assert leaving(
        no_one_joined_timeout=9999,
        everyone_left_timeout=9999,
        voice_inactivity_timeout=9999,
        in_call_recording_timeout=99999,
    ) == AutomaticLeave(no_one_joined_s=1800, everyone_left_s=1800, voice_inactivity_s=9999, in_call_recording_s=18000)
    for name in ("waiting_room_timeout", "no_one_joined_timeout", "everyone_left_timeout", "voice_inactivity_timeout"):
        for value in (0, -1, "60", True, []):
            refused(f"automatic_leave.{name}", "seconds", automatic_leave={name: value})


@pytest.mark.parametrize(
    ("link", "longest"),
    [
        ("https://meet.google.com/aaa-bbbb-ccc", 600),
        ("https://us05web.zoom.us/j/111", 1200),
        ("https://teams.microsoft.com/l/meetup-join/x", 1800),
        (LINK, 1800),
    ],
)
def test_the_longest_wait_depends_on_the_platform(link: str, longest: float) -> None:
    assert leaving(link, waiting_room_timeout=99999).waiting_room_s == longest
    assert leaving(link, waiting_room_timeout=599).waiting_room_s == 599


def test_bot_detection() -> None:
    path = "automatic_leave.bot_detection.using_participant_names"

    def names(**given: Any) -> dict[str, Any]:
        return {"bot_detection": {"using_participant_names": given}}

    assert leaving(**names(matches=["bot"])).bot_detection == BotDetection(("bot",))
    most = leaving(**names(matches=["bot"], activate_after=1, timeout=9999)).bot_detection
    assert most == BotDetection(("bot",), 1, 300)
    assert leaving(**names(matches=[], timeout=5)).bot_detection is None
    refused(f"{path}.matches", "array", automatic_leave=names(matches="bot"))
    for wrong in ("", " ", 5, "x" * 201):
        refused(f"{path}.matches", "names", automatic_leave=names(matches=[wrong]))
    refused(f"{path}.matches", "100", automatic_leave=names(matches=["x"] * 101))
    refused(f"{path}.timeout", "seconds", automatic_leave=names(matches=["x"], timeout="5"))


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
    refused("zoom.zak_url", "https://", zoom={"zak_url": "http://x.example"})
    refused("zoom.obf_url", "4096", zoom={"obf_url": "https://" + "x" * 4096})


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
    wanted = LiveTranscript("https://x.example/t")
    assert read(live_transcription_required=live, recording_config=provider).live_transcript == wanted
    config = read(live_transcription_required=live | {"provider": "meetstream_streaming"})
    assert (config.live_transcript, config.transcript) == (wanted, TranscriptConfig("meetstream_streaming"))
    assert read(live_transcription_required={}).live_transcript is None
    assert read(live_transcription_required={"deepgram_api_key": "x"}).live_transcript is None
    refused(field, "https://", live_transcription_required={"webhook_url": "x"}, recording_config=provider)
    refused("live_transcription_required.websocket_url", "wss://", live_transcription_required={"websocket_url": "x"})
    refused("live_transcription_required.provider.name", "string", live_transcription_required={"provider": 5})
    refused("live_transcription_required.provider", "no provider", live_transcription_required={"provider": "x"})


def test_the_provider_of_transcripts() -> None:
    def provider(given: Any, **body: Any) -> TranscriptConfig | None:
        return read(recording_config={"transcript": {"provider": given}}, **body).transcript

    path = "recording_config.transcript.provider"
    for name in PROVIDERS:
        assert provider({name: {}}) == TranscriptConfig(name)
    assert provider({"meetstream": {"language": "de"}, "deepgram": None}) == TranscriptConfig(
        "meetstream", {"language": "de"}
    )
    for none in (None, {}, {"deepgram": None}):
        assert provider(none) is None
    old = {"deepgram": {"model": "nova-2", "language": "en", "api_key": "k"}}
    assert read(transcription=old).transcript == TranscriptConfig("deepgram", old["deepgram"])
    assert provider({"sarvam": {}}, transcription=old) == TranscriptConfig("sarvam")
    assert "meetstream_streaming" in str(refused_provider := refused(path, "whisper", **recording({"whisper": {}})))
    assert refused_provider.code == "unknown"
    refused(path, "exactly one", **recording({"deepgram": {}, "sarvam": {}}))
    refused(f"{path}.deepgram", "object", **recording({"deepgram": "nova-3"}))
    refused("transcription", "whisper", transcription={"whisper": {}})
    refused("recording_config.transcript", "object", recording_config={"transcript": []})
    refused(path, "object", recording_config={"transcript": {"provider": "x"}})


def recording(provider: dict[str, Any]) -> dict[str, Any]:
    return {"recording_config": {"transcript": {"provider": provider}}}


def test_separate_streams() -> None:
    for top, inner, wanted in ((None, True, True), (True, False, True), (False, True, False), (None, None, False)):
        config = read(audio_separate_streams=top, recording_config={"audio_separate_streams": inner})
        assert config.audio_separate_streams is wanted


def test_webhooks_of_participants() -> None:
    def endpoints(*entries: Any) -> tuple[ParticipantWebhook, ...]:
        return read(recording_config={"realtime_endpoints": list(entries)}).participant_webhooks

    def wrong(field: str, words: str, *entries: Any) -> None:
        refused(
            f"recording_config.realtime_endpoints{field}",
            words,
            recording_config={"realtime_endpoints": list(entries)},
        )

    join, leave = PARTICIPANT_EVENTS
    url = "https://app.example/p"
    assert endpoints({"type": "webhook", "url": url, "events": [leave, leave]}) == (ParticipantWebhook(url, (leave,)),)
    assert endpoints({"url": url}) == (ParticipantWebhook(url, (join, leave)),)
    assert endpoints({"url": url, "events": []}) == ()
    assert len(endpoints({"url": url}, {"url": url + "2"})) == 2
    wrong("[1]", "object", {"url": url}, "x")
    wrong("[0].type", "webhook", {"type": "websocket", "url": url})
    wrong("[0].url", "required", {"type": "webhook", "events": [join]})
    wrong("[0].url", "https://", {"url": "ws://x"})
    wrong("[0].events", "participant_events.join", {"url": url, "events": ["transcript.data"]})
    wrong("[0].events", "participant_events.join", {"url": url, "events": [["x"]]})
    wrong("", "20", *[{"url": url}] * 21)


def test_retention() -> None:
    def hours(**given: Any) -> float | None:
        return read(recording_config={"retention": given}).retention_hours

    assert hours(type="timed", hours=1) == 1.0
    assert hours(hours=87_600) == 87_600.0
    assert hours() is None
    assert hours(type="timed") is None
    for wrong in (0, 87_601):
        refused(
            "recording_config.retention.hours", "between 1 and 87600", recording_config={"retention": {"hours": wrong}}
        )
    for wrong_type in (1.5, "24", True):
        refused(
            "recording_config.retention.hours", "whole number", recording_config={"retention": {"hours": wrong_type}}
        )
    refused("recording_config.retention.type", "timed", recording_config={"retention": {"type": "forever"}})


def test_when_to_join() -> None:
    for past in ("2026-09-01T10:00:00Z", "2026-09-01 09:00:00", "2026-09-01T12:00:00+02:00", "", " "):
        assert read(join_at=past).join_at is None
    assert read(join_at="0001-01-01T00:00:00+23:59").join_at is None
    later = (NOW + timedelta(minutes=30)).timestamp()
    for text in ("2026-09-01T10:30:00Z", "2026-09-01 10:30:00", "2026-09-01T12:30:00+02:00"):
        assert read(join_at=text).join_at == later
    assert read(join_at="2026-09-01T10:30:00.5Z").join_at == later + 0.5
    refused("join_at", "2026-09-01T10:00:00Z", join_at="tomorrow")
    refused("join_at", "year", join_at="2027-09-03T10:00:00Z")
    refused("join_at", "year", join_at="9999-12-31T23:59:59-23:59")


def test_deduplication_keys() -> None:
    for key in ("x", " a~", "k" * 2000):
        assert read(deduplication_key=key).deduplication_key == key
    for wrong in ("", "k" * 2001, "schl\u00fcssel", "a\nb"):
        refused("deduplication_key", "printable ASCII", deduplication_key=wrong)


def test_callbacks() -> None:
    assert read(callback_url="", callback_retries=None) == BotConfig(
        LINK, request={"meeting_link": LINK, "callback_url": "", "callback_retries": None}
    )
    assert [read(callback_retries=retries).callback_retries for retries in (0, 20)] == [0, 20]
    refused("callback_retries", "between 0 and 20", callback_retries=21)
    refused("callback_retries", "whole number", callback_retries=True)
    refused("callback_url", "https://", callback_url="ftp://x")


def test_custom_attributes() -> None:
    given = {"tenant": "t1", "list": [1, {"x": None}], "on": True, "\u00fc": "\u00e4"}
    assert read(custom_attributes=given).custom_attributes == given
    assert len(read(custom_attributes={str(n): n for n in range(50)}).custom_attributes) == 50
    refused("custom_attributes", "50 keys", custom_attributes={str(n): n for n in range(51)})
    refused("custom_attributes", "65536", custom_attributes={"x": "y" * 65_536})


@pytest.mark.parametrize("value", ["a\0b", "\ud800", float("nan"), float("inf"), 2**64, object()])
def test_what_cannot_be_stored_is_refused(value: Any) -> None:
    refused("custom_attributes.x[1]", "stored", custom_attributes={"x": [1, value]})
    refused("future.x", "stored", future={"x": value})


def test_names_that_cannot_be_stored_and_nesting() -> None:
    refused("custom_attributes", "stored", custom_attributes={"a\0": 1})
    deep: Any = 1
    for _ in range(70):
        deep = [deep]
    refused("future", "deep", future=deep)
    for _ in range(100_000):
        deep = {"a": deep}
    refused("future", "deep", future=deep)


def test_transcribe_calls() -> None:
    assert parse_transcribe({"provider": {"meetstream": {"language": "de"}}}) == (
        "meetstream",
        {"language": "de"},
        None,
    )
    body = {"provider": {"deepgram": {}}, "callback_url": "https://app.example/t"}
    assert parse_transcribe(body) == ("deepgram", {}, "https://app.example/t")
    for wrong, field, words in (
        ([], None, "JSON object"),
        ({}, "provider", "required"),
        ({"provider": {}}, "provider", "required"),
        ({"provider": "meetstream"}, "provider", "object"),
        ({"provider": {"deepgram_streaming": {}}}, "provider", "no provider"),
        ({"provider": {"deepgram": {}, "sarvam": {}}}, "provider", "exactly one"),
        ({"provider": {"deepgram": {}}, "callback_url": "x"}, "callback_url", "https://"),
    ):
        with pytest.raises(InvalidRequest, match=words) as caught:
            parse_transcribe(wrong)
        assert caught.value.field == field


def test_messages_and_images() -> None:
    assert parse_message({"message": " hi ", "metadata": {"message_type": "text"}}) == "hi"
    assert parse_image({"img_url": "https://x.example/a.png"}) == ("https://x.example/a.png", None)
    assert parse_image({"img_url": "https://x.example/a.png", "display_duration": 5})[1] == 5.0
    for read_body, wrong, field in (
        (parse_message, {}, "message"),
        (parse_message, {"message": ""}, "message"),
        (parse_message, {"message": 5}, "message"),
        (parse_message, {"message": "x" * 10_001}, "message"),
        (parse_image, {"image_url": "https://x.example/a.png"}, "img_url"),
        (parse_image, {"img_url": "data:image/png;base64,AA"}, "img_url"),
        (parse_image, {"img_url": "https://x.example/a.png", "display_duration": -1}, "display_duration"),
    ):
        with pytest.raises(InvalidRequest, match=field) as caught:
            read_body(wrong)
        assert caught.value.field == field


NAMES = """websocket_url webhook_url provider name transcript answer waiting_room_timeout bot_detection matches timeout
    using_participant_names zak_url retention hours type realtime_endpoints url events deepgram""".split()
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "webhook",
            "timed",
            "deepgram",
            "https://x.example",
            "wss://x.example",
            "2026-09-02",
            "default",
            *PARTICIPANT_EVENTS,
        ]
    )
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
)
BODIES = st.dictionaries(st.sampled_from([*FIELDS, "socket_connection_url", "live_audio_required"]) | st.text(), JSON)


@given(BODIES | BODIES.map(lambda body: body | {"meeting_link": LINK}))
def test_any_body_is_read_or_refused(body: dict[str, Any]) -> None:
    result: BotConfig | InvalidRequest
    try:
        result = parse_create(body, NOW)
    except InvalidRequest as error:
        result = error
    if isinstance(result, BotConfig):
        assert result.request is body


@given(JSON)
def test_any_other_body_is_read_or_refused(body: Any) -> None:
    for parse in (parse_transcribe, parse_message, parse_image):
        with contextlib.suppress(InvalidRequest):
            parse(body)
