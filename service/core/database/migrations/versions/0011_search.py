"""Add the index of decisions, which the service fills in the background, and the positions of queued decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the tables of the index, and find the positions of the queue."""
    op.create_table(
        "search_blocks",
        sa.Column("part", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("part", "first", name="pk_search_blocks"),
    )
    frontier = op.create_table(
        "search_frontier",
        sa.Column("id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("decisions", sa.BigInteger, nullable=False),
        sa.Column("worker", sa.String),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_search_frontier"),
    )
    op.bulk_insert(frontier, [{"id": 1, "position": 0, "decisions": 0, "worker": None, "lease_until": 0}])
    op.add_column("queue_entries", sa.Column("position", sa.BigInteger))
    op.execute(
        "UPDATE queue_entries SET position = (SELECT position FROM decisions WHERE id = queue_entries.decision_id)"
    )


def downgrade() -> None:
    """Drop the tables and the column."""
    op.drop_column("queue_entries", "position")
    op.drop_table("search_frontier")
    op.drop_table("search_blocks")
