"""``automatic_leave`` of a create call. Pure.

MeetStream answers 400 to two values only; others beyond its limits are brought down to them, and those below its
smallest are taken as sent, because its own examples send such.
"""

from __future__ import annotations

from typing import Any

from rejoinder.api.meetstream.fields import seconds, typed
from rejoinder.core.bot import AutomaticLeave, BotDetection
from rejoinder.core.links import PlatformName
from rejoinder.errors import InvalidRequest

PATH = "automatic_leave."
MAX_WAITING_ROOM_S: dict[PlatformName, float] = {"GMeet": 600.0, "Zoom": 1200.0, "Teams": 1800.0, "Room": 1800.0}
MAX_ALONE_S = 1800.0
"""Of no_one_joined_timeout, everyone_left_timeout and bot_detection's activate_after."""
MAX_RECORDING_S = 18_000.0
MIN_RECORDING_S = 600.0
MIN_PERMISSION_S, MAX_PERMISSION_S = 60.0, 300.0
MAX_ONLY_BOTS_S = 300.0
MAX_QUIET_S = 86_400.0
"""MeetStream states no limit; a day is beyond every meeting."""
MAX_MATCHES = 100
MAX_MATCH_CHARS = 200


def parse_leave(body: dict[str, Any], platform: PlatformName) -> AutomaticLeave:
    """Read ``automatic_leave``; what is left out is MeetStream's default. Raises InvalidRequest."""
    leave = typed(body, "automatic_leave", "object") or {}
    default = AutomaticLeave()
    recording = seconds(leave, "in_call_recording_timeout", PATH)
    if recording is not None and recording < MIN_RECORDING_S:
        raise InvalidRequest(
            "in_call_recording_timeout must be at least 600 seconds", field=f"{PATH}in_call_recording_timeout"
        )
    permission = seconds(leave, "recording_permission_denied_timeout", PATH)
    if permission is not None and not MIN_PERMISSION_S <= permission <= MAX_PERMISSION_S:
        limit = "must not exceed 300 seconds" if permission > MAX_PERMISSION_S else "must be at least 60 seconds"
        raise InvalidRequest(
            f"recording_permission_denied_timeout {limit}", field=f"{PATH}recording_permission_denied_timeout"
        )

    def at_most(name: str, most: float, otherwise: float | None) -> float | None:
        value = seconds(leave, name, PATH)
        return otherwise if value is None else min(value, most)

    longest = MAX_WAITING_ROOM_S[platform]
    return AutomaticLeave(
        waiting_room_s=at_most("waiting_room_timeout", longest, default.waiting_room_s),
        no_one_joined_s=at_most("no_one_joined_timeout", MAX_ALONE_S, default.no_one_joined_s),
        everyone_left_s=at_most("everyone_left_timeout", MAX_ALONE_S, default.everyone_left_s),
        voice_inactivity_s=at_most("voice_inactivity_timeout", MAX_QUIET_S, default.voice_inactivity_s),
        in_call_recording_s=at_most("in_call_recording_timeout", MAX_RECORDING_S, default.in_call_recording_s),
        recording_permission_denied_s=permission or default.recording_permission_denied_s,
        bot_detection=_bot_detection(typed(leave, "bot_detection", "object", PATH) or {}),
    )


def _bot_detection(given: dict[str, Any]) -> BotDetection | None:
    """``bot_detection.using_participant_names``; without ``matches`` there is nothing to go by."""
    names = typed(given, "using_participant_names", "object", f"{PATH}bot_detection.") or {}
    path = f"{PATH}bot_detection.using_participant_names."
    matches = typed(names, "matches", "array", path) or []
    field = f"{path}matches"
    if len(matches) > MAX_MATCHES:
        raise InvalidRequest(f"{field} may have at most {MAX_MATCHES} names", field=field)
    for match in matches:
        if not isinstance(match, str) or not match.strip() or len(match) > MAX_MATCH_CHARS:
            raise InvalidRequest(f"{field} must be names of 1 to {MAX_MATCH_CHARS} characters", field=field)
    after = seconds(names, "activate_after", path)
    alone = seconds(names, "timeout", path)
    if not matches:
        return None
    default = BotDetection(())
    return BotDetection(
        tuple(match.strip() for match in matches),
        default.activate_after_s if after is None else min(after, MAX_ALONE_S),
        default.timeout_s if alone is None else min(alone, MAX_ONLY_BOTS_S),
    )
