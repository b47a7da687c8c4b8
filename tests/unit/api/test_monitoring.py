"""Health and figures."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from rejoinder.api.monitoring import may_read
from rejoinder.errors import Unavailable
from rejoinder.settings import Settings
from service import FakeService

from .conftest import Serve


def test_health_needs_no_key(client: TestClient, service: FakeService) -> None:
    for path in ("/healthz", "/readyz"):
        answer = client.get(path, headers={"Authorization": ""})
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    service.fail = Unavailable("The database does not answer.")
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"message": "The database does not answer."})


def test_figures(client: TestClient, service: FakeService, bot_id: str) -> None:
    def read() -> dict[str, float]:
        answer = client.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        families = text_string_to_metric_families(answer.text)
        return {f"{one.name}{sorted(one.labels.values())}": one.value for family in families for one in family.samples}

    seen = read()
    assert seen["rejoinder_bots['InMeeting']"] == 1
    assert seen["rejoinder_deliveries['pending']"] == 2
    assert (seen["rejoinder_workers[]"], seen["rejoinder_capacity[]"]) == (1, 10)
    assert seen["rejoinder_http_requests_total['/api/v1/bots/create_bot', '201', 'POST']"] >= 1
    service.fail = Unavailable("The database does not answer.")
    assert any(name.startswith("rejoinder_http_request_seconds") for name in read())


@pytest.mark.parametrize(
    ("address", "forwarded", "may"),
    [
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("127.0.0.1", True, False),
        ("10.0.0.1", False, False),
        ("", False, False),
    ],
)
def test_who_may_read_them_without_a_token(address: str, forwarded: bool, may: bool) -> None:
    assert may_read(Settings(), None, address, forwarded) is may
    assert may_read(Settings(metrics_token=SecretStr("t")), None, address, forwarded) is False
    assert may_read(Settings(metrics_token=SecretStr("t")), "Bearer t", address, forwarded) is True


def test_others_may_not(serve: Serve) -> None:
    client = serve(metrics_token=SecretStr("secret"))
    for header in ("", "Token key", "Bearer wrong", "Bearer ", "secret"):
        assert client.get("/metrics", headers={"Authorization": header}).status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer secret"}).status_code == 200
    assert serve().get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 403
