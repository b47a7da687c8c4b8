"""What Attendee's dialect needs: a dialect per key, and the events of participants."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade(op: Operations) -> None:
    """From the first version."""
    op.add_column("keys", sa.Column("dialect", sa.String(12), nullable=True))
    op.create_table(
        "participant_events",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("bot_id", sa.String(36), nullable=False),
        sa.Column("participant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_host", sa.Boolean(), nullable=False),
        sa.Column("event", sa.String(12), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_participant_events"),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name="fk_participant_events_bot_id", ondelete="CASCADE"),
    )
    op.create_index("ix_participant_events_bot_id_id", "participant_events", ["bot_id", "id"])
