"""Drift: shares of the latest weeks against those of the reference, with thresholds set by the time between false alarms.

The reference has four weeks. A share of the latest week, and of the latest three together, is compared with that of the reference:
the part of the difference that a change of the odds by a tenth would not explain, divided by its standard deviation. Real traffic
varies more than random draws do: shipments come in batches, from the same senders. So the variance of a random draw is multiplied
by the largest of these factors of the reference:

- that between the days, the same weekdays compared, and that between the weeks, of the group itself;
- that between the weeks of all groups of the series, and of all series: four weeks say little about one group. These assume that
  groups vary alike on the scale of log-odds, so that the factor grows with the variance of the share.

The threshold is a quantile of Student's t, at which all groups, in both periods of all weeks of a year, raise one false alarm
(Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from service.monitoring.weeks import LEAST, OF_MODEL, Week

FloatArray = NDArray[np.float64]

#: Weeks of the reference.
REFERENCE: Final = 4
#: Numbers of latest weeks that are compared together.
PERIODS: Final = (1, 3)
#: Expected false alarms a year over all series.
FALSE_ALARMS: Final = 1.0
#: Change of the log-odds of a share that is no drift. Seasons, and a history that learns more senders, change shares by as much.
TOLERANCE: Final = 0.1
_WEEKS_A_YEAR: Final = 52.0
#: Least share of a value in the reference for a group of its own. All rarer values form one.
_RARE: Final = 0.005
#: A normal distribution fits counts of at least ten. For a rarer group, the variance of ten is used.
_FEW: Final = 10.0
#: Median of a chi-square with three degrees of freedom, divided by its mean.
_MEDIAN: Final = 0.789
REST: Final = "all others"
NEW: Final = "new"
#: Most groups that an alarm names.
_NAMED: Final = 5

#: Family -> what to do after an alarm. The order is that of the report.
ADVICE: Final = {
    "lanes": "Compare scores, rules and watch lists with the weeks before. If the traffic has changed: tidewaiter adapt.",
    "selected_by": "Look for changed rules, watch lists or settings. tidewaiter rules try shows what each rule selects.",
    "scores": "See which inputs changed too. If they are right, the traffic has changed: tidewaiter adapt, then train.",
    "missing": "Ask the sender of the data whether the feed or its mapping has changed; tidewaiter validate shows the fields.",
    "unknown_codes": "Look for codes, dates and numbers of this field that cannot be read (GET /v1/schema has the code lists), and "
    "mend the mapping of the feed. Fewer than before need nothing.",
    "unknown_words": "Look at the latest descriptions: a new language, line of goods or encoding. tidewaiter adapt learns words.",
    "unread": "Look at the unread items in the queue. Check that OPSIN runs: tidewaiter doctor.",
    "channel": "Ask whether a feed was added or lost. If the mix stays, tidewaiter adapt.",
    "origin": "Ask whether senders or contracts changed. Read the false-alarm rates by origin; if the mix stays, tidewaiter adapt.",
    "hs_chapter": "Look at the goods of these chapters. If the mix stays, tidewaiter adapt.",
    "routes": "Look at the senders on these routes. New routes are evidence, not faults; if they stay, tidewaiter adapt.",
}
#: Families of which each shipment has exactly one group, with rare ones together.
_VALUES: Final = frozenset({"selected_by", "channel", "origin", "hs_chapter"})


@dataclass(frozen=True, slots=True)
class Moved:
    """A group of a series: its share in the reference, its share in the latest period that differs most, and by how much."""

    group: str
    reference: float
    latest: float
    weeks: int
    statistic: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Counts of a family in weeks.

    Attributes:
        groups: names of the G groups.
        names: group -> further names in it, the most frequent of the latest week first.
        count: (W, 7, G) shipments of each group.
        of: (W, 7) all shipments.
        one_sided: whether only a rise is drift.
    """

    groups: list[str]
    names: dict[str, list[str]]
    count: FloatArray
    of: FloatArray
    one_sided: bool = False


