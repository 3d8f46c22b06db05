"""The report of ``tidewaiter plan``: what a capacity finds, and what exploration buys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from models.capacity import ALL, Cut
from models.intervals import weighted_interval

if TYPE_CHECKING:
    from service.core.settings import Capacity

FloatArray = NDArray[np.float64]

#: Capacities of the table, as multiples of the given one.
MULTIPLES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
#: Shares of exploration in the table.
SHARES: Final = (0.0, 0.02, 0.05, 0.1, 0.2)
#: Shipments a week of the new scheme whose first find is estimated.
SCHEME: Final = 5
#: Factor by which the number of illicit shipments among the riskiest 1 % differed from the calibrated one, on worlds that the model
#: had not seen: .41 to 1.88 (docs/worlds.md). An interval that ignores it would be too narrow.
MISCALIBRATION: Final = 2.0
_LEVEL: Final = 0.9
#: Least risk of a shipment whose declaration states controlled content without a permit.
_STATED: Final = 0.5
_YEAR: Final = 365.0


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scores of n shipments of some days.

    Attributes:
        group: (n,) names of groups.
        log_odds: (n,) uncorrected risk log-odds.
        risk: (n,) calibrated probability at the base rate in use.
        floored: (n,) whether the shipment is red whatever its score.
        days: days of the traffic.
    """

    group: NDArray[np.object_]
    log_odds: FloatArray
    risk: FloatArray
    floored: NDArray[np.bool_]
    days: float

    @property
    def is_hidden(self) -> NDArray[np.bool_]:
        """Whether the declaration does not itself state what is illicit (n,). Those that do rank first, whatever the capacity."""
        return ~self.floored & (self.risk < _STATED)

    def of(self, group: str) -> Scored:
        """Return the shipments of a group."""
        if group == ALL:
            return self
        here = self.group == group
        return Scored(self.group[here], self.log_odds[here], self.risk[here], self.floored[here], self.days)


@dataclass(frozen=True, slots=True)
class Row:
    """What a capacity of a group finds in a year.

    Attributes:
        capacity: inspections on a working day.
        threshold: least risk at which the score alone makes a shipment red; None if no score does.
        expected_finds, low, high: finds a year, and an interval of 90 %.
        hidden_finds: those of them that no declaration states.
        precision: finds per inspection.
    """

    group: str
    capacity: float
    threshold: float | None
    expected_finds: float
    low: float
    high: float
    hidden_finds: float
    precision: float


@dataclass(frozen=True, slots=True)
class Explored:
    """What a share of exploration buys in a year.

    Attributes:
        share: share of the inspections.
        finds_a_year: finds of exploration, and ``given_up``: expected finds that its inspections would make by score instead.
        recall: expected share of the hidden illicit shipments that are found; ``recall_low`` and ``recall_high`` are the interval
            of 90 % that a year's finds give, on average.
        weeks_near, weeks_far: weeks to the first find of a new scheme of `SCHEME` shipments a week, if it scores in the riskiest
            tenth below the threshold, or lower; None if never.
    """

    share: float
    finds_a_year: float
    given_up: float
    recall: float
    recall_low: float
    recall_high: float
    weeks_near: float | None
    weeks_far: float | None


def rows_of(scored: Scored, capacity: Capacity, multiples: Sequence[float] = MULTIPLES) -> Iterator[Row]:
    """Yield the rows of the office, then those of each group, for capacities around the given one.

    Args:
        multiples: capacities as multiples of the given one, in ascending order.
    """
    names, counts = np.unique(scored.group.astype(str), return_counts=True)
    shipments = dict(zip(names.tolist(), (counts / scored.days).tolist(), strict=True))
    per_day = capacity.daily(shipments)
    for group in (ALL, *sorted({*per_day} - {ALL})):
        here = scored.of(group)
        for multiple in multiples if len(here.risk) else ():
            yield _row(here, group, per_day[group] * multiple, capacity)
            if _share(here, per_day[group] * multiple, capacity) >= 1.0:
                # All traffic is opened.
                break


def _share(scored: Scored, per_day: float, capacity: Capacity) -> float:
    """Return the inspections per shipment."""
    return min(1.0, per_day * len(capacity.working_days) / 7.0 * scored.days / len(scored.risk))


def _row(scored: Scored, group: str, per_day: float, capacity: Capacity) -> Row:
    share = _share(scored, per_day, capacity)
    cut = Cut.from_scores(scored.log_odds, share, capacity.exploration, floored=scored.floored)
    probability = _probability(scored, cut)
    opened, finds = float(probability.sum()), float((probability * scored.risk).sum())
    red = scored.log_odds >= cut.red
    a_year = finds * _YEAR / scored.days
    tail = (1.0 - _LEVEL) / 2.0
    return Row(
        group,
        per_day,
        float(scored.risk[red].min()) if red.any() else None,
        a_year,
        float(poisson.ppf(tail, a_year / MISCALIBRATION)),
        float(poisson.ppf(1.0 - tail, a_year * MISCALIBRATION)),
        float((probability * scored.risk)[scored.is_hidden].sum()) * _YEAR / scored.days,
        finds / opened if opened else 0.0,
    )


