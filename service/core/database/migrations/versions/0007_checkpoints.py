"""Create the tables of the durable history: events and checkpoints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "history_events",
        sa.Column("position", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("history_order", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("decision_id", sa.String),
        sa.Column("declared_s", sa.BigInteger),
        sa.Column("find", sa.Boolean),
        sa.Column("shipments", sa.BigInteger, nullable=False),
        sa.Column("orders", sa.LargeBinary),
        sa.Column("keys", sa.LargeBinary),
        sa.PrimaryKeyConstraint("position", name="pk_history_events"),
    )
    op.create_index("ix_history_events_history_order", "history_events", ["history_order"])
    op.create_index("ix_history_events_kind_position", "history_events", ["kind", "position"])
    op.create_index("ix_history_events_decision_id", "history_events", ["decision_id"])
    op.create_table(
        "history_checkpoints",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("history_order", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("shipments", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_history_checkpoints"),
    )
    op.create_table(
        "history_checkpoint_parts",
        sa.Column("checkpoint_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("checkpoint_id", "number", name="pk_history_checkpoint_parts"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("history_checkpoint_parts", "history_checkpoints", "history_events"):
        op.drop_table(name)
