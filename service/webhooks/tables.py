"""Tables of webhooks and of their deliveries, which form the outbox."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.tables import Base, RowNumber


class Webhook(Base):
    """Address that gets a message about each red decision.

    Attributes:
        secret: key of the signatures. Signing needs it, so it is not hashed. Empty after removal.
        failing_since: time of the first failure since the last success; None while deliveries succeed.
        disabled_at: time at which it was disabled after three days of failures; None while it is in use.
        problem: reason why the latest delivery failed; None after a success.
    """

    __tablename__ = "webhooks"

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str]
    description: Mapped[str]
    secret: Mapped[str]
    added_by: Mapped[str | None]
    added_at: Mapped[int]
    failing_since: Mapped[int | None]
    problem: Mapped[str | None]
    disabled_at: Mapped[int | None]
    removed_at: Mapped[int | None]


class Delivery(Base):
    """One message to one address. Rows stay after delivery.

    Attributes:
        body: JSON of the message. Each attempt sends the same bytes.
        state: ``waiting``, ``delivered`` or ``failed`` (given up).
        next_at: time of the next attempt of a waiting delivery.
        leased_until: end of the lease of a worker that is sending it.
        status: HTTP status of the latest answer; None if no answer came.
        problem: reason why the latest attempt failed.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index(None, "state", "next_at"), Index(None, "webhook_id", "position"))

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    webhook_id: Mapped[str]
    decision_id: Mapped[str]
    body: Mapped[bytes]
    state: Mapped[str]
    created_at: Mapped[int]
    attempts: Mapped[int]
    next_at: Mapped[int]
    leased_until: Mapped[int]
    status: Mapped[int | None]
    problem: Mapped[str | None]
    delivered_at: Mapped[int | None]
