"""How well the office finds: precision, recall with intervals, finds against calibrated risks, and the delay of labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import select

from features.manifest.fields import OTHER_CONTRABAND
from models.capacity import ALL
from models.intervals import count_interval, share_interval, weighted_interval
from service.inspections.outcomes import holding
from service.inspections.queue import RANKS
from service.inspections.tables import Outcome, QueueEntry
from service.monitoring.weeks import DAY
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Period of the finds, in days.
PERIOD: Final = 365
#: Reasons of a lane that select by chance, with a known probability.
BY_CHANCE: Final = frozenset({"exploration", "random"})
#: Share of the highest scores whose recall is estimated.
_TOP: Final = 0.1
#: Longest time in days that a decision waits for its result before it counts as matured.
_MATURED: Final = 28.0
#: Limits of the age of red decisions, in days.
_AGES: Final = (0, 7, 28, 90, PERIOD)
#: Most scores that the limit of the top decile follows.
_MOST: Final = 200_000
_QUANTILES: Final = (0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Inspected:
    """A decision with a valid outcome.

    Attributes:
        by_chance: whether exploration, or the random share, selected it.
        probability: `Decision.inspection_probability`; None in decisions of earlier versions.
        in_top: whether its score is in the top decile of its model.
        delay: days from receipt to the first result.
    """

    lane: str
    by_chance: bool
    group: str | None
    probability: float | None
    risk: float
    received_at: int
    in_top: bool
    find: bool
    delay: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """A red decision without a valid outcome."""

    by_chance: bool
    received_at: int


@dataclass(frozen=True, slots=True)
class Recall:
    """An estimate of recall with its interval of 95 %. None where nothing is known."""

    value: float | None
    low: float | None
    high: float | None
    finds: int
    explored: int
    explored_finds: int


def inspected_in(connection: Connection, since: int, until: int) -> list[Inspected]:
    """Return the decisions received in a period that have a valid outcome."""
    names = ("id", "lane", "selected_by", "capacity_group", "inspection_probability", "scorer", "log_odds", "risk")
    query = (
        select(*(getattr(Decision, name) for name in (*names, "received_at")), Outcome.content, Outcome.found_at)
        .join(Outcome, Outcome.decision_id == Decision.id)
        # An outcome comes after its decision. The table of outcomes is the smaller one.
        .where(holding(), Outcome.recorded_at >= since, Decision.what_if.is_(False))
        .order_by(Outcome.found_at)
    )
    rows: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        if since <= row.received_at < until:
            rows.setdefault(row.id, []).append(row)
    firsts = [results[0] for results in rows.values()]
    tops = _tops(connection, {row.scorer for row in firsts if row.log_odds is not None}, since, until)
    return [
        Inspected(
            row.lane,
            row.selected_by in BY_CHANCE,
            row.capacity_group,
            row.inspection_probability,
            row.risk,
            row.received_at,
            row.log_odds is not None and row.log_odds >= tops[row.scorer],
            any(one.content not in ("none", OTHER_CONTRABAND) for one in results),
            max(0.0, (row.found_at - row.received_at) / DAY),
        )
        for row, results in zip(firsts, rows.values(), strict=True)
    ]


def _tops(connection: Connection, scorers: Iterable[str], since: int, until: int) -> dict[str, float]:
    """Return the lower limit of the top decile of the scores of each model."""
    inside = (Decision.received_at >= since, Decision.received_at < until, Decision.what_if.is_(False))
    tops = {}
    for scorer in scorers:
        query = select(Decision.log_odds).where(*inside, Decision.scorer == scorer, Decision.log_odds.is_not(None))
        # The latest scores: the limit is that of present traffic.
        scores = connection.execute(query.order_by(Decision.received_at.desc()).limit(_MOST)).scalars().all()
        tops[scorer] = float(np.quantile(np.array(scores), 1.0 - _TOP))
    return tops


def waiting_since(connection: Connection, since: int) -> list[Waiting]:
    """Return the red decisions that wait in the queue for an outcome."""
    query = select(QueueEntry.selected_by, QueueEntry.received_at).where(
        QueueEntry.rank == RANKS["red"], QueueEntry.received_at >= since, QueueEntry.overridden.is_(False)
    )
    return [Waiting(row.selected_by in BY_CHANCE, row.received_at) for row in connection.execute(query)]


def precision(inspected: Sequence[Inspected]) -> list[dict[str, Any]]:
    """Return finds among inspected shipments by lane, selection and group of the capacity; the whole office first."""
    counts: dict[tuple[str, str, bool], list[int]] = {}
    for one in inspected:
        for group in {ALL, one.group or ALL}:
            count = counts.setdefault((group, one.lane, one.by_chance), [0, 0])
            count[0] += 1
            count[1] += one.find
    order = ("red", "yellow", "green")
    rows = []
    for (group, lane, by_chance), (of, finds) in sorted(
        counts.items(), key=lambda one: (one[0][0], order.index(one[0][1]), one[0][2])
    ):
        low, high = share_interval(finds, of)
        of_row = {"group": group, "lane": lane, "by_chance": by_chance, "inspected": of, "finds": finds}
        rows.append(of_row | {"precision": finds / of, "low": low, "high": high})
    return rows


def finds_and_risk(inspected: Sequence[Inspected]) -> dict[str, Any]:
    """Return the finds that calibrated risks expect among the inspected shipments, beside those observed."""
    expected, observed = sum(one.risk for one in inspected), sum(one.find for one in inspected)
    low, high = count_interval(observed)
    agree = low <= expected <= high
    text = None
    if not agree:
        text = (
            "More is found than the risks say: the base rates of the settings may be too low, or the model is not calibrated here."
            if expected < low
            else "Less is found than the risks say: the base rates may be too high, inspections may miss content, or the traffic "
            "has changed."
        )
    return {
        "expected_finds": expected,
        "observed_finds": observed,
        "observed_low": low,
        "observed_high": high,
        "agree": agree,
        "text": text,
    }


def recall_of(inspected: Sequence[Inspected], waiting: Sequence[Waiting], *, level: float = 0.95) -> Recall:
    """Return which share of the illicit shipments was found, estimated from those that chance selected.

    A find of exploration stands for 1 / probability shipments, all but itself missed. A red shipment that nobody opened yet counts
    as those that were. Finds outside both, such as after a tip, count as found.
    """
    explored = [one for one in inspected if one.by_chance and one.probability]
    finds, found = sum(one.find for one in inspected), [one for one in explored if one.find]
    if not explored:
        return Recall(None, None, None, finds, 0, 0)
    opened = _response(len(explored), sum(one.by_chance for one in waiting))
    weights = [1.0 / (opened * (one.probability or 1.0)) for one in explored]
    kinds = [(1.0 / (opened * (one.probability or 1.0)), 1.0) for one in found] + [(max(weights), 0.0)]
    red = [one for one in inspected if one.lane == "red" and not one.by_chance]
    of_red = _response(len(red), sum(not one.by_chance for one in waiting))
    if of_red < 1.0:
        kinds.append((1.0 / of_red - 1.0, float(sum(one.find for one in red))))
    missed = sum(weight * count for weight, count in kinds) - len(found)
    low, high = (max(0.0, one - len(found)) for one in weighted_interval(kinds, level))
    if not finds:
        return Recall(None, None, None, 0, len(explored), 0)
    return Recall(
        finds / (finds + missed), finds / (finds + high), finds / (finds + low), finds, len(explored), len(found)
    )


def _response(opened: int, waiting: int) -> float:
    """Return the share of selected shipments that were opened."""
    return opened / (opened + waiting) if opened else 1.0


def recalls(inspected: Sequence[Inspected], waiting: Sequence[Waiting], now: int) -> dict[str, Any]:
    """Return the recall within the top decile of scores, and a lower bound (95 %, one-sided) of that of all shipments.

    Only decisions that are older than most results took count: finds take longer than clean results.
    """
    delays = [one.delay for one in inspected]
    until = now - round(min(_MATURED, float(np.quantile(delays, _QUANTILES[-1])) if delays else _MATURED) * DAY)
    matured = [one for one in inspected if one.received_at < until]
    late = [one for one in waiting if one.received_at < until]
    top = recall_of([one for one in matured if one.in_top], late)
    every = recall_of(matured, late, level=0.9)
    return {
        "top_decile_recall": {name: getattr(top, name) for name in top.__slots__},
        "recall_at_least": every.low,
    }


def labels(inspected: Sequence[Inspected], waiting: Sequence[Waiting], now: int) -> dict[str, Any]:
    """Return the delay of results, and the share of red decisions without one by age."""
    delays = [one.delay for one in inspected]
    quantiles = np.quantile(delays, _QUANTILES).tolist() if delays else [None] * len(_QUANTILES)
    red = [one.received_at for one in inspected if one.lane == "red"]
    ages = []
    counts = zip(pairwise(_AGES), _by_age(red, now), _by_age([one.received_at for one in waiting], now), strict=True)
    for (youngest, oldest), opened, without in counts:
        share = without / (opened + without) if opened + without else None
        of_age = {"from_days": youngest, "to_days": oldest, "red": opened + without}
        ages.append(of_age | {"without_outcome": without, "share": share})
    return {
        "outcomes": len(inspected),
        "finds": sum(one.find for one in inspected),
        "delay_days": dict(zip(("median", "p90"), quantiles, strict=True)),
        "by_age": ages,
    }


def _by_age(received: Sequence[int], now: int) -> list[int]:
    """Return the number of decisions of each age."""
    days = (now - np.array(received, np.float64)) / DAY
    return [int(one) for one in np.histogram(days, _AGES)[0]]
