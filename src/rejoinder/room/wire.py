"""What clients may say in a room: JSON text in, typed messages out. The wire itself is ``docs/signalling.md``.

Everything a client sends passes :func:`parse`, so the rules in :mod:`rejoinder.room.state` see only well-formed
messages. Each fault is an :class:`rejoinder.errors.InvalidRequest` that names the field.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeAlias, cast

import orjson

from rejoinder.errors import InvalidRequest

MAX_NAME = 80
MAX_CHAT = 10_000
MAX_KEY = 64
MAX_MESSAGE_BYTES = 256 * 1024
"""Largest message taken from a client. A session description with many candidates stays below 20 KiB."""

Kind = Literal["person", "bot"]
JsonObject: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Join:
    """Come in (or knock). ``lobby`` counts only if the joiner becomes host by coming in."""

    name: str
    kind: Kind = "person"
    lobby: bool = False
    audio: bool = True
    video: bool = False
    key: str | None = None
    """Whom this is, for one who may come again: a second join with a key takes the first one's place."""
    epoch: int = 0
    """Which coming of the key's holder this is; an older one cannot take a newer one's place."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Pass a session description or an ICE candidate to one participant."""

    to: str
    data: JsonObject


@dataclass(frozen=True, slots=True)
class Chat:
    """Post to the chat."""

    text: str


@dataclass(frozen=True, slots=True)
class SetState:
    """The sender's microphone or camera went on or off."""

    audio: bool
    video: bool


@dataclass(frozen=True, slots=True)
class Admit:
    """Host: let a waiting participant in."""

    participant: str


@dataclass(frozen=True, slots=True)
class Deny:
    """Host: send a waiting participant away."""

    participant: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Host: put a participant out of the meeting."""

    participant: str


@dataclass(frozen=True, slots=True)
class SetLobby:
    """Host: make newcomers wait, or not."""

    enabled: bool


@dataclass(frozen=True, slots=True)
class End:
    """Host: the meeting is over for everyone."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The sender goes."""


ClientMessage: TypeAlias = Join | Signal | Chat | SetState | Admit | Deny | Remove | SetLobby | End | Leave

TYPES = ("join", "signal", "chat", "state", "admit", "deny", "remove", "lobby", "end", "leave")


def error(fault: InvalidRequest) -> JsonObject:
    """The message that tells a client what was wrong with theirs."""
    message: JsonObject = {"type": "error", "code": fault.code, "message": str(fault)}
    if fault.field is not None:
        message["field"] = fault.field
    return message


def parse(data: str | bytes) -> ClientMessage:
    """Read one text frame. Raises :class:`InvalidRequest`."""
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "surrogatepass"))
    if size > MAX_MESSAGE_BYTES:
        raise InvalidRequest(
            f"A message may have at most {MAX_MESSAGE_BYTES:,} bytes; this one has {size:,}.",
            code="too_large",
        )
    if isinstance(data, bytes):
        raise InvalidRequest("Messages are JSON in text frames; this was a binary frame.", code="invalid_json")
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError as fault:
        raise InvalidRequest(f"The message is not valid JSON: {fault}.", code="invalid_json") from None
    if not isinstance(message, dict):
        raise InvalidRequest(
            f'A message is a JSON object such as {{"type":"leave"}}, not {_name(message)}.',
            code="invalid_json",
        )
    return _typed(message)


def _typed(message: JsonObject) -> ClientMessage:
    if "type" not in message:
        raise InvalidRequest('A message needs a "type".', field="type", code="missing")
    match message["type"]:
        case "join":
            return Join(
                name=_person_name(message),
                kind=_kind(message),
                lobby=_boolean(message, "lobby", False),
                audio=_boolean(message, "audio", True),
                video=_boolean(message, "video", False),
                key=_text(message, "key", MAX_KEY) if message.get("key") is not None else None,
                epoch=_epoch(message),
            )
        case "signal":
            return Signal(to=_text(message, "to", 64), data=_signal_data(message))
        case "chat":
            return Chat(text=_chat_text(message))
        case "state":
            return SetState(audio=_boolean(message, "audio"), video=_boolean(message, "video"))
        case "admit":
            return Admit(_text(message, "participant", 64))
        case "deny":
            return Deny(_text(message, "participant", 64))
        case "remove":
            return Remove(_text(message, "participant", 64))
        case "lobby":
            return SetLobby(enabled=_boolean(message, "enabled"))
        case "end":
            return End()
        case "leave":
            return Leave()
        case other:
            shown = repr(other)[:60] if isinstance(other, str) else _name(other)
            raise InvalidRequest(
                f'"type" must be one of {", ".join(TYPES)}; it was {shown}.',
                field="type",
                code="unknown_type",
            )


