"""Index the queue by positions, of which its filters are made, and by claims."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Create the indexes."""
    op.create_index("ix_queue_entries_rank_position", "queue_entries", ["rank", "position"])
    op.create_index("ix_queue_entries_claimed_until", "queue_entries", ["claimed_until"])


def downgrade() -> None:
    """Drop the indexes."""
    op.drop_index("ix_queue_entries_claimed_until", "queue_entries")
    op.drop_index("ix_queue_entries_rank_position", "queue_entries")
