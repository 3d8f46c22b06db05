"""Create the tables of proposals and of the decisions on them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def _position() -> sa.Column[int]:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("position", number, primary_key=True, autoincrement=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "proposals",
        _position(),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String),
        sa.Column("outcome_ids", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("conditions", sa.String, nullable=False),
        sa.Column("weight", sa.Double, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("floor", sa.Double, nullable=False),
        sa.Column("backtest", sa.String, nullable=False),
    )
    op.create_table(
        "proposal_events",
        _position(),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String),
        sa.Column("proposal_id", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
    )
    op.create_index("ix_proposal_events_proposal_id", "proposal_events", ["proposal_id"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("proposal_events")
    op.drop_table("proposals")
