"""Errors as ``{"message"}`` and request ids."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from rejoinder.api.errors import BodyTooLarge, status_of
from rejoinder.errors import (
    Conflict,
    InvalidRequest,
    MeetingError,
    ModelCorrupt,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    ProviderError,
    RejoinderError,
)

from .fake_service import FakeService


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest("x"), 400),
        (BodyTooLarge("x"), 413),
        (NotAuthenticated("x"), 401),
        (NotAuthorised("x"), 403),
        (NotFound("x"), 404),
        (Conflict("x"), 409),
        (ModelCorrupt("x"), 503),
        (ProviderError("x", provider="p"), 502),
        (MeetingError("x"), 502),
        (RejoinderError("x"), 500),
    ],
)
def test_every_error_has_its_status(
    client: TestClient, service: FakeService, error: RejoinderError, status: int
) -> None:
    assert status_of(error) == status
    service.fail = error
    answer = client.post("/api/v1/bots/create_bot", json={"meeting_link": "http://room/a"})
    assert (answer.status_code, answer.json()) == (status, {"message": "x"})


def test_a_defect_of_ours_tells_nothing_but_its_id(client: TestClient) -> None:
    answer = client.get("/boom")
    assert answer.status_code == 500
    assert answer.json() == {"message": "Internal server error."}
    assert answer.headers["x-request-id"]


def test_paths_methods_and_parameters_that_are_none(client: TestClient) -> None:
    answer = client.get("/api/v1/nothing")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not found."})
    answer = client.delete("/api/v1/bots/create_bot")
    assert (answer.status_code, answer.json()) == (405, {"message": "Method not allowed."})
    assert "POST" in answer.headers["allow"]
    answer = client.get("/boom?number=x")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("number: ")


def test_every_answer_has_a_request_id(client: TestClient) -> None:
    ids = [client.get(path).headers["x-request-id"] for path in ("/healthz", "/api/v1/bots", "/nothing")]
    assert len({*ids}) == 3
    given = {"x-request-id": "abc-1.2_3"}
    assert client.get("/healthz", headers=given).headers["x-request-id"] == "abc-1.2_3"
    for bad in ("a b", "x" * 65, "ä"):
        assert client.get("/healthz", headers={"x-request-id": bad.encode()}).headers["x-request-id"] != bad
