"""Ranking and calibration metrics of scored shipments with intervals, or with a reason if a metric is unavailable.

All metrics are weighted. Tied scores count as randomly ordered, so that a rule with a binary result gets its average metrics.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Shares of traffic that an office may be able to inspect.
SHARES: Final = (0.001, 0.005, 0.01, 0.05)
FALSE_POSITIVE_RATES: Final = (1e-2, 1e-3, 1e-4)
#: Fixed prevalences at which the PR-AUC is also reported, because it depends on prevalence, which differs between windows.
PREVALENCES: Final = (1e-3, 1e-5)

#: Minimum number of finds for an estimate. With 10, the 95 % interval of a recall of 0.5 already spans about 0.2 to 0.8.
MIN_FINDS: Final = 10
#: Minimum expected number of clean shipments above the threshold of a share or rate.
MIN_BEYOND: Final = 1.0
RESAMPLES: Final = 200
_RESAMPLES_AT_ONCE: Final = 10  # Limits the resampling matrices of a million shipments to 200 MB.


def percent(share: str | float) -> str:
    """Return a share as it appears in metric names: ``0.5pct`` for ``0.005``."""
    return f"{100 * float(share):g}pct"


#: Causes of missing figures that tables show instead of the whole reason.
Cause = Literal["too few finds", "too little traffic"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimate with its 95 % interval, or ``value=None`` with a reason and, if it is a frequent one, its cause."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    cause: Cause | None = None

    def to_json(self) -> dict[str, float | str | None]:
        if self.value is None:
            none: dict[str, float | str | None] = {"value": None, "reason": self.reason}
            return none if self.cause is None else none | {"cause": self.cause}
        return {"value": self.value, "low": self.low, "high": self.high}


def too_few(finds: int, which: str = "") -> Estimate:
    """Return the estimate without a value of fewer than `MIN_FINDS` finds; ``which`` says which finds these are."""
    return Estimate(None, reason=f"{finds} finds{which}; at least {MIN_FINDS} are needed", cause="too few finds")


def too_little(clean: int, what: str, least: float) -> Estimate:
    """Return the estimate without a value of ``clean`` shipments, of which ``what`` needs at least ``least``."""
    return Estimate(None, reason=f"{clean} clean shipments; {what} needs {round(least)}", cause="too little traffic")


def lacking(find: Bools, where: str = "") -> Estimate | None:
    """Return an estimate without a value if ``find`` (n,) has too few finds or no clean shipment, otherwise None."""
    finds = int(find.sum())
    if finds < MIN_FINDS:
        return too_few(finds, where)
    return Estimate(None, reason=f"no clean shipment{where}") if find.all() else None


@dataclass(frozen=True, slots=True)
class Curve:
    """Cumulative weights (steps,) of finds and clean shipments by descending score, from (0, 0). Tied shipments share a step."""

    finds: Floats
    clean: Floats

    @classmethod
    def of(cls, finds: Floats, clean: Floats) -> Self:
        zero = np.zeros(1)
        return cls(np.concatenate((zero, np.cumsum(finds))), np.concatenate((zero, np.cumsum(clean))))

    def pr_auc(self, prevalence: float | None = None) -> float:
        """Return the average precision: the sum over steps of (gain in recall) x (precision at the step).

        With ``prevalence``, finds and clean shipments are reweighted to that share of finds.
        """
        finds, clean = self.finds, self.clean
        if prevalence is not None:
            finds, clean = finds * (prevalence / finds[-1]), clean * ((1.0 - prevalence) / clean[-1])
        taken = finds[1:] + clean[1:]
        precision = np.divide(finds[1:], taken, out=np.zeros_like(taken), where=taken > 0)
        return float(np.sum(np.diff(finds) * precision) / finds[-1])

    def roc_auc(self) -> float:
        """Return P(a find scores above a clean shipment); a tie counts one half."""
        above = (self.finds[1:] + self.finds[:-1]) / 2
        return float(np.sum(np.diff(self.clean) * above) / (self.finds[-1] * self.clean[-1]))

    def recall_at_fpr(self, rate: float) -> float:
        """Return the recall at a false-positive rate."""
        return float(np.interp(rate, self.clean / self.clean[-1], self.finds / self.finds[-1]))

    def at_share(self, share: float, base_rate: float) -> tuple[float, float, float]:
        """Return recall, precision at the base rate, and precision in the window, if ``share`` of the traffic is inspected.

        Finds are weighted to ``base_rate`` and clean shipments to its complement. Without weights the finds would use up the
        capacity, because they are far more frequent in a training set than at the border.
        """
        recall_curve = self.finds / self.finds[-1]
        clean_curve = self.clean / self.clean[-1]
        traffic = base_rate * recall_curve + (1.0 - base_rate) * clean_curve
        recall = float(np.interp(share, traffic, recall_curve))
        clean = float(np.interp(share, traffic, clean_curve))
        in_window = recall * self.finds[-1] / max(recall * self.finds[-1] + clean * self.clean[-1], 1e-300)
        return recall, min(1.0, base_rate * recall / share), float(in_window)


class Ranking:
    """Shipments sorted by descending score, for curves under different weights.

    ``score`` (n,), ``find`` (n,) and ``weight`` (n,) describe the shipments. NaN scores rank last. Consecutive clean shipments are
    merged into one step, which changes no metric and limits the length of curves to the number of finds.
    """

    def __init__(self, score: Floats, find: Bools, weight: Floats | None = None) -> None:
        if score.shape != find.shape or score.ndim != 1:
            raise ValueError(
                f"Got scores of shape {score.shape} and finds of shape {find.shape}, but expected one each per shipment"
            )
        clean_score = np.where(np.isnan(score), -np.inf, score)
        self._order = np.argsort(-clean_score, kind="stable")
        ranked, is_find = clean_score[self._order], find[self._order]
        starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1]))) if len(ranked) else _NO_STEPS
        if len(starts):
            with_find = np.logical_or.reduceat(is_find, starts)
            starts = starts[np.concatenate(([True], with_find[1:] | with_find[:-1]))]
        self._starts = starts
        weights = np.ones(len(score)) if weight is None else weight
        self._find_weight = np.where(is_find, weights[self._order], 0.0)
        self._clean_weight = np.where(is_find, 0.0, weights[self._order])
        self.n_finds = int(find.sum())
        self.n_clean = int(len(find) - self.n_finds)
        total = float(weights.sum())
        self.prevalence = float(self._find_weight.sum() / total) if total > 0 else 0.0

    def curve(self) -> Curve:
        return Curve.of(
            np.add.reduceat(self._find_weight, self._starts), np.add.reduceat(self._clean_weight, self._starts)
        )

    def curves(self, times: NDArray[np.integer[Any]]) -> list[Curve | None]:
        """Return a curve for each row of ``times`` (k, n), the multiplicities of the shipments.

        The curve is None if all finds or all clean shipments have multiplicity 0.
        """
        taken = times[:, self._order].astype(np.float64)
        finds = np.add.reduceat(taken * self._find_weight, self._starts, axis=1)
        clean = np.add.reduceat(taken * self._clean_weight, self._starts, axis=1)
        return [Curve.of(f, c) if f.any() and c.any() else None for f, c in zip(finds, clean, strict=True)]

    def resampled(self, resamples: int, seed: int) -> list[Curve]:
        """Return curves of Poisson bootstrap samples: each shipment counts 0, 1, 2, ... times with mean 1."""
        drawn = poisson_times(len(self._order), resamples, seed)
        return [curve for times in drawn for curve in self.curves(times) if curve is not None]


def poisson_times(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Yield batches of bootstrap samples: multiplicities of ``n`` shipments, Poisson-distributed with mean 1.

    Equal ``n`` and ``seed`` give equal samples, so that comparisons are paired.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        size = (min(_RESAMPLES_AT_ONCE, resamples - start), n)
        yield _POISSON[rng.integers(0, len(_POISSON), size=size, dtype=np.uint16)]


def _poisson_table() -> NDArray[np.uint8]:
    # A table lookup is ten times faster than sampling. The error of each probability is below 2**-16.
    of_count = np.array([math.exp(-1.0) / math.factorial(k) for k in range(10)])
    edges = np.rint(np.cumsum(of_count) * 2**16).astype(np.int64)
    return np.searchsorted(edges, np.arange(2**16), side="right").astype(np.uint8)


_POISSON: Final = _poisson_table()
_NO_STEPS: Final = np.zeros(0, dtype=np.int64)


def interval(value: float, draws: Sequence[float]) -> Estimate:
    """Return the estimate ``value`` with the 95 % interval of its bootstrap ``draws``; no draws give no interval."""
    if not len(draws):
        return Estimate(value)
    low, high = np.percentile(np.asarray(draws), (2.5, 97.5))
    return Estimate(value, float(low), float(high))


@dataclass(frozen=True, slots=True)
class RankingFigures:
    """Metrics of one score on one set of labels. `to_json` returns the form used in cards and metrics files."""

    shipments: int
    finds: int
    prevalence: float
    base_rate: float
    pr_auc: Estimate
    pr_auc_at: dict[float, Estimate]
    roc_auc: Estimate
    recall_at_share: dict[float, Estimate]
    precision_at_share: dict[float, Estimate]
    precision_in_window: dict[float, Estimate]
    recall_at_fpr: dict[float, Estimate]

    def to_json(self) -> dict[str, object]:
        return {
            "shipments": self.shipments,
            "finds": self.finds,
            "prevalence": self.prevalence,
            "base_rate": self.base_rate,
            "pr_auc": self.pr_auc.to_json(),
            "pr_auc_at": {f"{prevalence:g}": e.to_json() for prevalence, e in self.pr_auc_at.items()},
            "roc_auc": self.roc_auc.to_json(),
            "at_inspected_share": {
                f"{share:g}": {
                    "recall": self.recall_at_share[share].to_json(),
                    "precision_at_base_rate": self.precision_at_share[share].to_json(),
                    "precision_in_window": self.precision_in_window[share].to_json(),
                }
                for share in self.recall_at_share
            },
            "recall_at_false_positive_rate": {f"{rate:g}": e.to_json() for rate, e in self.recall_at_fpr.items()},
        }


def ranking_figures(
    score: Floats,
    find: Bools,
    weight: Floats | None = None,
    *,
    base_rate: float,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> RankingFigures:
    """Return ranking metrics of ``score`` (n,) on ``find`` (n,), one entry per shipment, at ``base_rate`` in (0, 1).

    With fewer than `MIN_FINDS` finds, or too few clean shipments above a threshold, an estimate has a reason instead of a value.
    ``resamples=0`` omits the intervals.
    """
    ranking = Ranking(score, find, weight)
    n = ranking.n_finds + ranking.n_clean
    none = lacking(find, " in this window")
    if none is not None:
        shares = dict.fromkeys(SHARES, none)
        return RankingFigures(
            n, ranking.n_finds, ranking.prevalence, base_rate, none, dict.fromkeys(PREVALENCES, none), none, shares,
            dict(shares), dict(shares), dict.fromkeys(FALSE_POSITIVE_RATES, none),
        )  # fmt: skip
    curve = ranking.curve()
    draws = ranking.resampled(resamples, seed) if resamples else []
    recall: dict[float, Estimate] = {}
    precision: dict[float, Estimate] = {}
    in_window: dict[float, Estimate] = {}
    for share in SHARES:
        if share * ranking.n_clean < MIN_BEYOND:
            little = too_little(ranking.n_clean, f"a share of {share:g}", MIN_BEYOND / share)
            recall[share] = precision[share] = in_window[share] = little
            continue
        values = curve.at_share(share, base_rate)
        many = [c.at_share(share, base_rate) for c in draws]
        recall[share], precision[share], in_window[share] = (
            interval(values[i], [m[i] for m in many]) for i in range(3)
        )
    at_fpr: dict[float, Estimate] = {}
    for rate in FALSE_POSITIVE_RATES:
        if rate * ranking.n_clean < MIN_BEYOND:
            at_fpr[rate] = too_little(ranking.n_clean, f"a rate of {rate:g}", MIN_BEYOND / rate)
        else:
            at_fpr[rate] = interval(curve.recall_at_fpr(rate), [c.recall_at_fpr(rate) for c in draws])
    return RankingFigures(
        n,
        ranking.n_finds,
        ranking.prevalence,
        base_rate,
        interval(curve.pr_auc(), [c.pr_auc() for c in draws]),
        {p: interval(curve.pr_auc(p), [c.pr_auc(p) for c in draws]) for p in PREVALENCES},
        interval(curve.roc_auc(), [c.roc_auc() for c in draws]),
        recall,
        precision,
        in_window,
        at_fpr,
    )


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Mean predicted and observed probability of one bin, both at the base rate."""

    predicted: float
    observed: float
    finds: int
    shipments: int

    def to_json(self) -> dict[str, float | int]:
        def log_odds(p: float) -> float:
            p = min(max(p, 1e-12), 1 - 1e-12)
            return float(np.log(p) - np.log1p(-p))

        return {
            "predicted": self.predicted,
            "observed": self.observed,
            "predicted_log_odds": log_odds(self.predicted),
            "observed_log_odds": log_odds(self.observed),
            "finds": self.finds,
            "shipments": self.shipments,
        }


