"""Who may call Attendee's routes: every one, without a key, with a wrong one, and with another account's."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from api.test_auth import OPEN, routes
from rejoinder.api.limits import WRONG_KEYS_PER_MINUTE
from service import FakeService


def private(client: TestClient) -> list[tuple[str, str]]:
    return [(method, path) for method, path in routes(client.app, attendee=True) if path not in OPEN]


def call(client: TestClient, method: str, path: str, bot: str, header: str) -> Any:
    url = path.replace("{bot_id}", bot).replace("{rest:path}", "x")
    return client.request(method, url, json={}, headers={"Authorization": header})


def test_without_a_key_nothing_is_told(client: TestClient, done: str) -> None:
    assert len(private(client)) > 20
    for method, path in private(client):
        assert path.startswith("/api/v1/")
        answer = call(client, method, path, done, "")
        said = "Authentication credentials were not provided."
        assert (answer.status_code, answer.json()) == (401, {"error": said, "detail": said}), path


def test_with_a_wrong_key_nothing_is_told(client: TestClient, done: str) -> None:
    for number, (method, path) in enumerate(private(client)):
        answer = call(client, method, path, done, f"Token wrong-{number}")
        assert answer.status_code == (401 if number < WRONG_KEYS_PER_MINUTE else 429), path
        assert set(answer.json()) == {"error", "detail"}


def test_another_accounts_bots_do_not_exist(client: TestClient, service: FakeService, done: str) -> None:
    bodies = {
        "speech": {"text": "x"},
        "send_chat_message": {"message": "x"},
        "transcript": {},
    }
    for method, path in private(client):
        if "{bot_id}" not in path or path.endswith(("output_audio", "output_image")):
            continue
        url, body = path.replace("{bot_id}", done), bodies.get(path.rpartition("/")[2], {})
        answer = client.request(method, url, json=body, headers={"Authorization": "Token other"})
        assert (answer.status_code, answer.json()["error"]) == (404, "Bot not found."), path
    assert done in service.records
