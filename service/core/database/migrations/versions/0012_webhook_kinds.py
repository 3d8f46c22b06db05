"""Add the kinds of messages to webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the columns. Webhooks of earlier versions got red decisions."""
    op.add_column("webhooks", sa.Column("events", sa.String, nullable=False, server_default="decision.red"))
    op.add_column("webhook_deliveries", sa.Column("event", sa.String, nullable=False, server_default="decision.red"))


def downgrade() -> None:
    """Drop the columns, and the messages that concern no decision."""
    op.execute("DELETE FROM webhook_deliveries WHERE decision_id = ''")
    op.drop_column("webhook_deliveries", "event")
    op.drop_column("webhooks", "events")
