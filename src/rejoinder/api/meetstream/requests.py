"""Every spelling of a create call that MeetStream's clients send, upgraded to one ``BotConfig``. Pure.

MeetStream changed its API several times under one path, so old and new spellings are taken alike and unknown
fields are let through. What is refused, with a message that names the field: values of a wrong type, what
MeetStream itself answers with 400, and what would silently not happen here.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from rejoinder.api.meetstream.fields import MAX_LINK_CHARS, json_object, link, seconds, text, typed, whole
from rejoinder.api.meetstream.leaving import parse_leave
from rejoinder.api.meetstream.recording import parse_recording, post_call_provider
from rejoinder.api.meetstream.sign_in import parse_sign_in
from rejoinder.core.bot import AgentConfig, BotConfig
from rejoinder.core.links import platform_of
from rejoinder.errors import InvalidRequest
from rejoinder.outgoing import parse_url

DEFAULT_NAME = "rejoinder"
MAX_NAME_CHARS = 80
"""The longest name the room takes."""
MAX_TEXT_CHARS = 10_000
"""The longest chat message the room takes."""
MAX_PROMPT_CHARS = 20_000
MAX_ATTRIBUTES = 50
MAX_ATTRIBUTES_BYTES = 65_536
"""Of custom_attributes as JSON; they are part of every webhook and every row of a list."""
MAX_DEDUPLICATION_CHARS = 2000
MAX_RETRIES = 20
MAX_AHEAD = timedelta(days=366)
MAX_DISPLAY_S = 86_400.0
MAX_TOKEN_URL_CHARS = 4096

# The top-level fields that clients send and their JSON types. `null` counts as left out. `agent`, `callback_retries`
# and `record` are ours. (`google_meet` and `teams` are not among them: see `sign_in`.)
FIELDS: dict[str, str] = {
    "meeting_link": "string",
    "meeting_url": "string",
    "bot_name": "string",
    "bot_message": "string",
    "bot_image_url": "string",
    "callback_url": "string",
    "callback_retries": "integer",
    "join_at": "string",
    "record": "boolean",
    "video_required": "boolean",
    "audio_required": "boolean",
    "audio_separate_streams": "boolean",
    "video_separate_streams": "boolean",
    "custom_attributes": "object",
    "live_video_required": "object",
    "live_transcription_required": "object",
    "recording_config": "object",
    "automatic_leave": "object",
    "agent": "object",
    "agent_config_id": "string",
    "agent_config_params": "object",
    "workflow_config_ids": "array",
    "deduplication_key": "string",
    "zoom": "object",
    "transcription": "object",
}


def parse_create(body: object, now: datetime) -> BotConfig:
    """Read the body of a create call. ``now`` is only compared with ``join_at``. Raises InvalidRequest."""
    body = json_object(body)
    for name, kind in FIELDS.items():
        typed(body, name, kind)
    meeting_link = _meeting_link(body)
    recording = parse_recording(body)
    _check_zoom(body)
    return BotConfig(
        meeting_link=meeting_link,
        bot_name=text(body, "bot_name", MAX_NAME_CHARS) or DEFAULT_NAME,
        bot_message=text(body, "bot_message", MAX_TEXT_CHARS),
        bot_image_url=link(body, "bot_image_url"),
        control_socket_url=_socket_url(body, "socket_connection_url"),
        audio_socket_url=_socket_url(body, "live_audio_required"),
        callback_url=link(body, "callback_url"),
        callback_retries=whole(body, "callback_retries", 0, MAX_RETRIES),
        participant_webhooks=recording.participant_webhooks,
        live_transcript=recording.live_transcript,
        transcript=recording.transcript,
        agent=_agent(body),
        leave=parse_leave(body, platform_of(meeting_link)),
        join_at=_join_at(text(body, "join_at", 100), now),
        record=body.get("record") is not False,
        audio_separate_streams=recording.audio_separate_streams,
        video_required=body.get("video_required") is not False,
        retention_hours=recording.retention_hours,
        deduplication_key=_deduplication_key(body),
        sign_in=parse_sign_in(body, platform_of(meeting_link)),
        custom_attributes=_attributes(body),
        request=body,
    )


def parse_transcribe(body: object) -> tuple[str, dict[str, Any], str | None]:
    """Read a transcribe call: the provider, its options, and where its one webhook goes. Raises InvalidRequest."""
    body = json_object(body)
    provider = post_call_provider(body)
    return provider.provider, provider.options, link(body, "callback_url")


def parse_message(body: object) -> str:
    """Read a send_message call: the text. Raises InvalidRequest."""
    body = json_object(body)
    typed(body, "metadata", "object")
    message = text(body, "message", MAX_TEXT_CHARS)
    if message is None:
        raise InvalidRequest("message is required.", field="message")
    return message


def parse_image(body: object) -> tuple[str, float | None]:
    """Read a send_image call: the picture's URL, and for how many seconds it is shown (None: until the next).

    Raises InvalidRequest.
    """
    body = json_object(body)
    typed(body, "metadata", "object")
    url = link(body, "img_url")
    if url is None:
        raise InvalidRequest("img_url is required.", field="img_url")
    shown = seconds(body, "display_duration")
    return url, None if shown is None else min(shown, MAX_DISPLAY_S)


def _meeting_link(body: dict[str, Any]) -> str:
    found = text(body, "meeting_link", MAX_LINK_CHARS) or text(body, "meeting_url", MAX_LINK_CHARS)
    if found is None:
        raise InvalidRequest("meeting_link is required.", field="meeting_link")
    return found


def _socket_url(body: dict[str, Any], name: str) -> str | None:
    """``"wss://..."`` or ``{"websocket_url": "wss://..."}``; nothing, ``{}``, ``""`` and false mean off."""
    value = body.get(name)
    if value is None or value is False:
        return None
    field = name
    if isinstance(value, dict):
        value = typed(value, "websocket_url", "string", f"{name}.") or ""
        field = f"{name}.websocket_url"
    if not isinstance(value, str):
        raise InvalidRequest(f'{name} must be an object {{"websocket_url": "wss://..."}}', field=name)
    url = value.strip()
    if not url:
        return None
    parse_url(url, ("wss", "ws"), field)
    return url


def _agent(body: dict[str, Any]) -> AgentConfig | None:
    """The built-in agent runs when it is named by ``agent_config_id`` or described by ``agent``."""
    config_id = text(body, "agent_config_id", 200)
    if config_id not in (None, "default"):
        raise InvalidRequest(
            'agent_config_id: there is no such agent configuration. "default" is the built-in agent; '
            'describe another in "agent".',
            field="agent_config_id",
        )
    agent = body.get("agent")
    if agent is None:
        return AgentConfig() if config_id else None
    known = ("answer", "greeting", "prompt", "chat_mirror")
    for key in agent:
        if key not in known:
            raise InvalidRequest(f"agent.{key} is not known; there are {', '.join(known)}", field=f"agent.{key}")
    answer = typed(agent, "answer", "string", "agent.")
    if answer not in (None, "auto", "addressed", "always"):
        raise InvalidRequest('agent.answer must be "auto", "addressed" or "always"', field="agent.answer")
    mirror = typed(agent, "chat_mirror", "boolean", "agent.")
    return AgentConfig(
        answer=answer or "auto",
        greeting=text(agent, "greeting", MAX_TEXT_CHARS, "agent."),
        prompt=text(agent, "prompt", MAX_PROMPT_CHARS, "agent."),
        chat_mirror=True if mirror is None else mirror,
    )


def _join_at(value: str | None, now: datetime) -> float | None:
    """Unix seconds. A time that has come, and none, mean "now" (None). A time without a zone is UTC."""
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidRequest("join_at must be a time such as 2026-09-01T10:00:00Z", field="join_at") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if at <= now:
        return None
    if at > now + MAX_AHEAD:
        raise InvalidRequest("join_at must be within a year from now", field="join_at")
    return at.timestamp()


def _deduplication_key(body: dict[str, Any]) -> str | None:
    """Taken as it is, with any space around it."""
    key = typed(body, "deduplication_key", "string")
    if key is None:
        return None
    printable = all(" " <= character <= "~" for character in key)
    if not 1 <= len(key) <= MAX_DEDUPLICATION_CHARS or not printable:
        raise InvalidRequest(
            f"deduplication_key must be 1 to {MAX_DEDUPLICATION_CHARS} printable ASCII characters",
            field="deduplication_key",
        )
    return str(key)


def _attributes(body: dict[str, Any]) -> dict[str, Any]:
    given = typed(body, "custom_attributes", "object") or {}
    if len(given) > MAX_ATTRIBUTES:
        raise InvalidRequest(f"custom_attributes may have at most {MAX_ATTRIBUTES} keys", field="custom_attributes")
    if len(json.dumps(given)) > MAX_ATTRIBUTES_BYTES:
        raise InvalidRequest(
            f"custom_attributes may have at most {MAX_ATTRIBUTES_BYTES} bytes as JSON", field="custom_attributes"
        )
    return dict(given)


def _check_zoom(body: dict[str, Any]) -> None:
    """MeetStream's rules for Zoom's tokens: at most one URL, https, up to 4096 characters."""
    zoom = typed(body, "zoom", "object") or {}
    if body.get("use_zoom_obf") or zoom.get("use_zoom_obf"):
        raise InvalidRequest("use_zoom_obf is no longer supported", field="use_zoom_obf")
    urls = {name: text(zoom, name, MAX_TOKEN_URL_CHARS, "zoom.") for name in ("zak_url", "obf_url")}
    if all(urls.values()):
        raise InvalidRequest("Pass only one of zoom.zak_url or zoom.obf_url", field="zoom")
    for name, url in urls.items():
        if url is not None and not url.startswith("https://"):
            raise InvalidRequest(f"zoom.{name} must start with https://", field=f"zoom.{name}")
