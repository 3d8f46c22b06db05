"""Fitting of the final model's calibrators and lanes by cross-fitting.

The final boosters are trained on everything before the test window, so no unseen shipments remain for calibration. Boosters
refitted without one of the later windows (calibrate, lanes) are nearly the same, and have not seen that window. Their scores of
that window therefore replace the final model's scores of new shipments. The scores of the first boosters are unsuitable: they
were trained on half the data, and the scores of the final boosters vary more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from typing import Final, Self

import numpy as np
from scipy.optimize import brentq

from models.calibration import Calibrator, combine, logit, probability
from models.scoring import RISK
from training.arrays import Bools, Floats, Ints
from training.data.window_features import WindowFeatures
from training.fitting.boosting import HeadFit, raw_score
from training.fitting.residual import HALF_FINDS, combined

#: Cap on the weight 1/p of a shipment that was selected with probability p. Without a cap, a few finds among random inspections
#: would dominate. In a world of 300,000 goods items, the ratio of predicted to observed finds in the top 1 % was 1.05, 1.03, 0.92
#: and 0.81 with caps of 1, 3, 8 and 25.
MOST_CALIBRATING_WEIGHT: Final = 5.0
#: Minimum number of finds, and of clean inspections per find, for calibrators to be fitted on a subset of the shipments.
_LEAST_FINDS: Final = 20
_CLEAN_PER_FIND: Final = 3
#: Probability that an inspection detects illicit content: 93 % of holds succeeded in April 2019 (statistics of the reference
#: data, 61).
DETECTION: Final = 0.93
_ROUNDS: Final = 4
#: Probabilities of a missed find below this value are treated as 0.
_LEAST_MISSED: Final = 0.01


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """Scores of n shipments with m goods items by boosters that were not trained on them.

    Attributes:
        raw: (m, K) raw log-odds of goods items.
        first_row: (n,) first item of each shipment.
        find: (n, K) whether the shipment has a find for the head.
        weight: (n,) see `training.data.labels.KnownLabels`.
        presumed: (n,) see `training.data.labels.KnownLabels`.
        stated: (n,) see `training.data.labels.KnownLabels`.
    """

    raw: Floats
    first_row: Ints
    find: Bools
    weight: Floats
    presumed: Bools
    stated: Bools

    @classmethod
    def of(cls, raw: Floats, features: WindowFeatures) -> Self:
        """Combine raw scores with the labels of their window."""
        outcome, labels = features.outcome, features.labels
        return cls(raw, features.first_row, outcome.find, outcome.weight, labels.presumed, labels.stated)

    @classmethod
    def concatenate(cls, parts: Sequence[HeldOutScores]) -> HeldOutScores:
        """Concatenate the shipments of all parts."""
        starts = np.cumsum([0, *(len(part.raw) for part in parts[:-1])])
        return HeldOutScores(
            np.concatenate([part.raw for part in parts]),
            np.concatenate([part.first_row + start for part, start in zip(parts, starts, strict=True)]),
            np.concatenate([part.find for part in parts]),
            np.concatenate([part.weight for part in parts]),
            np.concatenate([part.presumed for part in parts]),
            np.concatenate([part.stated for part in parts]),
        )

    @property
    def has_find(self) -> Bools:
        """(n,) True if the shipment has a find for any head."""
        return np.asarray(self.find.any(axis=1))

    def largest(self, of_row: Floats) -> Floats:
        """Return the maximum per shipment, (n,) or (n, K), of values of goods items, (m,) or (m, K)."""
        return np.asarray(np.maximum.reduceat(of_row, self.first_row, axis=0))


def raw_scores(fits: Mapping[str, HeadFit], matrix: Floats, threads: int) -> Floats:
    """Return the raw log-odds (m, K) of the rows of a matrix (m, F), with the heads in the order of ``fits``."""
    return np.stack([raw_score(fit.booster, matrix, threads) for fit in fits.values()], axis=1)


def share_of_finds(calibrator: Calibrator, slope: float) -> float:
    """Return the weight, 0 to 1, of the fitted map of a calibrator. The rest is the weight of the odds that the prior states.

    If trees start from a share ``slope`` of the prior, held-out finds have shown that these odds are too far apart.
    """
    if slope < 1.0 and calibrator.n_positive:
        return 1.0
    return calibrator.n_positive / (calibrator.n_positive + HALF_FINDS)


def _towards_stated(calibrator: Calibrator, base_rate: float | None, slope: float) -> Calibrator:
    """Return the mean of a calibrator and the odds that the prior states, weighted by `share_of_finds`.

    ``base_rate`` is the base rate of the stated odds; None for odds at the training prevalence.
    """
    if not calibrator.n_positive:
        prevalence = calibrator.prevalence if base_rate is None else base_rate
        return replace(Calibrator.identity(prevalence), n=calibrator.n)
    share = share_of_finds(calibrator, slope)
    to_prevalence = 0.0 if base_rate is None else logit(calibrator.prevalence) - logit(base_rate)
    anchor = share * calibrator.anchor + (1.0 - share) * (calibrator.knots[0] + to_prevalence)
    slopes = tuple(share * slope + (1.0 - share) for slope in calibrator.slopes)
    return replace(calibrator, anchor=anchor, slopes=slopes)


def _of_trees(
    pooled: Calibrator, slope: float, base_rate: float, scores: Floats, find: Bools, weight: Floats
) -> Calibrator:
    """Return the calibrator of a head whose trees start from a share ``slope`` of the prior: their own scale, at ``base_rate``.

    Finds of one head are too few for a map of its own, and heads of different maps rank worse together. At a low base rate, odds of
    heads add up. Beyond the last knot of ``pooled``, which all finds fit at that scale, the slope is 1 as in every calibrator.

    The prevalence is that at which the head's finds are as many as stated, so that a base rate turns the odds into probabilities.

    Args:
        scores, find, weight: (n,) raw log-odds of the head (those of the share of the prior and of the trees, divided by
            ``slope``), finds of the head and weights of the shipments with a known result.
    """
    knot = pooled.knots[-1]
    anchor = knot + logit(base_rate) - logit(pooled.prevalence)
    head = replace(
        pooled, knots=(knot / slope,), anchor=anchor, slopes=(slope, 1.0), kind="slope", n_positive=int(find.sum())
    )
    log_odds, found = head(scores), float(np.average(find, weights=weight))
    lift = brentq(lambda by: float(np.average(probability(log_odds + by), weights=weight)) - found, -50.0, 50.0)
    return replace(head, prevalence=float(probability(logit(found) - lift)))


def _mean_probability(calibrator: Calibrator, scores: Floats) -> float:
    return min(max(float(probability(calibrator(scores)).mean()), 1e-12), 1.0 - 1e-12)


def fit_calibrators(
    held_out: HeldOutScores,
    heads: Sequence[str],
    *,
    detection: float = 1.0,
    stated: Mapping[str, float] | None = None,
    slope: float = 1.0,
) -> dict[str, Calibrator]:
    """Fit a calibrator for each head and for ``risk``, on the largest item of each shipment.

    Calibrators are fitted on the shipments of `learnable`. Their prevalence is the mean calibrated probability of all shipments.
    This assumes that a score means the same for inspected and uninspected shipments, although the two differ.

    An inspection detects illicit content with probability d = ``detection``. If d < 1, a clean inspection of probability p is
    a missed find with probability p (1 - d) / (1 - p d). It counts as a find with that weight and as clean with the remaining
    weight, in a few rounds of expectation maximisation. Otherwise no calibrated probability could exceed d, and after the
    correction to a base rate the highest probabilities would be far too low.

    ``stated`` contains the base rate of each head at which a prior of evidence states its odds. With more finds, calibrators move
    from these odds to the fitted map. None is for boosters without a prior.

    ``slope`` is the share of the prior from which trees start (`training.fitting.search.fit_best_slope`). If it is below 1, heads
    with finds keep the scale of the trees, and only the risk is fitted.
    """
    known = learnable(held_out)
    weight = np.minimum(held_out.weight[known], MOST_CALIBRATING_WEIGHT)

    def fit(scores: Floats, find: Bools) -> Calibrator:
        x, y = scores[known], find[known]
        first = calibrator = Calibrator.fit(x, y, weight)
        for _ in range(_ROUNDS if detection < 1.0 else 0):
            p = probability(calibrator(x))
            missed = np.where(y, 0.0, p * (1.0 - detection) / (1.0 - p * detection))
            missed[missed < _LEAST_MISSED] = 0.0
            maybe_missed = missed > 0.0
            calibrator = Calibrator.fit(
                np.concatenate([x, x[maybe_missed]]),
                np.concatenate([y, maybe_missed[maybe_missed]]),
                np.concatenate([weight * (1.0 - missed), weight[maybe_missed] * missed[maybe_missed]]),
            )
        prevalence = _mean_probability(calibrator, scores)
        return replace(calibrator, n_positive=first.n_positive, n=first.n, prevalence=prevalence)

    largest = held_out.largest(held_out.raw)
    calibrators: dict[str, Calibrator] = {}
    pooled = fit(held_out.largest(combined(slope * held_out.raw)), held_out.has_find) if slope < 1.0 else None
    for k, head in enumerate(heads):
        scores, find = largest[:, k], held_out.find[:, k]
        if find[known].any() and pooled is not None and stated is not None:
            base_rate = fsum(stated.values())
            calibrators[head] = _of_trees(pooled, slope, base_rate, scores[known], find[known], weight)
        else:
            one = fit(scores, find)
            calibrators[head] = one if stated is None else _towards_stated(one, stated[head], slope)
    if RISK not in heads:
        of_risk = fit(held_out.largest(_combined(held_out.raw, calibrators, heads)), held_out.has_find)
        if stated is not None:
            # Without a find, all heads are at their base rates.
            of_risk = _towards_stated(of_risk, None if of_risk.n_positive else fsum(stated.values()), slope)
        calibrators[RISK] = of_risk
    return calibrators


def learnable(held_out: HeldOutScores) -> Bools:
    """Return which shipments (n,) calibrators are fitted on.

    These are the inspected shipments with a known selection probability, if they contain enough finds and clean inspections.
    Shipments inspected on a tip would raise all probabilities: nearly all are finds, for reasons that the score does not
    measure. The fallback is all inspected shipments, or all shipments if an office records finds only.
    """
    inspected = ~held_out.presumed
    for known in (held_out.stated, inspected):
        finds = int((known & held_out.has_find).sum())
        if finds >= _LEAST_FINDS and (known & ~held_out.has_find).sum() >= _CLEAN_PER_FIND * finds:
            return known
    return np.ones(len(inspected), dtype=np.bool_)


def illicit_probability(held_out: HeldOutScores, risk: Floats) -> Floats:
    """Return the probability (n,) that each shipment with risk log-odds ``risk`` (n,) is illicit.

    It is 1 for finds and 0 for clean inspections. Uninspected shipments have the probability of ``risk``, because the highest
    scores among them are mostly illicit.
    """
    return np.where(held_out.has_find, 1.0, np.where(held_out.presumed, probability(risk), 0.0))


def risk_log_odds(held_out: HeldOutScores, calibrators: Mapping[str, Calibrator], heads: Sequence[str]) -> Floats:
    """Return the risk log-odds (n,) at the training prevalence."""
    items = held_out.raw[:, 0] if RISK in heads else _combined(held_out.raw, calibrators, heads)
    return np.asarray(held_out.largest(calibrators[RISK](items)))


def _combined(raw: Floats, calibrators: Mapping[str, Calibrator], heads: Sequence[str]) -> Floats:
    return combine(np.stack([calibrators[head](raw[:, k]) for k, head in enumerate(heads)], axis=1))


def base_rate_weights(illicit: Floats, base_rate: float) -> Floats:
    """Return weights (n,) that scale the traffic to a share of ``base_rate`` of illicit shipments.

    ``illicit`` (n,) is the probability that each shipment is illicit.
    """
    total = float(illicit.sum())
    if total <= 0.0 or total >= len(illicit):
        return np.ones(len(illicit))
    return base_rate * illicit / total + (1.0 - base_rate) * (1.0 - illicit) / (len(illicit) - total)
