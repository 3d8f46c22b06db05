"""Comparison of predicted with observed finds, in the top 1 % of traffic and in score bins.

Finds and clean shipments are weighted to the base rate, as in `training.evaluation.metrics`. The check therefore measures
calibration at that base rate: the agreement of predictions and observations among shipments with similar scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.calibration import probability
from models.scoring import RiskModel
from training.arrays import Bools, Floats, Ints
from training.config import TrainConfig
from training.data.dataset import Outcome
from training.data.sources import simulated
from training.data.window_features import replay_history, transform
from training.data.windows import NEVER, Window
from training.evaluation.evaluation import Scored, best_known, outcomes_of, scored_of_model
from training.evaluation.metrics import (
    MIN_FINDS,
    RESAMPLES,
    bin_starts,
    interval,
    lacking,
    poisson_times,
    reliability_bin,
    too_few,
)
from training.progress import RowProgress
from training.worlds.own.priors import load_priors

TOP_SHARE: Final = 0.01
#: Minimum number of finds per bin. The 95 % interval of the bin's ratio is then about 14 % to each side, so a deviation of a
#: quarter is significant.
BIN_FINDS: Final = 200
MOST_BINS: Final = 10


def calibration_check(
    log_odds: Floats, find: Bools, weight: Floats, *, base_rate: float, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Return ratios of predicted to observed finds as JSON values.

    ``top`` covers the `TOP_SHARE` of traffic with the highest scores. ``bins`` has at most `MOST_BINS` bins in descending order
    of score, with equal shares of the finds and at least `BIN_FINDS` finds each. With too few finds or without a clean
    shipment, the ratio has a reason instead of a value, or ``bins`` is empty and ``bins_reason`` gives the reason.

    Args:
        log_odds: (n,) natural log-odds of n shipments at ``base_rate``.
        find: (n,) whether the shipment is a find.
        weight: (n,) sampling weight.
        base_rate: share of shipments with a find, between 0 and 1.
        resamples: number of bootstrap samples.
        seed: seed of the bootstrap.
    """
    finds = int(find.sum())
    top: dict[str, Any] = {"share": TOP_SHARE, "predicted": None, "observed": None}
    none = lacking(find)
    if none is not None:
        return {"top": top | {"ratio": none}, "bins": [], "bins_reason": none["reason"]}
    ranked = _Ranked.of(log_odds, find, weight, base_rate)
    n_bins = min(MOST_BINS, finds // BIN_FINDS)
    cuts = bin_starts(ranked.find, n_bins)
    top_draws, bin_draws = ranked.draws(cuts, resamples, seed)
    out: dict[str, Any] = {"top": top | ranked.top(top_draws), "bins": ranked.bins(cuts, bin_draws) if n_bins else []}
    if not n_bins:
        out["bins_reason"] = f"{finds} finds; a bin needs {BIN_FINDS}"
    return out


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Shipments sorted by descending score.

    The probability ``p``, ``find``, and the weights of finds and of clean shipments have shape (n,). Weights are scaled to
    traffic at the base rate. ``starts`` are the positions at which the score changes. The first ``head`` shipments cover twice
    the top share.
    """

    p: Floats
    find: Bools
    of_find: Floats
    of_clean: Floats
    starts: Ints
    head: int
    base_rate: float

    @classmethod
    def of(cls, log_odds: Floats, find: Bools, weight: Floats, base_rate: float) -> _Ranked:
        """Sort n shipments, and scale their weights to the base rate."""
        order = np.argsort(-log_odds, kind="stable")
        ranked, is_find, weights = log_odds[order], find[order], weight[order]
        starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
        of_find, of_clean = np.where(is_find, weights, 0.0), np.where(is_find, 0.0, weights)
        of_find *= base_rate / of_find.sum()
        of_clean *= (1.0 - base_rate) / of_clean.sum()
        passed = np.cumsum(of_find + of_clean)
        enough = int(np.searchsorted(passed, 2.0 * TOP_SHARE)) + 1
        # The head does not end within a tie. It covers twice the top share, so that it also covers the top share of every
        # bootstrap sample.
        head = int(np.append(starts, len(order))[np.searchsorted(starts, enough)])
        return cls(probability(ranked), is_find, of_find, of_clean, starts.astype(np.int64), head, base_rate)

    def draws(self, cuts: Ints, resamples: int, seed: int) -> tuple[list[float], list[Floats]]:
        """Return bootstrap samples of the ratio in the top share, and of the ratio per bin."""
        at = np.flatnonzero(self.find)
        bin_of_find = np.searchsorted(cuts, at, side="right") - 1
        clean_p = self.of_clean * self.p
        find_p, find_w = (self.of_find * self.p)[at], self.of_find[at]
        top: list[float] = []
        bins: list[Floats] = []
        for part in poisson_times(len(self.p), resamples, seed):
            times = part.astype(np.float64)
            finds, clean = times[:, at] @ find_w / self.base_rate, times @ self.of_clean / (1.0 - self.base_rate)
            of_clean = np.add.reduceat(times * clean_p, cuts, axis=1)
            for k in np.flatnonzero((finds > 0) & (clean > 0)).tolist():
                own = times[k, at]
                observed = np.bincount(bin_of_find, own * find_w, len(cuts)) / finds[k]
                predicted = of_clean[k] / clean[k] + np.bincount(bin_of_find, own * find_p, len(cuts)) / finds[k]
                bins.append(np.divide(predicted, observed, out=np.full(len(cuts), np.nan), where=observed > 0))
                head = times[k, : self.head]
                in_top = self._in_top(
                    head * self.of_find[: self.head] / finds[k], head * self.of_clean[: self.head] / clean[k]
                )
                if in_top[1] > 0:
                    top.append(in_top[0] / in_top[1])
        return top, bins

    def _in_top(self, finds: Floats, clean: Floats) -> tuple[float, float]:
        """Return the predicted and the observed finds in the top share for given weights of the head.

        A tie that crosses the end of the share counts in proportion.
        """
        starts = self.starts[: int(np.searchsorted(self.starts, len(finds)))]
        traffic = finds + clean
        passed, predicted, observed = (
            np.concatenate(([0.0], np.cumsum(np.add.reduceat(part, starts))))
            for part in (traffic, traffic * self.p[: len(finds)], finds)
        )
        return float(np.interp(TOP_SHARE, passed, predicted)), float(np.interp(TOP_SHARE, passed, observed))

    def top(self, draws: list[float]) -> dict[str, Any]:
        """Return predicted and observed rates, finds and ratio of the top share as JSON values."""
        predicted, observed = self._in_top(self.of_find[: self.head], self.of_clean[: self.head])
        passed = np.cumsum(self.of_find + self.of_clean)
        # A tie that crosses the end counts if any part of it is inside.
        before = np.concatenate(([0.0], passed[self.starts[1:] - 1])) < TOP_SHARE
        n_finds = int(np.add.reduceat(self.find.astype(np.int64), self.starts)[before].sum())
        out: dict[str, Any] = {"predicted": predicted / TOP_SHARE, "observed": observed / TOP_SHARE, "finds": n_finds}
        if n_finds < MIN_FINDS:
            return out | {"ratio": too_few(n_finds, f" in the top {TOP_SHARE:.0%} of traffic")}
        return out | {"ratio": interval(predicted / observed, draws)}

    def bins(self, cuts: Ints, draws: list[Floats]) -> list[dict[str, Any]]:
        """Return rates, finds, shipments and ratio of each bin as JSON values."""
        traffic = self.of_find + self.of_clean
        total = np.add.reduceat(traffic, cuts)
        predicted = np.add.reduceat(traffic * self.p, cuts) / total
        observed = np.add.reduceat(self.of_find, cuts) / total
        finds = np.add.reduceat(self.find.astype(np.int64), cuts)
        shipments = np.diff([*cuts.tolist(), len(self.p)])
        out: list[dict[str, Any]] = []
        for b in range(len(cuts)):
            one = reliability_bin(float(predicted[b]), float(observed[b]), int(finds[b]), int(shipments[b]))
            ratios = [float(draw[b]) for draw in draws if np.isfinite(draw[b])]
            out.append(one | {"ratio": interval(one["predicted"] / one["observed"], ratios)})
        return out


#: Share of the illicit traffic that remains in the other world.
FACTOR: Final = 0.1
_ILLICIT: Final = "illicit.prevalence"


def calibration_in_tenth(
    model: RiskModel,
    config: TrainConfig,
    window: Window,
    *,
    resamples: int = RESAMPLES,
    progress: RowProgress | None = None,
) -> dict[str, Any]:
    """Return `calibration_check` on truth and office labels, in the same world with a tenth of the illicit traffic.

    Real illicit traffic is far rarer than in any world with enough finds to train on. If predictions still agree with observations
    at a tenth of the rate, the correction to even lower base rates is more credible. The history of the other world is replayed
    from its first day, but features are computed only for the days of ``window``.
    """
    usual = load_priors()
    priors = usual.replaced({_ILLICIT: FACTOR * usual.number(_ILLICIT)})
    data = simulated(config.rows, config.seed, draws=config.draws, priors=priors, progress=progress)
    history, _ = replay_history(data)
    inside = np.flatnonzero((data.table.declared_s >= window.start_s) & (data.table.declared_s < window.end_s))
    same_days = Window("test", window.start_s, window.end_s, NEVER - 1, inside)
    table, labels = data.window_table(same_days), data.window_labels(same_days)
    matrix = transform(model.space, table, history[inside])
    rates = {head: FACTOR * rate for head, rate in model.base_rates.items()}
    scored = scored_of_model(model, matrix, table, threads=config.threads, base_rates=rates)
    office = Outcome(np.logical_or.reduceat(labels.find, table.first_row, axis=0), labels.weight, ~labels.presumed)
    outcomes = outcomes_of(data, inside, office)
    checks = checks_of(scored, outcomes, resamples=resamples, seed=config.seed)
    best = best_known(outcomes)
    return {"rows": table.n_rows, "prevalence": float(np.average(best.any, weights=best.weight)), **checks}


def checks_of(
    scored: Scored, outcomes: Mapping[str, Outcome], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Return the `calibration_check` of the risk per kind of label, on shipments whose outcome is known.

    Most illicit shipments are never inspected. Counted as clean, they would make true predictions look many times too high. If an
    office records only its finds, all shipments count.
    """
    rate = sum(scored.base_rates.values())
    checks: dict[str, Any] = {}
    for kind, outcome in outcomes.items():
        find, known = outcome.any, outcome.inspected
        if known is None or find[known].all():
            known = np.ones(len(find), dtype=np.bool_)
        checks[kind] = calibration_check(
            scored.risk[known], find[known], outcome.weight[known], base_rate=rate, resamples=resamples, seed=seed
        )
    return checks
