"""The JSON messages of Attendee's realtime audio websockets, both ways. Pure.

The bot is the websocket client and sends no greeting. Every message is a text frame
``{"trigger": ..., "bot_id": ..., "data": {...}}``. Audio is base64 of mono 16-bit little-endian PCM.

From the bot: ``realtime_audio.mixed``, ``realtime_audio.per_participant``. To the bot: ``realtime_audio.bot_output``,
``pause_current_lecture``. Attendee drops what it cannot read without a word ("We plan to improve this in the future");
rejoinder answers ``{"trigger": "error", "data": {"code", "message", "field"}}`` on the same socket, which stays open.
Clients ignore triggers they do not know.

Ours, for servers that ask for them: ``realtime_audio.clear`` makes the bot fall silent at once; after
``{"trigger": "realtime_audio.subscribe", "data": {"played": true}}`` the bot tells how much of the server's audio
people were given (``realtime_audio.played``).
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from rejoinder.core.commands import ClearAudio, PlayAudio
from rejoinder.media.frame import Pcm

RATES = (8_000, 16_000, 24_000)
"""Hz of audio in either direction (Attendee's documentation, "Realtime Audio Input and Output")."""
CHUNK_S = 0.02
"""Length of a chunk the bot sends. Attendee sends 10 ms; twice that halves the messages, and no client counts on a
length (Attendee documents none)."""
MAX_PAUSE_MS = 600_000
"""The longest ``pause_current_lecture``. Ten minutes: longer is a mistake (microseconds for milliseconds, say)."""
MAX_MESSAGE_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Pause:
    """Hold your tongue for ``duration_s`` seconds, then go on by yourself."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Tell (or no longer tell) how much of the server's audio was played."""

    played: bool


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a message could not be taken. ``code`` is a short stable word, ``field`` the sender's name for it."""

    code: str
    message: str
    field: str | None = None


Message = PlayAudio | ClearAudio | Pause | Subscribe


# -- from the bot ----------------------------------------------------------------------------------------------------


def mixed(bot_id: str, pcm: Pcm, timestamp_ms: int, rate: int) -> str:
    """All participants' audio at ``rate`` Hz; ``timestamp_ms``: Unix time at which its first sample was heard."""
    return _dumps("realtime_audio.mixed", bot_id, _audio(pcm, timestamp_ms, rate))


def per_participant(bot_id: str, participant: str, pcm: Pcm, timestamp_ms: int, rate: int) -> str:
    """One participant's audio."""
    data = {"participant_uuid": participant, **_audio(pcm, timestamp_ms, rate)}
    return _dumps("realtime_audio.per_participant", bot_id, data)


def error(bot_id: str, wrong: Wrong) -> str:
    """The answer to a message that could not be taken."""
    data = {"code": wrong.code, "message": wrong.message}
    if wrong.field is not None:
        data["field"] = wrong.field
    return _dumps("error", bot_id, data)


@dataclass(frozen=True, slots=True)
class Position:
    """How much of the audio that was sent to the bot people were given, in samples at ``rate`` Hz since the bot came.

    ``samples`` were played, ``cleared`` were thrown away unheard, ``waiting`` are still to come; together they are all
    that was sent.
    """

    samples: int
    cleared: int
    waiting: int
    rate: int
    state: Literal["playing", "paused", "idle"]


def played(bot_id: str, position: Position, timestamp_ms: int) -> str:
    """Where playback is at ``timestamp_ms`` (Unix time)."""
    data = {
        "samples": position.samples,
        "cleared": position.cleared,
        "waiting": position.waiting,
        "sample_rate": position.rate,
        "state": position.state,
        "timestamp_ms": timestamp_ms,
    }
    return _dumps("realtime_audio.played", bot_id, data)


def _audio(pcm: Pcm, timestamp_ms: int, rate: int) -> dict[str, Any]:
    chunk = binascii.b2a_base64(pcm.astype("<i2", copy=False).tobytes(), newline=False).decode("ascii")
    return {"chunk": chunk, "timestamp_ms": timestamp_ms, "sample_rate": rate}


def _dumps(trigger: str, bot_id: str, data: dict[str, Any]) -> str:
    return orjson.dumps({"trigger": trigger, "bot_id": bot_id, "data": data}).decode()


# -- to the bot ------------------------------------------------------------------------------------------------------


def decode(message: str | bytes, max_bytes: int = MAX_MESSAGE_BYTES) -> Message | Wrong | None:
    """Read one message of the user's server; never raises. None: there is nothing to do (a chunk without samples)."""
    if len(message) > max_bytes:
        return Wrong(
            "message_too_large",
            f"A message may have at most {max_bytes} bytes; this one has {len(message)}. "
            "Send audio in chunks of 0.02 to 2 seconds.",
        )
    try:
        body = orjson.loads(message)
    except orjson.JSONDecodeError as problem:
        return Wrong("invalid_json", f"The message is not valid JSON: {problem}")
    if not isinstance(body, dict):
        return Wrong("not_an_object", f"A message must be a JSON object, not {_kind(body)}.")
    try:
        name = _given(body, "trigger", "trigger")
        if not isinstance(name, str):
            raise _Problem("invalid_type", f'"trigger" must be a string, not {_kind(name)}.', "trigger")
        if name not in _READERS:
            shown = name[:64]
            raise _Problem("unknown_trigger", f'Unknown trigger "{shown}". Known: {", ".join(_READERS)}.', "trigger")
        return _READERS[name](body)
    except _Problem as problem:
        return problem.wrong


class _Problem(Exception):
    """Carries a :class:`Wrong` out of a reader."""

    def __init__(self, code: str, message: str, field: str) -> None:
        super().__init__(message)
        self.wrong = Wrong(code, message, field)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _given(body: dict[str, Any], name: str, field: str) -> Any:
    if (value := body.get(name)) is None:
        raise _Problem("missing_field", f'"{field}" is required.', field)
    return value


def _data(body: dict[str, Any]) -> dict[str, Any]:
    data = _given(body, "data", "data")
    if not isinstance(data, dict):
        raise _Problem("invalid_type", f'"data" must be an object, not {_kind(data)}.', "data")
    return data


def _bot_output(body: dict[str, Any]) -> Message | None:
    data = _data(body)
    rate = _given(data, "sample_rate", "data.sample_rate")
    if isinstance(rate, bool) or rate not in RATES:
        message = f'"data.sample_rate" must be one of {", ".join(map(str, RATES))}.'
        raise _Problem("invalid_sample_rate", message, "data.sample_rate")
    chunk = _given(data, "chunk", "data.chunk")
    if not isinstance(chunk, str):
        raise _Problem("invalid_type", f'"data.chunk" must be a string, not {_kind(chunk)}.', "data.chunk")
    pcm = _base64(chunk)
    if len(pcm) % 2:
        message = f'"data.chunk" has {len(pcm)} bytes; 16-bit samples take two bytes each.'
        raise _Problem("odd_byte_count", message, "data.chunk")
    return PlayAudio(pcm, int(rate)) if pcm else None


def _base64(text: str) -> bytes:
    """Decode strictly; line breaks (as MIME encoders add) are the one thing forgiven."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        pass
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError as problem:
        raise _Problem("invalid_base64", f'"data.chunk" is not valid base64: {problem}.', "data.chunk") from None


def _pause(body: dict[str, Any]) -> Message:
    duration = _given(_data(body), "duration", "data.duration")
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        raise _Problem("invalid_type", f'"data.duration" must be a number, not {_kind(duration)}.', "data.duration")
    if not 0 <= duration <= MAX_PAUSE_MS:
        raise _Problem("invalid_value", f'"data.duration" must be 0 to {MAX_PAUSE_MS} milliseconds.', "data.duration")
    return Pause(duration / 1000)


def _clear(body: dict[str, Any]) -> Message:
    return ClearAudio()


def _subscribe(body: dict[str, Any]) -> Message:
    wanted = _given(_data(body), "played", "data.played")
    if not isinstance(wanted, bool):
        raise _Problem("invalid_type", f'"data.played" must be true or false, not {_kind(wanted)}.', "data.played")
    return Subscribe(wanted)


_READERS: dict[str, Callable[[dict[str, Any]], Message | None]] = {
    "realtime_audio.bot_output": _bot_output,
    "pause_current_lecture": _pause,
    "realtime_audio.clear": _clear,
    "realtime_audio.subscribe": _subscribe,
}
