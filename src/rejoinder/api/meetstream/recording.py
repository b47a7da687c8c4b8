"""The parts of a create call about recording and transcripts. Pure.

``recording_config`` of today, ``transcription`` of 2025 and ``live_transcription_required`` are read to the same nouns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rejoinder.api.meetstream.fields import link, text, typed, whole
from rejoinder.core.bot import LiveTranscript, ParticipantWebhook, TranscriptConfig
from rejoinder.errors import InvalidRequest

POST_CALL_PROVIDERS = ("deepgram", "assemblyai", "jigsawstack", "sarvam", "meetstream")
STREAMING_PROVIDERS = (
    "deepgram_streaming",
    "assemblyai_streaming",
    "meetstream_streaming",
    "jigsawstack_streaming",
    "meeting_captions",
)
PROVIDERS = POST_CALL_PROVIDERS + STREAMING_PROVIDERS
PARTICIPANT_EVENTS = ("participant_events.join", "participant_events.leave")
MAX_ENDPOINTS = 20
MAX_RETENTION_HOURS = 87_600
"""Ten years."""


@dataclass(frozen=True, slots=True)
class RecordingParts:
    """What the recording part of a create call comes to."""

    transcript: TranscriptConfig | None
    live_transcript: LiveTranscript | None
    participant_webhooks: tuple[ParticipantWebhook, ...]
    audio_separate_streams: bool
    retention_hours: float | None


def parse_recording(body: dict[str, Any]) -> RecordingParts:
    """Read ``recording_config`` and its older forms. Raises InvalidRequest."""
    config = typed(body, "recording_config", "object") or {}
    path = "recording_config."
    transcript = typed(config, "transcript", "object", path) or {}
    named = _provider(typed(transcript, "provider", "object", f"{path}transcript."), f"{path}transcript.provider")
    named = named or _provider(typed(body, "transcription", "object"), "transcription")
    live, alias = _live(typed(body, "live_transcription_required", "object") or {}, named)
    separate = typed(config, "audio_separate_streams", "boolean", path)
    typed(config, "video_separate_streams", "boolean", path)
    typed(config, "video_layout", "string", path)
    own = typed(body, "audio_separate_streams", "boolean")  # the top level wins
    return RecordingParts(
        transcript=named or alias,
        live_transcript=live,
        participant_webhooks=_endpoints(typed(config, "realtime_endpoints", "array", path) or []),
        audio_separate_streams=bool(separate if own is None else own),
        retention_hours=_retention(typed(config, "retention", "object", path) or {}),
    )


def _provider(given: dict[str, Any] | None, path: str, known: tuple[str, ...] = PROVIDERS) -> TranscriptConfig | None:
    """``{name: {options}}``. Nothing and ``{}`` mean none; options may be left out, in part or as a whole."""
    names = [name for name, options in (given or {}).items() if options is not None]
    if not names:
        return None
    if len(names) > 1:
        raise InvalidRequest(f"{path} must have exactly one provider; it has {len(names)}", field=path)
    name = names[0]
    _known(name, path, known)
    return TranscriptConfig(name, typed(given or {}, name, "object", f"{path}.") or {})


def _known(name: str, path: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise InvalidRequest(
            f'{path}: there is no provider "{name[:60]}"; there are {", ".join(known)}', field=path, code="unknown"
        )


def _live(
    live: dict[str, Any], named: TranscriptConfig | None
) -> tuple[LiveTranscript | None, TranscriptConfig | None]:
    """Where live transcripts go, and the provider if it is given here.

    A webhook for live transcripts needs a streaming provider: MeetStream's rule. It stands in
    ``recording_config.transcript.provider.<name>``; MeetStream's article puts it in
    ``live_transcription_required.provider``, as an object with ``name`` and options, or as the name alone.
    """
    path = "live_transcription_required."
    webhook = link(live, "webhook_url", path=path)
    websocket = link(live, "websocket_url", ("wss", "ws"), path)
    own = live.get("provider")
    options = {key: value for key, value in own.items() if key != "name"} if isinstance(own, dict) else {}
    name = own.get("name") if isinstance(own, dict) else own
    if name is not None and not isinstance(name, str):
        raise InvalidRequest(f"{path}provider.name must be a string", field=f"{path}provider.name")
    streaming = name in STREAMING_PROVIDERS or (named is not None and named.streaming)
    if webhook is not None and not streaming:
        raise InvalidRequest(
            "live_transcription_required.webhook_url is provided but no streaming provider found. "
            f"Use one of: {', '.join(STREAMING_PROVIDERS)}",
            field=f"{path}webhook_url",
        )
    if name:
        _known(name, f"{path}provider", PROVIDERS)
    target = LiveTranscript(webhook, websocket) if webhook or websocket else None
    return target, TranscriptConfig(name, options) if name else None


def _endpoints(entries: list[Any]) -> tuple[ParticipantWebhook, ...]:
    """``realtime_endpoints``. An entry without ``events`` gets all of them, one with ``[]`` none."""
    name = "recording_config.realtime_endpoints"
    if len(entries) > MAX_ENDPOINTS:
        raise InvalidRequest(f"{name} may have at most {MAX_ENDPOINTS} entries", field=name)
    found = []
    for place, entry in enumerate(entries):
        path = f"{name}[{place}]"
        if not isinstance(entry, dict):
            raise InvalidRequest(f"{path} must be an object", field=path)
        if text(entry, "type", 100, f"{path}.") not in (None, "webhook"):
            raise InvalidRequest(f'{path}.type must be "webhook"', field=f"{path}.type")
        url = link(entry, "url", path=f"{path}.")
        if url is None:
            raise InvalidRequest(f"{path}.url is required", field=f"{path}.url")
        events = typed(entry, "events", "array", f"{path}.")
        for event in events or ():
            if event not in PARTICIPANT_EVENTS:
                raise InvalidRequest(
                    f"{path}.events may have {' and '.join(PARTICIPANT_EVENTS)}", field=f"{path}.events"
                )
        wanted = PARTICIPANT_EVENTS if events is None else tuple(dict.fromkeys(events))
        if wanted:
            found.append(ParticipantWebhook(url, wanted))
    return tuple(found)


def _retention(retention: dict[str, Any]) -> float | None:
    path = "recording_config.retention."
    if text(retention, "type", 100, path) not in (None, "timed"):
        raise InvalidRequest(f'{path}type must be "timed"', field=f"{path}type")
    hours = whole(retention, "hours", 1, MAX_RETENTION_HOURS, path)
    return None if hours is None else float(hours)


def post_call_provider(body: dict[str, Any]) -> TranscriptConfig:
    """``provider`` of a transcribe call: exactly one that works on a recording. Raises InvalidRequest."""
    found = _provider(typed(body, "provider", "object"), "provider", POST_CALL_PROVIDERS)
    if found is None:
        raise InvalidRequest(
            f'provider is required: one of {", ".join(POST_CALL_PROVIDERS)}, such as {{"meetstream": {{}}}}',
            field="provider",
        )
    return found
