"""Recordings and what was seen in a meeting as MeetStream's JSON (contract 4.5 to 4.10, 5.2). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from rejoinder import __version__
from rejoinder.api.meetstream.masking import masked
from rejoinder.api.meetstream.views import iso, iso_ms
from rejoinder.control.service import SpeakerTimeline
from rejoinder.core.bot import Bot
from rejoinder.core.records import Attendance, ChatLine, Delivery, StoredFile, TranscriptJob

RATE = 48_000
BYTES_PER_SAMPLE = 2
IN_MEETING, LEFT = 1, 2
"""``status`` of participants; MeetStream shows 1 and leaves the other values open."""

AUDIO_IN_PROGRESS = {"audio_status": "in_progress", "message": "The recording is not finished yet."}


def audio_streams(bot_id: str, files: Sequence[tuple[StoredFile, str]]) -> dict[str, Any]:
    """Each participant's own recordings with their links (4.6); without any, that there are none."""
    if not files:
        return no_audio_streams(bot_id, "Nobody spoke, so there are no recordings of single participants.")
    people: dict[str, tuple[str, list[dict[str, Any]]]] = {}
    for file, url in files:
        owner = file.owner_id or ""
        _, segments = people.setdefault(owner, (file.owner_name or "", []))
        segments.append(
            {
                "segment_index": len(segments),
                "url": url,
                "filename": file.name,
                "duration_seconds": round(file.duration_s or 0.0, 3),
                "sample_rate": int(file.info.get("sample_rate", RATE)),
                "channels": int(file.info.get("channels", 1)),
                "codec": str(file.info.get("codec", "opus")),
            }
        )
    return {
        "bot_id": bot_id,
        "audio_status": "Success",
        "audio_streams_available": True,
        "participants": [
            {"participant_name": name, "streams": [{"stream_id": _stream_id(name, owner), "segments": segments}]}
            for owner, (name, segments) in people.items()
        ],
        "summary": {"total_participants": len(people), "total_segments": len(files)},
    }


def no_audio_streams(bot_id: str, why: str) -> dict[str, Any]:
    """There are no recordings of single participants, and there will be none."""
    return {"bot_id": bot_id, "audio_status": "Success", "audio_streams_available": False, "message": why}


def _stream_id(name: str, owner: str) -> str:
    return "_".join(part for part in (re.sub(r"\W", "", name), owner) if part)


def no_recording_streams(bot_id: str) -> dict[str, Any]:
    """There are no videos of single participants (4.7): this server records no video."""
    return {
        "bot_id": bot_id,
        "video_status": "Success",
        "recording_streams_available": False,
        "message": "This server records no video.",
    }


def screenshots(bot_id: str, files: Sequence[tuple[StoredFile, str]]) -> dict[str, Any]:
    """Pictures of the meeting."""
    shots = [{"url": url, "filename": file.name, "timestamp": file.info.get("timestamp", "")} for file, url in files]
    return {"bot_id": bot_id, "screenshots_count": len(shots), "screenshots": shots}


def evidence(bot_id: str, files: Sequence[tuple[StoredFile, str]]) -> dict[str, Any]:
    """What was saved where joining failed, by name."""
    saved = [{"name": file.name, "url": url, "size": file.size} for file, url in files]
    return {"bot_id": bot_id, "evidence": sorted(saved, key=lambda one: str(one["name"]))}


def speaker_timeline(known: SpeakerTimeline) -> dict[str, Any]:
    """Who spoke when (4.8): ``startByte`` and ``endByte`` are offsets into 16-bit mono samples, not times."""
    end = max((chunk.end for chunk in known.chunks), default=0)
    return {
        "chunks": [
            {
                "chunkIndex": index,
                "timestamp": iso_ms(known.began_at + chunk.start / RATE),
                "sampleRate": RATE,
                "speakerId": chunk.participant_id,
                "speakerName": chunk.name,
                "startByte": chunk.start * BYTES_PER_SAMPLE,
                "endByte": chunk.end * BYTES_PER_SAMPLE,
            }
            for index, chunk in enumerate(known.chunks)
        ],
        "lastUpdated": iso_ms(known.began_at + end / RATE),
        "audioFilePath": known.audio.name if known.audio else "",
        "totalFileSize": known.audio.size if known.audio else 0,
    }


