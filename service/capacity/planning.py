"""Plans: thresholds that follow the scores of the last 28 days, one for each day, model and capacity.

The first process that needs the plan of a day makes it; all others read it. A decision has the threshold that was in force, so it
can be repeated.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import and_, func, insert, select

from features.manifest.fields import FIELD
from features.table.normalise import normaliser
from models.capacity import ALL, FIELD_OF, CapacityLanes, Cut, group_name
from service.capacity.tables import CapacityPlan, facts_of
from service.core.database import audit
from service.core.identifiers import new_ids
from service.scoring.decision import SCORER_DIGITS
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from models.scoring import RiskModel
    from service.core.database.engine import Database
    from service.core.settings import Capacity

#: Period whose scores the thresholds follow, in days.
WINDOW: Final = 28
#: A UTC day in microseconds.
DAY: Final = 86_400 * 1_000_000
#: Fewest own decisions of a model for thresholds from its own scores. With fewer, they come from its reference traffic.
LEAST: Final = 1_000
#: Largest number of decisions that a plan reads. Of more traffic, it reads every second, third and so on.
_MOST: Final = 400_000


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A plan, with what it follows.

    Attributes:
        lanes: the thresholds.
        day: days since 1970 (UTC) of the day that it was made for.
        days: number of days of traffic that it follows.
        is_own: whether the thresholds follow the model's own scores, not the reference traffic of its bundle.
        shipments: group -> shipments a day; `ALL` for all.
        per_day: group -> inspections on a working day; `ALL` for all.
    """

    lanes: CapacityLanes
    day: int
    days: int
    is_own: bool
    shipments: Mapping[str, float]
    per_day: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return everything but the key of the exploration as plain JSON values."""
        return self.lanes.to_json() | {
            "day": self.day,
            "days": self.days,
            "is_own": self.is_own,
            "shipments": {**self.shipments},
            "per_day": {**self.per_day},
        }


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Scores of recent traffic.

    Attributes:
        group: (n,) number of the group of each shipment, into ``groups``.
        log_odds: (n,) uncorrected risk log-odds.
        floored: (n,) whether the shipment is red whatever its score.
        is_own: (n,) whether the model itself scored it.
        days: days of the traffic.
        each: number of shipments that each one stands for.
    """

    groups: list[str]
    group: NDArray[np.int64]
    log_odds: NDArray[np.float64]
    floored: NDArray[np.bool_]
    is_own: NDArray[np.bool_]
    days: int
    each: int

    def cuts(self, model: RiskModel, capacity: Capacity) -> tuple[dict[str, Cut], dict[str, float], dict[str, float]]:
        """Return the thresholds, the shipments a day, and the inspections on a working day of each group."""
        counts = np.bincount(self.group, minlength=len(self.groups)) * self.each / self.days
        shipments = dict(zip(self.groups, counts.tolist(), strict=True))
        per_day = capacity.daily(shipments)
        shipments[ALL] = float(counts.sum())
        working = len(capacity.working_days) / 7.0
        cuts = {}
        for name, inspections in per_day.items():
            number = self.groups.index(name) if name in self.groups else -1
            here = self.is_own if name == ALL else self.is_own & (self.group == number)
            arrives = shipments.get(name, 0.0)
            share = inspections * working / arrives if arrives else float(inspections > 0.0)
            cuts[name] = self._cut([here, self.is_own], model, share, capacity.exploration)
        return cuts, shipments, per_day

    def _cut(self, parts: list[NDArray[np.bool_]], model: RiskModel, share: float, exploration: float) -> Cut:
        """Return the thresholds from the first part of the traffic that is large enough, otherwise from reference traffic."""
        for here in parts:
            if np.count_nonzero(here) >= LEAST:
                return Cut.from_scores(self.log_odds[here], share, exploration, floored=self.floored[here])
        return reference_cut(model, share, exploration)


def reference_cut(model: RiskModel, share: float, exploration: float) -> Cut:
    """Return thresholds from the reference traffic of a bundle, which `tidewaiter adapt` fits to the office's own."""
    reference = model.reference
    return Cut.from_scores(reference.log_odds, share, exploration, weight=np.diff(reference.below, append=1.0))


