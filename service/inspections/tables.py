"""Tables of outcomes, overrides and the queue, the proof of their rows, and what an erasure removes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import Index, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.proof import Entry, RowCheck, Values, has_salt, salted_texts
from service.core.database.tables import Base, RowNumber
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Outcome(Base):
    """Result of an inspection. A correction is a new row that refers to the corrected one.

    Attributes:
        position: order of recording.
        shipment_id: that of the decision, so that queries for a shipment need not join its decisions.
        content: a value of the manifest's label ``content``; empty if a correction takes the corrected outcome back.
        found_at: time at which the result was known.
        by: person who found it; None after erasure.
        caller: id of the API key, or the name of the command.
        kind: kind of the ``other_contraband``, see `service.inspections.schemas.Kind`; None for another content.
        corrects: id of the corrected outcome. An outcome is corrected once; its correction may be corrected in turn.
        method: free text, which may be personal; None after erasure.
        salt: random bytes in the audit chain's digests of ``by`` and ``method``; None after erasure.
        learned: whether the row was processed for the live history, see `service.history.learning`.
    """

    __tablename__ = "outcomes"
    __table_args__ = (Index(None, "learned", "found_at"),)

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    decision_id: Mapped[str] = mapped_column(index=True)
    shipment_id: Mapped[str] = mapped_column(index=True)
    content: Mapped[str]
    substance: Mapped[str | None]
    quantity: Mapped[float | None]
    unit: Mapped[str | None]
    method: Mapped[str | None]
    found_at: Mapped[int]
    by: Mapped[str | None]
    recorded_at: Mapped[int]
    caller: Mapped[str | None]
    corrects: Mapped[str | None] = mapped_column(unique=True)
    kind: Mapped[str | None]
    salt: Mapped[bytes | None]
    learned: Mapped[bool]

    erased: ClassVar = {"by": None, "method": None}
    # Set when the outcome was processed for the history.
    unproven: ClassVar = frozenset({"learned"})


class Override(Base):
    """A lane that a person chose instead of that of the decision. The latest one is in force.

    Attributes:
        reason: free text, which may be personal; None after erasure.
        salt: random bytes in the audit chain's digest of ``reason``; None after erasure.
    """

    __tablename__ = "overrides"

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    decision_id: Mapped[str] = mapped_column(index=True)
    shipment_id: Mapped[str]
    lane: Mapped[str]
    reason: Mapped[str | None]
    recorded_at: Mapped[int]
    caller: Mapped[str | None]
    salt: Mapped[bytes | None]

    erased: ClassVar = {"reason": None}


class QueueEntry(Base):
    """A shipment that waits for an inspection; see `service.inspections.queue`.

    Attributes:
        decision_id: the latest decision on the shipment.
        rank: 0 for red, 1 for yellow, 2 for a claimed green shipment, which is not shown.
        minus_risk: the negative risk, so that an index in ascending order has the riskiest first.
        overridden: whether a person chose the lane.
        claimed_by: holder of the latest claim, see `service.inspections.queue.holder_of`. A name in it is personal.
        claimed_until: end of that claim.
        position: position of the latest decision.
    """

    __tablename__ = "queue_entries"
    __table_args__ = (
        Index(None, "rank", "minus_risk", "received_at"),
        Index(None, "rank", "position"),
        Index(None, "claimed_until"),
    )

    shipment_id: Mapped[str] = mapped_column(primary_key=True)
    decision_id: Mapped[str] = mapped_column(unique=True)
    rank: Mapped[int]
    lane: Mapped[str]
    overridden: Mapped[bool]
    selected_by: Mapped[str | None]
    minus_risk: Mapped[float]
    percentile: Mapped[float]
    received_at: Mapped[int]
    site: Mapped[str | None]
    channel: Mapped[str | None]
    claimed_by: Mapped[str | None]
    claimed_until: Mapped[int | None]
    position: Mapped[int | None]


def _check(kind: str, table: type[Outcome | Override], plain: Sequence[str]) -> RowCheck:
    """Return the check of rows that belong to a decision and contain its shipment again."""
    texts = tuple(table.erased)

    def unerased(row: Values, _: Entry) -> str | None:
        kept = [name for name in texts if row[name] is not None]
        if kept and not has_salt(row):
            return f"its salt is missing, but {kept[0]} is not erased"
        same = row["shipment_id"] == row["decided"]
        return None if same else "the table holds other values of shipment_id"

    decided = select(Decision.shipment_id).where(Decision.id == table.decision_id).scalar_subquery()
    return RowCheck(
        kind,
        table,
        (*plain, "caller", "decision_id", "recorded_at"),
        salted_texts(texts),
        columns=(*texts, "salt", "shipment_id"),
        unerased=unerased,
        related=[decided.label("decided")],
    )


CHECKS: Final = (
    _check("outcome", Outcome, ("content", "corrects", "found_at", "kind", "quantity", "substance", "unit")),
    _check("override", Override, ("lane",)),
)


def erase_with(connection: Connection, decisions: Sequence[Any]) -> None:
    """Remove the places of decisions in the queue."""
    connection.execute(delete(QueueEntry).where(QueueEntry.decision_id.in_([row.id for row in decisions])))
