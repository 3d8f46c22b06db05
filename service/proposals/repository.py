"""Proposals of the store: drafting, decisions on them, the rules in force, and their retirement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson
from sqlalchemy import func, insert, select

from models.rules import RulesError, RuleSet, known_names, parse_rules
from service.core.database import audit
from service.core.identifiers import new_ids
from service.core.logs import logger
from service.inspections.outcomes import finds, holding
from service.inspections.tables import Outcome
from service.proposals.drafting import Draft, drafts_of
from service.proposals.literals import literals_of
from service.proposals.past import Backtest, Past, interval, past_of
from service.proposals.tables import Proposal, ProposalEvent, facts_of, facts_of_event
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from models.scoring import RiskModel
    from service.core.database.engine import Database

State = Literal["drafted", "accepted", "declined", "retired"]
#: Days until a proposal ends.
LASTS: Final = 90
_DAY: Final = 86_400 * 1_000_000
#: Precision below which a rule is retired: one find in a hundred inspections.
FLOOR: Final = 0.01
#: Name of the accepted rules in messages.
_NAME: Final = "accepted proposals"
#: Prefix of the id of a rule.
PREFIX: Final = "proposal-"


class NotOpen(ValueError):
    """The proposal is not in a state in which it can be decided. The message says in which."""


class Unknown(ValueError):
    """There is no such proposal."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal with the latest decision on it. Attributes are those of the tables.

    Attributes:
        rule_id: id of its rule.
        decided_at, decided_by, reason: of the latest decision; None for a draft.
    """

    id: str
    created_at: int
    created_by: str | None
    outcome_ids: list[str]
    text: str
    conditions: list[dict[str, Any]]
    weight: float
    until: int
    floor: float
    backtest: dict[str, Any]
    state: State
    decided_at: int | None
    decided_by: str | None
    reason: str | None

    @property
    def rule_id(self) -> str:
        return f"{PREFIX}{self.id[:8]}"


def propose(
    database: Database, model: RiskModel, outcome_ids: Sequence[str], *, caller: str | None, now: int
) -> list[Proposed]:
    """Draft proposals from finds, try them on the past, store and return them.

    A draft with the conditions of one of the same day, or of one in force, is not stored again: the earlier one is returned.

    Args:
        now: time in microseconds since 1970.

    Raises:
        BadOutcomes: an outcome does not exist or is no valid find, or its manifest was erased.
    """
    with database.snapshot() as connection:
        past = past_of(connection, model, outcome_ids, now)
    literals = literals_of(model, past.table, past.measured.matrix, past.of_find)
    drafts = drafts_of(literals, past.of_find, past.table.shipment, past.origins)
    rows = [_row(draft, past, outcome_ids, caller, now) for draft in drafts]
    with database.write() as connection:
        database.lock_audit(connection)
        known = {
            orjson.dumps(one.conditions).decode(): one
            for one in every(connection)
            if (one.state == "accepted" and one.until > now) or (one.state == "drafted" and one.created_at > now - _DAY)
        }
        store_proposals(connection, [row for row in rows if row["conditions"] not in known])
    return [known.get(row["conditions"]) or _proposed(row, None) for row in rows]


def store_proposals(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store proposals, and append them to the audit chain. The caller holds the lock of the chain.

    Args:
        rows: values of `Proposal` but the position.
    """
    if rows:
        connection.execute(insert(Proposal), rows)
        facts = [audit.Fact("proposal", row["id"], _said(row) | facts_of(row), row["created_by"]) for row in rows]
        audit.append(connection, facts, rows[0]["created_at"])


def _row(draft: Draft, past: Past, outcome_ids: Sequence[str], caller: str | None, now: int) -> dict[str, Any]:
    [proposal_id] = new_ids(1)
    conditions = [one.leaf for one in draft.literals]
    tried = past.tried(rule_set([(f"{PREFIX}{proposal_id[:8]}", conditions, "tried", None)]))
    return {
        "id": proposal_id,
        "created_at": now,
        "created_by": caller,
        "outcome_ids": orjson.dumps([*outcome_ids]).decode(),
        "text": _text(draft, past, tried),
        "conditions": orjson.dumps(conditions).decode(),
        "weight": draft.weight,
        "until": now + LASTS * _DAY,
        "floor": FLOOR,
        "backtest": orjson.dumps(asdict(tried)).decode(),
    }


def _text(draft: Draft, past: Past, tried: Backtest) -> str:
    """Return what the finds share, in plain words."""
    shipments = len(set(past.table.shipment[past.of_find].tolist()))
    finds_said = "the find" if shipments == 1 else f"{draft.found} of {shipments} finds"
    parts = [one.text for one in draft.literals]
    shared = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    others = max(0, tried.opened - tried.drafted_from)
    return (
        f"{shared[:1].upper()}{shared[1:]}: so in {finds_said}, and in {others:,} of {tried.shipments - shipments:,} other "
        f"shipments of {'a day' if round(tried.days) == 1 else f'{tried.days:,.0f} days'}"
    )


