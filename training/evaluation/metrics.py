"""Ranking and calibration metrics of scored shipments with intervals, or with a reason if a metric is unavailable.

All metrics are weighted. Tied scores count as randomly ordered, so that a rule with a binary result gets its average metrics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from training.arrays import Bools, Floats, Ints

#: Shares of traffic that an office may be able to inspect.
SHARES: Final = (0.001, 0.005, 0.01, 0.05)
#: Shares from which `share_for` takes one. The first is that of the red lane.
_HOLDING: Final = (0.005, 0.01, 0.05, 0.1, 0.25, 0.5)
FALSE_POSITIVE_RATES: Final = (1e-2, 1e-3, 1e-4)
#: Fixed prevalences at which the PR-AUC is also reported, because it depends on prevalence, which differs between windows.
PREVALENCES: Final = (1e-3, 1e-5)

#: Minimum number of finds for an estimate. With 10, the 95 % interval of a recall of 0.5 already spans about 0.2 to 0.8.
MIN_FINDS: Final = 10
#: Minimum expected number of clean shipments above the threshold of a share or rate.
MIN_BEYOND: Final = 1.0
RESAMPLES: Final = 200
_MOST_BINS: Final = 10
_RESAMPLES_AT_ONCE: Final = 10  # Limits the resampling matrices of a million shipments to 200 MB.


def percent(share: str | float) -> str:
    """Return a share as it appears in metric names: ``0.5pct`` for ``0.005``."""
    return f"{100 * float(share):g}pct"


def share_for(base_rate: float) -> float:
    """Return the inspected share of traffic to quote at a base rate: the smallest that can hold all finds.

    If finds are a quarter of the traffic, opening 0.5 % of it misses nearly all, however good the ranking is.
    """
    return next((share for share in _HOLDING if share >= base_rate), _HOLDING[-1])


#: Causes of missing figures that tables show instead of the whole reason.
Cause = Literal["too few finds", "too little traffic"]


#: Estimate as a JSON value: ``value`` with its 95 % interval ``low`` and ``high``, or the value None with a ``reason`` and, if that
#: is a frequent one, its ``cause``.
Estimate = dict[str, Any]


def without_value(reason: str, cause: Cause | None = None) -> Estimate:
    """Return the estimate of a figure that is unavailable."""
    return {"value": None, "reason": reason} | ({} if cause is None else {"cause": cause})


def too_few(finds: int, which: str = "") -> Estimate:
    """Return the estimate without a value of fewer than `MIN_FINDS` finds; ``which`` says which finds these are."""
    return without_value(f"{finds} finds{which}; at least {MIN_FINDS} are needed", "too few finds")


def too_little(clean: int, what: str, least: float) -> Estimate:
    """Return the estimate without a value of ``clean`` shipments, of which ``what`` needs at least ``least``."""
    return without_value(f"{clean} clean shipments; {what} needs {round(least)}", "too little traffic")


def lacking(find: Bools, where: str = "") -> Estimate | None:
    """Return an estimate without a value if ``find`` (n,) has too few finds or no clean shipment, otherwise None."""
    finds = int(find.sum())
    if finds < MIN_FINDS:
        return too_few(finds, where)
    return without_value(f"no clean shipment{where}") if find.all() else None


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
    low, high = np.percentile(np.asarray(draws), (2.5, 97.5)).tolist() if len(draws) else (None, None)
    return {"value": value, "low": low, "high": high}


def ranking_figures(
    score: Floats,
    find: Bools,
    weight: Floats | None = None,
    *,
    base_rate: float,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Return ranking metrics of ``score`` (n,) on ``find`` (n,), one entry per shipment, at ``base_rate`` in (0, 1).

    The metrics are JSON values. With fewer than `MIN_FINDS` finds, or too few clean shipments above a threshold, an estimate has a
    reason instead of a value. ``resamples=0`` omits the intervals.
    """
    ranking = Ranking(score, find, weight)
    none = lacking(find, " in this window")
    curves = [] if none is not None else [ranking.curve(), *ranking.resampled(resamples, seed)]

    def estimate(figure: Callable[[Curve], float]) -> Estimate:
        if none is not None:
            return none
        value, *draws = map(figure, curves)
        return interval(value, draws)

    def at_share(share: float) -> dict[str, Estimate]:
        names = ("recall", "precision_at_base_rate", "precision_in_window")
        if none is not None or share * ranking.n_clean < MIN_BEYOND:
            little = too_little(ranking.n_clean, f"a share of {share:g}", MIN_BEYOND / share)
            return dict.fromkeys(names, none or little)
        figures = zip(*(curve.at_share(share, base_rate) for curve in curves), strict=True)
        return {name: interval(value, draws) for name, (value, *draws) in zip(names, figures, strict=True)}

    def at_rate(rate: float) -> Estimate:
        if none is None and rate * ranking.n_clean < MIN_BEYOND:
            return too_little(ranking.n_clean, f"a rate of {rate:g}", MIN_BEYOND / rate)
        return estimate(partial(Curve.recall_at_fpr, rate=rate))

    return {
        "shipments": ranking.n_finds + ranking.n_clean,
        "finds": ranking.n_finds,
        "prevalence": ranking.prevalence,
        "base_rate": base_rate,
        "pr_auc": estimate(Curve.pr_auc),
        "pr_auc_at": {f"{p:g}": estimate(partial(Curve.pr_auc, prevalence=p)) for p in PREVALENCES},
        "roc_auc": estimate(Curve.roc_auc),
        "at_inspected_share": {f"{share:g}": at_share(share) for share in sorted({*SHARES, share_for(base_rate)})},
        "recall_at_false_positive_rate": {f"{rate:g}": at_rate(rate) for rate in FALSE_POSITIVE_RATES},
    }


def reliability_bin(predicted: float, observed: float, finds: int, shipments: int) -> dict[str, Any]:
    """Return the mean predicted and observed probability of one bin, both at the base rate, as JSON values."""

    def log_odds(p: float) -> float:
        p = min(max(p, 1e-12), 1 - 1e-12)
        return float(np.log(p) - np.log1p(-p))

    return {
        "predicted": predicted,
        "observed": observed,
        "predicted_log_odds": log_odds(predicted),
        "observed_log_odds": log_odds(observed),
        "finds": finds,
        "shipments": shipments,
    }


def bin_starts(find: Bools, count: int) -> Ints:
    """Return the first positions (count,) of ``count`` consecutive bins of ranked shipments with equal shares of the finds."""
    cumulative = np.cumsum(find)
    ends = [int(np.searchsorted(cumulative, round(int(cumulative[-1]) * b / count))) + 1 for b in range(1, count)]
    return np.array([0, *ends], dtype=np.int64)


def reliability(
    probability: Floats, find: Bools, weight: Floats | None = None, *, base_rate: float
) -> list[dict[str, Any]]:
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
    starts = bin_starts(find[order], min(_MOST_BINS, n_finds // MIN_FINDS))
    bins: list[dict[str, Any]] = []
    for rows in np.split(order, starts[1:]):
        total = float(scaled[rows].sum())
        bins.append(
            reliability_bin(
                float(np.sum(scaled[rows] * probability[rows]) / total),
                float(np.sum(scaled[rows] * find[rows]) / total),
                int(find[rows].sum()),
                len(rows),
            )
        )
    return bins
