"""Index the queue by positions, of which its filters are made, and by claims, and leave blocks of the index uncompressed."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Create the indexes. PostgreSQL would compress numbers in vain, or by a quarter at twice the time to read them."""
    op.create_index("ix_queue_entries_rank_position", "queue_entries", ["rank", "position"])
    op.create_index("ix_queue_entries_claimed_until", "queue_entries", ["claimed_until"])
    _store("EXTERNAL")


def downgrade() -> None:
    """Drop the indexes."""
    _store("EXTENDED")
    op.drop_index("ix_queue_entries_claimed_until", "queue_entries")
    op.drop_index("ix_queue_entries_rank_position", "queue_entries")


def _store(storage: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE search_blocks ALTER COLUMN data SET STORAGE {storage}")
