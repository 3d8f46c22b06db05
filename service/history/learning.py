"""Results of inspections that the live history must learn.

A result counts once it is recorded, and from the start of the UTC day after it was known. `plan` finds it, writes events at orders
a little in the future, and commits them before the history reaches these orders. So every worker and every later replay learns
the result at the same place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, insert, select, update

from features.manifest.fields import OTHER_CONTRABAND
from service.history.log import LEARNED, OF_LESSONS, UNLEARNED
from service.history.tables import HistoryEvent
from service.inspections.outcomes import holding
from service.inspections.tables import Outcome
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

#: A UTC day in microseconds.
DAY: Final = 86_400 * 1_000_000
#: Contents of outcomes that are no finds of what the model looks for.
_NO_FINDS: Final = frozenset({"none", OTHER_CONTRABAND})
#: Maximum number of outcomes per pass. Learning holds the lock of the history for a few microseconds per result.
_MAX_OUTCOMES: Final = 1_000


@dataclass(frozen=True, slots=True)
class PlannedLesson:
    """A result at an order of the history. Attributes are those of `service.history.tables.HistoryEvent`."""

    position: int
    order: int
    manifest: bytes | None
    declared_s: int
    find: bool
    undo: bool


@dataclass(frozen=True, slots=True)
class _Result:
    decision_id: str
    find: bool


def plan(database: Database, *, now: int, first_order: int) -> int:
    """Plan lessons for the outcomes that were known before the UTC day of ``now``.

    The result of a shipment is a find if any of its valid outcomes is a find. If the result differs from the result learned before,
    a lesson first takes back the earlier result.

    Args:
        now: time in microseconds since 1970.
        first_order: order of the first lesson.

    Returns:
        Number of outcomes processed.
    """
    today = now // DAY * DAY
    with database.read() as connection:
        if connection.execute(_due(today).limit(1)).first() is None:
            return 0
    with database.write() as connection:
        database.lock_audit(connection)
        due = connection.execute(_due(today).order_by(Outcome.position).limit(_MAX_OUTCOMES)).all()
        shipments = sorted({row.shipment_id for row in due})
        results, learned = _results(connection, shipments, today), _learned(connection, shipments)
        events: list[dict[str, Any]] = []
        for shipment_id in shipments:
            result, before = results.get(shipment_id), learned.get(shipment_id)
            if (result and result.find) == (before and before.find):
                continue
            for kind, one in ((UNLEARNED, before), (LEARNED, result)):
                if one is not None:
                    event = {"kind": kind, "decision_id": one.decision_id, "find": one.find, "shipments": 0}
                    events.append(event | {"history_order": first_order + len(events)})
        if events:
            connection.execute(insert(HistoryEvent), events)
        positions = [row.position for row in due]
        connection.execute(update(Outcome).where(Outcome.position.in_(positions)).values(learned=True))
    return len(due)


def _due(today: int) -> Any:
    return select(Outcome.position, Outcome.shipment_id).where(Outcome.learned.is_(False), Outcome.found_at < today)


def _results(connection: Connection, shipments: Iterable[str], today: int) -> dict[str, _Result]:
    """Return the result of each shipment with valid outcomes known before ``today``. Its decision is that of the latest outcome.

    A shipment is clean if all of its outcomes say so. One with other contraband, and without a find, has no result.
    """
    found = connection.execute(
        select(Outcome.shipment_id, Outcome.decision_id, Outcome.content)
        .join(Decision, Decision.id == Outcome.decision_id)
        .where(Outcome.shipment_id.in_(shipments), Outcome.found_at < today, holding(), Decision.what_if.is_(False))
        .order_by(Outcome.position)
    )
    contents: dict[str, set[str]] = {}
    decisions: dict[str, str] = {}
    for row in found:
        contents.setdefault(row.shipment_id, set()).add(row.content)
        decisions[row.shipment_id] = row.decision_id
    return {
        shipment_id: _Result(decisions[shipment_id], find=bool(all_of_it - _NO_FINDS))
        for shipment_id, all_of_it in contents.items()
        if all_of_it == {"none"} or all_of_it - _NO_FINDS
    }


def _learned(connection: Connection, shipments: Iterable[str]) -> dict[str, _Result]:
    """Return the latest learned result of each shipment, unless it was taken back."""
    found = connection.execute(
        select(Decision.shipment_id, HistoryEvent.decision_id, HistoryEvent.kind, HistoryEvent.find)
        .join(Decision, Decision.id == HistoryEvent.decision_id)
        .where(Decision.shipment_id.in_(shipments), OF_LESSONS)
        .order_by(HistoryEvent.position)
    )
    learned: dict[str, _Result] = {}
    for row in found:
        if row.kind == LEARNED:
            learned[row.shipment_id] = _Result(row.decision_id, row.find)
        else:
            learned.pop(row.shipment_id, None)
    return learned


def planned(connection: Connection, after: int) -> list[PlannedLesson]:
    """Return the lessons whose events have positions above ``after``, sorted by order."""
    found = connection.execute(
        select(
            HistoryEvent.position,
            HistoryEvent.history_order,
            HistoryEvent.kind,
            HistoryEvent.find,
            Decision.manifest,
            Decision.declared_s,
        )
        .join(Decision, Decision.id == HistoryEvent.decision_id)
        .where(HistoryEvent.position > after, OF_LESSONS)
        .order_by(HistoryEvent.history_order)
    )
    return [
        PlannedLesson(
            row.position,
            row.history_order,
            None if row.manifest is None else bytes(row.manifest),
            row.declared_s,
            row.find,
            row.kind == UNLEARNED,
        )
        for row in found
    ]


def postpone(database: Database, positions: Sequence[int], first_order: int) -> None:
    """Move the lessons at ``positions`` to consecutive orders from ``first_order`` on."""
    with database.write() as connection:
        for place, position in enumerate(positions):
            connection.execute(
                update(HistoryEvent).where(HistoryEvent.position == position).values(history_order=first_order + place)
            )


def last_position(connection: Connection) -> int:
    """Return the position of the latest lesson; 0 if there are no lessons."""
    return connection.execute(select(func.coalesce(func.max(HistoryEvent.position), 0)).where(OF_LESSONS)).scalar_one()
