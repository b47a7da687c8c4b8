"""Bots in their meetings."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from rejoinder.api.limits import RECORDING_SWITCHES_PER_MINUTE
from service import FakeService


def test_who_was_there(client: TestClient, bot_id: str, done: str) -> None:
    assert client.get(f"/api/v1/bots/{bot_id}/get_participants").json() == []
    people = client.get(f"/api/v1/bots/{done}/get_participants").json()
    assert [(one["deviceId"], one["displayName"], one["humanized_status"]) for one in people] == [
        ("p1", "Ada L", "left"),
        ("p2", "Ben", "left"),
    ]


def test_the_chat(client: TestClient, done: str) -> None:
    chat = client.get(f"/api/v1/bots/{done}/get_chats").json()
    assert [message["text"] for message in chat["chatMessages"]] == ["hello", "again", "hi"]
    assert (chat["metadata"]["totalMessages"], chat["metadata"]["uniqueSpeakers"]) == (3, 2)


def test_who_spoke_when(client: TestClient, bot_id: str, done: str) -> None:
    assert client.get(f"/api/v1/bots/{bot_id}/get_speaker_timeline").status_code == 202
    chunks = client.get(f"/api/v1/bots/{done}/get_speaker_timeline").json()["chunks"]
    assert [(chunk["speakerName"], chunk["startByte"], chunk["endByte"]) for chunk in chunks] == [
        ("Ada L", 48_000, 134_400),
        ("Ben", 192_000, 268_800),
    ]


def test_pausing_and_resuming(client: TestClient, service: FakeService, bot_id: str) -> None:
    for command, state in (("pause_recording", "paused"), ("resume_recording", "on")):
        answer = client.post(f"/api/v1/bots/{bot_id}/{command}")
        assert (answer.status_code, answer.json()) == (
            200,
            {"status": "accepted", "bot_id": bot_id, "command": command},
        )
        assert service.records[bot_id].bot.recording == state
    service.records[bot_id].bot.recording = "none"
    assert client.post(f"/api/v1/bots/{bot_id}/pause_recording").status_code == 503
    service.finish(bot_id)
    assert client.post(f"/api/v1/bots/{bot_id}/pause_recording").status_code == 409


def test_switching_too_often(client: TestClient, service: FakeService, bot_id: str, done: str) -> None:
    for number in range(RECORDING_SWITCHES_PER_MINUTE):
        command = "resume" if number % 2 else "pause"
        assert client.post(f"/api/v1/bots/{bot_id}/{command}_recording").status_code == 200
    answer = client.post(f"/api/v1/bots/{bot_id}/resume_recording")
    assert (answer.status_code, answer.json()) == (429, {"message": "Request was throttled."})
    assert int(answer.headers["retry-after"]) > 0
    assert client.post(f"/api/v1/bots/{done}/resume_recording").status_code == 409


def test_speaking_up(client: TestClient, service: FakeService, bot_id: str) -> None:
    answer = client.post(f"/api/v1/bots/{bot_id}/send_message", json={"message": "Hello.", "metadata": {}})
    assert answer.json() == {"status": "accepted", "bot_id": bot_id, "command": "send_message"}
    image = {"img_url": "http://127.0.0.1:9/a.png", "display_duration": 5}
    assert client.post(f"/api/v1/bots/{bot_id}/send_image", json=image).json()["command"] == "send_image"
    assert service.records[bot_id].said == [("message", "Hello."), ("image", ("http://127.0.0.1:9/a.png", 5))]
    service.finish(bot_id)
    assert client.post(f"/api/v1/bots/{bot_id}/send_message", json={"message": "x"}).status_code == 409


@pytest.mark.parametrize(
    ("command", "body", "word"),
    [
        ("send_message", {}, "message"),
        ("send_message", {"message": 5}, "message"),
        ("send_message", {"message": "a\0b"}, "NUL"),
        ("send_image", {}, "img_url"),
        ("send_image", {"img_url": "ftp://x/y"}, "img_url"),
        ("send_image", {"img_url": "http://10.0.0.1/a.png"}, "img_url"),
    ],
)
def test_what_cannot_be_said(client: TestClient, bot_id: str, command: str, body: Any, word: str) -> None:
    answer = client.post(f"/api/v1/bots/{bot_id}/{command}", json=body)
    assert answer.status_code == 400
    assert word in answer.json()["message"]
