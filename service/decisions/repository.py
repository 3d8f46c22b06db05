"""Decisions: insert them, recognise repeated ones, and read them.

A request repeats a decision if shipment, content, model and rules are the same within `REPEATED_WITHIN`. Nothing is inserted then,
and the caller answers with the first decision. Any other decision on a known shipment links to the previous one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import bindparam, func, select, tuple_

from service.core.database import audit
from service.core.database.audit import Fact
from service.core.database.packing import pack
from service.core.database.tables import AuditEntry, Insertion, Lookup, locked_look_up, together
from service.history import log as history_log
from service.inspections import queue
from service.scoring.decision import NewDecision, Stored
from service.scoring.tables import UNSTORED, Decision, conditions_on, facts_of, versions_of
from service.search.finding import Finder, IndexBehind, Order, Wanted, page_of
from service.webhooks.repository import Outbox

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from service.core.database.engine import Database
    from service.scoring.selecting import Selection

#: 24 hours in microseconds.
REPEATED_WITHIN: Final = 24 * 3600 * 1_000_000
_SALT_BYTES: Final = 16
#: Selects the decisions that are stored.
_STORED: Final = Lookup(
    "SELECT id FROM decisions WHERE id IN {}",
    """
    SELECT asked.id FROM unnest(%s::text[]) AS asked (id) CROSS JOIN LATERAL
    (SELECT FROM decisions WHERE id = asked.id LIMIT 1) AS found
    """,
)
#: Selects the latest decisions on some shipments.
_LATEST: Final = Lookup(
    """
    SELECT shipment_id, id FROM decisions WHERE position IN
    (SELECT max(position) FROM decisions WHERE shipment_id IN {} AND what_if = false GROUP BY shipment_id)
    """,
    """
    SELECT asked.shipment_id, latest.id FROM unnest(%s::text[]) AS asked (shipment_id) CROSS JOIN LATERAL
    (SELECT id FROM decisions WHERE shipment_id = asked.shipment_id AND NOT what_if ORDER BY position DESC LIMIT 1) AS latest
    """,
)

#: Selects the decisions that others may repeat. As a constant, because `in_` of values leaves cyclic garbage with the values.
_REPEATABLE: Final = (
    select(
        Decision.shipment_id,
        Decision.content_digest,
        Decision.model_version,
        Decision.model_digest,
        Decision.rules_digest,
        Decision.id,
        Decision.answer,
    )
    .where(
        Decision.shipment_id.in_(bindparam("shipments", expanding=True)),
        Decision.content_digest.in_(bindparam("contents", expanding=True)),
        Decision.received_at >= bindparam("since"),
        Decision.what_if.is_(False),
    )
    .order_by(Decision.position)
)

_NAMES: Final = NewDecision.__slots__
_values: Final = attrgetter(*_NAMES)
#: Columns of a row, in order.
_COLUMNS: Final = (*_NAMES, "salt", "earlier_id")
_DECISIONS: Final = Insertion(Decision, _COLUMNS)


def record(
    connection: Connection,
    decisions: Sequence[NewDecision],
    at: int,
    *,
    retried: bool = False,
    sent: bool = False,
) -> list[Stored]:
    """Insert decisions in order, except repeated ones, and append them to the audit chain.

    The lock of the audit chain lets one writer at a time pass from here to its commit. So positions become visible in their order,
    and of two writers with the same shipment the second sees the decision of the first.

    Args:
        connection: connection of `Database.write`.
        at: time of the entries in the chain, in microseconds since 1970.
        retried: whether some decisions may be stored already. They are found by their ids and not stored again.
        sent: True for decisions that clients have already received. Like ``retried``, and each is stored under its id even if it
            repeats another one.

    Returns:
        For each given decision, the decision to answer with.
    """
    before = _Before(connection, decisions, ids=retried or sent)
    done = before.done
    new = [decision for decision in decisions if decision.id not in done] if done else decisions
    stored = _add(connection, new, before, at, repeat=not sent)
    if not done:
        return stored
    answers = iter(stored)
    return [
        Stored(decision.id, decision.answer, repeated=True) if decision.id in done else next(answers)
        for decision in decisions
    ]


def record_with_deliveries(
    database: Database, connection: Connection, decisions: Sequence[NewDecision], at: int
) -> list[Stored]:
    """Store the decisions of a job's chunk as `record` does, with the deliveries of new ones."""
    stored = record(connection, decisions, at)
    Outbox(database).add(connection, decisions, stored, at)
    return stored


