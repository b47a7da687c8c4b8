"""The API against its own description: requests made from /openapi.json, answers checked against it.

Besides made-up ones, requests get ids of a bot in a meeting and of one that is done, so that answers of
every kind are seen; the test holds that it was.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from datetime import UTC, datetime
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from rejoinder.api.app import create_app
from rejoinder.api.meetstream.requests import parse_create
from rejoinder.settings import Settings
from service import FakeKeys, FakeService

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DONE, INSIDE = "bot-1", "bot-2"
EXAMPLES = 20
BODIES: dict[str, dict[str, Any]] = {
    "create_bot": {"meeting_link": "http://room/c"},
    "send_image": {"img_url": "http://127.0.0.1/a.png"},
    "transcribe": {"provider": {"meetstream": {}}, "callback_url": None},
}
"""Values no generator would find."""

service = FakeService()
turns = itertools.count()


def reset(turn: int) -> None:
    """The same two bots before each request."""
    service.records.clear()
    for number, link in enumerate(("http://room/a", "http://room/b"), 1):
        config = {"meeting_link": link, "audio_separate_streams": True}
        _create(config, f"bot-{number}")
    service.finish(DONE)
    service.summary_text = "We met." if turn // 3 % 2 else None


def _create(body: dict[str, Any], bot_id: str) -> None:
    made = asyncio.run(service.create(parse_create(body, datetime.now(UTC)), "default"))
    assert made.bot.id == bot_id


def fill(parameters: dict[str, Any], turn: int) -> None:
    """Ids that exist, in two of three requests."""
    bot = (DONE, INSIDE, None)[turn % 3]
    if bot is None:
        return
    if "bot_id" in parameters:
        parameters["bot_id"] = bot
    if "transcript_id" in parameters:
        parameters["transcript_id"] = f"tr-{bot}"
    if "delivery_id" in parameters:
        parameters["delivery_id"] = 7
    if "token" in parameters:
        parameters["token"] = service.links.make(f"{DONE}/audio.wav", "a.wav", "audio/wav", time.time() + 60)


def test_answers_are_as_described() -> None:
    app = create_app(
        Settings(rate_limit_per_minute=None, allowed_hosts=["testserver"], allow_loopback_urls=True),
        service,
        FakeKeys(key="default"),
        service.blobs,  # type: ignore[arg-type]
        service.links,
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    seen: dict[str, set[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        statuses = seen.setdefault(operation.definition.raw["operationId"], set())
        check_operation(operation, statuses)
    # Else the checks would have looked at nothing but errors.
    never = {name: statuses for name, statuses in seen.items() if not statuses & {200, 201, 206}}
    assert {*never} == {"get_video", "metrics"}, never
    assert len(seen) > 25


def check_operation(operation: Any, statuses: set[int]) -> None:
    @given(case=operation.as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def check(case: Any) -> None:
        turn = next(turns)
        reset(turn)
        fill(case.path_parameters, turn)
        if isinstance(case.body, dict) and turn % 5:
            case.body.update(BODIES.get(operation.path.rpartition("/")[2], {}))
        headers = {} if turn % 11 == 0 else {"Authorization": "Token key"}
        response = case.call(headers=headers)
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    check()
