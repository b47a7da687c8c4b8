"""Bots are found by their custom attributes through a table with an index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations

from rejoinder.storage.rows import attribute_rows

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CHUNK = 1000
"""Bots whose attributes are read and written at a time."""


def upgrade(op: Operations) -> None:
    """From the second version."""
    table = op.create_table(
        "attributes",
        sa.Column("bot_id", sa.String(36), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("bot_id", "digest", name="pk_attributes"),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name="fk_attributes_bot_id", ondelete="CASCADE"),
    )
    op.create_index(
        "ix_attributes_account_digest_created_at_bot_id", "attributes", ["account", "digest", "created_at", "bot_id"]
    )
    for rows in _known(op.get_bind()):
        op.bulk_insert(table, rows)


def _known(connection: sa.Connection) -> Iterator[list[dict[str, Any]]]:
    """The attributes of the bots there are."""
    b = sa.table(
        "bots",
        sa.column("id", sa.String),
        sa.column("account", sa.Text),
        sa.column("created_at", sa.Double),
        sa.column("custom_attributes", sa.JSON),
    )
    last = ""
    while bots := connection.execute(sa.select(b).where(b.c.id > last).order_by(b.c.id).limit(CHUNK)).all():
        last = bots[-1].id
        rows = [row for bot in bots for row in attribute_rows(bot.id, bot.account, bot.created_at, bot[3])]
        if rows:
            yield rows
