"""The queue: shipments that wait for an inspection, and claims of officers on them.

A shipment is in the queue while a declaration of it is red or yellow and it has no valid outcome. It has the highest lane of
all its declarations since the latest override, which itself counts as one. An override to red or yellow after the outcome puts
the shipment back: a person who raises an inspected shipment wants another inspection. The table contains only the open
shipments, so its size follows the work and not the log. A shipment that turns green while it is claimed stays as a hidden row
until the claim ends, because it may turn red again before then. `refresh` brings the table up to date in the transaction of
each change: decisions, outcomes and overrides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from service.core.database import audit
from service.core.database.tables import Insertion, Lookup
from service.core.database.times import now_us
from service.inspections.outcomes import Finding, Overridden, Recorded, add_outcome, add_override, check_seen, holding
from service.inspections.tables import Outcome, Override, QueueEntry
from service.scoring.summary import summary_of
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

#: Rank of the lanes that are inspected.
RANKS: Final = {"red": 0, "yellow": 1}
#: Rank of green shipments, which are not shown.
HIDDEN: Final = 2
#: Selects the shipments that have outcomes.
INSPECTED: Final = Lookup(
    "SELECT DISTINCT shipment_id FROM outcomes WHERE shipment_id IN {}",
    """
    SELECT asked.shipment_id FROM unnest(%s::text[]) AS asked (shipment_id) CROSS JOIN LATERAL
    (SELECT FROM outcomes WHERE shipment_id = asked.shipment_id LIMIT 1) AS found
    """,
)
#: Columns whose values come from the first decision on a shipment.
FIRST_COLUMNS: Final = (
    "shipment_id",
    "lane",
    "decision_id",
    "selected_by",
    "minus_risk",
    "percentile",
    "received_at",
    "site",
    "channel",
)
_LANE, _ID = FIRST_COLUMNS.index("lane"), FIRST_COLUMNS.index("decision_id")
_FIRST: Final = Insertion(
    QueueEntry,
    (*FIRST_COLUMNS, "rank", "overridden", "position"),
    {"position": "(SELECT position FROM decisions WHERE id = {})"},
)
#: Separator of the id of a key and a name. Neither contains it.
_BETWEEN: Final = "\n"
#: Shipments per query. SQLite allows 32,766 parameters.
_AT_ONCE: Final = 1_000
# Constants, because `in_` of values and nested selects leave cyclic garbage, and every decision on a known shipment runs these.
_PRESENT: Final = select(QueueEntry.shipment_id).where(
    QueueEntry.shipment_id.in_(bindparam("shipments", expanding=True))
)
_DELETION: Final = delete(QueueEntry).where(QueueEntry.shipment_id.in_(bindparam("shipments", expanding=True)))
_CHANGE: Final = update(QueueEntry).where(QueueEntry.__table__.c.shipment_id == bindparam("of_shipment"))
#: Deletes hidden rows without a claim in force. One statement checks and deletes, so that no concurrent claim is lost.
_HIDDEN_DELETION: Final = delete(QueueEntry).where(
    QueueEntry.rank == HIDDEN, or_(QueueEntry.claimed_until.is_(None), QueueEntry.claimed_until <= bindparam("now"))
)
_LATEST: Final = select(
    Decision.shipment_id,
    Decision.id.label("decision_id"),
    Decision.position,
    Decision.lane,
    Decision.selected_by,
    Decision.risk,
    Decision.percentile,
    Decision.received_at,
    Decision.site,
    Decision.channel,
).where(
    Decision.position.in_(
        select(func.max(Decision.position))
        .where(Decision.shipment_id.in_(bindparam("shipments", expanding=True)), Decision.what_if.is_(False))
        .group_by(Decision.shipment_id)
    )
)
_DECLARED: Final = select(
    Decision.id, Decision.shipment_id, Decision.lane, Decision.received_at, Decision.risk, Decision.percentile
).where(Decision.shipment_id.in_(bindparam("shipments", expanding=True)), Decision.what_if.is_(False))
_OVERRIDES: Final = (
    select(Override.decision_id, Override.lane, Override.recorded_at)
    .where(Override.decision_id.in_(bindparam("decisions", expanding=True)))
    .order_by(Override.position)
)
_INSPECTIONS: Final = (
    select(Outcome.shipment_id, func.max(Outcome.recorded_at).label("recorded_at"))
    .where(Outcome.shipment_id.in_(bindparam("shipments", expanding=True)), holding())
    .group_by(Outcome.shipment_id)
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A shipment of the queue. Attributes are those of `service.inspections.tables.QueueEntry`; a claim that has ended is None.

    Attributes:
        summary: JSON of `service.scoring.summary.Summary` of its latest decision.
    """

    decision_id: str
    shipment_id: str
    lane: str
    overridden: bool
    selected_by: str | None
    risk: float
    percentile: float
    received_at: int
    site: str | None
    channel: str | None
    claimed_by: str | None
    claimed_until: int | None
    summary: dict[str, Any]


