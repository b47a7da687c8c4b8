"""The API against its own description: requests made from /openapi.json, answers checked against it.

Besides made-up ones, requests get ids of a bot in a meeting and of one that is done, in either dialect, so that answers
of every kind are seen; the test holds that it was.
"""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import time
from datetime import UTC, datetime
from typing import Any

import orjson
import schemathesis
from hypothesis import HealthCheck, given, settings
from PIL import Image
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from rejoinder.api.app import create_app
from rejoinder.api.attendee.bots import rules as attendee_rules
from rejoinder.api.attendee.create import parse_create as attendee_create
from rejoinder.api.meetstream.requests import parse_create
from rejoinder.control.service import ParticipantEvent
from rejoinder.core.bot import BotConfig
from rejoinder.core.lifecycle import Moment
from rejoinder.settings import Settings
from service import SEGMENTS, START, FakeKeys, FakeService
from sound import wav_file

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DONE, INSIDE = "bot-1", "bot-2"
ATTENDEE_DONE, ATTENDEE_INSIDE, ATTENDEE_LATER = "bot-3", "bot-4", "bot-5"
SWITCHES = ("pause_recording", "resume_recording")
EXAMPLES = 20


def picture() -> str:
    file = io.BytesIO()
    Image.new("RGB", (64, 36), (0, 99, 0)).save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode()


BODIES: dict[str, dict[str, Any]] = {
    "create_bot": {"meeting_link": "http://room/c"},
    "send_image": {"img_url": "http://127.0.0.1/a.png"},
    "transcribe_bot": {"provider": {"meetstream": {}}, "callback_url": None},
    "attendee_create_bot": {"meeting_url": "http://room/c", "bot_name": "Robin"},
    "attendee_change_bot": {"metadata": {"tenant": "t1"}},
    "attendee_output_audio": {"type": "audio/wav", "data": wav_file()},
    "attendee_output_image": {"type": "image/jpeg", "data": picture()},
    "attendee_speech": {"text": "Hello."},
    "attendee_send_chat_message": {"message": "Hello."},
    "attendee_transcribe": {"transcription_settings": {"deepgram": {}}},
}
"""Values no generator would find, by operation."""

service = FakeService()
shapes: dict[str, set[str]] = {}
"""The keys of good answers, by operation."""
turns = itertools.count()


def reset(turn: int) -> None:
    """The same bots before each request."""
    service.records.clear()
    for number, link in enumerate(("http://room/a", "http://room/b"), 1):
        config = {"meeting_link": link, "audio_separate_streams": True}
        _create(parse_create(config, datetime.now(UTC)), f"bot-{number}")
    rules = attendee_rules(Settings())
    attendees = {"meeting_url": "http://room/a", "bot_name": "Robin"}
    for bot in (ATTENDEE_DONE, ATTENDEE_INSIDE):
        _create(attendee_create(attendees, rules), bot)
        service.happen(bot, Moment.RECORDING)
    at = datetime.fromtimestamp(time.time() + 86_400, UTC).isoformat()
    _create(attendee_create({**attendees, "join_at": at}, rules), ATTENDEE_LATER)
    service.finish(DONE)
    left = service.finish(ATTENDEE_DONE)
    left.live = list(SEGMENTS)
    left.events = [ParticipantEvent(1, "p1", "Ada L", True, "join", START + 12)]
    service.summary_text = "We met." if turn // 3 % 2 else None


def _create(config: BotConfig, bot_id: str) -> None:
    made = asyncio.run(service.create(config, "default"))
    assert made.bot.id == bot_id


def bots(operation: str) -> tuple[str, ...]:
    """Of whom an operation may be asked."""
    if operation.startswith("attendee_"):
        return (ATTENDEE_DONE, ATTENDEE_INSIDE, ATTENDEE_LATER)
    return (DONE, INSIDE, ATTENDEE_INSIDE) if operation in SWITCHES else (DONE, INSIDE)


def fill(parameters: dict[str, Any], operation: str, turn: int) -> None:
    """Ids that exist, in most of the requests."""
    bot = (*bots(operation), None)[turn % (len(bots(operation)) + 1)]
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


def json_of(response: Any) -> Any:
    """What an answer says; None if it is no JSON."""
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None


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
    shapes.clear()
    for found in schema.get_all_operations():
        operation = found.ok()
        statuses = seen.setdefault(operation.definition.raw["operationId"], set())
        check_operation(operation, statuses)
    # Else the checks would have looked at nothing but errors.
    never = {name: statuses for name, statuses in seen.items() if not statuses & {200, 201, 206}}
    assert {*never} == {"get_video", "metrics"}, never
    assert len([name for name in seen if name.startswith("attendee_")]) > 15
    assert len(seen) > 45
    assert {"bots", "results"} <= shapes["list_bots"], "one list was never seen"
    assert {"command", "recording_state"} <= shapes["pause_recording"]


def check_operation(operation: Any, statuses: set[int]) -> None:
    name = operation.definition.raw["operationId"]

    @given(case=operation.as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def check(case: Any) -> None:
        turn = next(turns)
        reset(turn)
        fill(case.path_parameters, name, turn)
        body = BODIES.get(name, {})
        if isinstance(case.body, dict) and turn % 5:
            case.body = {**body} if turn % 5 == 1 and body else {**case.body, **body}
        headers = {} if turn % 11 == 0 else {"Authorization": "Token key"}
        response = case.call(headers=headers)
        statuses.add(response.status_code)
        if response.status_code == 200 and isinstance(answer := json_of(response), dict):
            shapes.setdefault(name, set()).update(answer)
        case.validate_response(response, checks=CHECKS)

    check()
