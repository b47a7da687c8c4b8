"""Attendee's calls one by one: what they answer (in the documented shapes), and what they have the bot do."""

from __future__ import annotations

import base64
import io
from typing import Any, Literal

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pydantic import BaseModel, ConfigDict

from rejoinder.control.service import ParticipantEvent
from rejoinder.core.attendee import STATES
from rejoinder.core.records import Happening, StoredFile
from rejoinder.errors import Unavailable
from service import SEGMENTS, START, FakeKeys, FakeService
from sound import wav_file

LEAST: dict[str, Any] = {"meeting_url": "http://room/a", "bot_name": "Robin"}
BOTS = "/api/v1/bots"


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Event(Shape):
    type: str
    sub_type: str | None
    created_at: str


class BotObject(Shape):
    id: str
    metadata: dict[str, str] | None
    meeting_url: str
    state: str
    events: list[Event]
    transcription_state: Literal["not_started", "in_progress", "complete", "failed"]
    recording_state: Literal["not_started", "in_progress", "paused", "complete", "failed"]
    join_at: str | None
    deduplication_key: str | None


class Transcription(BaseModel):
    transcript: str


class Utterance(Shape):
    speaker_name: str
    speaker_uuid: str
    speaker_user_uuid: str | None
    speaker_is_host: bool
    timestamp_ms: int
    duration_ms: int
    transcription: Transcription


class Chat(Shape):
    id: str
    to: str
    text: str
    timestamp: int
    timestamp_ms: int
    sender_name: str
    sender_uuid: str
    sender_user_uuid: str | None
    additional_data: dict[str, Any]


class Participant(Shape):
    id: str
    name: str
    uuid: str
    user_uuid: str | None
    is_host: bool


class OneEvent(Shape):
    id: str
    participant_name: str
    participant_uuid: str
    participant_user_uuid: str | None
    participant_is_host: bool
    event_type: Literal["join", "leave", "speech_start", "speech_stop"]
    event_data: dict[str, Any]
    timestamp_ms: int


class Page(Shape):
    next: str | None
    previous: str | None
    results: list[dict[str, Any]]


class Recording(Shape):
    url: str
    start_timestamp_ms: int


def bot_object(answer: Any, status: int = 200) -> BotObject:
    assert answer.status_code == status, answer.text
    found = BotObject.model_validate(answer.json())
    assert found.state in STATES
    return found


@pytest.fixture
def bot(client: TestClient, service: FakeService) -> str:
    """A bot that records its meeting."""
    ident = bot_object(client.post(BOTS, json=LEAST), 201).id
    record = service.records[ident]
    record.happenings.append(Happening(START + 30, "bot.recording", ""))
    return ident


@pytest.fixture
def over(client: TestClient, service: FakeService, bot: str) -> str:
    """A bot whose meeting is over."""
    record = service.finish(bot)
    record.bot.transcript_id = None
    record.live = list(SEGMENTS)
    record.events = [
        ParticipantEvent(1, "p1", "Ada L", True, "join", START + 12),
        ParticipantEvent(2, "p2", "Ben", False, "join", START + 15),
        ParticipantEvent(3, "p1", "Ada L", True, "speech_start", START + 20),
        ParticipantEvent(4, "p1", "Ada L", True, "leave", START + 40),
    ]
    info = {"began_at": START + 11}
    record.files = [
        StoredFile("audio", f"{bot}/audio.wav", "audio.wav", "audio/wav", 9, 60.0, info=info),
        StoredFile("recording", f"{bot}/recording.mp4", "recording.mp4", "video/mp4", 9, 60.0),
    ]
    return bot


def jpeg() -> str:
    file = io.BytesIO()
    Image.new("RGB", (64, 36), (0, 99, 0)).save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode()


