"""The report of monitoring, from the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from service.core.database.times import iso_time
from service.monitoring import finds
from service.monitoring.drift import PERIODS, REFERENCE, drift_of
from service.monitoring.weeks import (
    DAY,
    LEAST,
    WEEK,
    Week,
    count_and_store,
    monday_before,
    scorer_of,
    stored_weeks,
    traffic_by_week,
)

if TYPE_CHECKING:
    from models.scoring import RiskModel
    from service.core.database.engine import Database

#: Days of the store in which weeks are looked for.
_LOOK_BACK: Final = 371


def report(database: Database, model: RiskModel, now: int) -> dict[str, Any]:
    """Return the answer of ``GET /v1/monitoring``, see `service.monitoring.routes.Monitoring`. Count the weeks that ended.

    Args:
        model: the model in service.
        now: time in microseconds since 1970.

    Raises:
        DatabaseAway: the database does not answer.
    """
    since = now - finds.PERIOD * DAY
    of_model, of_inputs = compared_weeks(database, model, now)
    with database.snapshot() as connection:
        inspected = finds.inspected_in(connection, since, now)
        waiting = finds.waiting_since(connection, since)
    return {
        "made_at": iso_time(now, "seconds"),
        "since": iso_time(since, "seconds"),
        "model": {"version": model.version, "digest": model.digest},
        "precision": finds.precision(inspected),
        **finds.recalls(inspected, waiting, now),
        **finds.finds_and_risk(inspected),
        "labels": finds.labels(inspected, waiting, now),
        "drift": drift_of(of_model, of_inputs),
        "reference": {"model": _described(of_model), "inputs": _described(of_inputs)},
    }


def _described(weeks: Sequence[Week]) -> dict[str, Any]:
    """Return the period of a reference, and what is compared with it."""
    reference, latest = weeks[:REFERENCE], weeks[REFERENCE:]
    scored = sum(int(week.decisions.sum()) for week in reference)
    scores = {}
    if reference and all("scores" in week.counts for week in reference):
        names = sorted(set().union(*(week.counts["scores"] for week in reference)))
        scores = {
            name: sum(int(week.counts["scores"][name].sum()) for week in reference if name in week.counts["scores"])
            / scored
            for name in names
        }
    return {
        "since": iso_time(reference[0].starts_at, "seconds") if reference else None,
        "weeks": len(reference),
        "weeks_needed": REFERENCE,
        "shipments": scored,
        "latest": [iso_time(week.starts_at, "seconds") for week in latest],
        "scores": scores,
    }


def compared_weeks(database: Database, model: RiskModel, now: int) -> tuple[list[Week], list[Week]]:
    """Return the weeks of the reference of the model, and of that of the inputs, each followed by the latest ones.

    Scores and lanes are compared with the first full weeks of the model. Manifests do not depend on the model, so they are compared
    with the weeks before it, if there are enough: a new model is watched from its first week on.
    """
    until = monday_before(now)
    scorer = scorer_of(model)
    with database.read() as connection:
        traffic = traffic_by_week(connection, until - _LOOK_BACK // 7 * WEEK, until)
        stored = stored_weeks(connection)
    decisions = {(starts_at, one): count for starts_at, one, count, _ in traffic}
    decisions |= {key: int(week.decisions.sum()) for key, week in stored.items() if key not in decisions}
    own = sorted(starts_at for starts_at, one in decisions if one == scorer and decisions[starts_at, one] >= LEAST)
    if own and any(
        one == scorer and starts_at == own[0] and first >= starts_at + DAY for starts_at, one, _, first in traffic
    ):
        # The model entered service within this week.
        del own[0]
    totals: dict[int, int] = {}
    for (starts_at, _), count in decisions.items():
        totals[starts_at] = totals.get(starts_at, 0) + count
    usable = sorted(starts_at for starts_at, count in totals.items() if count >= LEAST)
    begins = min((starts_at for starts_at, one in decisions if one == scorer), default=until)
    before = [starts_at for starts_at in usable if starts_at < begins][-REFERENCE:]
    after = [starts_at for starts_at in usable if starts_at >= (own[0] if own else begins)]
    of_inputs = _chosen([*before, *after] if len(before) == REFERENCE else after)

    def week_of(starts_at: int, one: str) -> Week:
        found = stored.get((starts_at, one))
        if found is None:
            found = stored[starts_at, one] = count_and_store(database, starts_at, one, model)
        return found

    of_model = [week_of(starts_at, scorer) for starts_at in _chosen(own)]
    inputs = []
    for starts_at in of_inputs:
        week = Week(starts_at)
        for at, one in sorted(decisions):
            if at == starts_at:
                week.merge(week_of(at, one))
        inputs.append(week)
    return of_model, inputs


def _chosen(weeks: list[int]) -> list[int]:
    """Return the weeks of the reference, and the latest ones after it."""
    return weeks[:REFERENCE] + weeks[REFERENCE:][-PERIODS[-1] :]