def in_force(
    database: Database, capacity: Capacity, model: RiskModel, *, key: bytes | None = None, now: int | None = None
) -> Plan | None:
    """Return the plan of today, and make it if there is none yet. None before the first day with traffic has ended.

    Args:
        key: key of the exploration; default: the secret of the store.
        now: time in microseconds since 1970; default: the present.

    Raises:
        DatabaseAway: the database does not answer.
    """
    now = time.time_ns() // 1000 if now is None else now
    day = now // DAY
    with database.read() as connection:
        secret = key or exploration_key(connection)
        found = _stored(connection, capacity, model, day)
        if found is not None:
            return _plan_of(found, secret)
        traffic = traffic_before(connection, capacity, model, day * DAY)
    if traffic is None:
        return None
    cuts, shipments, per_day = traffic.cuts(model, capacity)
    [plan_id] = new_ids(1)
    lanes = CapacityLanes(plan_id, model.digest, capacity.parts, cuts, secret)
    is_own = bool(np.count_nonzero(traffic.is_own) >= LEAST)
    plan = Plan(lanes, day, traffic.days, is_own, shipments, per_day)
    with database.write() as connection:
        database.lock_audit(connection)
        found = _stored(connection, capacity, model, day)
        if found is not None:
            # Another process was first.
            return _plan_of(found, secret)
        row = {
            "id": plan_id,
            "day": day,
            "model": model.digest,
            "settings": capacity.digest,
            "made_at": now,
            "content": orjson.dumps(plan.to_json(), option=orjson.OPT_SORT_KEYS).decode(),
        }
        store_plan(connection, row)
    return plan


def store_plan(connection: Connection, row: dict[str, Any]) -> None:
    """Store a plan, and append it to the audit chain. The caller holds the lock of the chain.

    Args:
        row: values of `CapacityPlan`.
    """
    connection.execute(insert(CapacityPlan), [row])
    audit.append(connection, [audit.Fact("capacity", row["id"], facts_of(row), "service")], row["made_at"])


def exploration_key(connection: Connection) -> bytes:
    """Return the key of the exploration, from the secret that the store has made for itself."""
    from service.lists.matching import DISMISSALS
    from service.lists.repository import revisions

    return hashlib.blake2b(
        revisions(connection)[DISMISSALS.name].secret, digest_size=32, person=b"exploration"
    ).digest()


def _stored(connection: Connection, capacity: Capacity, model: RiskModel, day: int) -> Any:
    same = and_(CapacityPlan.day == day, CapacityPlan.model == model.digest, CapacityPlan.settings == capacity.digest)
    return connection.execute(select(CapacityPlan.id, CapacityPlan.content).where(same)).first()


def _plan_of(row: Any, key: bytes) -> Plan:
    content = orjson.loads(row.content)
    lanes = CapacityLanes.from_json(row.id, content, key)
    return Plan(lanes, *(content[name] for name in ("day", "days", "is_own", "shipments", "per_day")))


#: Columns of the index that has all that a plan reads.
_COLUMNS: Final = (
    Decision.site,
    Decision.channel,
    Decision.scorer,
    Decision.log_odds,
    Decision.floored,
    Decision.threshold,
    Decision.lane,
)


def traffic_before(connection: Connection, capacity: Capacity, model: RiskModel, end: int) -> Traffic | None:
    """Return the scores of the shipments received in the `WINDOW` days before a time; None if there were none.

    Args:
        end: time in microseconds since 1970.
    """
    inside = and_(Decision.received_at >= end - WINDOW * DAY, Decision.received_at < end, Decision.what_if.is_(False))
    count, first = connection.execute(select(func.count(), func.min(Decision.received_at)).where(inside)).one()
    if not count:
        return None
    each = -(-count // _MOST)
    # Microseconds are as good as chance, and the index has them.
    sampled = inside if each == 1 else and_(inside, Decision.received_at % each == 0)
    return _traffic(
        connection.execute(select(*_COLUMNS).where(sampled)).all(), capacity, model, -(-(end - first) // DAY), each
    )


def _traffic(rows: Any, capacity: Capacity, model: RiskModel, days: int, each: int) -> Traffic:
    scorer = model.digest[:SCORER_DIGITS]
    columns = list(zip(*rows, strict=True)) or [()] * len(_COLUMNS)
    of_part = dict(zip(("site", "channel"), columns[:2], strict=True))
    parts = [_codes(part, of_part[part]) for part in capacity.parts]
    names = [group_name(one) for one in zip(*parts, strict=True)] if parts else [ALL] * len(rows)
    groups = {name: number for number, name in enumerate(dict.fromkeys(names))}
    log_odds, threshold = (np.array([np.nan if value is None else value for value in columns[k]]) for k in (3, 5))
    # Exemptions and countries keep some shipments from red whatever their score. They take no inspection.
    unopened = (log_odds >= threshold) & np.array([lane != "red" for lane in columns[6]])
    log_odds[unopened] = log_odds.min(initial=0.0, where=~np.isnan(log_odds))
    return Traffic(
        [*groups],
        np.array([groups[name] for name in names], dtype=np.int64),
        log_odds,
        np.array([bool(value) for value in columns[4]]),
        np.array([value == scorer for value in columns[2]]) & ~np.isnan(log_odds),
        days,
        each,
    )


def _codes(part: str, declared: tuple[str | None, ...]) -> list[str | None]:
    """Return the code of each declared value; None for one without a known code, as in a table."""
    read = normaliser(FIELD[FIELD_OF[part]])
    code_of = {value: None if value is None else read(value)[0] for value in set(declared)}
    return [code_of[value] for value in declared]