def _name(value: object) -> str:
    """JSON's word for the type of ``value``."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"


def _wrong(field: str, expected: str, value: object) -> NoReturn:
    raise InvalidRequest(f'"{field}" must be {expected}, not {_name(value)}.', field=field, code="invalid")


def _required(message: JsonObject, field: str) -> object:
    if field not in message:
        raise InvalidRequest(f'A "{message["type"]}" message needs "{field}".', field=field, code="missing")
    return message[field]


def _boolean(message: JsonObject, field: str, default: bool | None = None) -> bool:
    value = message.get(field, default) if default is not None else _required(message, field)
    if not isinstance(value, bool):
        _wrong(field, "true or false", value)
    return value


def _text(message: JsonObject, field: str, most: int) -> str:
    value = _required(message, field)
    if not isinstance(value, str):
        _wrong(field, "a string", value)
    if not 1 <= len(value) <= most:
        raise InvalidRequest(
            f'"{field}" must have 1 to {most:,} characters; it has {len(value):,}.',
            field=field,
            code="invalid",
        )
    return value


def _person_name(message: JsonObject) -> str:
    """A name on one line: white space is squeezed, what cannot be seen is not taken."""
    value = _required(message, "name")
    if not isinstance(value, str):
        _wrong("name", "a string", value)
    name = " ".join(value.split())
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidRequest(
            f'"name" must have 1 to {MAX_NAME} characters; it has {len(name):,}.',
            field="name",
            code="invalid",
        )
    if any(unicodedata.category(char) == "Cc" for char in name):
        raise InvalidRequest('"name" must not hold control characters.', field="name", code="invalid")
    return name


def _kind(message: JsonObject) -> Kind:
    value = message.get("kind", "person")
    if value not in ("person", "bot"):
        raise InvalidRequest('"kind" must be "person" or "bot".', field="kind", code="invalid")
    return cast(Kind, value)


def _epoch(message: JsonObject) -> int:
    value = message.get("epoch", 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        _wrong("epoch", "a whole number from 0", value)
    return value


def _chat_text(message: JsonObject) -> str:
    text = _text(message, "text", MAX_CHAT)
    if not text.strip():
        raise InvalidRequest('"text" must hold more than white space.', field="text", code="invalid")
    return text


def _signal_data(message: JsonObject) -> JsonObject:
    data = _required(message, "data")
    if not isinstance(data, dict):
        _wrong("data", 'an object with "description" or "candidate"', data)
    if ("description" in data) == ("candidate" in data):
        raise InvalidRequest('"data" must have either "description" or "candidate".', field="data", code="invalid")
    if "description" in data:
        _check_description(data["description"])
    elif data["candidate"] is not None:
        _check_candidate(data["candidate"])
    return data


def _check_description(description: object) -> None:
    field = "data.description"
    if not isinstance(description, dict):
        _wrong(field, 'an object with "type" and "sdp"', description)
    if description.get("type") not in ("offer", "answer"):
        raise InvalidRequest(f'"{field}.type" must be "offer" or "answer".', field=f"{field}.type", code="invalid")
    if not isinstance(description.get("sdp"), str):
        _wrong(f"{field}.sdp", "a string", description.get("sdp"))


def _check_candidate(candidate: object) -> None:
    field = "data.candidate"
    if not isinstance(candidate, dict):
        _wrong(field, "null or an object", candidate)
    if not isinstance(candidate.get("candidate"), str):
        _wrong(f"{field}.candidate", "a string", candidate.get("candidate"))
    mid, index = candidate.get("sdpMid"), candidate.get("sdpMLineIndex")
    if mid is not None and not isinstance(mid, str):
        _wrong(f"{field}.sdpMid", "a string or null", mid)
    if index is not None and (isinstance(index, bool) or not isinstance(index, int)):
        _wrong(f"{field}.sdpMLineIndex", "a whole number or null", index)
