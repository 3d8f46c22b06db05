"""Add the kinds of other contraband."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column. Outcomes of earlier versions have no kind."""
    op.add_column("outcomes", sa.Column("kind", sa.String))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("outcomes", "kind")
