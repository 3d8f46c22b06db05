"""Table of decisions."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.tables import Base, RowNumber


class Decision(Base):
    """One answer to one shipment, as it was sent.

    Attributes:
        position: position in the log of decisions. Later decisions have larger positions.
        id: ``decision_id`` of the answer.
        content_digest: SHA-256 of the manifest's JSON with sorted fields; empty after erasure.
        received_at: time of receipt, which replaces a missing ``declared_at``.
        declared_s: time that the history used, in seconds since 1970.
        history_order: order of the shipment in the live history; None if it did not enter the history (what-if).
        what_if: whether the request left the history unchanged. Such decisions do not enter the queue.
        channel: code of the shipment's channel; an unknown one as declared.
        site: ``unloading_location`` of the shipment as UN/LOCODE; an unknown one as declared.
        selected_by: reason of the lane, see CONTRACT.md; None for an ordinary green.
        via: ``score``, ``batch``, ``csv``, ``job`` or ``file``.
        duration_us: processor time of the table that the shipment was scored in, divided by its shipments.
        caller: id of the API key, or the name of the command; None if keys are not required.
        earlier_id: id of the previous decision on the same ``shipment_id``.
        salt: random bytes that the audit chain's digests of manifest and answer contain; None after erasure.
        manifest: JSON of the manifest as received; None after erasure.
        answer: JSON of the answer as sent, without personal fields after erasure.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        Index(None, "shipment_id", "received_at"),
        Index(None, "lane", "position"),
        Index(None, "received_at"),
        Index(None, "history_order"),
    )

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    shipment_id: Mapped[str]
    content_digest: Mapped[bytes]
    received_at: Mapped[int]
    declared_s: Mapped[int]
    history_order: Mapped[int | None]
    what_if: Mapped[bool]
    channel: Mapped[str | None]
    site: Mapped[str | None]
    lane: Mapped[str]
    selected_by: Mapped[str | None]
    risk: Mapped[float]
    percentile: Mapped[float]
    model_version: Mapped[str]
    model_digest: Mapped[str]
    features_digest: Mapped[str]
    rules_digest: Mapped[str | None]
    via: Mapped[str]
    duration_us: Mapped[int]
    caller: Mapped[str | None]
    earlier_id: Mapped[str | None]
    salt: Mapped[bytes | None]
    manifest: Mapped[bytes | None]
    answer: Mapped[bytes]
