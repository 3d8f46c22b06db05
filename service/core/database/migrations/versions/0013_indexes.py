"""Drop indexes: of decisions by lane, in whose place the index of searches is, and of the queue by site and channel."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

_ORDER = ["rank", "minus_risk", "received_at"]


def upgrade() -> None:
    """Drop the indexes."""
    op.drop_index("ix_decisions_lane_position", "decisions")
    for name in ("site", "channel"):
        op.drop_index(f"ix_queue_entries_{name}_rank_minus_risk_received_at", "queue_entries")


def downgrade() -> None:
    """Create the indexes."""
    for name in ("site", "channel"):
        op.create_index(f"ix_queue_entries_{name}_rank_minus_risk_received_at", "queue_entries", [name, *_ORDER])
    op.create_index("ix_decisions_lane_position", "decisions", ["lane", "position"])
