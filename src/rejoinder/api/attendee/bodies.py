"""Attendee's request bodies as JSON Schema (2020-12), for the API's description; ``create`` and ``fields`` read them.

Unlike MeetStream's, no field is taken that is not known. Null counts as left out.
"""

from __future__ import annotations

from typing import Any

from rejoinder.api.attendee.blocks import APART_RATES, ECHOED, LEAVE_FIELDS, MAX_LEAVE_S, MIXED_RATES
from rejoinder.api.attendee.create import (
    IMAGE_TYPES,
    MAX_CHAT_CHARS,
    MAX_KEY_CHARS,
    MAX_NAME_CHARS,
    MAX_WEBHOOKS,
    PROVIDERS,
    RECORDING_FIELDS,
)
from rejoinder.api.meetstream.fields import MAX_LINK_CHARS
from rejoinder.webhooks.attendee import TRIGGERS

Schema = dict[str, Any]
MAX_SPEECH_CHARS = 10_000


def _object(description: str, required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    schema: Schema = {
        "type": "object",
        "description": description,
        "properties": properties,
        "additionalProperties": False,
    }
    return schema | ({"required": [*required]} if required else {})


def _block(description: str, /, **properties: Schema) -> Schema:
    return {**_object(description, **properties), "type": ["object", "null"]}


def _may(kind: str, description: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], "description": description, **more}


def _text(description: str, longest: int, **more: Any) -> Schema:
    return {"type": "string", "description": description, "minLength": 1, "maxLength": longest, **more}


def _choice(description: str, *values: str) -> Schema:
    return _may("string", description, enum=[*values, None])


def _file(description: str, kinds: Schema) -> Schema:
    data = {"type": "string", "description": "The file in base64, at most 10 MB.", "contentEncoding": "base64"}
    return _object(description, ("type", "data"), type=kinds, data=data)


_IMAGE = {"type": "string", "enum": [*IMAGE_TYPES], "description": "What kind of picture it is."}

_CHAT = {
    "to": _choice("Everyone; the chats of this server's meetings have no other.", "everyone"),
    "to_user_uuid": _may("string", "Accepted."),
    "message": _text("The text, without characters beyond U+FFFF.", MAX_CHAT_CHARS),
}

_WEBHOOK = _object(
    "Who is told of what.",
    ("url", "triggers"),
    url={"type": "string", "format": "uri", "description": "https."},
    triggers={"type": "array", "minItems": 1, "items": {"enum": sorted(TRIGGERS)}},
)


def _socket(description: str, rates: tuple[int, ...], **more: Schema) -> Schema:
    return {
        **_object(
            description,
            ("url",),
            url={"type": "string", "format": "uri", "description": "wss."},
            sample_rate=_may("integer", "Hz (16000).", enum=[*rates, None]),
            **more,
        ),
        "type": ["object", "null"],
    }


_SOCKETS = _block(
    "Realtime audio.",
    audio=_socket(
        "What all participants say, mixed; and what the bot is to say.",
        MIXED_RATES,
        threshold=_may("number", "The bot falls silent while the others are louder than this RMS.", minimum=0),
    ),
    per_participant_audio=_socket("What each participant says.", APART_RATES),
)

_TRANSCRIPTION = _may(
    "object",
    "At most one provider with its options. The built-in engine transcribes in the place of others' services; "
    "`meeting_closed_captions` takes the platform's captions where it has some.",
    maxProperties=1,
    properties={name: _may("object", "Options.") for name in sorted(PROVIDERS)},
    additionalProperties=False,
)

_RECORDING = _block(
    "What is recorded.",
    format=_choice("mp4 and mp3 hold the sound; none: no recording.", "mp4", "mp3", "none"),
    view=_choice("Accepted; this server records no video.", "speaker_view", "gallery_view", "speaker_view_no_sidebar"),
    resolution=_choice("Accepted; this server records no video.", "1080p", "720p"),
    **{
        name: _may("boolean", "Accepted.")
        for name in sorted(RECORDING_FIELDS - {"format", "view", "resolution"})
        if name != "record_participant_speech_start_stop_events"
    },
    record_participant_speech_start_stop_events=_may("boolean", "Whether the events of who spoke are kept."),
)


def _seconds(name: str, default: float | None) -> Schema:
    least = 0 if name == "silence_activate_after_seconds" else 1
    usual = "never" if default is None else f"{default:g}"
    return _may("number", f"Seconds ({usual}).", minimum=least, maximum=MAX_LEAVE_S)


_LEAVE = _block(
    "When the bot leaves by itself.",
    **{name: _seconds(name, default) for name, default in LEAVE_FIELDS.items()},
    bot_keywords=_may(
        "array",
        "Participants whose names contain one of these are no people.",
        maxItems=100,
        items={"type": "string", "minLength": 1},
    ),
)

_LATER: dict[str, Schema] = {
    "meeting_url": _text("The meeting.", MAX_LINK_CHARS),
    "bot_name": _text("What participants see.", MAX_NAME_CHARS),
    "bot_image": {**_file("The picture shown as its video.", _IMAGE), "type": ["object", "null"]},
    "join_at": _may("string", "ISO 8601; left out: now.", format="date-time"),
    "recording_settings": _RECORDING,
    "metadata": _may("object", "Yours: echoed everywhere.", additionalProperties={"type": "string"}),
}
"""What can be changed while a bot is scheduled."""

CREATE = _object(
    "A bot.",
    ("meeting_url", "bot_name"),
    **_LATER,
    bot_chat_message={
        **_object("Posted to the chat when it comes in.", ("message",), **_CHAT),
        "type": ["object", "null"],
    },
    deduplication_key=_may(
        "string", "While a bot with it has not ended, no second one is made.", minLength=1, maxLength=MAX_KEY_CHARS
    ),
    webhooks=_may("array", "Who is told of what.", maxItems=MAX_WEBHOOKS, items=_WEBHOOK),
    transcription_settings=_TRANSCRIPTION,
    websocket_settings=_SOCKETS,
    automatic_leave_settings=_LEAVE,
    **{name: _may("object", "Checked and kept.") for name in ECHOED},
)

CHANGE = _object("What is to be different. All but `metadata` only while the bot is scheduled.", **_LATER)

CHAT_MESSAGE = _object("A chat message.", ("message",), **_CHAT)

AUDIO = _file(
    "A sound file, said after what the bot is saying.",
    {"type": "string", "pattern": "^audio/[A-Za-z0-9.+-]{1,60}$", "examples": ["audio/mp3"]},
)

IMAGE = _file("A picture, shown as the bot's video until the next one.", _IMAGE)

SPEECH = _object(
    "A text for the built-in voice.",
    ("text",),
    text=_text("What to say.", MAX_SPEECH_CHARS),
    text_to_speech_settings=_block(
        "Accepted; the built-in voice speaks.",
        google=_block(
            "Accepted.",
            voice_language_code=_may("string", "Accepted."),
            voice_name=_may("string", "Accepted."),
        ),
    ),
)

TRANSCRIBE = _object("How to transcribe the recording again.", transcription_settings=_TRANSCRIPTION)