def holder_of(key: str | None, name: str | None) -> str:
    """Return the holder of a claim: the API key, the name, or both, so that officers can share a key."""
    return _BETWEEN.join(part for part in (key, name) if part is not None)


def parts_of(holder: str) -> tuple[str, str | None]:
    """Return the key and the name of a holder. If only one was given to `holder_of`, return this and None."""
    first, _, name = holder.partition(_BETWEEN)
    return first, name or None


def refresh(connection: Connection, shipment_ids: Iterable[str]) -> None:
    """Bring the queue up to date with the decisions, outcomes and overrides of some shipments. Claims are kept.

    The caller holds the lock of the audit chain, so that no other transaction changes the same shipments.
    """
    names = sorted(set(shipment_ids))
    for start in range(0, len(names), _AT_ONCE):
        _refresh(connection, names[start : start + _AT_ONCE])


def refresh_after(connection: Connection, decisions: Sequence[tuple[str, str]]) -> None:
    """Do the same as `refresh` for new decisions. Green shipments that are not queued are skipped.

    Args:
        decisions: shipment and lane of each decision, without what-if decisions.
    """
    changed = {shipment_id for shipment_id, lane in decisions if lane in RANKS}
    others = sorted({shipment_id for shipment_id, _ in decisions} - changed)
    for start in range(0, len(others), _AT_ONCE):
        changed.update(connection.execute(_PRESENT, {"shipments": others[start : start + _AT_ONCE]}).scalars())
    refresh(connection, changed)


def add_first(connection: Connection, firsts: Sequence[tuple[Any, ...]]) -> None:
    """Add shipments without outcomes by their first decisions, which are red or yellow. The caller has the lock of the audit chain.

    Args:
        firsts: values of `FIRST_COLUMNS`.
    """
    _FIRST.add(connection, [(*first, RANKS[first[_LANE]], False, first[_ID]) for first in firsts])


def _refresh(connection: Connection, shipment_ids: Sequence[str]) -> None:
    uninspected = {row["shipment_id"]: row for row in _uninspected(connection, shipment_ids)}
    present = set(connection.execute(_PRESENT, {"shipments": shipment_ids}).scalars())
    if gone := present - uninspected.keys():
        connection.execute(_DELETION, {"shipments": list(gone)})
    if changed := [_renamed(uninspected[name]) for name in present & uninspected.keys()]:
        connection.execute(_CHANGE, changed)
        if any(row["rank"] == HIDDEN for row in changed):
            connection.execute(_HIDDEN_DELETION, {"now": now_us()})
    if new := [row for name, row in uninspected.items() if name not in present and row["rank"] != HIDDEN]:
        connection.execute(insert(QueueEntry), new)


