"""Errors as ``{"message"}``."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from rejoinder.api.errors import BodyTooLarge, headers_of, status_of
from rejoinder.core.lifecycle import IllegalTransition
from rejoinder.errors import (
    Conflict,
    InvalidRequest,
    MeetingError,
    ModelCorrupt,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    NotReady,
    ProviderError,
    RejoinderError,
    Throttled,
    Unavailable,
)
from service import FakeService


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest("x"), 400),
        (BodyTooLarge("x"), 413),
        (NotAuthenticated("x"), 401),
        (NotAuthorised("x"), 403),
        (NotFound("x"), 404),
        (Conflict("x"), 409),
        (IllegalTransition("x"), 409),
        (NotReady("x"), 202),
        (Throttled("x", 1.2), 429),
        (Unavailable("x"), 503),
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


def test_whole_seconds_to_wait() -> None:
    assert headers_of(Throttled("x", 1.2)) == {"Retry-After": "2"}
    assert headers_of(Throttled("x", 0.0)) == {"Retry-After": "1"}
    assert headers_of(NotFound("x")) == {}


def test_paths_methods_and_parameters_that_are_none(client: TestClient) -> None:
    answer = client.get("/api/v1/nothing")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not found."})
    answer = client.put("/api/v1/bots/create_bot")
    assert (answer.status_code, answer.json()) == (405, {"message": "Method not allowed."})
    assert "POST" in answer.headers["allow"]
    answer = client.get("/boom?number=x")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("number: ")