def test_create_and_get(client: TestClient) -> None:
    made = bot_object(client.post(BOTS, json={**LEAST, "metadata": {"a": "b"}, "deduplication_key": "k"}), 201)
    assert (made.meeting_url, made.metadata, made.deduplication_key) == ("http://room/a", {"a": "b"}, "k")
    assert bot_object(client.get(f"{BOTS}/{made.id}")) == made
    assert client.get(f"{BOTS}/bot_none").json() == {"error": "Bot not found.", "detail": "Bot not found."}
    assert client.get(f"{BOTS}/{'x' * 99}").status_code == 404


def test_nothing_is_made_of_a_wrong_call(client: TestClient, service: FakeService) -> None:
    for body in ({}, {**LEAST, "meeting_url": "http://elsewhere/a"}, {**LEAST, "x": 1}, {**LEAST, "webhooks": [1]}):
        answer = client.post(BOTS, json=body)
        assert answer.status_code == 400
        assert answer.json()
    assert "meeting_url" in client.post(BOTS, json={**LEAST, "meeting_url": "http://elsewhere/a"}).json()
    assert client.post(BOTS, content=b"{").json()["error"].startswith("The body is not valid JSON")
    refused = client.post(
        BOTS, json={**LEAST, "webhooks": [{"url": "https://10.0.0.1/h", "triggers": ["bot.state_change"]}]}
    )
    assert "private" in refused.json()["webhooks"][0]
    assert service.records == {}


def test_a_scheduled_bot(client: TestClient, service: FakeService) -> None:
    made = bot_object(client.post(BOTS, json={**LEAST, "join_at": "2027-01-01T10:00:00Z"}), 201)
    assert (made.state, made.join_at) == ("scheduled", "2027-01-01T10:00:00.000000Z")
    changed = bot_object(client.patch(f"{BOTS}/{made.id}", json={"bot_name": "New", "metadata": {"x": "y"}}))
    assert changed.metadata == {"x": "y"}
    assert client.patch(f"{BOTS}/{made.id}", json={"webhooks": []}).status_code == 400
    assert client.post(f"{BOTS}/{made.id}/leave").status_code == 400
    gone = client.delete(f"{BOTS}/{made.id}")
    assert (gone.status_code, gone.content) == (200, b"")
    assert service.records == {}


def test_in_the_meeting_little_can_be_changed(client: TestClient, bot: str) -> None:
    assert client.patch(f"{BOTS}/{bot}", json={"bot_name": "New"}).status_code == 400
    assert bot_object(client.patch(f"{BOTS}/{bot}", json={"metadata": {"x": "y"}})).metadata == {"x": "y"}
    assert "only a scheduled bot" in client.delete(f"{BOTS}/{bot}").json()["error"]
    assert "joined_recording" in client.post(f"{BOTS}/{bot}/delete_data").json()["error"]


def test_leave(client: TestClient, bot: str) -> None:
    assert bot_object(client.post(f"{BOTS}/{bot}/leave")).state == "leaving"
    assert bot_object(client.get(f"{BOTS}/{bot}")).events[-1].sub_type == "user_requested"


def test_what_the_bot_is_to_do(client: TestClient, service: FakeService, bot: str) -> None:
    calls: dict[str, dict[str, Any]] = {
        "send_chat_message": {"to": "everyone", "message": "hi"},
        "output_audio": {"type": "audio/mp3", "data": wav_file()},
        "output_image": {"type": "image/jpeg", "data": jpeg()},
        "speech": {"text": "Hello.", "text_to_speech_settings": {"google": {"voice_language_code": "en-US"}}},
    }
    for name, body in calls.items():
        assert client.post(f"{BOTS}/{bot}/{name}", json=body).status_code == 200, name
    assert [kind for kind, _ in service.records[bot].said] == ["message", "play", "show", "say"]
    assert service.records[bot].said[1][1] == (base64.b64decode(wav_file()), "audio/mp3")
    assert service.records[bot].said[2][1][:3] == b"\xff\xd8\xff"


