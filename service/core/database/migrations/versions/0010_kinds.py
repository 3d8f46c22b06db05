"""Add the kinds of other contraband, and jobs that leave the queue alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns. Outcomes of earlier versions have no kind, and their jobs used the queue."""
    op.add_column("outcomes", sa.Column("kind", sa.String))
    op.add_column("jobs", sa.Column("what_if", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("jobs", "what_if")
    op.drop_column("outcomes", "kind")
