"""What an office can inspect today, and which red shipments wait beyond that."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from features.manifest.fields import FIELD
from features.table.normalise import normaliser
from models.capacity import ALL, FIELD_OF, group_name
from service.core.database.times import now_us
from service.inspections.queue import RANKS
from service.inspections.tables import Outcome, QueueEntry
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.capacity.planning import Plan
    from service.core.settings import Capacity

#: A UTC day in microseconds.
_DAY = 86_400 * 1_000_000


def today_of(connection: Connection, capacity: Capacity | None, plan: Plan | None) -> dict[str, Any]:
    """Return the answer of ``GET /v1/capacity``, see `service.capacity.routes.Capacity`."""
    parts = () if capacity is None else capacity.parts
    start = now_us() // _DAY * _DAY
    red = select(QueueEntry.site, QueueEntry.channel, func.count()).where(QueueEntry.rank == RANKS["red"])
    waiting = _by_group(parts, connection.execute(red.group_by(QueueEntry.site, QueueEntry.channel)))
    done = (
        select(Decision.site, Decision.channel, func.count(Outcome.shipment_id.distinct()))
        .join(Outcome, Outcome.decision_id == Decision.id)
        .where(Outcome.recorded_at >= start, Outcome.corrects.is_(None))
    )
    inspected = _by_group(parts, connection.execute(done.group_by(Decision.site, Decision.channel)))
    if capacity is None:
        text = f"{waiting[ALL]:,} red; no capacity is configured"
        return {
            "configured": False,
            "plan": None,
            "working_day": None,
            "follows_days": None,
            "follows": None,
            "groups": [],
            "text": text,
        }
    is_working = capacity.is_working(dt.datetime.now(dt.UTC).date())
    shares = capacity.daily({}) if plan is None else plan.per_day
    of_each = {
        name: shares.get(name, 0.0) * is_working for name in (ALL, *sorted({*shares, *waiting, *inspected} - {ALL}))
    }
    groups = [
        {
            "group": name,
            "capacity": per_day,
            "inspected": inspected[name],
            "waiting": waiting[name],
            "beyond": max(0, waiting[name] - math.floor(max(0.0, per_day - inspected[name]))),
            "threshold": None if plan is None else plan.lanes.cuts.get(name, plan.lanes.cuts[ALL]).red,
        }
        for name, per_day in of_each.items()
    ]
    beyond = groups[0]["beyond"]
    rest = "beyond today's capacity" if is_working else "wait; today is not a working day"
    return {
        "configured": True,
        "plan": None if plan is None else plan.lanes.id,
        "working_day": is_working,
        "follows_days": None if plan is None else plan.days,
        "follows": None if plan is None else ("own" if plan.is_own else "reference"),
        "groups": groups,
        "text": f"{beyond:,} red {rest}",
    }


def _by_group(parts: tuple[str, ...], rows: Iterable[Any]) -> Counter[str]:
    """Return counts by group, and of all, from rows of site, channel and count."""
    read = {part: normaliser(FIELD[FIELD_OF[part]]) for part in parts}
    counts: Counter[str] = Counter({ALL: 0})
    for site, channel, count in rows:
        declared = {"site": site, "channel": channel}
        counts[ALL] += count
        if parts:
            codes = [None if (value := declared[part]) is None else read[part](value)[0] for part in parts]
            counts[group_name(codes)] += count
    return counts
