"""A store with the decisions and outcomes of a labelled file (`tests.training.small_data`), as if a service had scored it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from service.core.database import audit
from service.core.database.engine import Database
from service.decisions import repository
from service.inspections.outcomes import Finding, add_outcome
from service.scoring.decision import NewDecision
from tests.service.store.decisions import new_decision
from tests.training.small_data import DAY, Row
from training.data.labels import seconds_of

SECOND = 1_000_000


def decisions_of(rows: Sequence[Row], **changes: Any) -> Iterator[NewDecision]:
    """Yield the decisions on shipments of one item, at the time of their declaration."""
    for number, row in enumerate(rows):
        received = row.declared_s * SECOND
        values: dict[str, Any] = {
            "shipment_id": row.values["shipment_id"],
            "received_at": received,
            "declared_s": row.declared_s,
            "history_order": received + number,
            "manifest": orjson.dumps(row.values),
        }
        yield new_decision(**(values | changes))


def fill(database: Database, rows: Sequence[Row], **changes: Any) -> None:
    """Store decisions, and the outcomes of inspected shipments on the day after they were known."""
    decided = list(decisions_of(rows, **changes))
    for start in range(0, len(decided), 1_000):
        some = decided[start : start + 1_000]
        with database.write() as connection:
            database.lock_audit(connection)
            repository.record(connection, some, some[-1].received_at)
    for decision, row in zip(decided, rows, strict=True):
        if row.values.get("content"):
            add(database, decision.id, row.values["content"], row.values["inspected_at"])


def add(database: Database, decision_id: str, content: str, found_at: str, *, at: int = 0, **options: Any) -> str:
    """Record an outcome, by default on the day after it was known, and return its id."""
    found = (seconds_of(found_at) or 0) * SECOND
    finding = Finding(content, found, "Officer 4711", **options)
    with database.write() as connection:
        database.lock_audit(connection)
        at = at or found + DAY * SECOND
        recorded, fact = add_outcome(connection, decision_id, finding, caller=None, at=at)
        audit.append(connection, [fact], at)
    return recorded.id
