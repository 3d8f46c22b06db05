"""Create the tables of decisions and of the audit chain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "decisions",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("shipment_id", sa.String, nullable=False),
        sa.Column("content_digest", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("declared_s", sa.BigInteger, nullable=False),
        sa.Column("history_order", sa.BigInteger),
        sa.Column("what_if", sa.Boolean, nullable=False),
        sa.Column("channel", sa.String),
        sa.Column("site", sa.String),
        sa.Column("lane", sa.String, nullable=False),
        sa.Column("selected_by", sa.String),
        sa.Column("risk", sa.Double, nullable=False),
        sa.Column("percentile", sa.Double, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("model_digest", sa.String, nullable=False),
        sa.Column("features_digest", sa.String, nullable=False),
        sa.Column("rules_digest", sa.String),
        sa.Column("via", sa.String, nullable=False),
        sa.Column("duration_us", sa.BigInteger, nullable=False),
        sa.Column("caller", sa.String),
        sa.Column("earlier_id", sa.String),
        sa.Column("salt", sa.LargeBinary),
        sa.Column("manifest", sa.LargeBinary),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_decisions"),
        sa.UniqueConstraint("id", name="uq_decisions_id"),
    )
    op.create_index("ix_decisions_shipment_id_received_at", "decisions", ["shipment_id", "received_at"])
    op.create_index("ix_decisions_lane_position", "decisions", ["lane", "position"])
    op.create_index("ix_decisions_received_at", "decisions", ["received_at"])
    op.create_index("ix_decisions_history_order", "decisions", ["history_order"])
    op.create_table(
        "audit_entries",
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("actor", sa.String),
        sa.Column("facts", sa.LargeBinary, nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_kind_subject", "audit_entries", ["kind", "subject"])


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("audit_entries")
    op.drop_table("decisions")
