"""The application as a whole: what needs no key, and what it says of itself."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient

from rejoinder.api.attendee.blocks import ECHOED
from rejoinder.api.attendee.create import READERS
from rejoinder.api.attendee.extras import BOT_CALLS, COLLECTIONS

from .conftest import Serve
from .test_auth import routes

OURS = {"Message"}
ATTENDEE = {"AttendeeError", "AttendeeFieldErrors"}
BOTH = {("bots", "400"), ("pause_recording", "400"), ("resume_recording", "400")}
"""Errors of calls that answer in both dialects."""


def test_the_description_is_of_what_there_is(client: TestClient) -> None:
    api = client.get("/openapi.json").json()
    assert (api["info"]["title"], api["openapi"][:3]) == ("rejoinder", "3.1")
    paths = api["paths"]
    assert {*paths["/api/v1/bots/{bot_id}/remove_bot"]} == {"get", "post"}
    create = paths["/api/v1/bots/create_bot"]["post"]
    schema = create["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["meeting_link"]
    assert {"bot_name", "socket_connection_url", "live_audio_required", "agent"} <= {*schema["properties"]}
    assert [*create["responses"]][:9] == ["200", "201", "400", "401", "403", "409", "413", "421", "429"]
    operations = [operation for path in paths.values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len({*ids}) > 45


def test_attendees_part_is_described_too(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    found = {(method, path) for path, item in paths.items() for method in item if "attendee" in item[method]["tags"]}
    known = {(method.lower(), path) for method, path in routes(client.app, attendee=True)}
    left = {path for _, path in known - found}
    assert all(path.startswith(tuple(f"/api/v1/{name}" for name in COLLECTIONS)) for path in left if "{bot" not in path)
    assert {path.rpartition("/")[2] for path in left if "{bot" in path} == {name for _, name in BOT_CALLS}
    assert len(found) == 19
    create = paths["/api/v1/bots"]["post"]
    schema = create["requestBody"]["content"]["application/json"]["schema"]
    assert {*schema["properties"]} == {*READERS, *ECHOED}
    assert schema["required"] == ["meeting_url", "bot_name"]
    assert create["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].endswith("AttendeeBot")
    assert {*paths["/api/v1/bots/{bot_id}"]} == {"get", "patch", "delete"}


def test_every_operation_is_described(client: TestClient) -> None:
    api = client.get("/openapi.json").json()
    assert not {"HTTPValidationError", "ValidationError"} & {*api["components"]["schemas"]}
    for path, item in api["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], path
            assert operation["description"], path
            assert "422" not in operation["responses"]
            named = {parameter["name"] for parameter in operation.get("parameters", ())}
            assert {*re.findall(r"{(\w+)}", path)} <= named
            wants_key = operation.get("security") == [{"TokenAuth": []}]
            assert wants_key == path.startswith("/api/"), (method, path)
            attendee = "attendee" in operation["tags"]
            if wants_key:
                assert {"401", "429", "503"} <= {*operation["responses"]}
                assert ("403" in operation["responses"]) is not attendee
            for status, response in operation["responses"].items():
                if status[0] in "45" and status != "507" and "$ref" not in response:
                    errors = {*re.findall(r"schemas/(\w+)", str(response["content"]["application/json"]["schema"]))}
                    both = (path.rpartition("/")[2], status) in BOTH
                    assert errors <= (ATTENDEE if attendee else OURS | ATTENDEE if both else OURS), (path, status)
                    assert errors


def test_the_documentation_is_our_own(client: TestClient) -> None:
    page = client.get("/docs", headers={"Authorization": ""})
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|style=|https?://", page.text)
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        answer = client.get(path)
        assert answer.status_code == 200, path
    assert client.get("/static/api/../app.py").status_code == 404
    assert client.get("/static/api/nothing.js").status_code == 404


def test_limits_of_an_account(serve: Serve) -> None:
    client = serve(rate_limit_per_minute=3)
    statuses = [client.get("/api/v1/bots").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    answer = client.get("/api/v1/bots")
    assert answer.json() == {"message": "Request was throttled."}
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert client.get("/api/v1/bots", headers={"Authorization": "Token other"}).status_code == 200
    assert client.get("/healthz").status_code == 200
