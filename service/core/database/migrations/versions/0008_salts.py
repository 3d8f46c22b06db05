"""Add the salts of digests in the audit chain: of the names of keys, and of the files of jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TABLES = ("api_keys", "jobs")


def upgrade() -> None:
    """Add the columns. Rows of earlier versions have no salt."""
    for name in _TABLES:
        op.add_column(name, sa.Column("salt", sa.LargeBinary))


def downgrade() -> None:
    """Drop the columns."""
    for name in _TABLES:
        op.drop_column(name, "salt")