def counted(family: str, weeks: Sequence[Week]) -> Counted | None:
    """Return the counts of a family in weeks, those of the reference first.

    None if it was not counted in all of them, or has no group.
    """
    if not all(family in week.counts for week in weeks):
        return None
    of = np.array([week.of(family) for week in weeks], np.float64)
    if family == "routes":
        return _new_routes(weeks, of)
    names = sorted(set().union(*(week.counts[family] for week in weeks)))
    if not names:
        return None
    none = np.zeros(7)
    count = np.array([[week.counts[family].get(name, none) for name in names] for week in weeks], np.float64)
    count = count.reshape(len(weeks), len(names), 7).transpose(0, 2, 1)
    if family not in _VALUES:
        return Counted(names, {}, count, of)
    share = count[:REFERENCE].sum((0, 1)) / max(of[:REFERENCE].sum(), 1.0)
    is_rare = share < _RARE
    latest = count[-1].sum(0)
    rare = sorted((at for at in np.flatnonzero(is_rare).tolist() if latest[at]), key=lambda at: -latest[at])
    groups = [name for name, rare_one in zip(names, is_rare.tolist(), strict=True) if not rare_one]
    together = count[:, :, is_rare].sum(2, keepdims=True)
    return Counted(
        [*groups, REST],
        {REST: [names[at] for at in rare[:_NAMED]]},
        np.concatenate([count[:, :, ~is_rare], together], 2),
        of,
    )


def _new_routes(weeks: Sequence[Week], of: FloatArray) -> Counted:
    """Return the shipments on routes that are new.

    In a week of the reference, a route is new if the three others lack it; later, if the last three of the reference do. So both
    are compared with three weeks.
    """
    routes = [week.counts["routes"] for week in weeks]
    new = []
    for at, of_week in enumerate(routes):
        others = [k for k in range(REFERENCE) if k != at] if at < REFERENCE else range(1, REFERENCE)
        known: set[str] = set().union(*(routes[k] for k in others))
        new.append({route: days for route, days in of_week.items() if route not in known})
    count = np.array([sum(one.values(), np.zeros(7)) for one in new])[:, :, None]
    names = sorted(new[-1], key=lambda route: -int(new[-1][route].sum()))[:_NAMED]
    return Counted([NEW], {NEW: names}, count, of, one_sided=True)


def _variation(counts: Counted) -> tuple[FloatArray, FloatArray, int]:
    """Return by what the variance of random draws is to be multiplied, between days (G,) and between weeks (G,), and the degrees of
    freedom of the former."""
    count, of = counts.count[:REFERENCE], counts.of[:REFERENCE]
    by_weekday, of_weekday = count.sum(0), of.sum(0)
    share = by_weekday / np.maximum(of_weekday, 1.0)[:, None]
    freedom = int((of > 0).sum() - (of_weekday > 0).sum())
    between_days = _chi_square(count, of[:, :, None] * share, share) / max(freedom, 1)
    weekly, of_week = count.sum(1), of.sum(1)
    whole = weekly.sum(0) / max(of_week.sum(), 1.0)
    between_weeks = _chi_square(weekly, of_week[:, None] * whole, whole) / (REFERENCE - 1)
    return between_days, between_weeks, freedom


def _factors(every: Mapping[str, Counted]) -> tuple[dict[str, FloatArray], dict[str, int]]:
    """Return by what the variance of random draws is multiplied for each group, and the degrees of freedom, of each family."""
    measured = {family: _variation(counts) for family, counts in every.items()}
    draws: dict[str, FloatArray] = {}
    for family, counts in every.items():
        count, of = counts.count[:REFERENCE].sum((0, 1)), counts.of[:REFERENCE].sum()
        draws[family] = count * (1.0 - count / of) / REFERENCE
    excess = {family: between_weeks - 1.0 for family, (_, between_weeks, _) in measured.items()}
    usable = {family: of_family >= _FEW for family, of_family in draws.items()}
    spreads = np.concatenate([excess[family][usable[family]] / draws[family][usable[family]] for family in every])
    common = max(0.0, float(np.median(spreads)) / _MEDIAN) if len(spreads) else 0.0
    factors = {}
    for family, (between_days, between_weeks, _) in measured.items():
        of_family = draws[family][usable[family]].sum()
        spread = max(common, float(excess[family][usable[family]].sum()) / of_family if of_family else 0.0)
        factors[family] = np.maximum.reduce([between_days, between_weeks, 1.0 + spread * draws[family]])
    return factors, {family: freedom for family, (_, _, freedom) in measured.items()}


