"""Create the tables of outcomes, overrides and the queue, and fill the queue from the stored decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "outcomes",
        sa.Column("position", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("decision_id", sa.String, nullable=False),
        sa.Column("shipment_id", sa.String, nullable=False),
        sa.Column("content", sa.String, nullable=False),
        sa.Column("substance", sa.String),
        sa.Column("quantity", sa.Double),
        sa.Column("unit", sa.String),
        sa.Column("method", sa.String),
        sa.Column("found_at", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("caller", sa.String),
        sa.Column("corrects", sa.String),
        sa.Column("salt", sa.LargeBinary),
        sa.Column("learned", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_outcomes"),
        sa.UniqueConstraint("id", name="uq_outcomes_id"),
        sa.UniqueConstraint("corrects", name="uq_outcomes_corrects"),
    )
    op.create_index("ix_outcomes_decision_id", "outcomes", ["decision_id"])
    op.create_index("ix_outcomes_shipment_id", "outcomes", ["shipment_id"])
    op.create_index("ix_outcomes_learned_found_at", "outcomes", ["learned", "found_at"])
    op.create_table(
        "overrides",
        sa.Column("position", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("decision_id", sa.String, nullable=False),
        sa.Column("shipment_id", sa.String, nullable=False),
        sa.Column("lane", sa.String, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("caller", sa.String),
        sa.Column("salt", sa.LargeBinary),
        sa.PrimaryKeyConstraint("position", name="pk_overrides"),
        sa.UniqueConstraint("id", name="uq_overrides_id"),
    )
    op.create_index("ix_overrides_decision_id", "overrides", ["decision_id"])
    op.create_table(
        "queue_entries",
        sa.Column("shipment_id", sa.String, nullable=False),
        sa.Column("decision_id", sa.String, nullable=False),
        sa.Column("rank", sa.BigInteger, nullable=False),
        sa.Column("lane", sa.String, nullable=False),
        sa.Column("overridden", sa.Boolean, nullable=False),
        sa.Column("selected_by", sa.String),
        sa.Column("minus_risk", sa.Double, nullable=False),
        sa.Column("percentile", sa.Double, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("site", sa.String),
        sa.Column("channel", sa.String),
        sa.Column("claimed_by", sa.String),
        sa.Column("claimed_until", sa.BigInteger),
        sa.PrimaryKeyConstraint("shipment_id", name="pk_queue_entries"),
        sa.UniqueConstraint("decision_id", name="uq_queue_entries_decision_id"),
    )
    order = ["rank", "minus_risk", "received_at"]
    op.create_index("ix_queue_entries_rank_minus_risk_received_at", "queue_entries", order)
    for name in ("site", "channel"):
        op.create_index(f"ix_queue_entries_{name}_rank_minus_risk_received_at", "queue_entries", [name, *order])
    op.execute(_FILL)


def downgrade() -> None:
    """Drop the tables."""
    for name in ("queue_entries", "overrides", "outcomes"):
        op.drop_table(name)


#: The latest stored decision on each shipment enters the queue if it is red or yellow.
_FILL = """
INSERT INTO queue_entries (
    shipment_id, decision_id, rank, lane, overridden, selected_by, minus_risk, percentile, received_at, site, channel
)
SELECT
    shipment_id, id, CASE lane WHEN 'red' THEN 0 ELSE 1 END, lane, false, selected_by, -risk, percentile, received_at, site,
    channel
FROM decisions
WHERE lane IN ('red', 'yellow')
    AND position IN (SELECT max(position) FROM decisions WHERE what_if IS false GROUP BY shipment_id)
"""