@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        ("send_chat_message", {}, "message"),
        ("send_chat_message", {"message": 1}, "message"),
        ("send_chat_message", {"message": "\U0001f600"}, "message"),
        ("send_chat_message", {"message": "x" * 10_001}, "message"),
        ("send_chat_message", {"to": "specific_user", "message": "hi"}, "to"),
        ("send_chat_message", {"to": "everyone_but_host", "message": "hi"}, "to"),
        ("send_chat_message", {"to": "nobody", "message": "hi"}, "to"),
        ("send_chat_message", {"message": "hi", "x": 1}, "x"),
        ("output_audio", {"data": wav_file()}, "type"),
        ("output_audio", {"type": "video/mp4", "data": wav_file()}, "type"),
        ("output_audio", {"type": "audio/mp3"}, "data"),
        ("output_audio", {"type": "audio/mp3", "data": "%"}, "data"),
        ("output_audio", {"type": "audio/mp3", "data": base64.b64encode(b"no sound at all").decode()}, "data"),
        ("output_image", {"type": "image/gif", "data": jpeg()}, "type"),
        ("output_image", {"type": "image/png", "data": wav_file()}, "data"),
        ("speech", {}, "text"),
        ("speech", {"text": ""}, "text"),
        ("speech", {"text": "x" * 10_001}, "text"),
        ("speech", {"text": "hi", "text_to_speech_settings": {"azure": {}}}, "text_to_speech_settings"),
        ("speech", {"text": "hi", "text_to_speech_settings": {"google": {"voice_name": 1}}}, "text_to_speech_settings"),
        ("transcript", {"transcription_settings": {"nobody": {}}}, "transcription_settings"),
        ("transcript", {"x": {}}, "x"),
    ],
)
def test_wrong_bodies_are_named(
    client: TestClient, service: FakeService, bot: str, call: str, body: Any, field: str
) -> None:
    answer = client.post(f"{BOTS}/{bot}/{call}", json=body)
    assert (answer.status_code, set(answer.json())) == (400, {field})
    assert service.records[bot].said == []


def test_outside_a_meeting_nothing_is_done(client: TestClient, over: str) -> None:
    assert "not in a meeting" in client.post(f"{BOTS}/{over}/speech", json={"text": "hi"}).json()["error"]
    assert client.post(f"{BOTS}/{over}/leave").status_code == 400


def test_pause_and_resume_speak_the_bots_dialect(
    client: TestClient, service: FakeService, bot: str, bot_id: str
) -> None:
    assert client.post(f"{BOTS}/{bot_id}/pause_recording").json()["status"] == "accepted"
    assert "joined_recording_paused" in client.post(f"{BOTS}/{bot}/resume_recording").json()["error"]
    service.records[bot].happenings.append(Happening(START + 31, "recording.paused", ""))
    assert client.post(f"{BOTS}/{bot}/pause_recording").status_code == 400
    paused = bot_object(client.get(f"{BOTS}/{bot}"))
    assert paused.state == "joined_recording_paused"


def test_a_bot_without_a_recording_cannot_pause_it(client: TestClient, service: FakeService) -> None:
    body = {**LEAST, "recording_settings": {"format": "none"}}
    ident = bot_object(client.post(BOTS, json=body), 201).id
    service.records[ident].bot.recording = "none"
    assert bot_object(client.get(f"{BOTS}/{ident}")).state == "joined_recording"
    answer = client.post(f"{BOTS}/{ident}/pause_recording")
    assert (answer.status_code, answer.json()) == (400, {"error": "The bot makes no recording."})


def test_an_outage_is_503(client: TestClient, service: FakeService, bot: str) -> None:
    service.fail = Unavailable("The database does not answer.")
    answer = client.get(f"{BOTS}/{bot}")
    assert (answer.status_code, answer.json()) == (503, {"error": "The database does not answer."})


