"""Outcomes and overrides: record them, and find those of decisions. A correction is a new outcome."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import ColumnElement, exists, insert, select
from sqlalchemy.orm import aliased

from features.manifest.fields import OTHER_CONTRABAND
from service.core.database.audit import Fact, salted
from service.core.database.times import iso_time
from service.core.identifiers import new_ids
from service.inspections.tables import Outcome, Override
from service.scoring.tables import Decision
from service.search.finding import Positions, among
from service.webhooks import repository as webhooks

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

_SALT_BYTES: Final = 16
#: Decisions that are looked up one by one; for more, all finds are read, which are far fewer than decisions.
_FEW: Final = 2_000


class NotRecorded(ValueError):
    """An outcome or override does not fit the stored rows.

    Attributes:
        field: the field that is wrong.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


class UnknownDecision(NotRecorded):
    """There is no such decision."""


class AlreadyCorrected(NotRecorded):
    """The outcome already has a correction."""


class NewerOutcome(NotRecorded):
    """Another outcome of the shipment was recorded since the officer looked."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of an inspection; attributes are those of `service.inspections.tables.Outcome`."""

    content: str
    found_at: int
    by: str | None
    substance: str | None = None
    quantity: float | None = None
    unit: str | None = None
    method: str | None = None
    corrects: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A stored outcome. ``corrected_by`` is the id of its correction."""

    id: str
    decision_id: str
    shipment_id: str
    content: str
    substance: str | None
    quantity: float | None
    unit: str | None
    method: str | None
    found_at: int
    by: str | None
    recorded_at: int
    caller: str | None
    corrects: str | None
    kind: str | None
    corrected_by: str | None = None


@dataclass(frozen=True, slots=True)
class Overridden:
    """A stored override."""

    id: str
    decision_id: str
    shipment_id: str
    lane: str
    reason: str | None
    recorded_at: int
    caller: str | None


def holding() -> ColumnElement[bool]:
    """Return the condition that an outcome is valid: it has no correction, and is not a retraction (empty content)."""
    correction = aliased(Outcome)
    return (Outcome.content != "") & ~exists().where(correction.corrects == Outcome.id)


def finds() -> ColumnElement[bool]:
    """Return the condition that an outcome is valid and a find."""
    return holding() & Outcome.content.not_in(("none", OTHER_CONTRABAND))


def finds_in(connection: Connection, positions: Positions) -> list[Row[Any]]:
    """Return the finds in decisions, the last recorded first, with the ``of`` and ``what_if`` of the decision.

    Args:
        positions: those of the decisions.
    """
    query = (
        select(Outcome.__table__, Decision.position.label("of"), Decision.what_if)
        .join(Decision, Decision.id == Outcome.decision_id)
        .where(finds())
        .order_by(Outcome.position.desc())
    )
    if len(positions) <= _FEW:
        return [*connection.execute(query.where(among(connection, Decision.position, positions)))]
    known = set(positions.tolist())
    return [row for row in connection.execute(query) if row.of in known]


def add_outcome(
    connection: Connection, decision_id: str, finding: Finding, *, caller: str | None, at: int
) -> tuple[Recorded, Fact]:
    """Record an outcome of a decision, and enqueue the messages about it.

    The caller holds the lock of the audit chain, and appends the fact to it.

    Raises:
        UnknownDecision: there is no such decision.
        AlreadyCorrected: the outcome to correct already has a correction.
        NotRecorded: the outcome to correct does not exist or belongs to another decision.
    """
    shipment_id = _shipment_of(connection, decision_id)
    if finding.corrects is not None:
        _check_correction(connection, decision_id, finding.corrects)
    salt = os.urandom(_SALT_BYTES)
    [outcome_id] = new_ids(1)
    values = {
        "id": outcome_id,
        "decision_id": decision_id,
        "shipment_id": shipment_id,
        "recorded_at": at,
        "caller": caller,
        **asdict(finding),
    }
    connection.execute(insert(Outcome), [values | {"salt": salt, "learned": False}])
    plain = ("content", "corrects", "decision_id", "found_at", "kind", "quantity", "recorded_at", "substance", "unit")
    facts = {name: values[name] for name in plain}
    # Both may name persons, so only their salted digests enter the chain.
    for name in ("by", "method"):
        facts[name] = None if values[name] is None else salted(salt, values[name].encode())
    _announce(connection, values)
    return Recorded(**values), Fact("outcome", outcome_id, facts, caller)


def _announce(connection: Connection, outcome: Mapping[str, Any]) -> None:
    """Enqueue a message about an outcome, with lane and reason codes of its decision. After an erasure, it names no shipment."""
    if not webhooks.is_wanted(connection, webhooks.OUTCOME_RECORDED):
        return
    columns = (Decision.lane, Decision.answer, Decision.salt)
    decision = connection.execute(select(*columns).where(Decision.id == outcome["decision_id"])).one()
    answer = orjson.loads(bytes(decision.answer))
    data = {
        "outcome_id": outcome["id"],
        "decision_id": outcome["decision_id"],
        "shipment_id": None if decision.salt is None else answer.get("shipment_id", outcome["shipment_id"]),
        "lane": decision.lane,
        "reason_codes": webhooks.reason_codes(answer),
        **{name: outcome[name] for name in ("content", "kind", "corrects")},
        **{name: iso_time(outcome[name]) for name in ("found_at", "recorded_at")},
    }
    message = webhooks.Message(webhooks.OUTCOME_RECORDED, data, outcome["decision_id"])
    webhooks.enqueue(connection, [message], outcome["recorded_at"])


def add_override(
    connection: Connection, decision_id: str, lane: str, reason: str, *, caller: str | None, at: int
) -> tuple[Overridden, Fact]:
    """Record an override of a decision's lane. The caller holds the lock of the audit chain, and appends the fact to it.

    Raises:
        UnknownDecision: there is no such decision.
    """
    shipment_id = _shipment_of(connection, decision_id)
    salt = os.urandom(_SALT_BYTES)
    [override_id] = new_ids(1)
    override = Overridden(override_id, decision_id, shipment_id, lane, reason, at, caller)
    connection.execute(insert(Override), [asdict(override) | {"salt": salt}])
    facts = {"decision_id": decision_id, "lane": lane, "reason": salted(salt, reason.encode()), "recorded_at": at}
    return override, Fact("override", override_id, facts, caller)


def outcomes_of(connection: Connection, decision_ids: Sequence[str]) -> dict[str, list[Recorded]]:
    """Return the outcomes of decisions in the order of recording, including corrected ones. Decisions without any have no key."""
    correction = aliased(Outcome)
    names = [name for name in Recorded.__slots__ if name != "corrected_by"]
    found = connection.execute(
        select(*(getattr(Outcome, name) for name in names), correction.id.label("corrected_by"))
        .outerjoin(correction, correction.corrects == Outcome.id)
        .where(Outcome.decision_id.in_(decision_ids))
        .order_by(Outcome.position)
    )
    outcomes: dict[str, list[Recorded]] = {}
    for row in found:
        outcomes.setdefault(row.decision_id, []).append(Recorded(**row._asdict()))
    return outcomes


def overrides_of(connection: Connection, decision_ids: Sequence[str]) -> dict[str, list[Overridden]]:
    """Return the overrides of decisions in the order of recording. The last override of a decision is in force."""
    found = connection.execute(
        select(*(getattr(Override, name) for name in Overridden.__slots__))
        .where(Override.decision_id.in_(decision_ids))
        .order_by(Override.position)
    )
    overrides: dict[str, list[Overridden]] = {}
    for row in found:
        overrides.setdefault(row.decision_id, []).append(Overridden(**row._asdict()))
    return overrides


def _shipment_of(connection: Connection, decision_id: str) -> str:
    found = connection.execute(select(Decision.shipment_id).where(Decision.id == decision_id)).scalar()
    if found is None:
        raise UnknownDecision("decision_id", f"there is no decision {decision_id}")
    return found


def check_seen(connection: Connection, decision_id: str, seen: str) -> None:
    """Check that nobody has recorded an outcome of the shipment of a decision since an officer looked.

    Args:
        seen: id of the latest outcome that the officer saw; empty for none.

    Raises:
        UnknownDecision: there is no such decision.
        NewerOutcome: there is a later outcome.
    """
    query = select(Outcome.id, Outcome.content, Outcome.by).where(
        Outcome.shipment_id == _shipment_of(connection, decision_id)
    )
    latest = connection.execute(query.order_by(Outcome.position.desc()).limit(1)).first()
    if latest is not None and latest.id != seen:
        what = latest.content.replace("_", " ") or "a withdrawal"
        who = f" by {latest.by}" if latest.by else ""
        raise NewerOutcome("seen", f"another outcome was recorded meanwhile: {what}{who}; look at it first")


def _check_correction(connection: Connection, decision_id: str, corrected: str) -> None:
    of_decision: str | None = connection.execute(select(Outcome.decision_id).where(Outcome.id == corrected)).scalar()
    if of_decision is None:
        raise NotRecorded("corrects", f"there is no outcome {corrected}")
    if of_decision != decision_id:
        raise NotRecorded("corrects", f"outcome {corrected} belongs to decision {of_decision}")
    later: Any = connection.execute(select(Outcome.id).where(Outcome.corrects == corrected)).scalar()
    if later is not None:
        raise AlreadyCorrected("corrects", f"outcome {corrected} already has the correction {later}; correct that one")
