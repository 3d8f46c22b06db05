"""Tables of the durable history: checkpoints of its state, and events that the log of decisions does not show."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, RowNumber


class HistoryEvent(Base):
    """Changes of the live history beside the decisions.

    Attributes:
        history_order: order of the event in the live history; of ``unanswered``, that of its first shipment.
        kind: ``repeated``: a shipment that got the answer of an earlier decision, and so has none of its own.
            ``unanswered``: shipments without a decision, because scoring or the commit failed, or the client went away.
            ``learned`` and ``unlearned``: a result of an inspection.
        decision_id: whose manifest it is about; None for ``unanswered``.
        declared_s: time that history used for a repeated shipment.
        find: whether the result is a find.
        orders, keys: of ``unanswered``: orders (n,) and history keys (KEY_ROWS, n) as little-endian int64. Keys are sealed like a
            checkpoint.
    """

    __tablename__ = "history_events"
    __table_args__ = (Index(None, "history_order"), Index(None, "kind", "position"), Index(None, "decision_id"))

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    history_order: Mapped[int]
    kind: Mapped[str]
    decision_id: Mapped[str | None]
    declared_s: Mapped[int | None]
    find: Mapped[bool | None]
    shipments: Mapped[int]
    orders: Mapped[bytes | None]
    keys: Mapped[bytes | None]


class HistoryCheckpoint(Base):
    """State of the live history after the shipment of ``history_order``. Its content is in parts, which are not read to choose one.

    Attributes:
        version: version of the history's state, `features.groups.history.state.VERSION`.
        created_at: time of the copy.
        shipments: number of shipments that the history has counted.
        digest: SHA-256 of the content as stored.
        sealed: whether the content is encrypted. Those of earlier versions may not be.
    """

    __tablename__ = "history_checkpoints"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    history_order: Mapped[int]
    version: Mapped[int]
    created_at: Mapped[int]
    shipments: Mapped[int]
    digest: Mapped[bytes]
    sealed: Mapped[bool]


class CheckpointPart(Base):
    """Part of the content of a checkpoint. Parts keep the largest value, and the memory of a transfer, small."""

    __tablename__ = "history_checkpoint_parts"

    checkpoint_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes]