def test_what_a_meeting_leaves(client: TestClient, service: FakeService, over: str) -> None:
    found = bot_object(client.get(f"{BOTS}/{over}"))
    assert (found.state, found.recording_state, found.transcription_state) == ("ended", "complete", "complete")
    lines = [Utterance.model_validate(line) for line in client.get(f"{BOTS}/{over}/transcript").json()]
    assert [line.transcription.transcript for line in lines] == ["Hello all.", "Hi Ada."]
    assert [line.speaker_is_host for line in lines] == [True, False]
    assert lines[0].timestamp_ms == round((START + 10 + 0.5) * 1000)
    recording = Recording.model_validate(client.get(f"{BOTS}/{over}/recording").json())
    assert recording.url.endswith("recording.mp4")
    assert recording.start_timestamp_ms == round((START + 11) * 1000)
    chats = Page.model_validate(client.get(f"{BOTS}/{over}/chat_messages").json())
    assert [Chat.model_validate(chat).text for chat in chats.results] == ["hello", "again", "hi"]
    people = Page.model_validate(client.get(f"{BOTS}/{over}/participants").json())
    assert [Participant.model_validate(one).name for one in people.results] == ["Ada L", "Ben"]
    ident = people.results[0]["id"]
    only = client.get(f"{BOTS}/{over}/participants", params={"id": ident, "is_host": "true"}).json()
    assert [one["name"] for one in only["results"]] == ["Ada L"]
    assert client.get(f"{BOTS}/{over}/participants?is_host=perhaps").json().keys() == {"is_host"}
    events = Page.model_validate(client.get(f"{BOTS}/{over}/participant_events").json())
    kinds = [OneEvent.model_validate(one).event_type for one in events.results]
    assert kinds == ["join", "join", "speech_start", "leave"]
    assert len({one["id"] for one in events.results}) == 4


def test_filters_by_time(client: TestClient, over: str) -> None:
    after = "2026-09-21T14:13:40.500000Z"  # START + 20.5
    chats = client.get(f"{BOTS}/{over}/chat_messages", params={"updated_after": after}).json()["results"]
    assert [chat["text"] for chat in chats] == ["again", "hi"]
    events = client.get(f"{BOTS}/{over}/participant_events", params={"after": after}).json()["results"]
    assert [one["event_type"] for one in events] == ["leave"]
    assert len(client.get(f"{BOTS}/{over}/participant_events", params={"before": after}).json()["results"]) == 3
    assert client.get(f"{BOTS}/{over}/transcript", params={"updated_after": after}).json() == []
    assert client.get(f"{BOTS}/{over}/chat_messages?updated_after=x").json().keys() == {"updated_after"}


def test_transcribing_again(client: TestClient, service: FakeService, over: str) -> None:
    answer = client.post(f"{BOTS}/{over}/transcript", json={"transcription_settings": {"deepgram": {}}})
    assert answer.status_code == 201
    job = answer.json()
    assert job["state"] == "in_progress"
    where = f"{BOTS}/{over}/transcript?async_transcription_id={job['id']}"
    assert client.get(where).json() == []
    object.__setattr__(service.records[over].jobs[-1], "status", "Success")
    assert len(client.get(where).json()) == 2
    assert client.get(f"{BOTS}/{over}/transcript?async_transcription_id=none").status_code == 404
    assert client.delete(f"{BOTS}/{over}/transcript").status_code == 200
    assert client.get(f"{BOTS}/{over}/transcript").json() == []


def test_no_recording_yet(client: TestClient, bot: str) -> None:
    assert client.get(f"{BOTS}/{bot}/recording").status_code == 404
    assert client.get(f"{BOTS}/{bot}/transcript").json() == []


def test_delete_data(client: TestClient, over: str) -> None:
    assert bot_object(client.post(f"{BOTS}/{over}/delete_data")).state == "data_deleted"
    assert client.get(f"{BOTS}/{over}/recording").status_code == 404
    assert client.get(f"{BOTS}/{over}/participants").json()["results"] == []
    assert client.post(f"{BOTS}/{over}/delete_data").status_code == 400


