"""All tables of the first durable version."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade(op: Operations) -> None:
    """From nothing."""
    _bots(op)
    _workers(op)
    _meeting(op)
    _results(op)
    _deliveries(op)


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _may(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _key(table: str, column: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(column, name=f"pk_{table}")


def _of_bot(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=f"fk_{table}_bot_id", ondelete="CASCADE")


def _per_bot(op: Operations, table: str, *columns: sa.Column[Any]) -> None:
    """A table of rows in the order they were written, which belong to a bot and go with it."""
    op.create_table(
        table, _need("id", SERIAL), _need("bot_id", sa.String(36)), *columns, _key(table, "id"), _of_bot(table)
    )
    op.create_index(f"ix_{table}_bot_id_id", table, ["bot_id", "id"])


def _bots(op: Operations) -> None:
    op.create_table(
        "keys",
        _need("sha256", sa.String(64)),
        _need("name", sa.Text()),
        _need("account", sa.Text()),
        _need("created_at", sa.Double()),
        _key("keys", "sha256"),
        sa.UniqueConstraint("name", name="uq_keys_name"),
    )
    op.create_table(
        "bots",
        _need("id", sa.String(36)),
        _need("account", sa.Text()),
        _need("config", JSON),
        _need("custom_attributes", JSON),
        _need("created_at", sa.Double()),
        _need("updated_at", sa.Double()),
        _need("status", sa.String(20)),
        _need("message", sa.Text()),
        _need("platform", sa.String(20)),
        _may("join_at", sa.Double()),
        _may("started_at", sa.Double()),
        _may("ended_at", sa.Double()),
        _need("epoch", sa.Integer()),
        _need("recording", sa.String(10)),
        _need("closed", sa.Boolean()),
        _may("audio_status", sa.String(10)),
        _may("transcript_status", sa.String(10)),
        _may("transcript_id", sa.String(36)),
        _may("expires_at", sa.Double()),
        _may("idempotency_key", sa.Text()),
        _may("deduplication_key", sa.Text()),
        _need("told", JSON),
        _key("bots", "id"),
        sa.UniqueConstraint("account", "idempotency_key", name="uq_bots_account_idempotency_key"),
        sa.UniqueConstraint("account", "deduplication_key", name="uq_bots_account_deduplication_key"),
    )
    op.create_index("ix_bots_account_created_at_id", "bots", ["account", "created_at", "id"])
    op.create_index("ix_bots_account_status_created_at_id", "bots", ["account", "status", "created_at", "id"])


def _workers(op: Operations) -> None:
    op.create_table(
        "ownership",
        _need("bot_id", sa.String(36)),
        _need("epoch", sa.Integer()),
        _may("owner", sa.String(80)),
        _need("done", sa.Boolean()),
        _key("ownership", "bot_id"),
    )
    op.create_index("ix_ownership_owner", "ownership", ["owner"])
    op.create_table(
        "workers",
        _need("id", sa.String(80)),
        _need("host", sa.Text()),
        _need("capacity", sa.Integer()),
        _need("seen", sa.Double()),
        _need("dead", sa.Boolean()),
        _need("draining", sa.Boolean()),
        _key("workers", "id"),
    )
    _per_bot(op, "commands", _need("kind", sa.String(30)), _need("body", JSON), _need("created_at", sa.Double()))


def _meeting(op: Operations) -> None:
    _per_bot(
        op,
        "happenings",
        _need("at", sa.Double()),
        _need("event", sa.String(60)),
        _need("message", sa.Text()),
        _need("data", JSON),
    )
    _per_bot(op, "turns", _need("body", JSON))
    _per_bot(
        op,
        "chats",
        _need("message_id", sa.Text()),
        _need("participant_id", sa.Text()),
        _need("name", sa.Text()),
        _need("text", sa.Text()),
        _need("at", sa.Double()),
        _need("own", sa.Boolean()),
    )
    _per_bot(
        op,
        "participants",
        _need("epoch", sa.Integer()),
        _need("participant_id", sa.Text()),
        _need("name", sa.Text()),
        _need("is_bot", sa.Boolean()),
        _need("joined_at", sa.Double()),
        _may("left_at", sa.Double()),
    )
    _per_bot(op, "segments", _need("participant_id", sa.Text()), _need("speaker", sa.Text()), _need("words", JSON))


def _results(op: Operations) -> None:
    _per_bot(
        op,
        "files",
        _need("kind", sa.String(20)),
        _need("key", sa.Text()),
        _need("name", sa.Text()),
        _need("content_type", sa.Text()),
        _need("size", sa.BigInteger()),
        _may("duration_s", sa.Double()),
        _may("owner_id", sa.Text()),
        _may("owner_name", sa.Text()),
        _need("info", JSON),
    )
    op.create_table(
        "transcripts",
        _need("id", sa.String(36)),
        _need("bot_id", sa.String(36)),
        _need("provider", sa.Text()),
        _need("options", JSON),
        _need("status", sa.String(12)),
        _need("created_at", sa.Double()),
        _may("error", sa.Text()),
        _may("callback_url", sa.Text()),
        _key("transcripts", "id"),
        _of_bot("transcripts"),
    )
    op.create_index("ix_transcripts_bot_id", "transcripts", ["bot_id"])
    op.create_table(
        "summaries",
        _need("bot_id", sa.String(36)),
        _need("status", sa.String(12)),
        _may("text", sa.Text()),
        _may("error", sa.Text()),
        _need("created_at", sa.Double()),
        _key("summaries", "bot_id"),
        _of_bot("summaries"),
    )


def _deliveries(op: Operations) -> None:
    op.create_table(
        "deliveries",
        _need("id", SERIAL),
        _need("bot_id", sa.String(36)),
        _need("account", sa.Text()),
        _need("url", sa.Text()),
        _need("event", sa.String(60)),
        _need("body", sa.LargeBinary()),
        _need("retries", sa.Integer()),
        _need("created_at", sa.Double()),
        _need("status", sa.String(12)),
        _need("attempts", sa.Integer()),
        _need("next_at", sa.Double()),
        _may("last_error", sa.Text()),
        _may("last_status", sa.Integer()),
        _may("delivered_at", sa.Double()),
        _key("deliveries", "id"),
    )
    op.create_index("ix_deliveries_bot_id_id", "deliveries", ["bot_id", "id"])
    op.create_index("ix_deliveries_status_next_at", "deliveries", ["status", "next_at"])
