"""Settings of scores as they were at times of the past: lists, permits, accepted proposals and thresholds then in force.

Rows of lists stay in their tables after a removal, so the tables know what was in force. The base rates, the office's rules and
the random share are those of the present settings. Today's service cannot know what an erasure has removed since.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import func, select

from models.capacity import CapacityLanes
from models.rules import OfficeRules
from service.capacity.planning import exploration_key, reference_cut
from service.capacity.tables import CapacityPlan
from service.lists.current import dismissal_reason, entry_of, register_of, suppressed_of
from service.lists.matching import DISMISSALS, PERMITS, SUPPRESSIONS, TOPICS, WATCH_ENTRIES
from service.lists.repository import revisions
from service.lists.screening import ListScreening, Segment
from service.lists.tables import table_of
from service.proposals.repository import every, revision, rule_set
from service.proposals.tables import ProposalEvent

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from models.permits import Register
    from models.rules import RuleSet
    from models.scoring import RiskModel, ScoreSettings
    from service.core.settings import Capacity, Settings

#: Largest number of moments whose settings are kept. Traffic passes them in order.
_KEPT: Final = 4


class KnownThen:
    """Settings of scores for one model, at any time.

    Attributes:
        state: `state_of` the store when it was read.
    """

    def __init__(self, connection: Connection, settings: Settings, model: RiskModel, base: ScoreSettings) -> None:
        """
        Args:
            base: settings without the lists of the store.
        """
        self.state = state_of(connection)
        self._base = base
        self._model = model
        self._rows: dict[str, Sequence[Row[Any]]] = {
            topic.name: connection.execute(select(table_of(topic).__table__).order_by(table_of(topic).position)).all()
            for topic in TOPICS
        }
        watched = self._rows[WATCH_ENTRIES.name]
        self._segment = Segment([entry_of(row) for row in watched if row.text is not None])
        self._secret = revisions(connection)[DISMISSALS.name].secret
        self._proposals = {one.id: one for one in every(connection)}
        self._decided = connection.execute(select(ProposalEvent.__table__).order_by(ProposalEvent.position)).all()
        key = settings.random_key.get_secret_value().encode() if settings.random_key else exploration_key(connection)
        self._plans = _plans(connection, model, settings.capacity, key)
        self._changes = sorted(self._times())
        self._register: tuple[tuple[str, ...], Register | None] = (), None
        self._made: dict[tuple[int, int], ScoreSettings] = {}

    def _times(self) -> set[int]:
        """Return the times at which anything changed."""
        found = {one.until for one in self._proposals.values()} | {event.created_at for event in self._decided}
        for rows in self._rows.values():
            for row in rows:
                found.update((row.added_at, row.removed_at or 0, row.expires_at or 0))
        return found

    def moment(self, at: int, *, by_capacity: bool) -> tuple[int, int]:
        """Return a value that is equal for times with equal settings.

        Args:
            at: microseconds since 1970.
            by_capacity: whether a capacity was configured.
        """
        plan = bisect_right(self._plans, at, key=lambda one: one[0]) if by_capacity else 0
        return bisect_right(self._changes, at), plan

    def settings(self, at: int, *, by_capacity: bool) -> ScoreSettings:
        """Return the settings at a time."""
        moment = self.moment(at, by_capacity=by_capacity)
        if moment not in self._made:
            while len(self._made) >= _KEPT:
                del self._made[next(iter(self._made))]
            self._made[moment] = self._at(at, moment[1])
        return self._made[moment]

    def _at(self, at: int, plan: int) -> ScoreSettings:
        there = {name: [row for row in rows if _is_in_force(row, at)] for name, rows in self._rows.items()}
        screening = ListScreening(
            (self._segment,) if self._segment.entries else (),
            frozenset(entry.id for entry in self._segment.entries) - {row.id for row in there[WATCH_ENTRIES.name]},
            {(row.entry_id, bytes(row.party)): dismissal_reason(row) for row in there[DISMISSALS.name]},
            tuple(suppressed_of(row) for row in there[SUPPRESSIONS.name] if row.consignor is not None),
            self._secret,
        )
        ids = tuple(row.id for row in there[PERMITS.name])
        if ids != self._register[0]:
            self._register = ids, register_of(there[PERMITS.name])
        return replace(
            self._base,
            rules=_rules(self._base.rules, self._register[1], self._proposed(at)),
            lists=None if screening.is_empty else screening,
            capacity={self._model.digest: self._plans[plan - 1][1]} if plan else None,
        )

    def _proposed(self, at: int) -> RuleSet | None:
        """Return the proposals that were accepted and had not ended."""
        latest = {event.proposal_id: event.state for event in self._decided if event.created_at <= at}
        accepted = [
            self._proposals[name]
            for name, state in latest.items()
            if state == "accepted" and name in self._proposals and self._proposals[name].until > at
        ]
        rules = [(one.rule_id, one.conditions, one.text, one.until) for one in accepted]
        return rule_set(rules) if rules else None


def state_of(connection: Connection) -> tuple[object, ...]:
    """Return a value that changes with the lists, the proposals and the plans of a store."""
    plans = connection.execute(select(func.max(CapacityPlan.made_at))).scalar()
    return *(sorted((name, one.number) for name, one in revisions(connection).items())), revision(connection), plans


def _is_in_force(row: Row[Any], at: int) -> bool:
    return bool(
        row.added_at <= at
        and (row.removed_at is None or row.removed_at > at)
        and (row.expires_at is None or row.expires_at > at)
    )


def _rules(base: OfficeRules | None, register: Register | None, added: RuleSet | None) -> OfficeRules | None:
    """Return rules of the office with the register and the proposals of the store, as `CurrentLists` joins them."""
    if register is None and added is None:
        return base
    base = base or OfficeRules()
    joined = base.register if register is None else register
    if base.register is not None and register is not None:
        joined = base.register.with_permits_of(register)
    return replace(base, register=joined, added=base.added if added is None else (*base.added, added))


def _plans(
    connection: Connection, model: RiskModel, capacity: Capacity | None, key: bytes
) -> list[tuple[int, CapacityLanes]]:
    """Return the thresholds of each day for a model, with the time from which they held.

    A model that had no plans, because it was not in service, takes them from the reference traffic of its bundle, for the groups
    and inspections of the plans of that day.
    """
    rows = connection.execute(select(CapacityPlan.__table__).order_by(CapacityPlan.made_at)).all()
    own = [row for row in rows if row.model == model.digest]
    if own:
        return [(row.made_at, CapacityLanes.from_json(row.id, _content(row), key)) for row in own]
    if capacity is None:
        return []
    return [(row.made_at, _by_reference(row, model, capacity, key)) for row in rows]


def _by_reference(row: Row[Any], model: RiskModel, capacity: Capacity, key: bytes) -> CapacityLanes:
    content = _content(row)
    working = len(capacity.working_days) / 7.0
    cuts = {}
    for name, inspections in content["per_day"].items():
        arrives = content["shipments"].get(name, 0.0)
        share = inspections * working / arrives if arrives else float(inspections > 0.0)
        cuts[name] = reference_cut(model, share, capacity.exploration)
    return CapacityLanes(row.id, model.digest, tuple(content["by"]), cuts, key)


def _content(row: Row[Any]) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(row.content)
    return content