def _renamed(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its key under another name, because one parameter cannot both set and compare a column."""
    return {"of_shipment" if name == "shipment_id" else name: value for name, value in row.items()}


def _uninspected(connection: Connection, shipment_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of shipments that have no valid outcome, or an override after it; green shipments are included.

    A changed declaration lowers neither lane nor place: both are those of the riskiest since a person last chose a lane.
    """
    found = connection.execute(_LATEST, {"shipments": shipment_ids}).all()
    declared: dict[str, list[Any]] = {}
    for decision in connection.execute(_DECLARED, {"shipments": shipment_ids}):
        declared.setdefault(decision.shipment_id, []).append(decision)
    decided = {row.id: row.shipment_id for rows in declared.values() for row in rows}
    overrides = {decided[row.decision_id]: row for row in connection.execute(_OVERRIDES, {"decisions": list(decided)})}
    inspections = connection.execute(_INSPECTIONS, {"shipments": shipment_ids})
    inspected = {row.shipment_id: row.recorded_at for row in inspections}
    for row in found:
        override = overrides.get(row.shipment_id)
        since = 0 if override is None else override.recorded_at
        later = [one for one in declared[row.shipment_id] if one.received_at > since]
        lanes = [one.lane for one in later]
        lane = min(lanes, key=_rank) if lanes else row.lane
        is_overridden = override is not None and (not lanes or _rank(override.lane) < _rank(lane))
        if override is not None and is_overridden:
            lane = override.lane
        inspected_at = inspected.get(row.shipment_id)
        again = override is not None and inspected_at is not None and override.recorded_at > inspected_at
        if inspected_at is None or again:
            riskiest = max(later, key=lambda one: one.risk, default=row)
            entry = row._asdict() | {"minus_risk": -riskiest.risk, "percentile": riskiest.percentile}
            del entry["risk"]
            yield entry | {"lane": lane, "rank": _rank(lane), "overridden": is_overridden}


def _rank(lane: str) -> int:
    return RANKS.get(lane, HIDDEN)


def claim(database: Database, decision_id: str, holder: str, *, now: int, until: int) -> Waiting | None:
    """Give a shipment to ``holder`` until a time, or extend the holder's claim.

    One statement checks and sets the claim, so two claims at the same time cannot both succeed.

    Returns:
        The shipment with its holder, who is another officer if the claim failed. None if the shipment is not in the queue.
    """
    claimable = or_(QueueEntry.claimed_by.is_(None), QueueEntry.claimed_until <= now, QueueEntry.claimed_by == holder)
    with database.write() as connection:
        connection.execute(
            update(QueueEntry)
            .where(QueueEntry.shipment_id == _shipment_of(decision_id), QueueEntry.rank < HIDDEN, claimable)
            .values(claimed_by=holder, claimed_until=until)
        )
        found = _waiting(connection, decision_id, now)
    return found if found is not None and found.lane in RANKS else None


def release(database: Database, decision_id: str, holder: str, *, now: int) -> Waiting | None:
    """End the holder's claim on a shipment, even if it has turned green.

    Returns:
        The shipment with its present holder; None if it has no row in the queue.
    """
    with database.write() as connection:
        connection.execute(
            update(QueueEntry)
            .where(QueueEntry.shipment_id == _shipment_of(decision_id), QueueEntry.claimed_by == holder)
            .values(claimed_by=None, claimed_until=None)
        )
        return _waiting(connection, decision_id, now)


def hand_over(database: Database, decision_id: str, holder: str, to: str, *, until: int) -> bool:
    """Give a shipment that ``holder`` holds to another holder until a time. Return whether ``holder`` held it."""
    with database.write() as connection:
        changed = connection.execute(
            update(QueueEntry)
            .where(QueueEntry.shipment_id == _shipment_of(decision_id), QueueEntry.claimed_by == holder)
            .values(claimed_by=to, claimed_until=until)
        )
    return changed.rowcount == 1


def _shipment_of(decision_id: str) -> Any:
    return select(Decision.shipment_id).where(Decision.id == decision_id).scalar_subquery()


def _waiting(connection: Connection, decision_id: str, now: int) -> Waiting | None:
    query = select(QueueEntry.__table__).where(QueueEntry.shipment_id == _shipment_of(decision_id))
    return next(iter(entries(connection, connection.execute(query).all(), now)), None)


def entries(connection: Connection, rows: Sequence[Any], now: int) -> list[Waiting]:
    """Return rows of the queue with the summaries of their decisions, in order."""
    query = select(Decision.id, Decision.manifest, Decision.answer).where(
        Decision.id.in_([row.decision_id for row in rows])
    )
    decided = {row.id: summary_of(row.manifest, row.answer) for row in connection.execute(query)}
    return [_entry(row, decided[row.decision_id], now) for row in rows]


def _entry(row: Any, summary: dict[str, Any], now: int) -> Waiting:
    in_force = row.claimed_until is not None and row.claimed_until > now
    return Waiting(
        row.decision_id,
        row.shipment_id,
        row.lane,
        row.overridden,
        row.selected_by,
        -row.minus_risk,
        row.percentile,
        row.received_at,
        row.site,
        row.channel,
        row.claimed_by if in_force else None,
        row.claimed_until if in_force else None,
        summary,
    )


def record_outcome(
    database: Database, decision_id: str, finding: Finding, *, caller: str | None, at: int, seen: str | None = None
) -> Recorded:
    """Record an outcome at the time ``at``, and update the queue.

    Args:
        seen: see `service.inspections.outcomes.check_seen`; None: do not check.

    Raises:
        NotRecorded: see `service.inspections.outcomes.add_outcome` and `check_seen`.
    """
    with database.write() as connection:
        database.lock_audit(connection)
        if seen is not None:
            check_seen(connection, decision_id, seen)
        recorded, fact = add_outcome(connection, decision_id, finding, caller=caller, at=at)
        refresh(connection, [recorded.shipment_id])
        audit.append(connection, [fact], at)
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
        refresh(connection, [override.shipment_id])
        audit.append(connection, [fact], at)
    return override
