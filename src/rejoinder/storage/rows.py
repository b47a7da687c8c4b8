"""Our nouns to rows and back. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row

from rejoinder.core.bot import Bot, BotConfig, BotStatus
from rejoinder.core.records import Attendance, ChatLine, Delivery, Happening, StoredFile, TranscriptJob
from rejoinder.core.transcript import Segment, Word

_CONFIG = TypeAdapter(BotConfig)


def config_json(config: BotConfig) -> dict[str, Any]:
    """A config as JSON that :func:`bot_of` reads back."""
    dumped: dict[str, Any] = _CONFIG.dump_python(config, mode="json")
    return dumped


def bot_row(bot: Bot) -> dict[str, Any]:
    """All columns of a bot but the keys it was created with and ``told``."""
    return {
        "id": bot.id,
        "account": bot.account,
        "config": config_json(bot.config),
        "custom_attributes": bot.config.custom_attributes,
        "created_at": bot.created_at,
        "join_at": bot.config.join_at,
        **state_row(bot),
    }


def attribute_digest(name: str, value: Any) -> str:
    """Stands for a custom attribute of any length: the same for equal JSON values, and for 1 and 1.0.

    Rows of earlier versions hold it: another rule needs a migration.
    """
    text = json.dumps([name, _plain(value)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _plain(value: Any) -> Any:
    """A JSON value with one spelling of each number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def attribute_rows(bot_id: str, account: str, created_at: float, attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of ``attributes`` by which a bot is found."""
    own = {"bot_id": bot_id, "account": account, "created_at": created_at}
    return [{**own, "digest": attribute_digest(name, value)} for name, value in attributes.items()]


def state_row(bot: Bot) -> dict[str, Any]:
    """The columns that change during a bot's life."""
    return {
        "updated_at": bot.updated_at,
        "status": bot.status.value,
        "message": bot.message,
        "platform": bot.platform,
        "started_at": bot.started_at,
        "ended_at": bot.ended_at,
        "epoch": bot.epoch,
        "recording": bot.recording,
        "closed": bot.closed,
        "audio_status": bot.audio_status,
        "transcript_status": bot.transcript_status,
        "transcript_id": bot.transcript_id,
        "expires_at": bot.expires_at,
    }


def bot_of(row: Row[Any]) -> Bot:
    """A row of ``bots``."""
    values = row._mapping
    state = {name: values[name] for name in _STATE}
    return Bot(
        id=values["id"],
        account=values["account"],
        config=_CONFIG.validate_python(values["config"]),
        created_at=values["created_at"],
        status=BotStatus(values["status"]),
        **state,
    )


_STATE = (
    "updated_at",
    "message",
    "platform",
    "started_at",
    "ended_at",
    "epoch",
    "recording",
    "closed",
    "audio_status",
    "transcript_status",
    "transcript_id",
    "expires_at",
)


def words_json(segment: Segment) -> list[list[Any]]:
    """A segment's words, compact."""
    return [[word.text, round(word.start, 3), round(word.end, 3), round(word.confidence, 3)] for word in segment.words]


def segment_of(values: Mapping[str, Any]) -> Segment:
    """A segment from its participant, speaker and compact words."""
    words = tuple(Word(str(text), float(start), float(end), float(sure)) for text, start, end, sure in values["words"])
    return Segment(values["participant_id"], values["speaker"], words)


def segment_json(segment: Segment) -> dict[str, Any]:
    """A segment for a transcript file; :func:`segment_of` reads it."""
    return {"participant_id": segment.participant_id, "speaker": segment.speaker, "words": words_json(segment)}


def happening_of(row: Row[Any]) -> Happening:
    """A row of ``happenings``."""
    return Happening(row.at, row.event, row.message, row.data)


def chat_of(row: Row[Any]) -> ChatLine:
    """A row of ``chats``."""
    return ChatLine(row.message_id, row.participant_id, row.name, row.text, row.at, row.own)


def attendance_of(row: Row[Any]) -> Attendance:
    """A row of ``participants``."""
    return Attendance(row.participant_id, row.name, row.is_bot, row.joined_at, row.left_at)


_FILE = tuple(field.name for field in fields(StoredFile))
"""A file's fields are the columns of its row, but for the bot's."""


def file_row(file: StoredFile) -> dict[str, Any]:
    """The columns of ``files`` but the bot's."""
    return {name: getattr(file, name) for name in _FILE}


def file_of(row: Row[Any]) -> StoredFile:
    """A row of ``files``."""
    return StoredFile(**{name: row._mapping[name] for name in _FILE})


def transcript_of(row: Row[Any]) -> TranscriptJob:
    """A row of ``transcripts``."""
    return TranscriptJob(
        row.id, row.bot_id, row.provider, row.options, row.status, row.created_at, row.error, row.callback_url
    )


def delivery_of(row: Row[Any]) -> Delivery:
    """A row of ``deliveries``."""
    return Delivery(
        row.id,
        row.bot_id,
        row.url,
        row.event,
        bytes(row.body),
        row.retries,
        row.created_at,
        row.status,
        row.attempts,
        row.next_at,
        row.last_error,
        row.last_status,
        row.delivered_at,
    )
