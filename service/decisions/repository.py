"""Decisions: insert them, and recognise repeated ones.

A request repeats a decision if shipment, content, model and rules are the same within `REPEATED_WITHIN`. Nothing is inserted then,
and the caller answers with the first decision. Any other decision on a known shipment links to the previous one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import bindparam, select

from service.core.database import audit
from service.core.database.audit import Fact, salted
from service.core.database.rows import Insertion, Lookup, locked_look_up, together
from service.history import log as history_log
from service.inspections import queue
from service.scoring.decision import NewDecision, Stored
from service.scoring.tables import Decision
from service.webhooks.repository import Outbox

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

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
    database: Database,
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
    """Store the decisions of a job's chunk as `record` does, with the deliveries of new red ones."""
    stored = record(database, connection, decisions, at)
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
        row = (*_values(decision), salt, earlier)
        rows.append(row)
        facts.append(
            Fact("decision", decision.id, facts_of(dict(zip(_COLUMNS, row, strict=True)), salt), decision.caller)
        )
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


def facts_of(row: Mapping[str, Any], salt: bytes) -> dict[str, Any]:
    """Return the facts about a decision for the audit chain, without personal data. The caller is the actor of the entry."""
    request = [row["channel"], row["content_digest"].hex(), row["site"]]
    return {
        **plain_facts_of(row),
        "answer": salted(salt, row["answer"]),
        "manifest": salted(salt, row["manifest"]),
        # Declared values are texts that may name a person, so they are not plain facts.
        "request": salted(salt, orjson.dumps(request)),
        "shipment": salted(salt, row["shipment_id"].encode()),
    }


def plain_facts_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts without a salt, which can still be checked after an erasure."""
    return {
        "declared_s": row["declared_s"],
        "duration_us": row["duration_us"],
        "earlier": row["earlier_id"],
        "features": row["features_digest"],
        "history_order": row["history_order"],
        "lane": row["lane"],
        "model": row["model_digest"],
        "percentile": row["percentile"],
        "received_at": row["received_at"],
        "risk": row["risk"],
        "rules": row["rules_digest"],
        "selected_by": row["selected_by"],
        "version": row["model_version"],
        "via": row["via"],
        "what_if": row["what_if"],
    }


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
        sameness = (row.shipment_id, bytes(row.content_digest), row.model_digest, row.rules_digest)
        first.setdefault(sameness, Stored(row.id, bytes(row.answer), repeated=True))
    return first
