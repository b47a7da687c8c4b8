"""The application as a whole."""

from __future__ import annotations

from fastapi.testclient import TestClient


def test_health_needs_no_key(client: TestClient) -> None:
    answer = client.get("/healthz", headers={"Authorization": ""})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_the_description(client: TestClient) -> None:
    assert client.get("/docs").status_code == 200
    api = client.get("/openapi.json").json()
    assert api["info"]["title"] == "rejoinder"
    paths = api["paths"]
    assert {*paths["/api/v1/bots/{bot_id}/remove_bot"]} == {"get", "post"}
    create = paths["/api/v1/bots/create_bot"]["post"]
    assert create["security"] == [{"TokenAuth": []}]
    schema = create["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["meeting_link"]
    assert {"bot_name", "socket_connection_url", "live_audio_required", "agent"} <= {*schema["properties"]}
    operations = [op["operationId"] for path in paths.values() for op in path.values()]
    assert len(operations) == len({*operations})