def _probability(scored: Scored, cut: Cut) -> FloatArray:
    """Return the probability of inspection (n,)."""
    red = (scored.log_odds >= cut.red) | scored.floored
    return np.where(red, 1.0, cut.exploration_probability(scored.log_odds))


def explored(scored: Scored, capacity: Capacity) -> list[Explored]:
    """Return what each share of exploration buys the whole office."""
    per_day = capacity.daily({})[ALL]
    share = _share(scored, per_day, capacity)
    without = Cut.from_scores(scored.log_odds, share, 0.0, floored=scored.floored)
    most = float((_probability(scored, without) * scored.risk)[scored.is_hidden].sum()) * _YEAR / scored.days
    return [_explored(scored, share, one, most) for one in SHARES]


def _explored(scored: Scored, share: float, exploration: float, most: float) -> Explored:
    cut = Cut.from_scores(scored.log_odds, share, exploration, floored=scored.floored)
    per_year = _YEAR / scored.days
    red = (scored.log_odds >= cut.red) | scored.floored
    found = float(scored.risk[red & scored.is_hidden].sum()) * per_year
    near = ~red & (scored.log_odds >= cut.near)
    strata = [
        (p, float(scored.risk[here].sum()) * per_year) for p, here in ((cut.p_near, near), (cut.p_far, ~red & ~near))
    ]
    finds = sum(p * illicit for p, illicit in strata)
    missed_low, missed_high = weighted_interval([(1.0 / p, p * illicit) for p, illicit in strata if p > 0.0], _LEVEL)
    total = found + sum(illicit for _, illicit in strata)
    return Explored(
        exploration,
        finds,
        max(0.0, most - found),
        found / total if total else 0.0,
        found / (found + missed_high) if found + missed_high else 0.0,
        found / (found + missed_low) if found + missed_low else 1.0,
        *(1.0 / (SCHEME * p) if p > 0.0 else None for p in (cut.p_near, cut.p_far)),
    )


def to_json(rows: list[Row], exploration: list[Explored]) -> dict[str, Any]:
    """Return the report as plain JSON values."""
    return {"groups": [asdict(row) for row in rows], "exploration": [asdict(one) for one in exploration]}


#: Size of the plot, and the space for its axes.
_WIDTH, _HEIGHT, _LEFT, _TOP = 640, 360, 70, 40


def plot(rows: list[Row]) -> str:
    """Return a drawing (SVG) of the hidden finds a year of the whole office over its capacity.

    The band allows for calibration that is wrong by `MISCALIBRATION`; chance adds to it.
    """
    office = [row for row in rows if row.group == ALL]
    most_finds = MISCALIBRATION * max(row.hidden_finds for row in office) or 1.0
    most = max(row.capacity for row in office) or 1.0

    def place(capacity: float, finds: float) -> str:
        x = _LEFT + (_WIDTH - _LEFT - 20) * capacity / most
        return f"{x:.1f},{_HEIGHT - 50 - (_HEIGHT - 50 - _TOP) * finds / most_finds:.1f}"

    band = [place(row.capacity, row.hidden_finds / MISCALIBRATION) for row in office]
    band += [place(row.capacity, row.hidden_finds * MISCALIBRATION) for row in reversed(office)]
    line = " ".join(place(row.capacity, row.hidden_finds) for row in office)
    texts: list[tuple[float, float, int, str, str]] = [
        (_LEFT, 22, 15, "start", "Expected finds a year that no declaration states; band: calibration")
    ]
    texts += [(_LEFT + (_WIDTH - _LEFT) // 2, _HEIGHT - 10, 13, "middle", "inspections on a working day")]
    for row in office:
        x, _ = place(row.capacity, 0.0).split(",")
        texts.append((float(x), _HEIGHT - 30, 12, "middle", f"{row.capacity:g}"))
    for part in (0.0, 0.5, 1.0):
        _, y = place(0.0, most_finds * part).split(",")
        texts.append((_LEFT - 8, float(y) + 4, 12, "end", f"{most_finds * part:.3g}"))
    marks = "".join(
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="#333">{text}</text>'
        for x, y, size, anchor, text in texts
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" role="img">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
        f'<polygon points="{" ".join(band)}" fill="#0b5394" opacity=".15"/>'
        f'<polyline points="{line}" fill="none" stroke="#0b5394" stroke-width="2"/>'
        f'<path d="M{place(0, most_finds)} L{place(0, 0)} L{place(most, 0)}" fill="none" stroke="#7a8694"/>{marks}</svg>\n'
    )
