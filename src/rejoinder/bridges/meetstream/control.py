"""The JSON messages of MeetStream's control socket, both ways. Pure.

The bot is the websocket client; the user's server sends commands, the bot sends ``ready``, the meeting's chat and
word of interruptions. Two spellings of the commands are in use and both are taken:

- ``{"command": "sendaudio", "audiochunk": ...}``, the guide "External Meeting Control & Command Patterns"
- ``{"action": "sendaudio", "audio": ...}``, the article "Real-Time Actions in Meeting Bots"

MeetStream documents no error message; rejoinder answers a command it cannot take with
``{"type": "error", "code", "message", "command", "field"}`` on the same socket, which stays open.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import orjson

from rejoinder.core.commands import (
    BotCommand,
    ClearAudio,
    MirrorChat,
    PlayAudio,
    SendChat,
    ShowImage,
    ShowImageUrl,
)
from rejoinder.errors import InvalidRequest
from rejoinder.outgoing import image_type, parse_url

DEFAULT_SAMPLE_RATE = 48_000
"""Hz assumed of a ``sendaudio`` that names no rate; the rate MeetStream recommends."""
MIN_SAMPLE_RATE = 8_000
"""Hz. Telephone speech; no speech synthesiser gives less, so less is a mistake (kHz for Hz, say)."""
MAX_SAMPLE_RATE = 192_000
"""Hz. The highest rate of common sound hardware and files; more is a mistake (bits per second for Hz, say)."""
MAX_CHAT_CHARS = 10_000
"""The longest chat message the room takes."""
MAX_MESSAGE_BYTES = 16 * 2**20
MAX_IMAGE_BYTES = 10 * 2**20


@dataclass(frozen=True, slots=True)
class CommandError:
    """Why a message could not be taken. ``code`` is a short stable word, ``field`` the sender's name for it."""

    code: str
    message: str
    command: str | None = None
    field: str | None = None

    def encode(self) -> str:
        """The message to answer with."""
        body: dict[str, Any] = {
            "type": "error",
            "code": self.code,
            "message": self.message,
            "command": self.command,
        }
        if self.field is not None:
            body["field"] = self.field
        return _dumps(body)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one message may carry, in bytes: the whole message, and the image in it once decoded."""

    message_bytes: int = MAX_MESSAGE_BYTES
    image_bytes: int = MAX_IMAGE_BYTES


def ready(bot_id: str, speaker_id: str | None = None) -> str:
    """The first message on both sockets.

    ``speaker_id`` is the bot's own id in audio frames and ``usermsg``, so that a server can tell its voice
    from people's (MeetStream's article has servers filter by it, but no MeetStream message carries it).
    """
    body = {"type": "ready", "bot_id": bot_id, "message": "Ready to receive messages"}
    if speaker_id is not None:
        body["speaker_id"] = speaker_id
    return _dumps(body)


def usermsg(bot_id: str, text: str, speaker_id: str, speaker_name: str, at: float) -> str:
    """Someone wrote ``text`` in the meeting's chat at ``at`` (Unix seconds)."""
    return _dumps(
        {
            "command": "usermsg",
            "message": text,
            "bot_id": bot_id,
            "speaker_id": speaker_id,
            "speaker_name": speaker_name,
            "timestamp": at,
        }
    )


def interrupted(bot_id: str) -> str:
    """Someone began to speak over the bot."""
    return _dumps({"command": "interrupt", "bot_id": bot_id})


def decode(message: str | bytes, bot_id: str, limits: Limits | None = None) -> list[BotCommand] | CommandError:
    """Read one message of the user's server; never raises.

    Empty list: nothing is to be done (acknowledgements, messages with an unknown ``type``).
    """
    limits = limits or Limits()
    if len(message) > limits.message_bytes:
        return CommandError(
            "message_too_large",
            f"A message may have at most {limits.message_bytes} bytes; this one has {len(message)}. "
            "Send audio in chunks of 0.5 to 2 seconds.",
        )
    try:
        body = orjson.loads(message)
    except orjson.JSONDecodeError as error:
        return CommandError("invalid_json", f"The message is not valid JSON: {error}")
    if not isinstance(body, dict):
        return CommandError("not_an_object", f"A message must be a JSON object, not {_kind(body)}.")
    name: str | None = None
    try:
        name = _command_name(body)
        if name is None:
            return []
        _check_bot_id(body, bot_id)
        return _DECODERS[name](body, limits)
    except _Wrong as wrong:
        return CommandError(wrong.code, wrong.message, wrong.command or name, wrong.field)


