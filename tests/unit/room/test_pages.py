"""Pages, static files, info, invitations, and who may open the websocket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from rejoinder.api.room import INVITES_PER_MINUTE, room_router
from rejoinder.errors import Conflict, InvalidRequest
from rejoinder.room.hub import RoomHub
from rejoinder.settings import Settings

OURS = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}


class Bots:
    """Remembers invitations."""

    def __init__(self) -> None:
        self.invited: list[tuple[str, str | None]] = []
        self.fault: Exception | None = None

    async def invite(self, room: str, bot_name: str | None) -> dict[str, Any]:
        if self.fault is not None:
            raise self.fault
        self.invited.append((room, bot_name))
        return {"bot_id": "b1"}


@pytest.fixture
def bots() -> Bots:
    return Bots()


def serve(bots: Bots | None) -> TestClient:
    app = FastAPI()
    settings = Settings(public_url="https://meet.example.org")
    app.include_router(room_router(RoomHub(), settings, invite=bots.invite if bots else None))
    return TestClient(app)


@pytest.fixture
def client(bots: Bots) -> Iterator[TestClient]:
    with serve(bots) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/room/standup"])
def test_pages_allow_nothing_foreign_and_no_inline_code(client: TestClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "microphone=(self)" in page.headers["permissions-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-cache"
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|style=|https?://", page.text)


def test_every_file_the_pages_name_exists(client: TestClient) -> None:
    seen: set[str] = set()
    queue = ["/", "/room/standup", "/room/No!"]
    while queue:
        path = queue.pop()
        if path in seen:
            continue
        seen.add(path)
        response = client.get(path)
        assert response.status_code == (404 if "No!" in path else 200), path
        queue += re.findall(r'(?:src|href)="(/static/[^"]+)"', response.text)
        if path.endswith(".js"):
            assert response.headers["content-type"].startswith("text/javascript")
            folder = path.rsplit("/", 1)[0]
            queue += [f"{folder}/{name}" for name in re.findall(r"from '\./([\w.-]+)'", response.text)]
    assert len([path for path in seen if path.endswith(".js")]) >= 14


def test_static_files_are_asked_for_each_time_but_sent_once(client: TestClient) -> None:
    first = client.get("/static/room/js/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/static/room/js/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["nothing.js", "../hub.py", "..%2fhub.py", "js", ""])
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    response = client.get(f"/static/room/{path}")
    assert response.status_code == 404
    assert "RoomHub" not in response.text


def test_a_bad_room_name_gets_a_friendly_page(client: TestClient) -> None:
    page = client.get("/room/My%20Room<b>")
    assert page.status_code == 404
    assert 'href="/room/my-room-b"' in page.text
    assert "<b>" not in page.text
    assert "1 to 64 characters" in page.text


def test_info(client: TestClient) -> None:
    assert client.get("/room/standup/info").json() == {
        "name": "standup",
        "people": 0,
        "lobby": False,
        "can_invite": True,
    }
    with client.websocket_connect("/room/standup/ws") as ada:
        ada.send_json({"type": "join", "name": "Ada", "lobby": True})
        assert ada.receive_json()["type"] == "joined"
        info = client.get("/room/standup/info").json()
        assert (info["people"], info["lobby"]) == (1, True)
    assert client.get("/room/No/info").status_code == 404


@pytest.mark.parametrize("origin", ["http://testserver", "https://meet.example.org", None])
def test_our_pages_and_programs_may_open_the_websocket(client: TestClient, origin: str | None) -> None:
    with client.websocket_connect("/room/standup/ws", headers={"Origin": origin} if origin else {}) as ada:
        ada.send_json({"type": "join", "name": "Ada"})
        assert ada.receive_json()["you"] == "p1"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://meet.example.org"])
def test_foreign_pages_may_not(client: TestClient, origin: str) -> None:
    with pytest.raises(WebSocketDisconnect):
        with client.websocket_connect("/room/standup/ws", headers={"Origin": origin}):
            pass


@pytest.fixture
def occupied(client: TestClient) -> Iterator[TestClient]:
    """A client of a server where Ada is in the room "standup"."""
    with client.websocket_connect("/room/standup/ws") as ada:
        ada.send_json({"type": "join", "name": "Ada"})
        ada.receive_json()
        yield client


def test_inviting(occupied: TestClient, bots: Bots) -> None:
    answer = occupied.post("/room/standup/invite", json={}, headers=OURS)
    assert (answer.status_code, answer.json()) == (200, {"bot_id": "b1"})
    occupied.post("/room/standup/invite", json={"bot_name": " Robin "}, headers=OURS)
    assert bots.invited == [("standup", None), ("standup", "Robin")]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_only_our_own_page_invites(occupied: TestClient, bots: Bots, headers: dict[str, str]) -> None:
    answer = occupied.post("/room/standup/invite", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert bots.invited == []


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        ("{}", "text/plain", "not_json"),
        ("{", "application/json", "not_json"),
        ("[]", "application/json", "not_json"),
        ('{"bot_name": 7}', "application/json", "invalid"),
        ('{"bot_name": ""}', "application/json", "invalid"),
        ('{"bot_name": "' + "x" * 81 + '"}', "application/json", "invalid"),
        (" " * 5000, "application/json", "too_large"),
    ],
)
def test_bad_invitations(occupied: TestClient, bots: Bots, body: str, kind: str, code: str) -> None:
    answer = occupied.post("/room/standup/invite", content=body, headers={**OURS, "Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert bots.invited == []


def test_nobody_is_invited_into_an_empty_room(occupied: TestClient, bots: Bots) -> None:
    answer = occupied.post("/room/elsewhere/invite", json={}, headers=OURS)
    assert (answer.status_code, answer.json()["code"]) == (409, "empty_room")
    assert occupied.post("/room/No/invite", json={}, headers=OURS).status_code == 404
    assert bots.invited == []


def test_invitations_are_limited(occupied: TestClient, bots: Bots) -> None:
    codes = [
        occupied.post("/room/standup/invite", json={}, headers=OURS).status_code for _ in range(INVITES_PER_MINUTE + 1)
    ]
    assert codes == [200] * INVITES_PER_MINUTE + [429]
    assert len(bots.invited) == INVITES_PER_MINUTE


@pytest.mark.parametrize(
    ("fault", "status"), [(Conflict("All seats are taken."), 503), (InvalidRequest("No such voice."), 422)]
)
def test_a_bot_that_cannot_come_says_why(occupied: TestClient, bots: Bots, fault: Exception, status: int) -> None:
    bots.fault = fault
    answer = occupied.post("/room/standup/invite", json={}, headers=OURS)
    assert (answer.status_code, answer.json()["message"]) == (status, str(fault))


def test_without_an_inviter_nothing_is_offered() -> None:
    with serve(None) as client:
        assert client.get("/room/standup/info").json()["can_invite"] is False
        assert client.post("/room/standup/invite", json={}, headers=OURS).status_code in (404, 405)
