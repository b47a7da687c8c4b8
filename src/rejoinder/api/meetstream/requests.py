"""Every spelling of a create call that MeetStream's clients send, upgraded to one ``BotConfig``. Pure.

MeetStream changed its API several times under one path, so old and new spellings are taken alike and unknown
fields are let through. What is refused, with a message that names the field: values of a wrong type, what
MeetStream itself answers with 400, and what would silently not happen here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rejoinder.core.bot import AgentConfig, BotConfig
from rejoinder.errors import InvalidRequest
from rejoinder.outgoing import parse_url

DEFAULT_NAME = "rejoinder"
DEFAULT_LOBBY_TIMEOUT_S = 600.0
"""MeetStream's default waiting_room_timeout."""
MAX_NAME_CHARS = 80
"""The longest name the room takes."""
MAX_TEXT_CHARS = 10_000
"""The longest chat message the room takes."""
MAX_LINK_CHARS = 2048
MAX_PROMPT_CHARS = 20_000
MAX_LOBBY_TIMEOUT_S = 1800.0
"""MeetStream's longest waiting_room_timeout (Teams)."""
STREAMING_PROVIDERS = (
    "deepgram_streaming",
    "assemblyai_streaming",
    "meetstream_streaming",
    "jigsawstack_streaming",
    "meeting_captions",
)

# The top-level fields MeetStream's clients send and their JSON types. `null` counts as left out.
FIELDS: dict[str, str] = {
    "meeting_link": "string",
    "meeting_url": "string",
    "bot_name": "string",
    "bot_message": "string",
    "bot_image_url": "string",
    "callback_url": "string",
    "join_at": "string",
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
    "google_meet": "object",
    "teams": "object",
    "transcription": "object",
}
_TYPES: dict[str, tuple[type, str]] = {
    "string": (str, "a string"),
    "boolean": (bool, "true or false"),
    "object": (dict, "an object"),
    "array": (list, "an array"),
}


def parse_create(body: object, now: datetime) -> BotConfig:
    """Read the body of a create call. ``now`` is only compared with ``join_at``. Raises InvalidRequest."""
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    for name, kind in FIELDS.items():
        _typed(body, name, kind)
    _check_join_at(_typed(body, "join_at", "string"), now)
    _check_zoom(body)
    _check_live_transcription(body)
    callback = _text(body, "callback_url", MAX_LINK_CHARS)
    if callback is not None:
        parse_url(callback, ("http", "https"), "callback_url")
    image = _text(body, "bot_image_url", MAX_LINK_CHARS)
    if image is not None:
        parse_url(image, ("http", "https"), "bot_image_url")
    return BotConfig(
        meeting_link=_meeting_link(body),
        bot_name=_text(body, "bot_name", MAX_NAME_CHARS) or DEFAULT_NAME,
        bot_message=_text(body, "bot_message", MAX_TEXT_CHARS),
        bot_image_url=image,
        control_socket_url=_socket_url(body, "socket_connection_url"),
        audio_socket_url=_socket_url(body, "live_audio_required"),
        agent=_agent(body),
        lobby_timeout_s=_lobby_timeout(body),
        custom_attributes=body.get("custom_attributes") or {},
        request=body,
    )


def _typed(body: dict[str, Any], name: str, kind: str, path: str = "") -> Any:
    """``body[name]``, None if left out. Raises if its JSON type is another."""
    value = body.get(name)
    wanted, words = _TYPES[kind]
    if value is not None and not isinstance(value, wanted):
        raise InvalidRequest(f"{path}{name} must be {words}", field=f"{path}{name}")
    return value


def _text(body: dict[str, Any], name: str, longest: int, path: str = "") -> str | None:
    """A string without the space around it; None if left out or blank, which some clients send for "none"."""
    value = (_typed(body, name, "string", path) or "").strip()
    if len(value) > longest:
        raise InvalidRequest(f"{path}{name} may have at most {longest} characters", field=f"{path}{name}")
    return value or None


def _meeting_link(body: dict[str, Any]) -> str:
    link = _text(body, "meeting_link", MAX_LINK_CHARS) or _text(body, "meeting_url", MAX_LINK_CHARS)
    if link is None:
        raise InvalidRequest("meeting_link is required.", field="meeting_link")
    return link