def _add(
    connection: Connection, decisions: Sequence[NewDecision], before: _Before, at: int, *, repeat: bool
) -> list[Stored]:
    """Insert decisions that are not repeated, bring the queue up to date, and return the answers."""
    known = _Known(connection, decisions, before)
    rows: list[tuple[Any, ...]] = []
    facts: list[Fact] = []
    answers: list[Stored] = []
    of_known: list[tuple[str, str]] = []
    first_ones: list[tuple[Any, ...]] = []
    repeats: list[history_log.Repeat] = []
    salts = os.urandom(_SALT_BYTES * len(decisions))
    for place, decision in enumerate(decisions):
        if repeat and not decision.what_if:
            first = known.first(decision)
            if first is not None:
                answers.append(first)
                if decision.history_order is not None:
                    repeats.append(history_log.Repeat(decision.history_order, decision.declared_s, first.id))
                continue
        salt = salts[place * _SALT_BYTES : (place + 1) * _SALT_BYTES]
        earlier = known.latest(decision.shipment_id)
        row = {**dict(zip(_COLUMNS, (*_values(decision), salt, earlier), strict=True)), **UNSTORED}
        values = facts_of(row, salt) | {"features": decision.features_digest}
        facts.append(Fact("decision", decision.id, values, decision.caller))
        row["manifest"] = pack(decision.manifest, "manifest")
        row["answer"] = pack(decision.answer, "answer")
        rows.append(tuple(row.values()))
        answers.append(Stored(decision.id, decision.answer, repeated=False))
        if not decision.what_if:
            if earlier is not None or decision.shipment_id in before.inspected:
                of_known.append((decision.shipment_id, decision.lane))
            elif decision.lane in queue.RANKS:
                first_ones.append(_first_values(decision))
            known.remember(decision)
    with together(connection):
        _DECISIONS.add(connection, rows)
        queue.add_first(connection, first_ones)
        audit.append_after(connection, before.last, facts, at)
    # The live history has counted the repeated shipments too.
    history_log.repeated(connection, repeats)
    queue.refresh_after(connection, of_known)
    return answers


def _first_values(decision: NewDecision) -> tuple[Any, ...]:
    """Return the values of `queue.FIRST_COLUMNS`."""
    return (
        decision.shipment_id,
        decision.lane,
        decision.id,
        decision.selected_by,
        -decision.risk,
        decision.percentile,
        decision.received_at,
        decision.site,
        decision.channel,
    )


class _Before:
    """State of the database that the decisions of a group depend on.

    Attributes:
        last: rows of the query `audit.LAST`.
        latest: id of the latest decision on each known shipment.
        inspected: shipments with outcomes, among those with red or yellow decisions.
        done: ids of decisions that are already stored; empty unless ``ids`` is set.
    """

    def __init__(self, connection: Connection, decisions: Sequence[NewDecision], *, ids: bool) -> None:
        counted = [decision for decision in decisions if not decision.what_if]
        queries = (
            (_LATEST, {decision.shipment_id for decision in counted}),
            (queue.INSPECTED, {decision.shipment_id for decision in counted if decision.lane in queue.RANKS}),
            (_STORED, {decision.id for decision in decisions} if ids else set()),
        )
        found = iter(
            locked_look_up(connection, [(audit.LAST, None), *((query, [*texts]) for query, texts in queries if texts)])
        )
        self.last = next(found)
        latest, inspected, done = (next(found) if texts else () for _, texts in queries)
        self.latest: dict[str, str] = dict(latest)
        self.inspected = {shipment_id for [shipment_id] in inspected}
        self.done = {decision_id for [decision_id] in done}


class _Known:
    """Earlier decisions on the shipments of a group, from the database and from the group itself."""

    def __init__(self, connection: Connection, decisions: Sequence[NewDecision], before: _Before) -> None:
        counted = [decision for decision in decisions if not decision.what_if]
        self._latest = before.latest
        again = [decision for decision in counted if decision.shipment_id in self._latest]
        self._first = _repeatable(connection, again) if again else {}

    def first(self, decision: NewDecision) -> Stored | None:
        first = self._first.get(decision.sameness)
        return None if first is None else Stored(first.id, first.answer, repeated=True)

    def latest(self, shipment_id: str) -> str | None:
        return self._latest.get(shipment_id)

    def remember(self, decision: NewDecision) -> None:
        self._latest[decision.shipment_id] = decision.id
        self._first.setdefault(decision.sameness, Stored(decision.id, decision.answer, repeated=True))


def _repeatable(connection: Connection, decisions: Sequence[NewDecision]) -> dict[Any, Stored]:
    """Return the first decision within `REPEATED_WITHIN` for each `NewDecision.sameness`."""
    values = {
        "shipments": list({decision.shipment_id for decision in decisions}),
        "contents": list({decision.content_digest for decision in decisions}),
        "since": min(decision.received_at for decision in decisions) - REPEATED_WITHIN,
    }
    found = connection.execute(_REPEATABLE, values)
    first: dict[Any, Stored] = {}
    for row in found:
        _, *versions = versions_of(row)
        sameness = (row.shipment_id, bytes(row.content_digest), *versions)
        first.setdefault(sameness, Stored(row.id, bytes(row.answer), repeated=True))
    return first