class _Wrong(Exception):
    """Carries a CommandError's parts out of a reader."""

    def __init__(self, code: str, message: str, field: str | None = None, command: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.field, self.command = code, message, field, command


def _dumps(body: dict[str, Any]) -> str:
    try:
        return orjson.dumps(body).decode()
    except TypeError:  # a lone surrogate in a name or a chat message has no UTF-8 form
        return orjson.dumps({key: _clean(value) for key, value in body.items()}).decode()


def _clean(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _command_name(body: dict[str, Any]) -> str | None:
    """Which command this is; None for what is to be ignored."""
    key = "command" if body.get("command") not in (None, "") else "action"
    name = body.get(key)
    if name in (None, ""):
        kind = body.get("type")
        if not isinstance(kind, str):
            raise _Wrong("missing_field", 'Name the command in "command".', "command")
        if kind in _DECODERS:
            raise _Wrong("missing_field", f'Name the command in "command", not in "type": "{kind}".', "command")
        return None
    if not isinstance(name, str):
        raise _Wrong("invalid_type", f'"{key}" must be a string, not {_kind(name)}.', key)
    if name == "ack":
        return None
    if name not in _DECODERS:
        shown = name[:64]
        raise _Wrong(
            "unknown_command",
            f'Unknown command "{shown}". Known: {", ".join(_DECODERS)}.',
            key,
            command=shown,
        )
    return name


def _check_bot_id(body: dict[str, Any], bot_id: str) -> None:
    given = body.get("bot_id")
    if given in (None, ""):
        return
    if not isinstance(given, str):
        raise _Wrong("invalid_type", f'"bot_id" must be a string, not {_kind(given)}.', "bot_id")
    if given != bot_id:
        raise _Wrong("wrong_bot_id", f'This socket belongs to bot "{bot_id}".', "bot_id")


def _first(body: dict[str, Any], *names: str) -> tuple[str, Any]:
    """The first of ``names`` that is given, and its value; None counts as not given."""
    for name in names:
        if (value := body.get(name)) is not None:
            return name, value
    return names[0], None


def _string(body: dict[str, Any], *names: str) -> tuple[str, str]:
    field, value = _first(body, *names)
    if value is None:
        raise _Wrong("missing_field", f'"{field}" is required.', field)
    if not isinstance(value, str):
        raise _Wrong("invalid_type", f'"{field}" must be a string, not {_kind(value)}.', field)
    return field, value


def _text(body: dict[str, Any], *names: str) -> tuple[str, str]:
    field, text = _string(body, *names)
    if len(text) > MAX_CHAT_CHARS:
        raise _Wrong(
            "text_too_long",
            f'"{field}" may have at most {MAX_CHAT_CHARS} characters; this one has {len(text)}.',
            field,
        )
    return field, text


def _base64(field: str, text: str) -> bytes:
    """Decode strictly; line breaks (as MIME encoders add) are the one thing forgiven."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        pass
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError as error:
        raise _Wrong("invalid_base64", f'"{field}" is not valid base64: {error}.', field) from None


def _fixed(body: dict[str, Any], field: str, code: str, allowed: object) -> None:
    """``field`` may be left out; given, it must be ``allowed``."""
    value = body.get(field)
    if value is None:
        return
    same = value.lower() == allowed if isinstance(value, str) else value == allowed
    if not same or isinstance(value, bool):
        raise _Wrong(code, f'"{field}" must be {orjson.dumps(allowed).decode()}, the only one supported.', field)


def _sample_rate(body: dict[str, Any]) -> int:
    rate = body.get("sample_rate")
    if rate is None:
        return DEFAULT_SAMPLE_RATE
    if not isinstance(rate, int) or isinstance(rate, bool) or not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
        raise _Wrong(
            "invalid_sample_rate",
            f'"sample_rate" must be a whole number of Hz from {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE}.',
            "sample_rate",
        )
    return rate


def _sendaudio(body: dict[str, Any], limits: Limits) -> list[BotCommand]:
    _fixed(body, "encoding", "unsupported_encoding", "pcm16")
    _fixed(body, "channels", "unsupported_channels", 1)
    _fixed(body, "endianness", "unsupported_endianness", "little")
    rate = _sample_rate(body)
    field, chunk = _string(body, "audiochunk", "audio")
    pcm = _base64(field, chunk)
    if not pcm:  # how an old client interrupted the bot
        return [ClearAudio()]
    if len(pcm) % 2:
        raise _Wrong("odd_byte_count", f'"{field}" has {len(pcm)} bytes; 16-bit samples take two bytes each.', field)
    return [PlayAudio(pcm, rate)]


def _sendmsg(body: dict[str, Any], limits: Limits) -> list[BotCommand]:
    field, text = _text(body, "message", "msg")
    if not text.strip():
        raise _Wrong("empty_text", f'"{field}" is empty.', field)
    return [SendChat(text)]


def _sendchat(body: dict[str, Any], limits: Limits) -> list[BotCommand]:
    field, role = _string(body, "role")
    if role not in ("assistant", "user"):
        raise _Wrong("invalid_value", '"role" must be "assistant" or "user".', field)
    final = body.get("is_final")
    if final is None:
        raise _Wrong("missing_field", '"is_final" is required.', "is_final")
    if not isinstance(final, bool):
        raise _Wrong("invalid_type", f'"is_final" must be true or false, not {_kind(final)}.', "is_final")
    field, text = _text(body, "text")
    if not text.strip():
        if not final:  # a stream of tokens may begin with nothing
            return []
        raise _Wrong("empty_text", f'"{field}" is empty.', field)
    return [MirrorChat("assistant" if role == "assistant" else "user", text, final)]


def _interrupt(body: dict[str, Any], limits: Limits) -> list[BotCommand]:
    # With "action" as discriminator (or repeated next to "command") the queue's verb stands in "type".
    for field in ("action", "type"):
        verb = body.get(field)
        if verb in (None, "", "interrupt"):
            continue
        if verb != "clear_audio_queue":
            raise _Wrong("invalid_value", f'"{field}" must be "clear_audio_queue".', field)
    return [ClearAudio()]


def _sendimg(body: dict[str, Any], limits: Limits) -> list[BotCommand]:
    field, text = _string(body, "img")
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise _Wrong("invalid_base64", f'"{field}" is a data: URI without base64 data.', field)
    if len(text) > limits.image_bytes * 2:  # base64 takes 4/3; the rest of the factor is room for line breaks
        raise _too_large(field, limits)
    data = _base64(field, text)
    if len(data) > limits.image_bytes:
        raise _too_large(field, limits)
    if image_type(data) is None:
        raise _Wrong("invalid_image", f'"{field}" must be a JPEG or PNG file.', field)
    return [ShowImage(data)]


def _too_large(field: str, limits: Limits) -> _Wrong:
    return _Wrong("image_too_large", f'"{field}" may have at most {limits.image_bytes} bytes.', field)


def _sendimg_url(body: dict[str, Any], limits: Limits) -> list[BotCommand]:
    field, url = _string(body, "img_url")
    try:
        parse_url(url, ("http", "https"), field)
    except InvalidRequest as error:
        raise _Wrong("invalid_url", str(error), field) from None
    return [ShowImageUrl(url)]


_DECODERS = cast(
    dict[str, Callable[[dict[str, Any], Limits], list[BotCommand]]],
    {
        "sendaudio": _sendaudio,
        "sendmsg": _sendmsg,
        "sendchat": _sendchat,
        "interrupt": _interrupt,
        "sendimg": _sendimg,
        "sendimg_url": _sendimg_url,
    },
)
