"""Add the people who sign in to the console, and notes on shipments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "people",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("login", sa.String, nullable=False, unique=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("password", sa.String),
        sa.Column("subject", sa.String, unique=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("salt", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "notes",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("decision_id", sa.String, nullable=False, index=True),
        sa.Column("shipment_id", sa.String, nullable=False, index=True),
        sa.Column("text", sa.String),
        sa.Column("author", sa.String),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("salt", sa.LargeBinary),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("notes")
    op.drop_table("people")
