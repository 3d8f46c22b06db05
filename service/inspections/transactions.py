"""Transactions of officers: outcomes and overrides, with their audit entries and the update of the queue, and claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.core.database import audit
from service.inspections import queue
from service.inspections.outcomes import Finding, Overridden, Recorded, add_outcome, add_override

if TYPE_CHECKING:
    from service.core.database.engine import Database
    from service.inspections.queue import Waiting


def record_outcome(database: Database, decision_id: str, finding: Finding, *, caller: str | None, at: int) -> Recorded:
    """Record an outcome at the time ``at``, and update the queue.

    Raises:
        NotRecorded: see `service.inspections.outcomes.add_outcome`.
    """
    with database.write() as connection:
        database.lock_audit(connection)
        recorded, fact = add_outcome(connection, decision_id, finding, caller=caller, at=at)
        queue.refresh(connection, [recorded.shipment_id])
        audit.append(database, connection, [fact], at)
    return recorded


def record_override(
    database: Database, decision_id: str, lane: str, reason: str, *, caller: str | None, at: int
) -> Overridden:
    """Record an override at the time ``at``, and update the queue.

    Raises:
        UnknownDecision: there is no such decision.
    """
    with database.write() as connection:
        database.lock_audit(connection)
        override, fact = add_override(connection, decision_id, lane, reason, caller=caller, at=at)
        queue.refresh(connection, [override.shipment_id])
        audit.append(database, connection, [fact], at)
    return override


def waiting(database: Database, *, site: str | None, channel: str | None, most: int, now: int) -> list[Waiting]:
    """Return the first shipments of the queue, see `service.inspections.queue.waiting`."""
    with database.read() as connection:
        return queue.waiting(connection, site=site, channel=channel, most=most, now=now)


def claim(database: Database, decision_id: str, holder: str, *, now: int, until: int) -> Waiting | None:
    """Claim a shipment, see `service.inspections.queue.claim`."""
    with database.write() as connection:
        return queue.claim(connection, decision_id, holder, now, until)


def release(database: Database, decision_id: str, holder: str, *, now: int) -> Waiting | None:
    """Release a shipment, see `service.inspections.queue.release`."""
    with database.write() as connection:
        return queue.release(connection, decision_id, holder, now)