def _socket_url(body: dict[str, Any], name: str) -> str | None:
    """``"wss://..."`` or ``{"websocket_url": "wss://..."}``; nothing, ``{}``, ``""`` and false mean off."""
    value = body.get(name)
    if value is None or value is False:
        return None
    field = name
    if isinstance(value, dict):
        value = _typed(value, "websocket_url", "string", f"{name}.") or ""
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
    config_id = _text(body, "agent_config_id", 200)
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
    answer = _typed(agent, "answer", "string", "agent.")
    if answer not in (None, "auto", "addressed", "always"):
        raise InvalidRequest('agent.answer must be "auto", "addressed" or "always"', field="agent.answer")
    mirror = _typed(agent, "chat_mirror", "boolean", "agent.")
    return AgentConfig(
        answer=answer or "auto",
        greeting=_text(agent, "greeting", MAX_TEXT_CHARS, "agent."),
        prompt=_text(agent, "prompt", MAX_PROMPT_CHARS, "agent."),
        chat_mirror=True if mirror is None else mirror,
    )


def _lobby_timeout(body: dict[str, Any]) -> float:
    """``automatic_leave.waiting_room_timeout``; the two limits MeetStream enforces are enforced on the way."""
    leave = body.get("automatic_leave") or {}
    for name in ("no_one_joined_timeout", "everyone_left_timeout", "voice_inactivity_timeout"):
        _seconds(leave, name)
    _typed(leave, "bot_detection", "object", "automatic_leave.")
    longest = _seconds(leave, "in_call_recording_timeout")
    if longest is not None and longest < 600:
        raise InvalidRequest(
            "in_call_recording_timeout must be at least 600 seconds",
            field="automatic_leave.in_call_recording_timeout",
        )
    permission = _seconds(leave, "recording_permission_denied_timeout")
    if permission is not None and not 60 <= permission <= 300:
        limit = "must not exceed 300 seconds" if permission > 300 else "must be at least 60 seconds"
        raise InvalidRequest(
            f"recording_permission_denied_timeout {limit}",
            field="automatic_leave.recording_permission_denied_timeout",
        )
    waiting = _seconds(leave, "waiting_room_timeout")
    return DEFAULT_LOBBY_TIMEOUT_S if waiting is None else min(waiting, MAX_LOBBY_TIMEOUT_S)


def _seconds(leave: dict[str, Any], name: str) -> float | None:
    value = leave.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        field = f"automatic_leave.{name}"
        raise InvalidRequest(f"{field} must be a number of seconds above 0", field=field)
    return float(value)


def _check_join_at(text: str | None, now: datetime) -> None:
    """A time that has come means "now"; a bot that joins early without a word would be worse than an error."""
    if not text or not text.strip():
        return
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidRequest("join_at must be a time such as 2026-09-01T10:00:00Z", field="join_at") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if at > now + timedelta(minutes=1):
        raise InvalidRequest(
            "join_at: this server cannot schedule bots for later; leave it out to join now",
            field="join_at",
            code="unsupported",
        )


def _check_zoom(body: dict[str, Any]) -> None:
    zoom = body.get("zoom") or {}
    if body.get("use_zoom_obf") or zoom.get("use_zoom_obf"):
        raise InvalidRequest("use_zoom_obf is no longer supported", field="use_zoom_obf")
    if zoom.get("zak_url") and zoom.get("obf_url"):
        raise InvalidRequest("Pass only one of zoom.zak_url or zoom.obf_url", field="zoom")


def _check_live_transcription(body: dict[str, Any]) -> None:
    """A webhook for live transcripts needs a streaming provider: MeetStream's rule.

    It stands in ``recording_config.transcript.provider.<name>``; MeetStream's article puts it in
    ``live_transcription_required.provider.name``.
    """
    recording = body.get("recording_config") or {}
    transcript = _typed(recording, "transcript", "object", "recording_config.") or {}
    providers = _typed(transcript, "provider", "object", "recording_config.transcript.") or {}
    live = body.get("live_transcription_required") or {}
    path = "live_transcription_required."
    webhook = _text(live, "webhook_url", MAX_LINK_CHARS, path)
    own = live.get("provider")
    named = own.get("name") if isinstance(own, dict) else own
    if webhook is None:
        return
    parse_url(webhook, ("http", "https"), f"{path}webhook_url")
    if named not in STREAMING_PROVIDERS and not any(name in providers for name in STREAMING_PROVIDERS):
        raise InvalidRequest(
            "live_transcription_required.webhook_url is provided but no streaming provider found. "
            f"Use one of: {', '.join(STREAMING_PROVIDERS)}",
            field=f"{path}webhook_url",
        )
