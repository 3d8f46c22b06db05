"""The past of the store: the finds, other traffic, and what a rule would have opened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta
from sqlalchemy import select

from features.groups.history.history import History
from features.manifest.fields import FIELDS, Kind
from features.table.table import Coded, ManifestTable
from models.evidence import EntryWeights
from models.rules.rulebook import Rulebook
from service.inspections.outcomes import finds, holding
from service.inspections.tables import Outcome
from service.scoring.summary import record_of
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from features.space import Measured
    from models.rules import RuleSet
    from models.scoring import RiskModel

BoolArray = NDArray[np.bool_]

#: Days of the past on which a proposal is tried.
DAYS: Final = 90
_DAY: Final = 86_400 * 1_000_000
#: Largest number of shipments that are read: six weeks of an office with 10,000 a week. Of more, the latest.
MOST: Final = 60_000
_ORIGINS: Final = tuple(
    field.name
    for field in FIELDS
    if field.kind in (Kind.COUNTRY, Kind.COUNTRIES, Kind.LOCATION, Kind.CURRENCY) or field.key in ("city", "postcode")
)
_COLUMNS: Final = (Decision.shipment_id, Decision.id, Decision.lane, Decision.declared_s, Decision.manifest)
_SECOND: Final = 1_000_000
_DAY_S: Final = 86_400
_LEVEL: Final = 0.9


class BadOutcomes(ValueError):
    """An outcome from which nothing can be drafted. The message names it."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a rule would have opened in the past.

    Attributes:
        opened: shipments that it would have made red.
        drafted_from: those of them from which the rule was drafted. They prove nothing, so the following figures leave them out.
        inspected: those with a result, and ``finds``: those with a find.
        precision: finds per inspection; ``low`` and ``high``: Jeffreys interval of 90 %; all None without an inspection.
        already_red: share of the opened shipments that were red without it.
        shipments: shipments on which it was tried, of ``days`` days.
    """

    opened: int
    drafted_from: int
    inspected: int
    finds: int
    precision: float | None
    low: float | None
    high: float | None
    already_red: float
    shipments: int
    days: float


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """Shipments of the store, each by its latest decision, with n goods items.

    Attributes:
        of_find: (n,) whether the item belongs to one of the finds to draft from.
        red: (S,) whether the shipment was red.
        inspected, found: (S,) whether it has a result, and a find.
        days: days from the first declaration to the last.
    """

    model: RiskModel
    table: ManifestTable
    measured: Measured
    of_find: BoolArray
    red: BoolArray
    inspected: BoolArray
    found: BoolArray
    days: float

    @property
    def origins(self) -> list[Coded]:
        """Columns of countries, places and currencies, for which no proposal may stand."""
        return [self.table.text(name) for name in _ORIGINS]

    def tried(self, rules: RuleSet) -> Backtest:
        """Return what the only rule of a set would have opened."""
        return self.judged(self.opened(rules))

    def opened(self, rules: RuleSet) -> BoolArray:
        """Return which shipments (S,) the only rule of a set would have opened."""
        matrix = self.measured.matrix
        columns = {name: column for column, name in enumerate(self.model.space.names)}
        evidence = EntryWeights(self.model.prior, matrix) if self.model.evidence is not None else None
        ruling = Rulebook(columns, rules).rule_on(self.table, matrix, self.measured.substances, evidence)
        return np.zeros(self.table.n_shipments, np.bool_) if ruling.fired is None else ruling.fired.fired[0]

    def judged(self, opened: BoolArray) -> Backtest:
        """Return the figures of some shipments (S,) if they were opened."""
        count = self.table.n_shipments
        own = np.zeros(count, np.bool_)
        own[self.table.shipment[self.of_find]] = True
        others = opened & ~own
        results, found = int((others & self.inspected).sum()), int((others & self.found).sum())
        precision, low, high = interval(found, results)
        already = float(self.red[opened].mean()) if opened.any() else 0.0
        drafted_from = int((opened & own).sum())
        return Backtest(
            int(opened.sum()), drafted_from, results, found, precision, low, high, already, count, self.days
        )


def interval(found: int, inspected: int) -> tuple[float | None, float | None, float | None]:
    """Return a precision with its Jeffreys interval of 90 %; None without an inspection."""
    if not inspected:
        return None, None, None
    tail = (1.0 - _LEVEL) / 2.0
    low, high = (float(beta.ppf(one, found + 0.5, inspected - found + 0.5)) for one in (tail, 1.0 - tail))
    # Without a find, the lower end is 0; without a clean result, the upper end is 1.
    return found / inspected, low if found else 0.0, high if found < inspected else 1.0


def past_of(connection: Connection, model: RiskModel, outcome_ids: Sequence[str], now: int, most: int = MOST) -> Past:
    """Read the finds, and the latest shipments of the last `DAYS` days, by receipt and by declaration.

    Args:
        outcome_ids: finds to draft from; none to try a rule that a person wrote.
        now: time in microseconds since 1970.
        most: largest number of shipments that are read.

    Raises:
        BadOutcomes: an outcome does not exist or is no valid find, or its manifest was erased.
    """
    wanted = _finds(connection, outcome_ids)
    latest = (
        select(*_COLUMNS)
        .where(Decision.received_at >= now - DAYS * _DAY, Decision.received_at < now, Decision.what_if.is_(False))
        .order_by(Decision.received_at.desc())
        .limit(most)
    )
    received = connection.execute(latest).all()[::-1]
    # A file may have the traffic of years, which was received in a day.
    last = max((row.declared_s for row in received if row.declared_s * _SECOND <= now), default=0)
    rows = {row.shipment_id: row for row in received if last - DAYS * _DAY_S < row.declared_s <= last}
    missing = [decision for shipment, decision in wanted.items() if shipment not in rows]
    rows |= {row.shipment_id: row for row in _decisions(connection, missing)}
    results = {
        row.shipment_id: row.found
        for row in connection.execute(
            select(Outcome.shipment_id, finds().label("found")).where(holding()).order_by(Outcome.position)
        )
    }
    readable = [(row, record) for row in rows.values() if (record := record_of(row.manifest)) is not None]
    kept = {row.shipment_id for row, _ in readable}
    if erased := [shipment for shipment in wanted if shipment not in kept]:
        raise BadOutcomes(f"the manifest of shipment {erased[0]} was erased or cannot be read")
    table = ManifestTable.from_records([record for _, record in readable], receipt=now // 1_000_000)
    if table.n_shipments != len(readable) or table.refusals():
        # Adjacent manifests with one id, which an erasure or a cut reference may leave, or texts that are refused today.
        readable = _apart(readable, now)
        table = ManifestTable.from_records([record for _, record in readable], receipt=now // 1_000_000)
    history = History.empty().advance(table, update=False)
    measured = model.space.measure(table, history.values)
    ids = [row.shipment_id for row, _ in readable]
    times = [row.declared_s for row, _ in readable]
    return Past(
        model,
        table,
        measured,
        np.array([one in wanted for one in ids])[table.shipment],
        np.array([row.lane == "red" for row, _ in readable]),
        np.array([one in results for one in ids]),
        np.array([results.get(one, False) for one in ids]),
        min(max(1.0, (max(times) - min(times)) / _DAY_S), DAYS),
    )


def _apart(readable: list[Any], now: int) -> list[Any]:
    """Return the rows that are readable alone, each with a ``shipment_id`` of its own."""
    kept: dict[str, Any] = {}
    for row, record in readable:
        if not ManifestTable.from_records([record], receipt=now // 1_000_000).refusals():
            kept[record.shipment_id] = row, record
    return [*kept.values()]


def _finds(connection: Connection, outcome_ids: Sequence[str]) -> dict[str, str]:
    """Return the shipment and the decision of each find.

    Raises:
        BadOutcomes: an outcome does not exist, or is no valid find.
    """
    query = select(Outcome.id, Outcome.shipment_id, Outcome.decision_id, finds().label("found"))
    known = {row.id: row for row in connection.execute(query.where(Outcome.id.in_(outcome_ids)))}
    for one in outcome_ids:
        if one not in known:
            raise BadOutcomes(f"there is no outcome {one}")
        if not known[one].found:
            raise BadOutcomes(f"outcome {one} is no find, or has been corrected")
    return {known[one].shipment_id: known[one].decision_id for one in outcome_ids}


def _decisions(connection: Connection, ids: Iterable[str]) -> Sequence[Any]:
    query = select(*_COLUMNS)
    return connection.execute(query.where(Decision.id.in_(list(ids)))).all()