def _chi_square(count: FloatArray, expected: FloatArray, share: FloatArray) -> FloatArray:
    variance = expected * (1.0 - share)
    terms = np.divide((count - expected) ** 2, variance, out=np.zeros_like(count), where=variance > 0.0)
    return np.asarray(terms.reshape(-1, count.shape[-1]).sum(0))


def _moves(counts: Counted, factor: FloatArray) -> list[Moved]:
    """Return how far each group moved, in the period in which it moved most."""
    count, of = counts.count.sum(1), counts.of.sum(1)
    before, of_before = count[:REFERENCE].sum(0), of[:REFERENCE].sum()
    later = len(of) - REFERENCE
    share = before / of_before
    found: list[tuple[FloatArray, FloatArray, int]] = []
    for weeks in PERIODS:
        if weeks > later:
            continue
        of_now = of[-weeks:].sum()
        now = count[-weeks:].sum(0) / of_now
        low, high = (_odds_times(share, np.exp(sign * TOLERANCE)) for sign in (-1.0, 1.0))
        variance = np.maximum(share * (1.0 - share), _FEW / of_now) * (1.0 / of_now + 1.0 / of_before)
        beyond = np.maximum(now - high, 0.0 if counts.one_sided else low - now)
        found.append((np.maximum(beyond, 0.0) / np.sqrt(factor * variance), now, weeks))
    return [
        Moved(group, float(share[at]), float(now[at]), weeks, float(moved[at]))
        for at, group in enumerate(counts.groups)
        for moved, now, weeks in [max(found, key=lambda one: float(one[0][at]))]
    ]


def _odds_times(share: FloatArray, factor: float) -> FloatArray:
    """Return the shares whose odds are those of given shares, times a factor."""
    return share * factor / (1.0 - share + share * factor)


def drift_of(of_model: Sequence[Week], of_inputs: Sequence[Week]) -> list[dict[str, Any]]:
    """Return the series of the report: those of the model and those of the inputs.

    Args:
        of_model, of_inputs: the weeks of the reference, then the latest ones, at most `PERIODS` [-1]. Without a latest
            week, or with an incomplete reference, there are no series.
    """
    every: dict[str, Counted] = {}
    for family in ADVICE:
        weeks = of_model if family in OF_MODEL else of_inputs
        if (
            len(weeks) > REFERENCE
            and (counts := counted(family, weeks)) is not None
            and counts.of.sum(1).min() >= LEAST
        ):
            every[family] = counts
    if not every:
        return []
    factors, freedom = _factors(every)
    tests = sum(len(counts.groups) for counts in every.values()) * len(PERIODS)
    chance = FALSE_ALARMS / _WEEKS_A_YEAR / tests
    series = []
    for family, counts in every.items():
        threshold = float(stdtrit(max(freedom[family], 1), 1.0 - chance / (1.0 if counts.one_sided else 2.0)))
        moves = sorted(_moves(counts, factors[family]), key=lambda move: -move.statistic)
        series.append(_series(family, counts, moves, threshold))
    return series


def _series(family: str, counts: Counted, moves: list[Moved], threshold: float) -> dict[str, Any]:
    beyond = [move for move in moves if move.statistic > threshold]
    return {
        "series": family,
        "statistic": moves[0].statistic if moves else 0.0,
        "threshold": threshold,
        "alarm": bool(beyond),
        "groups": [
            move.to_json() | {"by_week": _by_week(counts, move.group), "names": counts.names.get(move.group, [])}
            for move in (beyond or moves[:1])[:_NAMED]
        ],
        "advice": ADVICE[family] if beyond else None,
    }


def _by_week(counts: Counted, group: str) -> list[float]:
    """Return the share of a group in each week."""
    shares: list[float] = (counts.count[:, :, counts.groups.index(group)].sum(1) / counts.of.sum(1)).tolist()
    return shares
