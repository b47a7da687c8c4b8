"""The bot endpoints."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rejoinder.api.body import MAX_CREATE_BYTES
from rejoinder.core.lifecycle import Moment
from service import FakeService

from .conftest import LINK

CREATE = "/api/v1/bots/create_bot"


def create(client: TestClient, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return client.post(CREATE, json={"meeting_link": LINK} | body, headers=headers)


def refused(client: TestClient, words: str, **body: Any) -> None:
    answer = create(client, **body)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["message"]
    assert words in answer.json()["message"]


@pytest.mark.parametrize("path", [CREATE, "/api/v1/bots/create_agent"])
def test_a_bots_life(client: TestClient, service: FakeService, path: str) -> None:
    answer = client.post(path, json={"meeting_link": LINK, "custom_attributes": {"a": 1}})
    assert answer.status_code == 201
    assert answer.json() == {"bot_id": "bot-1", "transcript_id": None, "meeting_url": LINK, "status": "Active"}
    status = client.get("/api/v1/bots/bot-1/status")
    assert status.json() == {
        "bot_id": "bot-1",
        "status": "InMeeting",
        "message": "Bot joined the meeting",
        "custom_attributes": {"a": 1},
    }
    assert client.get("/api/v1/bots/bot-1/remove_bot").json()["message"] == "The bot is leaving."
    service.happen("bot-1", Moment.STOPPED)
    gone = client.post("/api/v1/bots/bot-1/remove_bot")
    assert (gone.status_code, gone.json()) == (200, {"message": "The bot has left.", "bot_id": "bot-1"})
    assert client.get("/api/v1/bots/bot-1/status").json()["status"] == "Stopped"


def test_all_that_is_known(client: TestClient, done: str) -> None:
    detail = client.get(f"/api/v1/bots/{done}/detail").json()
    assert detail == client.get(f"/api/v1/bots/{done}/details").json()
    known = detail["bot_details"]
    assert (known["BotID"], known["Status"], known["Duration"]) == (done, "Done", 60)
    assert known["transcript_id"] == f"tr-{done}"
    assert known["RequestPayload"]["bot_name"] == "Robin"
    assert client.get(f"/api/v1/bots/{done}/turns").json() == {"bot_id": done, "turns": [{"text": "hello"}]}
    events = client.get(f"/api/v1/bots/{done}/events").json()["events"]
    assert [event["event"] for event in events][:2] == ["bot.joining", "bot.inmeeting"]


def test_deleting(client: TestClient, done: str) -> None:
    answer = client.delete(f"/api/v1/bots/{done}/delete")
    assert answer.json() == {
        "message": f"Successfully deleted 5 objects for bot {done}",
        "bot_id": done,
        "deleted_objects": 5,
    }
    for path in ("status", "detail", "get_audio", "transcriptions", "deliveries"):
        gone = client.get(f"/api/v1/bots/{done}/{path}")
        assert (gone.status_code, gone.json()) == (404, {"message": "Bot not found."})
    assert client.delete(f"/api/v1/bots/{done}/delete").status_code == 404


def test_summaries(client: TestClient, service: FakeService, bot_id: str, done: str) -> None:
    assert client.get(f"/api/v1/bots/{bot_id}/summary").status_code == 404
    assert client.get(f"/api/v1/bots/{done}/summary").status_code == 202
    service.summary_text = "We met."
    answer = client.get(f"/api/v1/bots/{done}/summary").json()
    assert answer["summary"] == answer["bot_details"]["Summary"] == "We met."
    assert answer["bot_details"]["BotID"] == done


@pytest.mark.parametrize("name", ["nobody", "x" * 65, "%00", "a%20b", "%F0%9F%98%80", "-1"])
def test_an_unknown_bot(client: TestClient, name: str) -> None:
    answer = client.get(f"/api/v1/bots/{name}/status")
    assert (answer.status_code, answer.json()) == (404, {"message": "Bot not found."})


def test_a_repeated_request_makes_no_second_bot(client: TestClient, service: FakeService) -> None:
    key = {"Idempotency-Key": "abc"}
    first = create(client, key, bot_name="Ada")
    again = create(client, key, bot_name="Ben", meeting_link="http://room/other")
    assert (first.status_code, again.status_code) == (201, 507)
    assert again.json() == first.json() | {"message": "Duplicate request. Returning the original result."}
    assert create(client, {"Idempotency-Key": ""}).status_code == 201
    assert create(client, {"Idempotency-Key": ""}).status_code == 201
    assert len(service.records) == 3
    for bad in ("a b", "x" * 256):
        answer = create(client, {"Idempotency-Key": bad})
        assert (answer.status_code, "Idempotency-Key" in answer.json()["message"]) == (400, True)


def test_a_deduplication_key_names_one_bot(client: TestClient) -> None:
    first = create(client, deduplication_key="d1")
    again = create(client, deduplication_key="d1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    other = create(client, deduplication_key="d1", meeting_link="http://room/other")
    assert other.status_code == 409
    assert other.json() == {"message": "A bot has already been created for this meeting link."}
    # The header wins where both are sent.
    assert create(client, {"Idempotency-Key": "k"}, deduplication_key="d2").status_code == 201
    assert create(client, {"Idempotency-Key": "k"}, deduplication_key="d2").status_code == 507


def test_the_transcripts_id_is_told_unless_it_is_live(client: TestClient) -> None:
    def ident(provider: str) -> Any:
        config = {"transcript": {"provider": {provider: {}}}}
        return create(client, recording_config=config).json()["transcript_id"]

    assert ident("meetstream") == "tr-bot-1"
    assert ident("meetstream_streaming") is None
    assert ident("meeting_captions") is None


def test_pages_and_filters(client: TestClient, service: FakeService) -> None:
    for number in range(5):
        create(client, custom_attributes={"tenant": "t1" if number % 2 else "t2", "n": number})
    service.happen("bot-3", Moment.LEAVING)

    def ids(query: str) -> list[str]:
        answer = client.get(f"/api/v1/bots?{query}")
        assert answer.status_code == 200, answer.text
        return [row["bot_id"] for row in answer.json()["bots"]]

    everything = ["bot-5", "bot-4", "bot-3", "bot-2", "bot-1"]
    assert ids("") == everything
    page = client.get("/api/v1/bots?limit=2").json()
    assert ([row["BotID"] for row in page["bots"]], page["hasNextPage"]) == (["bot-5", "bot-4"], True)
    assert ids(f"limit=2&cursor={page['nextCursor']}") == ["bot-3", "bot-2"]
    last = client.get("/api/v1/bots?limit=2&cursor=bot-2").json()
    assert (last["hasNextPage"], last["nextCursor"]) == (False, None)
    assert ids("status=Leaving") == ["bot-3"]
    assert ids("custom_attr[tenant]=t1") == ids('custom_attr[tenant]="t1"') == ["bot-4", "bot-2"]
    assert ids("custom_attr[tenant]=t1&custom_attr[n]=3") == ["bot-4"]
    day = datetime.fromtimestamp(service.records["bot-1"].bot.created_at, UTC).date().isoformat()
    assert ids(f"from={day}&to={day}&platform=Room") == everything
    assert ids("to=2020-01-01") == ids("platform=Zoom") == []
    for bad, field in (("limit=0", "limit"), ("cursor=x", "cursor"), ("status=x", "status"), ("from=x", "from")):
        answer = client.get(f"/api/v1/bots?{bad}")
        assert answer.status_code == 400
        assert field in answer.json()["message"]


def test_what_the_service_is_given(client: TestClient, service: FakeService) -> None:
    control = {"websocket_url": "ws://127.0.0.1:9/{bot_id}/control"}
    assert create(client, bot_name="Ada", socket_connection_url=control, agent={}).status_code == 201
    config = service.records["bot-1"].bot.config
    assert (config.bot_name, config.control_socket_url) == ("Ada", "ws://127.0.0.1:9/{bot_id}/control")
    assert config.agent is not None
    assert service.records["bot-1"].bot.account == "default"


def test_a_link_that_is_no_meeting(client: TestClient) -> None:
    refused(client, "meeting_link", meeting_link="http://elsewhere/x")


def test_a_body_that_cannot_be_read(client: TestClient) -> None:
    for body, words in (
        (b"", "empty"),
        (b"{", "valid JSON"),
        (b"[]", "JSON object"),
        (b"\xff", "valid JSON"),
    ):
        answer = client.post(CREATE, content=body)
        assert answer.status_code == 400
        assert words in answer.json()["message"]


def test_a_body_that_is_too_large(client: TestClient, service: FakeService) -> None:
    body = json.dumps({"meeting_link": LINK, "custom_attributes": {"x": "y" * MAX_CREATE_BYTES}})
    answer = client.post(CREATE, content=body)
    assert answer.status_code == 413
    assert str(MAX_CREATE_BYTES) in answer.json()["message"]
    assert not service.records


def test_wrong_values_name_their_field(client: TestClient) -> None:
    refused(client, "meeting_link is required.", meeting_link=None)
    refused(client, "bot_name", bot_name=5)
    refused(client, "agent_config_id", agent_config_id="other")
    refused(client, "in_call_recording_timeout", automatic_leave={"in_call_recording_timeout": 5})
