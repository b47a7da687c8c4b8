"""Attendee's create call, and the change of a scheduled bot, read into a ``BotConfig``. Pure.

Every field is read, and every one that cannot be taken is named. What this server does not have is refused rather than
left undone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from rejoinder.api.attendee.blocks import ECHOED, UNSUPPORTED, check_echoed, parse_leave, parse_sockets, sign_in
from rejoinder.api.attendee.errors import FieldErrors
from rejoinder.api.attendee.fields import block, body_of, choice, flag, required, time_of, url, words
from rejoinder.api.meetstream.fields import MAX_LINK_CHARS, typed
from rejoinder.core.bot import AttendeeConfig, BotConfig, TranscriptConfig, TriggerWebhook
from rejoinder.core.links import platform_of
from rejoinder.errors import InvalidRequest
from rejoinder.webhooks.attendee import TRIGGERS

MAX_NAME_CHARS = 80
MAX_CHAT_CHARS = 10_000
MAX_KEY_CHARS = 1024
MAX_METADATA_CHARS = 1000
MAX_AHEAD_S = 3 * 366 * 86_400.0
MAX_WEBHOOKS = 2
RETRIES = 2
"""Attendee tries a webhook three times in all."""
MAX_IMAGE_BYTES = 10 * 2**20
IMAGE_TYPES = ("image/png", "image/jpeg")
RECORDING_FIELDS = {
    "format",
    "view",
    "resolution",
    "record_chat_messages_when_paused",
    "record_async_transcription_audio_chunks",
    "record_participant_speech_start_stop_events",
    "reserve_additional_storage",
}
PROVIDERS = frozenset(
    {
        "deepgram",
        "gladia",
        "openai",
        "assembly_ai",
        "sarvam",
        "elevenlabs",
        "kyutai",
        "custom_async",
        "custom_async_v2",
        "meeting_closed_captions",
    }
)
Picture = Callable[[dict[str, Any]], tuple[str, str]]
"""Decodes ``{type, data}`` to what is shown: content type and base64. Raises InvalidRequest."""


@dataclass(slots=True)
class _Draft:
    """A config in the making."""

    config: BotConfig
    attendee: AttendeeConfig


@dataclass(frozen=True, slots=True)
class Rules:
    """What the server allows. ``picture`` see :data:`Picture`; ``now``: Unix seconds."""

    picture: Picture
    now: float
    allow_plain: bool = False
    """Whether ``http`` and ``ws`` URLs may point at this computer."""


_Reader = Callable[[_Draft, dict[str, Any], Rules], None]


def parse_create(body: object, rules: Rules) -> BotConfig:
    """Read the body of a create call. Raises FieldErrors that names every wrong field, or InvalidRequest."""
    given = body_of(body, ()) if not isinstance(body, dict) else _known(body)
    draft = _Draft(BotConfig(""), AttendeeConfig())
    _read(draft, given, rules, READERS)
    config = draft.config
    return replace(
        config,
        attendee=draft.attendee,
        sign_in=sign_in(config.meeting_link, draft.attendee.settings),
        transcript=_transcript(config.meeting_link, draft.attendee.settings.get("transcription_settings", {})),
        callback_retries=RETRIES,
        request=_without_picture(given),
    )


def _without_picture(given: dict[str, Any]) -> dict[str, Any]:
    """The body as it is kept and shown again: the picture itself, which may have megabytes, is left out."""
    image = given.get("bot_image")
    if not isinstance(image, dict):
        return dict(given)
    return {**given, "bot_image": {**image, "data": f"({len(image.get('data') or '')} characters)"}}


EARLY = ("join_at", "meeting_url", "bot_name", "bot_image", "recording_settings")
"""Fields that can be changed while a bot is scheduled; ``metadata`` always."""


def parse_change(body: object, rules: Rules) -> tuple[Callable[[BotConfig], BotConfig], bool]:
    """Read the body of a change: what it does to a config, and whether only a scheduled bot can take it."""
    given = body_of(body, (*EARLY, "metadata"))
    given = {name: value for name, value in given.items() if value is not None or name == "metadata"}
    readers = {name: READERS[name] for name in given}

    def edit(config: BotConfig) -> BotConfig:
        draft = _Draft(config, config.attendee or AttendeeConfig())
        _read(draft, given, rules, readers)
        asked = draft.attendee.settings.get("transcription_settings", {})
        link = draft.config.meeting_link
        return replace(
            draft.config,
            attendee=draft.attendee,
            sign_in=config.sign_in if config.attendee is None else sign_in(link, draft.attendee.settings),
            transcript=_transcript(link, asked),
        )

    trial = edit(BotConfig("room"))  # the fields are judged before any bot is looked for
    if "join_at" in given and trial.join_at is None:
        raise FieldErrors({"join_at": "join_at must be in the future"})
    return edit, any(name in EARLY for name in given)


def _known(body: dict[str, Any]) -> dict[str, Any]:
    return body_of(body, {*READERS, *ECHOED, *UNSUPPORTED})


def _read(draft: _Draft, given: dict[str, Any], rules: Rules, readers: dict[str, _Reader]) -> None:
    wrong: dict[str, str] = {}
    for name, reader in readers.items():
        try:
            reader(draft, given, rules)
        except InvalidRequest as error:
            wrong[name] = str(error)
    if readers is READERS:
        for name, message in check_echoed(given).items():
            wrong[name] = message
        echoed = {name: given[name] for name in ECHOED if given.get(name) is not None}
        draft.attendee = replace(draft.attendee, settings=draft.attendee.settings | echoed)
    if wrong:
        raise FieldErrors(wrong)


# -- one reader per field -------------------------------------------------------------------------------------


def _meeting_url(draft: _Draft, given: dict[str, Any], rules: Rules) -> None:
    required(given, "meeting_url")
    draft.config = replace(draft.config, meeting_link=(words(given, "meeting_url", MAX_LINK_CHARS) or "").strip())


def _bot_name(draft: _Draft, given: dict[str, Any], rules: Rules) -> None:
    required(given, "bot_name")
    draft.config = replace(draft.config, bot_name=words(given, "bot_name", MAX_NAME_CHARS, bmp=True) or "")


def _bot_image(draft: _Draft, given: dict[str, Any], rules: Rules) -> None:
    image = block(given, "bot_image", ("type", "data"))
    if given.get("bot_image") is not None:
        draft.attendee = replace(draft.attendee, image=rules.picture(image))


def _metadata(draft: _Draft, given: dict[str, Any], rules: Rules) -> None:
    metadata = block(given, "metadata")
    for name, value in metadata.items():
        if not isinstance(value, str):
            raise InvalidRequest(f"metadata.{name} must be a string", field=f"metadata.{name}")
    if len(json.dumps(metadata)) > MAX_METADATA_CHARS:
        raise InvalidRequest(f"metadata may have at most {MAX_METADATA_CHARS} characters as JSON", field="metadata")
    draft.attendee = replace(draft.attendee, metadata=metadata)
    draft.config = replace(draft.config, custom_attributes=dict(metadata))


def _chat_message(draft: _Draft, given: dict[str, Any], rules: Rules) -> None:
    if given.get("bot_chat_message") is None:
        return
    message = block(given, "bot_chat_message", ("to", "to_user_uuid", "message"))
    draft.config = replace(draft.config, bot_message=parse_message(message, "bot_chat_message."))


def parse_message(message: dict[str, Any], path: str = "") -> str:
    """``{to, to_user_uuid, message}``: the text. Our meetings have one chat, which everybody reads."""
    to = choice(message, "to", ("everyone", "specific_user", "everyone_but_host"), path) or "everyone"
    typed(message, "to_user_uuid", "string", path)
    if to != "everyone":
        raise InvalidRequest(f'{path}to: "{to}" is not supported by this server', field=f"{path}to")
    required(message, "message", path)
    return words(message, "message", MAX_CHAT_CHARS, path, bmp=True) or ""


def _join_at(draft: _Draft, given: dict[str, Any], rules: Rules) -> None:
    at = time_of(given, "join_at")
    if at is None:
        return
    if at > rules.now + MAX_AHEAD_S:
        raise InvalidRequest("join_at must be within three years from now", field="join_at")
    draft.config = replace(draft.config, join_at=at if at > rules.now else None)


def _deduplication_key(draft: _Draft, given: dict[str, Any], rules: Rules) -> None:
    key = words(given, "deduplication_key", MAX_KEY_CHARS)
    draft.config = replace(draft.config, deduplication_key=key)


def _webhooks(draft: _Draft, given: dict[str, Any], rules: Rules) -> None:
    entries = typed(given, "webhooks", "array") or []
    if len(entries) > MAX_WEBHOOKS:
        raise InvalidRequest(f"webhooks may have at most {MAX_WEBHOOKS} entries", field="webhooks")
    found: list[TriggerWebhook] = []
    for place, entry in enumerate(entries):
        path = f"webhooks[{place}]"
        if not isinstance(entry, dict):
            raise InvalidRequest(f"{path} must be an object", field=path)
        body_of(entry, ("url", "triggers"))
        address = url(required(entry, "url", f"{path}."), f"{path}.url", "https", "http", allow_plain=rules.allow_plain)
        triggers = typed(entry, "triggers", "array", f"{path}.")
        if not triggers:
            raise InvalidRequest(f"{path}.triggers must name at least one trigger", field=f"{path}.triggers")
        for trigger in triggers:
            if not isinstance(trigger, str) or trigger not in TRIGGERS:
                raise InvalidRequest(
                    f"{path}.triggers may have {', '.join(sorted(TRIGGERS))}", field=f"{path}.triggers"
                )
        if any(hook.url == address for hook in found):
            raise InvalidRequest(f"{path}.url is there twice", field=f"{path}.url")
        found.append(TriggerWebhook(address, tuple(dict.fromkeys(triggers))))
    draft.attendee = replace(draft.attendee, webhooks=tuple(found))


def _transcription(draft: _Draft, given: dict[str, Any], rules: Rules) -> None:
    settings = transcription_settings(given)
    draft.attendee = replace(
        draft.attendee,
        settings=draft.attendee.settings | {"transcription_settings": settings}
        if settings
        else draft.attendee.settings,
    )


def transcription_settings(given: dict[str, Any]) -> dict[str, Any]:
    """``transcription_settings``: at most one provider with its options."""
    settings = block(given, "transcription_settings", PROVIDERS)
    settings = {name: options for name, options in settings.items() if options is not None}
    for name in settings:
        block(settings, name, None, "transcription_settings.")
    if len(settings) > 1:
        raise InvalidRequest("transcription_settings may have one provider", field="transcription_settings")
    return settings


def _transcript(link: str, settings: dict[str, Any]) -> TranscriptConfig:
    """Who transcribes: the platform's captions where they were asked for (or nothing was) and there are any, else the
    built-in engine while people speak, so that ``transcript.update`` comes as with Attendee's own providers."""
    captions = not settings or "meeting_closed_captions" in settings
    name = "meeting_captions" if captions and platform_of(link) != "Room" else "meetstream_streaming"
    return TranscriptConfig(name, {})


