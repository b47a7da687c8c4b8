"""The bot endpoints."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rejoinder.api.bots import MAX_BODY_BYTES

from .fake_service import FakeService

CREATE = "/api/v1/bots/create_bot"
LINK = "http://room/standup"


def create(client: TestClient, **body: Any) -> Any:
    return client.post(CREATE, json={"meeting_link": LINK} | body)


def refused(client: TestClient, words: str, **body: Any) -> None:
    answer = create(client, **body)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["message"]
    assert words in answer.json()["message"]


@pytest.mark.parametrize("path", [CREATE, "/api/v1/bots/create_agent"])
def test_a_bots_life(client: TestClient, path: str) -> None:
    answer = client.post(path, json={"meeting_link": LINK, "custom_attributes": {"a": 1}})
    assert answer.status_code == 201
    assert answer.json() == {
        "bot_id": "bot-1",
        "transcript_id": None,
        "meeting_url": LINK,
        "status": "Active",
    }
    status = client.get("/api/v1/bots/bot-1/status")
    assert status.json() == {
        "bot_id": "bot-1",
        "status": "InMeeting",
        "message": "",
        "custom_attributes": {"a": 1},
    }
    assert client.get("/api/v1/bots/bot-1/turns").json() == {"bot_id": "bot-1", "turns": [{"text": "hello"}]}
    assert [row["bot_id"] for row in client.get("/api/v1/bots").json()["bots"]] == ["bot-1"]
    for method in ("GET", "POST"):
        gone = client.request(method, "/api/v1/bots/bot-1/remove_bot")
        assert gone.status_code == 200
        assert gone.json()["message"] == "The bot has left."
    assert client.get("/api/v1/bots/bot-1/status").json()["status"] == "Stopped"


@pytest.mark.parametrize("path", ["status", "turns", "remove_bot"])
def test_an_unknown_bot(client: TestClient, path: str) -> None:
    answer = client.get(f"/api/v1/bots/nobody/{path}")
    assert (answer.status_code, answer.json()) == (404, {"message": "Bot not found."})


def test_what_the_service_is_given(client: TestClient, service: FakeService) -> None:
    control = {"websocket_url": "ws://127.0.0.1:9/{bot_id}/control"}
    assert create(client, bot_name="Ada", socket_connection_url=control, agent={}).status_code == 201
    config = service.bots["bot-1"].config
    assert (config.bot_name, config.control_socket_url) == ("Ada", "ws://127.0.0.1:9/{bot_id}/control")
    assert config.agent is not None
    assert service.bots["bot-1"].account == "default"


def test_a_host_that_depends_on_the_bot_is_checked_later(client: TestClient) -> None:
    assert create(client, socket_connection_url="wss://{bot_id}.invalid/c").status_code == 201


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
    body = json.dumps({"meeting_link": LINK, "custom_attributes": {"x": "y" * MAX_BODY_BYTES}})
    answer = client.post(CREATE, content=body)
    assert answer.status_code == 413
    assert str(MAX_BODY_BYTES) in answer.json()["message"]
    assert not service.bots


def test_wrong_values_name_their_field(client: TestClient) -> None:
    refused(client, "meeting_link is required.", meeting_link=None)
    refused(client, "bot_name", bot_name=5)
    refused(client, "agent_config_id", agent_config_id="other")
    refused(client, "in_call_recording_timeout", automatic_leave={"in_call_recording_timeout": 5})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"socket_connection_url": "ws://10.0.0.1/c"}, "socket_connection_url"),
        ({"live_audio_required": {"websocket_url": "ws://169.254.169.254/"}}, "live_audio_required"),
        ({"bot_image_url": "http://192.168.0.1/a.png"}, "bot_image_url"),
    ],
)
def test_urls_into_the_servers_own_network(client: TestClient, body: dict[str, Any], field: str) -> None:
    refused(client, field, **body)
    refused(client, "does not connect to", **body)
