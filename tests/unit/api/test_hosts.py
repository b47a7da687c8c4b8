"""Which hosts are answered for."""

from __future__ import annotations

import pytest
from starlette.websockets import WebSocketDisconnect

from rejoinder.api.hosts import host_of, known_hosts
from rejoinder.settings import Settings

from .conftest import Serve


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("localhost", "localhost"),
        ("LocalHost:8080", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:8080", "::1"),
        ("", ""),
        ("localhost:x", ""),
        ("evil@localhost", ""),
        ("localhost/x", ""),
        ("[::1", ""),
    ],
)
def test_host_names(header: str, host: str) -> None:
    assert host_of(header) == host


def test_which_are_known() -> None:
    assert known_hosts(Settings()) == {"localhost", "127.0.0.1", "::1"}
    assert known_hosts(Settings(host="0.0.0.0")) is None
    assert known_hosts(Settings(public_url="https://bots.example")) is None
    assert known_hosts(Settings(allowed_hosts=["*"])) is None
    listed = known_hosts(Settings(public_url="https://bots.example", host="0.0.0.0", allowed_hosts=["Inner"]))
    assert listed == {"inner", "bots.example", "0.0.0.0", "localhost", "127.0.0.1", "::1"}


def test_a_rebound_name_reaches_nothing_on_a_private_server(serve: Serve) -> None:
    client = serve()
    for host in ("localhost:8080", "127.0.0.1", "[::1]:1"):
        assert client.get("/api/v1/bots", headers={"Host": host}).status_code == 200
    for path in ("/api/v1/bots", "/docs", "/openapi.json", "/metrics", "/boom", "/nothing"):
        for host in ("evil.example", "localhost.evil.example", "evil@localhost", "10.0.0.1"):
            answer = client.get(path, headers={"Host": host})
            assert (answer.status_code, list(answer.json())) == (421, ["message"])
            assert answer.headers["x-request-id"]
    assert client.get("/healthz", headers={"Host": "10.0.0.1:8080"}).status_code == 200
    with pytest.raises(WebSocketDisconnect):
        with client.websocket_connect("/room/a/ws", headers={"Host": "evil.example"}):
            pass


def test_listed_names_and_open_servers(serve: Serve) -> None:
    assert serve(allowed_hosts=["box.lan"]).get("/docs", headers={"Host": "box.lan:80"}).status_code == 200
    assert serve(host="0.0.0.0").get("/docs", headers={"Host": "any.example"}).status_code == 200
    strict = serve(host="0.0.0.0", allowed_hosts=["box.lan"])
    assert strict.get("/docs", headers={"Host": "any.example"}).status_code == 421