def test_pages_of_25(client: TestClient, service: FakeService, over: str) -> None:
    service.records[over].events = [
        ParticipantEvent(number, f"p{number}", "Ada", False, "join", START + number) for number in range(60)
    ]
    url, seen, pages = f"{BOTS}/{over}/participant_events?after=2020-01-01T00:00:00Z", [], []
    while url:
        page = Page.model_validate(client.get(url).json())
        pages.append(page)
        seen += [one["participant_uuid"] for one in page.results]
        url = page.next or ""
    assert [len(page.results) for page in pages] == [25, 25, 10]
    assert seen == [f"p{number}" for number in range(60)]
    assert pages[0].previous is None
    back = Page.model_validate(client.get(str(pages[2].previous)).json())
    assert back.results == pages[1].results
    assert "after=2020" in str(back.next)
    for cursor in ("x", "%%", "b3x4", "bnx4"):
        assert client.get(f"{BOTS}/{over}/participant_events?cursor={cursor}").json().keys() == {"cursor"}


def test_the_list_is_in_the_dialect_that_was_asked_for(client: TestClient, keys: FakeKeys, bot: str) -> None:
    def dialect(answer: Any) -> str:
        body = answer.json()
        if "results" in body:
            Page.model_validate(body)
            assert BotObject.model_validate(body["results"][0]).id == bot
            return "attendee"
        assert "bots" in body
        return "meetstream"

    header = {"X-Rejoinder-Dialect": "attendee"}
    assert dialect(client.get(BOTS)) == "meetstream"
    assert dialect(client.get(BOTS, headers=header)) == "attendee"
    assert dialect(client.get(BOTS, params={"meeting_url": "http://room/a"})) == "attendee"
    assert dialect(client.get(BOTS, params={"limit": 5})) == "meetstream"
    keys.dialects["key"] = "attendee"
    assert dialect(client.get(BOTS)) == "attendee"
    assert dialect(client.get(BOTS, params={"custom_attr[a]": "b"})) == "meetstream"
    assert dialect(client.get(BOTS, headers={"X-Rejoinder-Dialect": "MeetStream"})) == "meetstream"
    assert client.get(BOTS, headers={"X-Rejoinder-Dialect": "recall"}).status_code == 400
    assert client.get(BOTS, params={"states": "nowhere"}).json().keys() == {"states"}
    assert client.get(BOTS, params={"join_at_after": "x"}).json().keys() == {"join_at_after"}


def test_what_this_server_has_not(client: TestClient, bot: str) -> None:
    for path in ("calendars", "calendars/cal_1", "calendar_events", "zoom_oauth_connections", "app_sessions/end"):
        answer = client.post(f"/api/v1/{path}", json={})
        assert answer.status_code == 404
        assert "not supported" in answer.json()["error"]
    for method, name in (
        ("POST", "output_video"),
        ("POST", "admit_from_waiting_room"),
        ("PATCH", "voice_agent_settings"),
    ):
        answer = client.request(method, f"{BOTS}/{bot}/{name}", json={})
        assert (answer.status_code, answer.json()) == (400, {"error": f"{name} is not supported by this server."})


def test_health_and_version(client: TestClient) -> None:
    client.headers.pop("Authorization")
    assert client.get("/health/").json() == {"status": "ok"}
    assert set(client.get("/version/").json()) == {"version"}
    assert client.get("/health").status_code == 200


def test_posts_are_throttled_and_gets_are_not(serve: Any, bot: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rejoinder.api.limits.POSTS_PER_MINUTE", 2)
    client = serve(rate_limit_per_minute=3)
    for _ in range(2):
        assert client.post(f"{BOTS}/{bot}/speech", json={"text": "x"}).status_code == 200
    answer = client.post(f"{BOTS}/{bot}/speech", json={"text": "x"})
    assert answer.status_code == 429
    assert answer.json()["error"] == "Request was throttled."
    assert int(answer.headers["retry-after"]) >= 1
    for _ in range(5):
        assert client.get(f"{BOTS}/{bot}").status_code == 200
