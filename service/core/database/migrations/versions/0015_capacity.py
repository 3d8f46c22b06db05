"""Add how decisions were chosen for inspection, and plans of thresholds by capacity."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_COLUMNS = (
    ("scorer", sa.String),
    ("log_odds", sa.Double),
    ("floored", sa.Boolean),
    ("threshold", sa.Double),
    ("capacity_group", sa.String),
    ("inspection_probability", sa.Double),
)
_INDEX = ["received_at", "what_if", "scorer", "log_odds", "floored", "site", "channel", "threshold", "lane"]


def upgrade() -> None:
    """Add the columns, which are empty in decisions of earlier versions, and create the table."""
    for name, kind in _COLUMNS:
        op.add_column("decisions", sa.Column(name, kind))
    op.drop_index("ix_decisions_received_at", "decisions")
    # It has all that a plan reads. In SQLite, columns after a manifest and an answer are slow to reach.
    op.create_index("ix_decisions_received_at_scores", "decisions", _INDEX)
    op.create_table(
        "capacity_plans",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("day", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("settings", sa.String, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("content", sa.String, nullable=False),
        sa.UniqueConstraint("day", "model", "settings", name="uq_capacity_plans_day"),
    )


def downgrade() -> None:
    """Drop the table and the columns."""
    op.drop_table("capacity_plans")
    op.drop_index("ix_decisions_received_at_scores", "decisions")
    op.create_index("ix_decisions_received_at", "decisions", ["received_at"])
    for name, _ in _COLUMNS:
        op.drop_column("decisions", name)
