"""Create the tables of watch lists, dismissals, suppressions and permits."""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_COLUMNS: dict[str, tuple[tuple[str, Any, bool], ...]] = {
    "watch_entries": (
        ("list_name", sa.String, False),
        ("kind", sa.String, False),
        ("text", sa.String, True),
        ("country", sa.String, False),
        ("place", sa.String, False),
        ("threshold", sa.Double, False),
        ("lane", sa.String, False),
        ("source", sa.String, False),
    ),
    "dismissals": (("entry_id", sa.String, False), ("party", sa.LargeBinary, False)),
    "suppressions": (
        ("rule_id", sa.String, False),
        ("list_name", sa.String, False),
        ("entry_id", sa.String, False),
        ("consignor", sa.String, True),
    ),
    "permits": (
        ("permit_number", sa.String, False),
        ("party_name", sa.String, True),
        ("party_country", sa.String, False),
        ("valid_from", sa.String, False),
        ("valid_until", sa.String, False),
    ),
}


def upgrade() -> None:
    """Create the tables, each with its revision."""
    for name, own in _COLUMNS.items():
        op.create_table(
            name,
            sa.Column(
                "position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False
            ),
            sa.Column("id", sa.String, nullable=False),
            sa.Column("revision", sa.BigInteger, nullable=False),
            sa.Column("batch", sa.String, nullable=False),
            sa.Column("reason", sa.String, nullable=False),
            sa.Column("salt", sa.LargeBinary),
            sa.Column("added_by", sa.String),
            sa.Column("added_at", sa.BigInteger, nullable=False),
            sa.Column("expires_at", sa.BigInteger),
            sa.Column("removed_by", sa.String),
            sa.Column("removed_at", sa.BigInteger),
            *(sa.Column(column, kind, nullable=nullable) for column, kind, nullable in own),
            sa.PrimaryKeyConstraint("position", name=f"pk_{name}"),
            sa.UniqueConstraint("id", name=f"uq_{name}_id"),
        )
        op.create_index(f"ix_{name}_revision", name, ["revision"])
    revisions = op.create_table(
        "list_revisions",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_list_revisions"),
    )
    op.bulk_insert(revisions, [{"name": name, "revision": 0, "secret": os.urandom(32)} for name in _COLUMNS])


def downgrade() -> None:
    """Drop the tables."""
    for name in (*_COLUMNS, "list_revisions"):
        op.drop_table(name)
