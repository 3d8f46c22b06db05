"""Add shadows and their scores."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "shadows",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("folder", sa.String, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("stopped_at", sa.BigInteger),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("followed", sa.BigInteger, nullable=False),
        sa.Column("unscored", sa.BigInteger, nullable=False),
        sa.Column("problem", sa.String),
    )
    op.create_table(
        "shadow_scores",
        sa.Column("shadow", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("risk", sa.Double, nullable=False),
        sa.Column("percentile", sa.Double, nullable=False),
        sa.Column("lane", sa.String, nullable=False),
        sa.Column("log_odds", sa.Double, nullable=False),
        sa.Column("floored", sa.Boolean, nullable=False),
        sa.Column("drawn", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("shadow_scores")
    op.drop_table("shadows")
