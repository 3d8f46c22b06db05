"""Reading of decisions: pages in the order of the log, one decision, and later decisions on the same shipments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import RowMapping, select

from service.scoring.decision import Selection
from service.scoring.references import reference_of
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Columns of a decision in a list. Lists leave out the manifest and the answer, which take kilobytes each.
SUMMARY: Final = (
    Decision.position,
    Decision.id,
    Decision.shipment_id,
    Decision.received_at,
    Decision.lane,
    Decision.selected_by,
    Decision.risk,
    Decision.percentile,
    Decision.channel,
    Decision.site,
    Decision.what_if,
    Decision.via,
    Decision.caller,
    Decision.model_version,
    Decision.model_digest,
    Decision.rules_digest,
    Decision.earlier_id,
)


def page(connection: Connection, selection: Selection, *, after: int, limit: int) -> list[RowMapping]:
    """Return the columns of `SUMMARY` of at most ``limit`` decisions, in the order of the log.

    Positions only grow, and become visible in their order because writers hold the lock of the audit chain. A client that continues
    ``after`` the last position of its page therefore misses no decision and gets none twice.

    Args:
        after: position of the last decision of the previous page; 0 for the first page.
    """
    query = select(*SUMMARY).where(Decision.position > after).order_by(Decision.position).limit(limit)
    if selection.lane is not None:
        query = query.where(Decision.lane == selection.lane)
    if selection.since is not None:
        query = query.where(Decision.received_at >= selection.since)
    if selection.until is not None:
        query = query.where(Decision.received_at < selection.until)
    if selection.shipment_id is not None:
        query = query.where(Decision.shipment_id == reference_of(selection.shipment_id))
    return list(connection.execute(query).mappings())


def one(connection: Connection, decision_id: str) -> RowMapping | None:
    """Return all columns of a decision; None if it does not exist."""
    return connection.execute(select(Decision.__table__).where(Decision.id == decision_id)).mappings().first()


def later_ids(connection: Connection, decision: RowMapping) -> list[str]:
    """Return the ids of later decisions on the same shipment, in their order."""
    query = (
        select(Decision.id)
        .where(
            Decision.shipment_id == decision["shipment_id"],
            Decision.position > decision["position"],
            Decision.what_if.is_(False),
        )
        .order_by(Decision.position)
    )
    return list(connection.execute(query).scalars())
