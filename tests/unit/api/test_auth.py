"""Who may call what: every route, without a key, with a wrong one, and with another account's."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from rejoinder.api.attendee.errors import AttendeeRoute
from rejoinder.api.auth import token_of
from rejoinder.api.limits import WRONG_KEYS_PER_MINUTE
from rejoinder.errors import NotAuthenticated
from service import FakeKeys, FakeService

OPEN = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/static/api/{path:path}",
    "/media/{token}/{name}",
    "/boom",
    "/health/",
    "/version/",
}
"""What needs no key. Any new route must be listed here or ask for one."""
BODIES: dict[str, Any] = {
    "create_bot": {"meeting_link": "http://room/a"},
    "create_agent": {"meeting_link": "http://room/a"},
    "send_message": {"message": "x"},
    "send_image": {"img_url": "http://127.0.0.1/a.png"},
    "transcribe": {"provider": {"meetstream": {}}},
}


def routes(router: Any, *, attendee: bool = False) -> list[tuple[str, str]]:
    """Method and path of all routes of one dialect, also of included routers."""
    found = []
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            found += routes(inner, attendee=attendee)
        elif isinstance(route, AttendeeRoute) is not attendee:
            continue
        elif isinstance(route, APIRoute) or hasattr(route, "methods"):
            found += [(method, route.path) for method in sorted(route.methods) if method != "HEAD"]
    return found


def private(client: TestClient) -> list[tuple[str, str]]:
    """Those that want a key, but for Attendee's, which have a test of their own (attendee/test_keys.py)."""
    return [(method, path) for method, path in routes(client.app) if path not in OPEN]


def call(client: TestClient, method: str, path: str, bot: str, header: str) -> Any:
    url = path.replace("{bot_id}", bot).replace("{transcript_id}", f"tr-{bot}").replace("{delivery_id}", "7")
    body = BODIES.get(path.rpartition("/")[2])
    return client.request(method, url, json=body, headers={"Authorization": header})


def test_the_header() -> None:
    assert token_of("Token abc") == token_of("token  abc ") == "abc"
    for header in (None, "", "abc", "Token", "Token ", "Bearer abc", "Tokenabc"):
        with pytest.raises(NotAuthenticated, match="credentials were not provided"):
            token_of(header)


def test_all_routes_are_known(client: TestClient) -> None:
    found = {path for dialect in (False, True) for _, path in routes(client.app, attendee=dialect)}
    assert found >= OPEN
    assert len(private(client)) >= 30
    assert all(path.startswith("/api/v1/") for _, path in private(client))


def test_without_a_key_nothing_is_told(client: TestClient, done: str) -> None:
    for method, path in private(client):
        for header in ("", "Bearer key", "key"):
            answer = call(client, method, path, done, header)
            assert answer.status_code == 401, path
            assert answer.json() == {"message": "Authentication credentials were not provided."}
            assert answer.headers["www-authenticate"] == "Token"


def test_with_a_wrong_key_nothing_is_told(client: TestClient, done: str) -> None:
    refused = 0
    for method, path in private(client):
        answer = call(client, method, path, done, f"Token wrong-{path}")
        if refused < WRONG_KEYS_PER_MINUTE:
            assert (answer.status_code, answer.json()) == (403, {"message": "Invalid token."}), path
            refused += 1
        else:
            assert answer.status_code == 429
    assert refused == WRONG_KEYS_PER_MINUTE


def test_another_accounts_bots_do_not_exist(client: TestClient, service: FakeService, done: str) -> None:
    seen = 0
    for method, path in private(client):
        if "{" not in path:
            continue
        answer = call(client, method, path, done, "Token other")
        assert answer.status_code == 404, path
        assert answer.json()["message"] in ("Bot not found.", "Transcript not found.")
        seen += 1
    assert seen >= 27
    assert done in service.records
    assert client.get("/api/v1/bots", headers={"Authorization": "Token other"}).json()["bots"] == []


def test_every_route_works_for_its_account(client: TestClient, service: FakeService, done: str) -> None:
    service.summary_text = "We met."
    ended = {"pause_recording": 409, "resume_recording": 409, "send_message": 409, "send_image": 409, "get_video": 404}
    for method, path in private(client):
        if method == "DELETE":
            continue
        answer = call(client, method, path, done, "Token key")
        assert answer.status_code == ended.get(path.rpartition("/")[2], 201 if "create_" in path else 200), path
        if path.endswith("transcribe"):
            service.finish(done)


def test_guessing_is_slowed_down_without_shutting_others_out(client: TestClient, keys: FakeKeys) -> None:
    assert client.get("/api/v1/bots").status_code == 200
    for number in range(WRONG_KEYS_PER_MINUTE):
        assert client.get("/api/v1/bots", headers={"Authorization": f"Token {number}"}).status_code == 403
    asked = keys.asked
    answer = client.get("/api/v1/bots", headers={"Authorization": "Token again"})
    assert (answer.status_code, answer.json()) == (429, {"message": "Request was throttled."})
    assert keys.asked == asked
    assert client.get("/api/v1/bots").status_code == 200
    del keys.accounts["key"]
    assert client.get("/api/v1/bots").status_code == 403
    assert client.get("/api/v1/bots").status_code == 429