#: Columns of a decision in a list.
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
    Decision.manifest,
    Decision.answer,
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of decisions.

    Attributes:
        rows: columns of `SUMMARY`.
        following: position of the last decision and number of all decisions when the first page was read, then the values after
            which the next page begins; None on the last page.
    """

    rows: Sequence[Row[Any]]
    total: int
    following: list[Any] | None


def page(connection: Connection, selection: Selection, order: Order, *, after: list[Any] | None, limit: int) -> Page:
    """Return a page of at most ``limit`` decisions.

    Positions only grow, and become visible in their order because writers hold the lock of the audit chain. Pages from the newest
    or riskiest on contain the decisions that were stored when the first page was read. Pages from the oldest on also contain those
    that arrive meanwhile.

    Args:
        after: `Page.following` of the previous page; None for the first page.

    Raises:
        IndexBehind: the selection has words or countries that the index does not know yet.
    """
    wanted = Wanted.by(selection)
    try:
        finder = Finder(connection, words=bool(wanted.words))
    except IndexBehind:
        if wanted.words:
            raise
        return _page_of_columns(connection, selection, order, after, limit, None)
    if wanted == Wanted() and order != "riskiest":
        return _page_of_columns(connection, selection, order, after, limit, finder.count)
    found = finder.find(wanted)
    last, total, place = _begun(after, order, int(found[-1]) if len(found) else 0, len(found))
    positions, has_more = page_of(finder, found[found <= last], order, after=place, limit=limit)
    query = select(*SUMMARY).where(Decision.position.in_(positions))
    by_position = {row.position: row for row in connection.execute(query)}
    return _page([by_position[position] for position in positions], order, last, total, has_more=has_more)


#: Order -> the columns that it sorts by.
_SORTED_BY: Final[dict[str, tuple[Any, ...]]] = {
    "newest": (Decision.position,),
    "oldest": (Decision.position,),
    "riskiest": (Decision.risk, Decision.position),
}


def kinds_of(order: Order) -> list[type]:
    """Return the types of `Page.following`."""
    return [int, int, *(one.type.python_type for one in _SORTED_BY[order])]


def _page_of_columns(
    connection: Connection, selection: Selection, order: Order, after: list[Any] | None, limit: int, total: int | None
) -> Page:
    """Return a page as `page` does, from the table of decisions alone.

    Args:
        total: number of decisions; None to count them.
    """
    conditions = conditions_on(Decision, selection)
    if total is None:
        total = connection.execute(select(func.count()).select_from(Decision).where(*conditions)).scalar_one()
    newest = connection.execute(select(func.coalesce(func.max(Decision.position), 0))).scalar_one()
    last, total, place = _begun(after, order, newest, total)
    columns, is_rising = _SORTED_BY[order], order == "oldest"
    conditions.append(Decision.position <= last)
    if place is not None:
        conditions.append(tuple_(*columns) > tuple(place) if is_rising else tuple_(*columns) < tuple(place))
    query = select(*SUMMARY).where(*conditions).order_by(*(one if is_rising else one.desc() for one in columns))
    rows = connection.execute(query.limit(limit + 1)).all()
    return _page(rows[:limit], order, last, total, has_more=len(rows) > limit)


def _begun(after: list[Any] | None, order: Order, newest: int, total: int) -> tuple[int, int, list[Any] | None]:
    """Return the last position and the number of decisions of all pages, and the place after which this page begins."""
    if after is None:
        return newest, total, None
    return (newest, total, after[2:]) if order == "oldest" else (after[0], after[1], after[2:])


def _page(rows: Sequence[Any], order: Order, last: int, total: int, *, has_more: bool) -> Page:
    following = [last, total, *(getattr(rows[-1], one.key) for one in _SORTED_BY[order])] if has_more else None
    return Page(rows, total, following)


def one(connection: Connection, decision_id: str) -> Row[Any] | None:
    """Return all columns of a decision; None if it does not exist."""
    return connection.execute(select(Decision.__table__).where(Decision.id == decision_id)).first()


def features_of(connection: Connection, decision: Row[Any]) -> str:
    """Return the digest of the features that a decision used."""
    if decision.features_digest:
        return str(decision.features_digest)
    query = select(AuditEntry.facts).where(AuditEntry.kind == "decision", AuditEntry.subject == decision.id)
    return str(orjson.loads(connection.execute(query).scalar_one())["features"])


def later_ids(connection: Connection, decision: Row[Any]) -> list[str]:
    """Return the ids of later decisions on the same shipment, in their order."""
    query = (
        select(Decision.id)
        .where(
            Decision.shipment_id == decision.shipment_id,
            Decision.position > decision.position,
            Decision.what_if.is_(False),
        )
        .order_by(Decision.position)
    )
    return list(connection.execute(query).scalars())