def chats(bot: Bot, lines: Sequence[ChatLine]) -> dict[str, Any]:
    """The meeting's chat (4.9)."""
    by_speaker: dict[str, list[dict[str, Any]]] = {}
    speakers: dict[str, dict[str, Any]] = {}
    messages = []
    for line in lines:
        message = {
            "messageId": line.id,
            "deviceId": line.participant_id,
            "timestamp": iso_ms(line.at),
            "text": line.text,
            "speakerName": line.name,
            "speakerDisplayName": line.name,
            "clientTimestamp": iso_ms(line.at),
            "sessionTimestamp": iso_ms(line.at),
        }
        messages.append(message)
        by_speaker.setdefault(line.name, []).append(message)
        speaker = speakers.setdefault(
            line.participant_id,
            {"deviceId": line.participant_id, "name": line.name, "displayName": line.name, "messageCount": 0},
        )
        speaker["messageCount"] += 1
    updated = lines[-1].at if lines else bot.updated_at or bot.created_at
    return {
        "metadata": {
            "sessionId": bot.id,
            "startTime": iso_ms(bot.started_at) if bot.started_at is not None else "",
            "lastUpdated": iso_ms(updated),
            "totalMessages": len(messages),
            "uniqueSpeakers": len(speakers),
            "botId": bot.id,
            "meetingId": bot.config.meeting_link,
        },
        "speakers": list(speakers.values()),
        "chatMessages": messages,
        "messagesBySpeaker": by_speaker,
        "serverMetadata": {
            "savedAt": iso_ms(updated),
            "serverBotId": bot.id,
            "serverMeetingId": bot.config.meeting_link,
            "serverVersion": __version__,
        },
    }


def participants(stays: Sequence[Attendance]) -> list[dict[str, Any]]:
    """Who was there (4.10), one entry for each person however often they came."""
    people: dict[str, dict[str, Any]] = {}
    for stay in stays:
        here = stay.left_at is None
        people[stay.participant_id] = {
            "deviceId": stay.participant_id,
            "displayName": stay.name,
            "fullName": stay.name,
            "profilePicture": "",
            "status": IN_MEETING if here else LEFT,
            "humanized_status": "in_meeting" if here else "left",
            "streamIds": [],
            "lastUpdated": iso_ms(stay.joined_at if stay.left_at is None else stay.left_at),
            "parentDeviceId": "",
            "is_bot": stay.is_bot,
        }
    return list(people.values())


def transcribing(job: TranscriptJob) -> dict[str, Any]:
    """The answer to a transcribe call (5.1)."""
    return {
        "bot_id": job.bot_id,
        "transcript_id": job.id,
        "provider": job.provider,
        "message": "Transcription has started.",
    }


def transcriptions(
    bot_id: str, jobs: Sequence[TranscriptJob], links: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """All transcriptions of a bot (5.2). ``links``: by transcript id, ``raw_transcript`` and
    ``processed_transcript``."""
    return {
        "bot_id": bot_id,
        "transcriptions": [
            {
                "transcript_id": job.id,
                "provider": job.provider,
                "status": job.status,
                "created_at": iso(job.created_at),
                "config": masked(job.options),
                "download_urls": dict(links[job.id]) if links.get(job.id) else None,
                "error": job.error,
            }
            for job in jobs
        ],
    }


def delivery(one: Delivery) -> dict[str, Any]:
    """One webhook and what became of it."""
    return {
        "id": one.id,
        "bot_id": one.bot_id,
        "event": one.event,
        "url": one.url,
        "status": one.status,
        "attempts": one.attempts,
        "retries": one.retries,
        "created_at": iso_ms(one.created_at),
        "next_attempt_at": iso_ms(one.next_at) if one.status == "pending" and one.next_at else None,
        "delivered_at": None if one.delivered_at is None else iso_ms(one.delivered_at),
        "last_status": one.last_status,
        "last_error": one.last_error,
        "body": _body(one.body),
    }


def deliveries(bot_id: str, known: Sequence[Delivery]) -> dict[str, Any]:
    """A bot's webhooks, in order."""
    return {"bot_id": bot_id, "deliveries": [delivery(one) for one in known]}


def _body(body: bytes) -> Any:
    """What was sent, as JSON (all our webhooks are)."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
