"""Create the table of jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "jobs",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("caller", sa.String),
        sa.Column("file_name", sa.String),
        sa.Column("upload_ending", sa.String, nullable=False),
        sa.Column("result_format", sa.String, nullable=False),
        sa.Column("explain", sa.String, nullable=False),
        sa.Column("mapping", sa.LargeBinary),
        sa.Column("setup", sa.String),
        sa.Column("rows_total", sa.BigInteger),
        sa.Column("rows_done", sa.BigInteger, nullable=False),
        sa.Column("rejected", sa.BigInteger, nullable=False),
        sa.Column("chunks_done", sa.BigInteger, nullable=False),
        sa.Column("result_bytes", sa.BigInteger, nullable=False),
        sa.Column("rejects_bytes", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.BigInteger, nullable=False),
        sa.Column("file_attempt", sa.BigInteger, nullable=False),
        sa.Column("fruitless", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String),
        sa.Column("leased_until", sa.BigInteger, nullable=False),
        sa.Column("problem", sa.String),
        sa.Column("files_deleted_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("position", name="pk_jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
    )
    op.create_index("ix_jobs_state_position", "jobs", ["state", "position"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("jobs")
