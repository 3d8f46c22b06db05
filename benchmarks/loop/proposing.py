"""Proposals of an office that nobody looks at: each week's finds are drafted from, and what passes its trial is accepted.

A find alone does not tell whether it belongs to a scheme, so each is proposed from alone, and a draft passes only if the past holds
further finds that meet it. A person would choose finds that are alike, and read the drafts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from service.inspections.outcomes import finds
from service.inspections.tables import Outcome
from service.proposals import repository
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from models.scoring import RiskModel
    from service.core.database.engine import Database
    from service.proposals.repository import Proposed

#: Least finds, and least lower end of the precision, on the past.
LEAST_FINDS: Final = 2
LEAST_PRECISION: Final = 0.1
#: Largest share of the capacity that a proposal may take, and of its shipments that are red without it.
MOST_CAPACITY: Final = 0.2
MOST_RED: Final = 0.8
#: Finds of a week from which is drafted, the latest first.
_MOST_FINDS: Final = 5
_ACTOR: Final = "simulation"


def passes(one: Proposed, inspections: float) -> bool:
    """Return whether a proposal passes its trial.

    Args:
        inspections: inspections a day.
    """
    tried = one.backtest
    return bool(
        tried["finds"] >= LEAST_FINDS
        and (tried["low"] or 0.0) >= LEAST_PRECISION
        and tried["opened"] / tried["days"] <= MOST_CAPACITY * inspections
        and tried["already_red"] <= MOST_RED
    )


def propose(database: Database, model: RiskModel, *, since: int, now: int, inspections: float) -> list[str]:
    """Draft from the finds since a time, accept what passes, and return the texts of what was accepted.

    Args:
        since, now: times in microseconds since 1970.
        inspections: inspections a day.
    """
    repository.retire(database, now)
    query = (
        select(Outcome.id)
        .join(Decision, Decision.id == Outcome.decision_id)
        # What a rule opened is known already.
        .where(finds(), Outcome.recorded_at >= since, Decision.selected_by != "rule")
        .order_by(Outcome.found_at.desc(), Outcome.shipment_id)
        .limit(_MOST_FINDS)
    )
    with database.read() as connection:
        outcomes = connection.execute(query).scalars().all()
    accepted = []
    for outcome in outcomes:
        for one in repository.propose(database, model, [outcome], caller=_ACTOR, now=now):
            if one.state == "drafted" and passes(one, inspections):
                repository.decide(database, one.id, "accepted", "It passes its trial", caller=_ACTOR, now=now)
                accepted.append(one.text)
                break
    return accepted
