"""Add the substances of permits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column. Permits of earlier versions are for any substance."""
    op.add_column("permits", sa.Column("substance", sa.String, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("permits", "substance")
