"""Request ids, log lines and figures."""

from __future__ import annotations

import structlog
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY


def test_every_answer_has_a_request_id(client: TestClient) -> None:
    ids = [client.get(path).headers["x-request-id"] for path in ("/healthz", "/api/v1/bots", "/nothing")]
    assert len({*ids}) == 3
    given = {"x-request-id": "abc-1.2_3"}
    assert client.get("/healthz", headers=given).headers["x-request-id"] == "abc-1.2_3"
    for bad in ("a b", "x" * 65, "ä"):
        assert client.get("/healthz", headers={"x-request-id": bad.encode()}).headers["x-request-id"] != bad


def test_a_defect_of_ours_tells_nothing_but_its_id(client: TestClient) -> None:
    answer = client.get("/boom")
    assert answer.status_code == 500
    assert answer.json() == {"message": "Internal server error."}
    assert answer.headers["x-request-id"]


def test_a_line_for_each_request_without_secrets(client: TestClient, bot_id: str) -> None:
    with structlog.testing.capture_logs() as lines:
        client.get(f"/api/v1/bots/{bot_id}/status?key=hunter2")
        client.get("/media/hunter2/a.wav")
        client.get("/hunter2")
        client.get("/healthz")
    told = [line for line in lines if line["event"] == "request"]
    assert [(line["route"], line["status"], line["account"], line["log_level"]) for line in told] == [
        ("/api/v1/bots/{bot_id}/status", 200, "default", "info"),
        ("/media/{token}/{name}", 403, None, "info"),
        ("none", 404, None, "info"),
        ("/healthz", 200, None, "debug"),
    ]
    assert all(line["ms"] >= 0 and line["method"] == "GET" for line in told)
    assert "hunter2" not in str(lines)


def test_figures_by_route(client: TestClient, bot_id: str) -> None:
    labels = {"method": "GET", "route": "/api/v1/bots/{bot_id}/status", "status": "200"}
    before = REGISTRY.get_sample_value("rejoinder_http_requests_total", labels) or 0
    client.get(f"/api/v1/bots/{bot_id}/status")
    assert REGISTRY.get_sample_value("rejoinder_http_requests_total", labels) == before + 1
    client.request("BREW", "/healthz")
    other = {"method": "other", "route": "/healthz", "status": "405"}
    assert REGISTRY.get_sample_value("rejoinder_http_requests_total", other) == 1
