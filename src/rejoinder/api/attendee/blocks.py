"""The blocks of settings of Attendee's create call: leaving, sockets, logins, and what this server has not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from rejoinder.api.attendee.fields import block, choice, flag, number, only, required, url, words
from rejoinder.api.meetstream.fields import typed
from rejoinder.core.bot import AutomaticLeave, BotDetection, RealtimeAudio
from rejoinder.core.links import PlatformName, platform_of
from rejoinder.core.signin import PART_RULE, SignIn, part
from rejoinder.errors import InvalidRequest

MAX_LEAVE_S = 86_400.0
MAX_KEYWORDS = 100
MAX_KEYWORD_CHARS = 200
MIXED_RATES = (8000, 16_000, 24_000)
APART_RATES = (8000, 16_000)
DEFAULT_RATE = 16_000
MAX_RMS = 32_768.0

LEAVE_FIELDS: dict[str, float | None] = {
    "silence_timeout_seconds": 600.0,
    "silence_activate_after_seconds": 1200.0,
    "only_participant_in_meeting_timeout_seconds": 60.0,
    "wait_for_host_to_start_meeting_timeout_seconds": 600.0,
    "waiting_room_timeout_seconds": 900.0,
    "authorized_user_not_in_meeting_timeout_seconds": 600.0,
    "max_uptime_seconds": None,
    "enable_closed_captions_timeout_seconds": None,
}
"""Attendee's limits with their defaults, in seconds; None: never."""


def parse_leave(given: Mapping[str, Any]) -> AutomaticLeave:
    """``automatic_leave_settings``. Being the only participant counts from the first moment on, whether others have
    been there or not. Silence counts from its activation on."""
    path = "automatic_leave_settings."
    leave = block(given, "automatic_leave_settings", {*LEAVE_FIELDS, "bot_keywords"})
    limits: dict[str, float | None] = {}
    for name, default in LEAVE_FIELDS.items():
        least = 0.0 if name == "silence_activate_after_seconds" else 1.0
        value = number(leave, name, least, MAX_LEAVE_S, path)
        limits[name] = default if value is None else value
    alone = limits["only_participant_in_meeting_timeout_seconds"]
    return AutomaticLeave(
        waiting_room_s=limits["waiting_room_timeout_seconds"],
        no_one_joined_s=alone,
        everyone_left_s=alone,
        voice_inactivity_s=limits["silence_timeout_seconds"],
        in_call_recording_s=limits["max_uptime_seconds"],
        recording_permission_denied_s=None,
        bot_detection=_keywords(leave, alone or 60.0),
        voice_inactivity_after_s=limits["silence_activate_after_seconds"] or 0.0,
    )


def _keywords(leave: dict[str, Any], alone_s: float) -> BotDetection | None:
    """``bot_keywords``: participants whose names contain one are not counted as people."""
    field = "automatic_leave_settings.bot_keywords"
    found = typed(leave, "bot_keywords", "array", "automatic_leave_settings.") or []
    if len(found) > MAX_KEYWORDS:
        raise InvalidRequest(f"{field} may have at most {MAX_KEYWORDS} words", field=field)
    for word in found:
        if not isinstance(word, str) or not word.strip() or len(word) > MAX_KEYWORD_CHARS:
            raise InvalidRequest(f"{field} must be words of 1 to {MAX_KEYWORD_CHARS} characters", field=field)
    matches = tuple(word.strip() for word in found)
    return BotDetection(matches, activate_after_s=0.0, timeout_s=alone_s) if matches else None


def parse_sockets(given: Mapping[str, Any], *, allow_plain: bool) -> tuple[RealtimeAudio | None, RealtimeAudio | None]:
    """``websocket_settings``: mixed audio, and audio per participant."""
    path = "websocket_settings."
    sockets = block(given, "websocket_settings", ("audio", "per_participant_audio", "per_participant_video"))
    if sockets.get("per_participant_video") is not None:
        field = f"{path}per_participant_video"
        raise InvalidRequest(f"{field} is not supported by this server", field=field, code="unsupported")
    audio = _socket(sockets, "audio", MIXED_RATES, ("url", "sample_rate", "threshold"), allow_plain)
    apart = _socket(sockets, "per_participant_audio", APART_RATES, ("url", "sample_rate"), allow_plain)
    return audio, apart


