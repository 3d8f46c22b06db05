"""Calibrators and lanes of the final model, fitted on scores of boosters that had not seen the shipments.

The final boosters learn from everything before the test window, so no shipment is left that is new to them. Boosters that
are refitted without one of the later windows (calibrate, lanes) differ from them little, and that window is new to them.
Their scores of it stand for the final model's scores of new shipments (cross-fitting). The scores of the first boosters would
not do: they learned from half the data, and the scores of the final boosters spread more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from models.calibration import Calibrator, combine, probability
from models.scoring import RISK
from training.data.window_features import WindowFeatures
from training.fitting.boosting import HeadFit, raw_score

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: An inspected shipment that was selected with probability p has the weight 1/p, capped at this, so that a few finds of the
#: random sample do not decide. In a world of 300,000 goods items, predicted over observed finds in the top 1 % were 1.05,
#: 1.03, 0.92 and 0.81 with caps of 1, 3, 8 and 25.
MOST_CALIBRATING_WEIGHT: Final = 5.0
#: Calibrators learn from a part of the shipments if it has this many finds, and this many clean inspections per find.
_LEAST_FINDS: Final = 20
_CLEAN_PER_FIND: Final = 3
#: Share of inspections that find what is there: 93 % of holds succeeded in April 2019 (statistics of the reference data, 61).
DETECTION: Final = 0.93
_ROUNDS: Final = 4
#: Smaller probabilities of a missed find are treated as 0.
_LEAST_MISSED: Final = 0.01


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """Scores of n shipments with m goods items by boosters that had not seen them.

    Attributes:
        raw: (m, K) raw log-odds of goods items.
        first_row: (n,) first item of each shipment.
        find: (n, K).
        weight: (n,) as in `training.data.labels.KnownLabels`.
        presumed: (n,) likewise.
        stated: (n,) likewise.
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
        """Return the shipments of all parts, in order."""
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
        """(n,) whether there is a find for any head."""
        return np.asarray(self.find.any(axis=1))

    def largest(self, of_row: Floats) -> Floats:
        """Reduce values of items, (m,) or (m, K), to their maxima per shipment, (n,) or (n, K)."""
        return np.asarray(np.maximum.reduceat(of_row, self.first_row, axis=0))


def raw_scores(fits: Mapping[str, HeadFit], matrix: Floats, threads: int) -> Floats:
    """(m, K) raw log-odds of the rows of a matrix (m, F), with the heads in the order of ``fits``."""
    return np.stack([raw_score(fit.booster, matrix, threads) for fit in fits.values()], axis=1)


def fit_calibrators(held_out: HeldOutScores, heads: Sequence[str], *, detection: float = 1.0) -> dict[str, Calibrator]:
    """Fit a calibrator for each head and for ``risk``, on the largest item of each shipment.

    Calibrators learn from the shipments of `learnable`. Their prevalence is the mean probability that they give to all
    shipments: inspected shipments differ from the others, but a score is assumed to mean the same for both.

    An inspection finds what is there with probability d = ``detection``. If d < 1, a clean inspection of probability p counts
    as a find with weight p (1 - d) / (1 - p d), the probability of a missed find, and as clean with the rest, in a few rounds
    of expectation maximisation. Otherwise no score could mean more than d, and after the correction to a base rate the highest
    scores would be far too low.
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
            also = missed > 0.0
            calibrator = Calibrator.fit(
                np.concatenate([x, x[also]]),
                np.concatenate([y, also[also]]),
                np.concatenate([weight * (1.0 - missed), weight[also] * missed[also]]),
            )
        mean = float(probability(calibrator(scores)).mean())
        prevalence = min(max(mean, 1e-12), 1.0 - 1e-12)
        return replace(calibrator, n_positive=first.n_positive, n=first.n, prevalence=prevalence)

    largest = held_out.largest(held_out.raw)
    calibrators = {head: fit(largest[:, k], held_out.find[:, k]) for k, head in enumerate(heads)}
    if RISK not in heads:
        combined = _combined(held_out.raw, calibrators, heads)
        calibrators[RISK] = fit(held_out.largest(combined), held_out.has_find)
    return calibrators


def learnable(held_out: HeldOutScores) -> Bools:
    """(n,) shipments that calibrators learn from.

    These are the inspected shipments with a stated selection probability, if there are enough finds and clean inspections
    among them. Shipments inspected on a tip are nearly all finds for reasons that the score does not see, and would raise all
    probabilities. The fallback is all inspected shipments, and all shipments if an office records only finds.
    """
    inspected = ~held_out.presumed
    for known in (held_out.stated, inspected):
        finds = int((known & held_out.has_find).sum())
        if finds >= _LEAST_FINDS and (known & ~held_out.has_find).sum() >= _CLEAN_PER_FIND * finds:
            return known
    return np.ones(len(inspected), dtype=np.bool_)


def illicit_probability(held_out: HeldOutScores, risk: Floats) -> Floats:
    """(n,) probability that a shipment with the risk log-odds ``risk`` (n,) is illicit.

    It is 1 for finds, 0 for clean inspections, and that of ``risk`` for uninspected shipments: among these, the highest
    scores are mostly illicit.
    """
    return np.where(held_out.has_find, 1.0, np.where(held_out.presumed, probability(risk), 0.0))


def risk_log_odds(held_out: HeldOutScores, calibrators: Mapping[str, Calibrator], heads: Sequence[str]) -> Floats:
    """(n,) risk log-odds at the training prevalence."""
    items = held_out.raw[:, 0] if RISK in heads else _combined(held_out.raw, calibrators, heads)
    return np.asarray(held_out.largest(calibrators[RISK](items)))


def _combined(raw: Floats, calibrators: Mapping[str, Calibrator], heads: Sequence[str]) -> Floats:
    return combine(np.stack([calibrators[head](raw[:, k]) for k, head in enumerate(heads)], axis=1))


def base_rate_weights(illicit: Floats, base_rate: float) -> Floats:
    """(n,) weights at which illicit shipments, of probability ``illicit`` (n,), make up ``base_rate`` of the traffic."""
    total = float(illicit.sum())
    if total <= 0.0 or total >= len(illicit):
        return np.ones(len(illicit))
    return base_rate * illicit / total + (1.0 - base_rate) * (1.0 - illicit) / (len(illicit) - total)