def _recording(draft: _Draft, given: dict[str, Any], rules: Rules) -> None:
    recording = block(given, "recording_settings", RECORDING_FIELDS)
    path = "recording_settings."
    kind = choice(recording, "format", ("mp4", "mp3", "none"), path) or "mp4"
    choice(recording, "view", ("speaker_view", "gallery_view", "speaker_view_no_sidebar"), path)
    choice(recording, "resolution", ("1080p", "720p"), path)
    for name in sorted(RECORDING_FIELDS - {"format", "view", "resolution"}):
        flag(recording, name, path)
    settings = draft.attendee.settings | ({"recording_settings": recording} if recording else {})
    draft.attendee = replace(
        draft.attendee, recording_format=cast(Literal["mp4", "mp3", "none"], kind), settings=settings
    )
    draft.config = replace(draft.config, record=kind != "none")


def _sockets(draft: _Draft, given: dict[str, Any], rules: Rules) -> None:
    audio, apart = parse_sockets(given, allow_plain=rules.allow_plain)
    draft.attendee = replace(draft.attendee, audio=audio, per_participant_audio=apart)


def _leave(draft: _Draft, given: dict[str, Any], rules: Rules) -> None:
    draft.config = replace(draft.config, leave=parse_leave(given))


READERS: dict[str, _Reader] = {
    "meeting_url": _meeting_url,
    "bot_name": _bot_name,
    "bot_image": _bot_image,
    "metadata": _metadata,
    "bot_chat_message": _chat_message,
    "join_at": _join_at,
    "deduplication_key": _deduplication_key,
    "webhooks": _webhooks,
    "transcription_settings": _transcription,
    "recording_settings": _recording,
    "websocket_settings": _sockets,
    "automatic_leave_settings": _leave,
}
