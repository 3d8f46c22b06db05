"""Decisions: insert them, find those of a shipment, read one.

The same shipment and content under the same model and rules within `REPEATED_WITHIN` is the decision that was made first: nothing
is inserted, and the caller answers with the stored one. Any other decision on a known shipment links to the latest one before.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import func, insert, select

from service.store import audit, history_log, queue
from service.store.audit import Fact, salted
from service.store.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.store.database import Database

#: 24 hours in microseconds.
REPEATED_WITHIN: Final = 24 * 3600 * 1_000_000
_SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class NewDecision:
    """An answer that is to be stored. Attributes are those of `service.store.tables.Decision`."""

    id: str
    shipment_id: str
    content_digest: bytes
    received_at: int
    declared_s: int
    history_order: int | None
    what_if: bool
    channel: str | None
    site: str | None
    lane: str
    selected_by: str | None
    risk: float
    percentile: float
    model_version: str
    model_digest: str
    features_digest: str
    rules_digest: str | None
    via: str
    duration_us: int
    caller: str | None
    manifest: bytes
    answer: bytes

    @property
    def sameness(self) -> tuple[str, bytes, str, str | None]:
        """Values that are equal for repeated requests of one decision."""
        return self.shipment_id, self.content_digest, self.model_digest, self.rules_digest


@dataclass(frozen=True, slots=True)
class Stored:
    """The decision that a caller answers with: its id, its answer, and whether it was made by an earlier request."""

    id: str
    answer: bytes
    repeated: bool


def content_digest(manifest: object) -> bytes:
    """Return the SHA-256 of a manifest's canonical JSON, which the order of its fields does not change."""
    return hashlib.sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).digest()


def record(database: Database, connection: Connection, decisions: Sequence[NewDecision], at: int) -> list[Stored]:
    """Insert decisions in order, except repeated ones, and append them to the audit chain.

    Writers take turns from here to their commit. So positions become visible in their order, and two writers that get the same
    shipment see each other's decision.

    Args:
        connection: of `Database.write`.
        at: time of the entries in the chain, in microseconds since 1970.

    Returns:
        The decision to answer with, per given one.
    """
    database.lock_audit(connection)
    stored, facts = _add(connection, decisions)
    counted = [(decision.shipment_id, decision.lane) for decision in decisions if not decision.what_if]
    queue.refresh_after(connection, counted)
    audit.append(database, connection, facts, at)
    return stored


def _add(connection: Connection, decisions: Sequence[NewDecision]) -> tuple[list[Stored], list[Fact]]:
    known = _Known(connection, decisions)
    rows: list[dict[str, Any]] = []
    facts: list[Fact] = []
    answers: list[Stored] = []
    repeats: list[history_log.Repeat] = []
    for decision in decisions:
        if not decision.what_if:
            first = known.first(decision)
            if first is not None:
                answers.append(first)
                if decision.history_order is not None:
                    repeats.append(history_log.Repeat(decision.history_order, decision.declared_s, first.id))
                continue
        row = {name: getattr(decision, name) for name in NewDecision.__slots__}
        row["salt"] = salt = os.urandom(_SALT_BYTES)
        row["earlier_id"] = known.latest(decision.shipment_id)
        rows.append(row)
        facts.append(Fact("decision", decision.id, facts_of(row, salt), decision.caller))
        stored = Stored(decision.id, decision.answer, repeated=False)
        answers.append(stored)
        if not decision.what_if:
            known.remember(decision)
    if rows:
        connection.execute(insert(Decision), rows)
    # The live history met the repeated shipments too.
    history_log.repeated(connection, repeats)
    return answers, facts


def facts_of(row: dict[str, Any], salt: bytes) -> dict[str, Any]:
    """Return what the audit chain says about a decision: digests and what the score was, without personal data."""
    return {
        "answer": salted(salt, row["answer"]),
        "earlier": row["earlier_id"],
        "lane": row["lane"],
        "manifest": salted(salt, row["manifest"]),
        "model": row["model_digest"],
        "received_at": row["received_at"],
        "risk": row["risk"],
        "rules": row["rules_digest"],
        "selected_by": row["selected_by"],
        "shipment": salted(salt, row["shipment_id"].encode()),
    }


class _Known:
    """Earlier decisions on the shipments of a group, from the database and from the group itself."""

    def __init__(self, connection: Connection, decisions: Sequence[NewDecision]) -> None:
        counted = [decision for decision in decisions if not decision.what_if]
        self._latest = _latest_of(connection, {decision.shipment_id for decision in counted})
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


def _latest_of(connection: Connection, shipment_ids: Iterable[str]) -> dict[str, str]:
    """Return the id of the latest decision on each known shipment."""
    positions = (
        select(func.max(Decision.position))
        .where(Decision.shipment_id.in_(shipment_ids), Decision.what_if.is_(False))
        .group_by(Decision.shipment_id)
    )
    found = connection.execute(select(Decision.shipment_id, Decision.id).where(Decision.position.in_(positions)))
    return {row.shipment_id: row.id for row in found}


def _repeatable(connection: Connection, decisions: Sequence[NewDecision]) -> dict[Any, Stored]:
    """Return the first decision of each sameness that is young enough to be answered with again."""
    since = min(decision.received_at for decision in decisions) - REPEATED_WITHIN
    found = connection.execute(
        select(
            Decision.shipment_id,
            Decision.content_digest,
            Decision.model_digest,
            Decision.rules_digest,
            Decision.id,
            Decision.answer,
        )
        .where(
            Decision.shipment_id.in_({decision.shipment_id for decision in decisions}),
            Decision.content_digest.in_({decision.content_digest for decision in decisions}),
            Decision.received_at >= since,
            Decision.what_if.is_(False),
        )
        .order_by(Decision.position)
    )
    first: dict[Any, Stored] = {}
    for row in found:
        sameness = (row.shipment_id, bytes(row.content_digest), row.model_digest, row.rules_digest)
        first.setdefault(sameness, Stored(row.id, bytes(row.answer), repeated=True))
    return first