def rule_set(rules: Sequence[tuple[str, list[dict[str, Any]], str, int | None]]) -> RuleSet:
    """Return rules that raise to red.

    Args:
        rules: id, conditions, reason, and end in microseconds since 1970 of each.
    """
    # JSON strings and numbers are TOML strings and numbers.
    lines: list[str] = []
    for rule_id, conditions, reason, until in rules:
        leaves = ", ".join(
            "{" + ", ".join(f"{key} = {orjson.dumps(value).decode()}" for key, value in leaf.items()) + "}"
            for leaf in conditions
        )
        lines += ["[[rule]]", f'id = "{rule_id}"', f"when = {{all = [{leaves}]}}", 'effect = "at_least_red"']
        lines += [f"reason = {orjson.dumps(reason[:500]).decode()}", 'citation = "accepted proposal of the office"']
        if until is not None:
            end = dt.datetime.fromtimestamp(until // 1_000_000, dt.UTC)
            lines.append(f"until = {end.isoformat()}")
    return parse_rules("\n".join(lines), known_names(), _NAME)


def every(connection: Connection, ids: Sequence[str] | None = None) -> list[Proposed]:
    """Return all proposals, or some, the latest first."""
    query = select(Proposal.__table__).order_by(Proposal.position.desc())
    if ids is not None:
        query = query.where(Proposal.id.in_(ids))
    rows = connection.execute(query).mappings().all()
    events = select(ProposalEvent.__table__).order_by(ProposalEvent.position)
    latest = {event.proposal_id: event for event in connection.execute(events)}
    return [_proposed(row, latest.get(row["id"])) for row in rows]


def _proposed(row: Any, event: Any) -> Proposed:
    return Proposed(
        row["id"],
        row["created_at"],
        row["created_by"],
        orjson.loads(row["outcome_ids"]),
        row["text"],
        orjson.loads(row["conditions"]),
        row["weight"],
        row["until"],
        row["floor"],
        orjson.loads(row["backtest"]),
        "drafted" if event is None else event.state,
        None if event is None else event.created_at,
        None if event is None else event.created_by,
        None if event is None else event.reason,
    )


def decide(
    database: Database, proposal_id: str, state: State, reason: str, *, caller: str | None, now: int
) -> Proposed:
    """Accept, decline or retire a proposal, and return it. Deciding the same again changes nothing.

    Raises:
        Unknown: there is no such proposal.
        NotOpen: it was decided before, or has ended.
    """
    with database.write() as connection:
        database.lock_audit(connection)
        found = every(connection, [proposal_id])
        if not found:
            raise Unknown(f"there is no proposal {proposal_id}")
        [known] = found
        if state == known.state:
            return known
        # What is in force may still be declined.
        if known.state not in ("drafted", "accepted"):
            raise NotOpen(f"proposal {proposal_id} is {known.state}")
        if state == "accepted" and known.until <= now:
            raise NotOpen(f"proposal {proposal_id} has ended; propose it again")
        [event_id] = new_ids(1)
        row = {
            "id": event_id,
            "created_at": now,
            "created_by": caller,
            "proposal_id": proposal_id,
            "state": state,
            "reason": reason,
        }
        connection.execute(insert(ProposalEvent), [row])
        fact = audit.Fact("proposal_decided", event_id, _said(row) | facts_of_event(row), caller)
        audit.append(connection, [fact], now)
        return every(connection, [proposal_id])[0]


def _said(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("created_at", "created_by")}


def revision(connection: Connection) -> int:
    """Return a number that grows with each decision."""
    return connection.execute(select(func.coalesce(func.max(ProposalEvent.position), 0))).scalar_one()


def in_force(connection: Connection, now: int) -> RuleSet | None:
    """Return the accepted proposals that have not ended, as rules; None if there are none."""
    accepted = [one for one in reversed(every(connection)) if one.state == "accepted" and one.until > now]
    rules = []
    for one in accepted:
        rule = (one.rule_id, one.conditions, one.text, one.until)
        try:
            rule_set([rule])
        except RulesError as error:
            # A later version may lack a feature. The other proposals stay in force.
            logger().error("proposal_not_read", proposal=one.id, problem=str(error))
        else:
            rules.append(rule)
    return rule_set(rules) if rules else None


def retire(database: Database, now: int) -> list[str]:
    """Retire accepted proposals that have ended, or whose precision lies below their floor. Return their ids.

    The precision is that of the shipments that the rule raised, by all results since. It lies below the floor if the upper end of
    its interval does.
    """
    with database.read() as connection:
        accepted = [one for one in every(connection) if one.state == "accepted"]
        reasons = {one.id: why for one in accepted if (why := _end_of(connection, one, now)) is not None}
    for proposal_id, why in reasons.items():
        try:
            decide(database, proposal_id, "retired", why, caller="service", now=now)
        except NotOpen:
            # Another process was first.
            continue
    return [*reasons]


def _end_of(connection: Connection, one: Proposed, now: int) -> str | None:
    if one.until <= now:
        return "it has reached its end"
    assert one.decided_at is not None
    query = (
        select(Decision.shipment_id, Decision.answer, finds().label("found"))
        .join(Outcome, Outcome.decision_id == Decision.id)
        .where(
            Decision.received_at >= one.decided_at,
            Decision.selected_by == "rule",
            Decision.lane == "red",
            Decision.what_if.is_(False),
            holding(),
        )
    )
    results = {
        row.shipment_id: bool(row.found)
        for row in connection.execute(query)
        if one.rule_id in orjson.loads(bytes(row.answer))["rule_ids"]
    }
    precision, _, high = interval(sum(results.values()), len(results))
    if precision is None or high is None or high >= one.floor:
        return None
    return f"{sum(results.values())} finds in {len(results)} inspections: below {one.floor:.1%}"