def _socket(
    sockets: dict[str, Any], name: str, rates: tuple[int, ...], known: tuple[str, ...], allow_plain: bool
) -> RealtimeAudio | None:
    if sockets.get(name) is None:
        return None
    path = f"websocket_settings.{name}."
    socket = block(sockets, name, None, "websocket_settings.")
    only(socket, known, path)
    address = url(required(socket, "url", path), f"{path}url", "wss", "ws", allow_plain=allow_plain)
    rate = typed(socket, "sample_rate", "integer", path)
    if rate is not None and rate not in rates:
        field = f"{path}sample_rate"
        raise InvalidRequest(f"{field} must be one of {', '.join(map(str, rates))}", field=field)
    threshold = number(socket, "threshold", 0.0, MAX_RMS, path)
    return RealtimeAudio(address, rate or DEFAULT_RATE, threshold)


# -- what is taken and kept, but changes nothing here ---------------------------------------------------------

UNSUPPORTED = (
    "calendar_event_id",
    "callback_settings",
    "external_media_storage_settings",
    "voice_agent_settings",
    "rtmp_settings",
)
"""Fields of things this server does not have."""
_LOGIN = {"use_login": "boolean", "login_mode": ("always", "only_if_required"), "login_group_name": "group"}
ECHOED: dict[str, dict[str, Any]] = {
    "google_meet_settings": {**_LOGIN, "ui_interaction_mode": ("robotic", "humanized")},
    "teams_settings": dict(_LOGIN),
    "zoom_settings": {"sdk": ("native", "web"), "meeting_settings": "booleans", "onbehalf_token": "refused"},
    "debug_settings": {"create_debug_recording": "boolean"},
    "kubernetes_settings": {"bot_pod_spec_type": "string"},
}
"""Blocks that are checked and kept, with their fields."""
_LOGINS: dict[PlatformName, str] = {"GMeet": "google_meet_settings", "Teams": "teams_settings"}


def sign_in(link: str, settings: Mapping[str, Any]) -> SignIn | None:
    """With which account the bot joins; None: as a guest. ``settings``: the blocks, checked. A login group that is not
    named is called after the platform, ``google_meet`` or ``teams``."""
    name = _LOGINS.get(platform_of(link), "")
    login = settings.get(name) or {}
    if not login.get("use_login"):
        return None
    group = part(login.get("login_group_name") or name.removesuffix("_settings"))
    when: Literal["always", "if_required"] = (
        "if_required" if login.get("login_mode") == "only_if_required" else "always"
    )
    return None if group is None else SignIn(group, when=when)


def check_echoed(given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the blocks that are only kept, and with those that are not supported, by name."""
    wrong = {
        name: f"{name} is not supported by this server" for name in UNSUPPORTED if given.get(name) not in (None, {})
    }
    for name, fields in ECHOED.items():
        try:
            _check_block(block(given, name, fields), name, fields)
        except InvalidRequest as error:
            wrong[name] = str(error)
    return wrong


def _check_block(values: dict[str, Any], name: str, fields: dict[str, Any]) -> None:
    path = f"{name}."
    for field, kind in fields.items():
        if isinstance(kind, tuple):
            choice(values, field, kind, path)
        elif kind == "boolean":
            flag(values, field, path)
        elif kind == "booleans":
            inner = block(values, field, None, path)
            for key in inner:
                flag(inner, key, f"{path}{field}.")
        elif kind == "group":
            group = words(values, field, MAX_KEYWORD_CHARS, path)
            if group is not None and part(group) is None:
                raise InvalidRequest(f"{path}{field} must be {PART_RULE}", field=f"{path}{field}")
        elif kind == "string":
            words(values, field, MAX_KEYWORD_CHARS, path)
        elif values.get(field) is not None:
            raise InvalidRequest(f"{path}{field} is not supported by this server", field=f"{path}{field}")
