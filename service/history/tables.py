"""Tables of the durable history: checkpoints of its state, and events that are not in the log of decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Index, delete
from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.tables import Base, RowNumber

if TYPE_CHECKING:
    from sqlalchemy import Connection


class HistoryEvent(Base):
    """Change of the live history that is not a decision.

    Attributes:
        history_order: order of the event in the live history; for ``unanswered``, that of its first shipment.
        kind: ``repeated``: a shipment that got the answer of an earlier decision.
            ``unanswered``: shipments without a decision, because scoring or the commit failed, or the client disconnected.
            ``learned``, ``unlearned``: a result of an inspection that the history learned or took back.
        decision_id: decision whose manifest the event concerns; None for ``unanswered``.
        declared_s: time that the history used for a repeated shipment, in seconds since 1970.
        find: for a result, whether it is a find.
        shipments: number of shipments that the event counted; 0 for a result.
        orders, keys: for ``unanswered``, orders (n,) and history keys (KEY_ROWS, n) as little-endian int64. Keys are sealed like a
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
    """State of the live history after the shipment of ``history_order``. Its content is stored in separate parts.

    Attributes:
        version: version of the history's state, `features.groups.history.state.VERSION`.
        created_at: time at which the state was copied.
        shipments: number of shipments that the history has counted.
        digest: SHA-256 of the content as stored.
        sealed: whether the content is encrypted; earlier versions could leave it open.
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
    """Part of the content of a checkpoint. Parts bound the size of a value and the memory that its transfer needs."""

    __tablename__ = "history_checkpoint_parts"

    checkpoint_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes]


def erase_before(connection: Connection, before: int) -> None:
    """Delete the history keys of shipments that were received before a time and not answered."""
    connection.execute(
        delete(HistoryEvent).where(HistoryEvent.kind == "unanswered", HistoryEvent.history_order < before)
    )