def bin_starts(find: Bools, count: int) -> NDArray[np.int64]:
    """Return the first positions (count,) of ``count`` consecutive bins of ranked shipments with equal shares of the finds."""
    cumulative = np.cumsum(find)
    ends = [int(np.searchsorted(cumulative, round(int(cumulative[-1]) * b / count))) + 1 for b in range(1, count)]
    return np.array([0, *ends], dtype=np.int64)


def reliability(
    probability: Floats, find: Bools, weight: Floats | None = None, *, base_rate: float, most_bins: int = 10
) -> list[ReliabilityBin]:
    """Return predicted against observed probabilities, in bins with at least `MIN_FINDS` finds each.

    ``probability`` (n,) is at ``base_rate``; finds and clean shipments are weighted to that rate. Bins are consecutive in the
    ranking and have equal shares of the finds, so that the observed log-odds of all bins are equally accurate. The list is empty
    with fewer than `MIN_FINDS` finds or without clean shipments.
    """
    n_finds = int(find.sum())
    if n_finds < MIN_FINDS or n_finds == len(find):
        return []
    weights = np.ones(len(find)) if weight is None else weight
    scaled = np.where(
        find, weights * (base_rate / weights[find].sum()), weights * ((1 - base_rate) / weights[~find].sum())
    )
    order = np.argsort(-probability, kind="stable")
    starts = bin_starts(find[order], min(most_bins, n_finds // MIN_FINDS))
    bins: list[ReliabilityBin] = []
    for rows in np.split(order, starts[1:]):
        total = float(scaled[rows].sum())
        bins.append(
            ReliabilityBin(
                float(np.sum(scaled[rows] * probability[rows]) / total),
                float(np.sum(scaled[rows] * find[rows]) / total),
                int(find[rows].sum()),
                len(rows),
            )
        )
    return bins
