"""The request bodies as JSON Schema (2020-12), for the API's description; ``requests`` reads them.

Every spelling that is taken is described. Unknown fields are let through, and null counts as left out.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def _object(description: str, *, required: list[str] | None = None, **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "description": description, "properties": properties}
    return schema | ({"required": required} if required else {})


def _optional(kind: str, description: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], "description": description, **more}


def _url(description: str) -> Schema:
    return _optional("string", description, format="uri")


def _socket(description: str) -> Schema:
    return {
        "description": f"{description} A URL, or an object with one; an empty object is none.",
        "anyOf": [
            {"type": "object", "properties": {"websocket_url": {"type": ["string", "null"], "format": "uri"}}},
            {"type": ["string", "null"], "format": "uri"},
        ],
    }


_PROVIDER = _optional(
    "object",
    'Exactly one provider and its options, such as `{"meetstream": {}}`.',
    maxProperties=1,
    additionalProperties={"type": "object"},
    examples=[{"meetstream": {"language": "auto"}}],
)

_LEAVE = _optional(
    "object",
    "When the bot leaves by itself, in seconds.",
    properties={
        "waiting_room_timeout": _optional("number", "In the waiting room (600).", minimum=0),
        "no_one_joined_timeout": _optional("number", "Alone since it came (600).", minimum=0),
        "everyone_left_timeout": _optional("number", "Alone after others left (300).", minimum=0),
        "voice_inactivity_timeout": _optional("number", "Nobody speaks (100).", minimum=0),
        "in_call_recording_timeout": _optional("number", "In the meeting at all (14400); at least 600.", minimum=600),
        "recording_permission_denied_timeout": _optional(
            "number", "After recording was refused (60).", minimum=60, maximum=300
        ),
        "bot_detection": _optional(
            "object",
            "Leave when only bots are left.",
            properties={
                "using_participant_names": _optional(
                    "object",
                    "Known by their names.",
                    properties={
                        "matches": {"type": "array", "items": {"type": "string"}},
                        "activate_after": {"type": "number"},
                        "timeout": {"type": "number"},
                    },
                )
            },
        ),
    },
)

_RECORDING = _optional(
    "object",
    "What is recorded and made of it.",
    properties={
        "transcript": _optional("object", "Transcription.", properties={"provider": _PROVIDER}),
        "retention": _optional(
            "object",
            "How long everything is kept after the meeting.",
            properties={"type": {"const": "timed"}, "hours": {"type": "integer", "minimum": 1}},
        ),
        "realtime_endpoints": _optional(
            "array",
            "Who is told when participants come and go.",
            items=_object(
                "A webhook.",
                required=["type", "url", "events"],
                type={"const": "webhook"},
                url={"type": "string", "format": "uri"},
                events={
                    "type": "array",
                    "items": {"enum": ["participant_events.join", "participant_events.leave"]},
                },
            ),
        ),
        "audio_separate_streams": _optional("boolean", "As at the top level, which wins."),
        "video_separate_streams": _optional("boolean", "Accepted; this server records no video."),
        "video_layout": _optional("string", "Accepted; this server records no video."),
    },
)

_AGENT = _optional(
    "object",
    "The built-in voice agent (not in MeetStream's API). Left out: a bot that does not answer.",
    properties={
        "answer": _optional("string", "When it answers.", enum=["auto", "addressed", "always", None]),
        "greeting": _optional("string", "What it says when it comes in."),
        "prompt": _optional("string", "Who it is and how it behaves."),
        "chat_mirror": _optional("boolean", "Whether answers are written to the chat too."),
    },
)


def _login(platform: str, strict: str) -> Schema:
    return _optional(
        "object",
        "Join signed in, with one of the operator's browser profiles. A malformed block is passed over: a guest.",
        properties={
            "login_required": _optional("boolean", "Whether to sign in at all."),
            f"{platform}_login_domain": _optional("string", "The group of profiles; any free one of it is used."),
            "sign_in_email": _optional("string", "The account of the group to be preferred."),
            "strict_email": _optional("boolean", f"Whether no other account will do ({strict})."),
        },
    )


CREATE = _object(
    "A bot. Spellings of all generations of MeetStream's API are taken.",
    required=["meeting_link"],
    meeting_link={"type": "string", "description": "The meeting; `meeting_url` is taken too."},
    bot_name=_optional("string", "What participants see.", maxLength=80),
    bot_message=_optional("string", "Posted to the chat when it comes in."),
    bot_image_url=_url("The picture shown as its video: JPEG or PNG."),
    callback_url=_url('Where lifecycle webhooks go; "" is none.'),
    callback_retries=_optional(
        "integer", "How often an undelivered webhook is tried again (not in MeetStream's API).", minimum=0, maximum=20
    ),
    join_at=_optional("string", "ISO 8601, or `YYYY-MM-DD HH:MM:SS` in UTC; left out: now."),
    custom_attributes=_optional("object", "Yours: echoed everywhere, and filters of the list."),
    deduplication_key=_optional("string", "A second bot with it is not made.", minLength=1, maxLength=2000),
    socket_connection_url=_socket("Control socket: commands to the bot, chat from it."),
    live_audio_required=_socket("Audio socket: what each participant says."),
    live_video_required=_socket("Accepted; this server sends no video."),
    live_transcription_required=_optional(
        "object",
        "Where transcripts go while people speak; needs a streaming provider.",
        properties={"webhook_url": _url("POSTed."), "websocket_url": _url("Sent.")},
    ),
    audio_separate_streams=_optional("boolean", "Offer each participant's own recording (false)."),
    video_separate_streams=_optional("boolean", "Accepted; this server records no video."),
    audio_required=_optional("boolean", "Accepted; audio is always recorded."),
    video_required=_optional("boolean", "Accepted; this server records no video."),
    recording_config=_RECORDING,
    transcription=_optional("object", "The oldest way to name a provider."),
    automatic_leave=_LEAVE,
    agent=_AGENT,
    agent_config_id=_optional("string", "Which agent configuration to use."),
    agent_config_params=_optional("object", "Accepted."),
    workflow_config_ids=_optional("array", "Accepted.", items={"type": "string"}),
    zoom=_optional("object", "Accepted."),
    google_meet=_login("google", "false"),
    teams=_login("teams", "true"),
)

TRANSCRIBE = _object(
    "Which provider transcribes the recording (again).",
    required=["provider"],
    provider=_PROVIDER | {"type": "object", "minProperties": 1},
    callback_url=_url("Gets one `transcription.processed` or `transcription.failed`."),
)

MESSAGE = _object(
    "A chat message.",
    required=["message"],
    message={"type": "string", "minLength": 1},
    metadata=_optional("object", "Accepted."),
)

IMAGE = _object(
    "A picture.",
    required=["img_url"],
    img_url={"type": "string", "format": "uri", "description": "JPEG or PNG."},
    display_duration=_optional("number", "Seconds; left out: until the next one.", minimum=0),
    metadata=_optional("object", "Accepted."),
)
