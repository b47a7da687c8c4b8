"""``Authorization: Token <key>``."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from rejoinder.api.auth import token_of
from rejoinder.control.keys import KeyStore
from rejoinder.errors import NotAuthenticated

PATHS = [
    ("POST", "/api/v1/bots/create_bot"),
    ("POST", "/api/v1/bots/create_agent"),
    ("GET", "/api/v1/bots"),
    ("GET", "/api/v1/bots/x/status"),
    ("GET", "/api/v1/bots/x/turns"),
    ("GET", "/api/v1/bots/x/remove_bot"),
    ("POST", "/api/v1/bots/x/remove_bot"),
]


def test_the_header() -> None:
    assert token_of("Token abc") == token_of("token  abc ") == "abc"
    for header in (None, "", "abc", "Token", "Token ", "Bearer abc", "Tokenabc"):
        with pytest.raises(NotAuthenticated, match="credentials were not provided"):
            token_of(header)


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("header", ["", "Bearer key", "key"])
def test_no_credentials(client: TestClient, method: str, path: str, header: str) -> None:
    answer = client.request(method, path, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json() == {"message": "Authentication credentials were not provided."}
    assert answer.headers["www-authenticate"] == "Token"


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_wrong_token(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path, headers={"Authorization": "Token wrong"})
    assert answer.status_code == 403
    assert answer.json() == {"message": "Invalid token."}


def test_a_stored_key_has_its_own_bots(client: TestClient, keys: KeyStore) -> None:
    other = {"Authorization": f"Token {keys.create('laptop', 'acme')}"}
    made = client.post("/api/v1/bots/create_bot", json={"meeting_link": "http://room/a"}).json()
    assert client.get("/api/v1/bots", headers=other).json()["bots"] == []
    assert client.get(f"/api/v1/bots/{made['bot_id']}/status", headers=other).status_code == 404
    assert client.get(f"/api/v1/bots/{made['bot_id']}/remove_bot", headers=other).status_code == 404
    assert client.get(f"/api/v1/bots/{made['bot_id']}/status").json()["status"] == "InMeeting"
