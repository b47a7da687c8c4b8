"""All tables of ours, in one place. DBOS keeps its own beside them.

Times are Unix seconds (double precision), JSON columns hold what the pure modules make and read. ``storage/migrations``
creates and changes them; a test compares both.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json = JSON().with_variant(JSONB(), "postgresql")
Serial = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows by itself only if the column is an INTEGER."""


def _bot_id(**options: bool) -> Column[str]:
    return Column("bot_id", String(36), ForeignKey("bots.id", ondelete="CASCADE"), nullable=False, **options)  # type: ignore[arg-type]


keys = Table(
    "keys",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("account", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("dialect", String(12)),
)
"""API keys: hex SHA-256 of the whole key. ``dialect``: whose API the key's owner speaks where that is in question."""

bots = Table(
    "bots",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", Text, nullable=False),
    Column("config", Json, nullable=False),
    Column("custom_attributes", Json, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("status", String(20), nullable=False),
    Column("message", Text, nullable=False),
    Column("platform", String(20), nullable=False),
    Column("join_at", Double),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("epoch", Integer, nullable=False, default=0),
    Column("recording", String(10), nullable=False, default="none"),
    Column("closed", Boolean, nullable=False, default=False),
    Column("audio_status", String(10)),
    Column("transcript_status", String(10)),
    Column("transcript_id", String(36)),
    Column("expires_at", Double),
    Column("idempotency_key", Text),
    Column("deduplication_key", Text),
    Column("told", Json, nullable=False),
    Index("ix_bots_account_created_at_id", "account", "created_at", "id"),
    Index("ix_bots_account_status_created_at_id", "account", "status", "created_at", "id"),
    UniqueConstraint("account", "idempotency_key"),
    UniqueConstraint("account", "deduplication_key"),
)
"""``told``: how many webhooks of each kind were sent."""

attributes = Table(
    "attributes",
    metadata,
    _bot_id(primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("account", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Index("ix_attributes_account_digest_created_at_bot_id", "account", "digest", "created_at", "bot_id"),
)
"""Bots by their custom attributes, in the order of the list. ``digest``: of name and value, see ``rows``."""

ownership = Table(
    "ownership",
    metadata,
    Column("bot_id", String(36), primary_key=True),
    Column("epoch", Integer, nullable=False, default=0),
    Column("owner", String(80)),
    Column("done", Boolean, nullable=False, default=False),
    Index("ix_ownership_owner", "owner"),
)
"""Which worker runs a bot. ``epoch`` is the fence: it grows with each take-over."""

workers = Table(
    "workers",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("host", Text, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("seen", Double, nullable=False),
    Column("dead", Boolean, nullable=False, default=False),
    Column("draining", Boolean, nullable=False, default=False),
)
"""Worker processes; ``seen`` is the database's own time."""

happenings = Table(
    "happenings",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    _bot_id(),
    Column("at", Double, nullable=False),
    Column("event", String(60), nullable=False),
    Column("message", Text, nullable=False),
    Column("data", Json, nullable=False),
    Index("ix_happenings_bot_id_id", "bot_id", "id"),
)
"""A bot's log: its lifecycle and notes."""

turns = Table(
    "turns",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    _bot_id(),
    Column("body", Json, nullable=False),
    Index("ix_turns_bot_id_id", "bot_id", "id"),
)
"""The agent's answers with their traces."""

chats = Table(
    "chats",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    _bot_id(),
    Column("message_id", Text, nullable=False),
    Column("participant_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("own", Boolean, nullable=False),
    Index("ix_chats_bot_id_id", "bot_id", "id"),
)

participants = Table(
    "participants",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    _bot_id(),
    Column("epoch", Integer, nullable=False),
    Column("participant_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("is_bot", Boolean, nullable=False),
    Column("joined_at", Double, nullable=False),
    Column("left_at", Double),
    Index("ix_participants_bot_id_id", "bot_id", "id"),
)
"""One row per stay of a participant."""

participant_events = Table(
    "participant_events",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    _bot_id(),
    Column("participant_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("is_host", Boolean, nullable=False),
    Column("event", String(12), nullable=False),
    Column("at", Double, nullable=False),
    Index("ix_participant_events_bot_id_id", "bot_id", "id"),
)
"""Of bots of Attendee's dialect: who came (join), went (leave), began (speech_start) and stopped to speak."""

commands = Table(
    "commands",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    _bot_id(),
    Column("kind", String(30), nullable=False),
    Column("body", Json, nullable=False),
    Column("created_at", Double, nullable=False),
    Index("ix_commands_bot_id_id", "bot_id", "id"),
)
"""What the API asks of running bots; a row is removed when its bot has taken it."""

files = Table(
    "files",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    _bot_id(),
    Column("kind", String(20), nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("duration_s", Double),
    Column("owner_id", Text),
    Column("owner_name", Text),
    Column("info", Json, nullable=False),
    Index("ix_files_bot_id_id", "bot_id", "id"),
)

transcripts = Table(
    "transcripts",
    metadata,
    Column("id", String(36), primary_key=True),
    _bot_id(),
    Column("provider", Text, nullable=False),
    Column("options", Json, nullable=False),
    Column("status", String(12), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("error", Text),
    Column("callback_url", Text),
    Index("ix_transcripts_bot_id", "bot_id"),
)

segments = Table(
    "segments",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    _bot_id(),
    Column("participant_id", Text, nullable=False),
    Column("speaker", Text, nullable=False),
    Column("words", Json, nullable=False),
    Index("ix_segments_bot_id_id", "bot_id", "id"),
)
"""What was transcribed while people spoke."""

summaries = Table(
    "summaries",
    metadata,
    Column("bot_id", String(36), ForeignKey("bots.id", ondelete="CASCADE"), primary_key=True),
    Column("status", String(12), nullable=False),
    Column("text", Text),
    Column("error", Text),
    Column("created_at", Double, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("bot_id", String(36), nullable=False),
    Column("account", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("event", String(60), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("status", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Double, nullable=False),
    Column("last_error", Text),
    Column("last_status", Integer),
    Column("delivered_at", Double),
    Index("ix_deliveries_bot_id_id", "bot_id", "id"),
    Index("ix_deliveries_status_next_at", "status", "next_at"),
)
"""Webhooks, to be sent and sent. They outlive their bot: ``data_deletion`` is told after its row is gone."""
