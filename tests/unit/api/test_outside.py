"""URLs in create calls."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from .conftest import LINK


def create(client: TestClient, **body: Any) -> Any:
    return client.post("/api/v1/bots/create_bot", json={"meeting_link": LINK} | body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"socket_connection_url": "ws://10.0.0.1/c"}, "socket_connection_url"),
        ({"live_audio_required": {"websocket_url": "ws://169.254.169.254/"}}, "live_audio_required"),
        ({"bot_image_url": "http://192.168.0.1/a.png"}, "bot_image_url"),
        ({"callback_url": "http://10.0.0.1/hook"}, "callback_url"),
        (
            {
                "live_transcription_required": {"webhook_url": "http://10.0.0.1/"},
                "recording_config": {"transcript": {"provider": {"meetstream_streaming": {}}}},
            },
            "live_transcription_required.webhook_url",
        ),
        (
            {
                "recording_config": {
                    "realtime_endpoints": [
                        {"type": "webhook", "url": "http://127.0.0.1/", "events": ["participant_events.join"]},
                        {"type": "webhook", "url": "http://10.0.0.1/", "events": ["participant_events.join"]},
                    ]
                }
            },
            "recording_config.realtime_endpoints[1].url",
        ),
    ],
)
def test_the_servers_own_network_is_refused(client: TestClient, body: dict[str, Any], field: str) -> None:
    answer = create(client, **body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(field)
    assert "does not connect to" in answer.json()["message"]


def test_a_socket_that_cannot_be_found_is_told_at_once(client: TestClient) -> None:
    answer = create(client, socket_connection_url="wss://nowhere.invalid/c")
    assert (answer.status_code, "cannot be resolved" in answer.json()["message"]) == (400, True)


def test_what_may_exist_later_is_checked_later(client: TestClient) -> None:
    assert create(client, socket_connection_url="wss://{bot_id}.invalid/c").status_code == 201
    assert create(client, callback_url="https://nowhere.invalid/hook").status_code == 201
