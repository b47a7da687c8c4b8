"""Transcripts as MeetStream's JSON: after the meeting, and while people speak. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rejoinder.core.records import TranscriptJob
from rejoinder.core.transcript import Segment, Word
from rejoinder.transcription.base import LiveResult

_EDGES = re.compile(r"^\W+|\W+$")
_RAW_STATUS = {"Processing": "processing", "Success": "completed", "Failed": "error"}


def formatted(segments: Sequence[Segment], began_at: float) -> list[dict[str, Any]]:
    """The body of ``get_transcript``: a bare array. ``began_at``: Unix seconds of recording time 0.

    Clients read it in several ways (the contract's section 5.3), so each segment has MeetStream's keys and, with the
    same values, ``text``, ``participant`` and the words' ``text`` and ``start_timestamp``.
    """
    numbers = _numbers(segments)
    return [
        {
            "speaker": segment.speaker,
            "speaker_id": segment.participant_id,
            "transcript": segment.text,
            "text": segment.text,
            "start_time": _s(segment.start),
            "end_time": _s(segment.end),
            "absolute_start_time": _iso(began_at + segment.start),
            "absolute_end_time": _iso(began_at + segment.end),
            "participant": {"id": segment.participant_id, "name": segment.speaker},
            "words": [_word(word, numbers[segment.participant_id], began_at) for word in segment.words],
        }
        for segment in segments
        if segment.words
    ]


def raw(
    job: TranscriptJob,
    segments: Sequence[Segment],
    *,
    audio_url: str | None = None,
    duration_s: float | None = None,
    language: str = "en",
) -> dict[str, Any]:
    """The body of ``get_transcript?raw=true``. As with the services MeetStream passes on, times in it are
    milliseconds, ``audio_duration`` is seconds, and speakers are names."""
    spoken = [segment for segment in segments if segment.words]
    words = [_raw_word(word, segment.speaker) for segment in spoken for word in segment.words]
    return {
        "id": job.id,
        "status": _RAW_STATUS[job.status],
        "text": " ".join(segment.text for segment in spoken),
        "language_code": language,
        "audio_url": audio_url,
        "confidence": _confidence([word for segment in spoken for word in segment.words]),
        "audio_duration": None if duration_s is None else _s(duration_s),
        "speaker_labels": True,
        "words": sorted(words, key=lambda word: int(word["start"])),
        "utterances": [
            {
                "speaker": segment.speaker,
                "text": segment.text,
                "start": _ms(segment.start),
                "end": _ms(segment.end),
                "confidence": _confidence(segment.words),
                "words": [_raw_word(word, segment.speaker) for word in segment.words],
            }
            for segment in spoken
        ],
        "error": job.error,
    }


def live(
    bot_id: str,
    result: LiveResult,
    at: float,
    custom_attributes: Mapping[str, Any] | None = None,
    *,
    mode: str = "sentence",
) -> dict[str, Any]:
    """One event of a live transcript, for webhooks and sockets. ``at``: Unix seconds of the event.

    ``transcript`` is everything said since the last final event; ``new_text`` the newest part of it. ``utterance`` is
    empty, as it is with MeetStream's own engine.
    """
    return {
        "bot_id": bot_id,
        "speakerId": result.participant_id,
        "speakerName": result.name,
        "timestamp": _iso(at),
        "transcript": result.text,
        "new_text": result.new_text,
        "utterance": "",
        "text": result.text,
        "words": [
            {
                "word": _bare(word.text),
                "punctuated_word": word.text,
                "start": _s(word.start),
                "end": _s(word.end),
                "confidence": word.confidence,
                "speaker": result.name,
                "speech_confidence": word.confidence,
                "word_is_final": result.final,
            }
            for word in result.words
        ],
        "is_final": result.final,
        "word_is_final": result.final,
        "end_of_turn": result.end_of_turn,
        "turn_is_formatted": result.final,
        "transcription_mode": mode,
        "custom_attributes": dict(custom_attributes or {}),
    }


def processing(status: str) -> dict[str, str]:
    """The body of the 202 answer while a transcript is made."""
    return {"message": f"Transcript is still being processed. Current status: {status}"}


def _numbers(segments: Sequence[Segment]) -> dict[str, int]:
    """A number for each speaker, in the order in which they first speak."""
    numbers: dict[str, int] = {}
    for segment in segments:
        numbers.setdefault(segment.participant_id, len(numbers))
    return numbers


def _word(word: Word, speaker: int, began_at: float) -> dict[str, Any]:
    return {
        "word": _bare(word.text),
        "punctuated_word": word.text,
        "text": word.text,
        "start": _s(word.start),
        "end": _s(word.end),
        "confidence": word.confidence,
        "speaker": speaker,
        "speaker_confidence": 1.0,  # each speaker has a track of their own
        "start_timestamp": {"relative": _s(word.start), "absolute": _iso(began_at + word.start)},
        "end_timestamp": {"relative": _s(word.end), "absolute": _iso(began_at + word.end)},
    }


def _raw_word(word: Word, speaker: str) -> dict[str, Any]:
    return {
        "text": word.text,
        "start": _ms(word.start),
        "end": _ms(word.end),
        "confidence": word.confidence,
        "speaker": speaker,
    }


def _bare(text: str) -> str:
    return _EDGES.sub("", text).lower() or text


def _confidence(words: Sequence[Word]) -> float:
    return round(sum(word.confidence for word in words) / len(words), 3) if words else 0.0


def _s(seconds: float) -> float:
    return round(seconds, 3)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(round(at, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
