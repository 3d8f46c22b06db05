"""Calibrators and lanes of the final model, from shipments that boosters like it were not shown.

The final boosters learn from everything before the test window, so nothing is left on which their scores are those of new
shipments. Boosters refitted without one of the later windows (calibrate, lanes) differ from them by little, and that window
is new to them: their scores of it stand for the final model's (cross-fitting). A map fitted to the scores of the first
boosters, which learned from half the data, would not fit the sharper ones of the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from models.calibration import Calibrator, combine, probability
from models.scoring import RISK
from training.data.stream import Part
from training.fitting.boosting import HeadFit

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: An inspected shipment that was selected with probability p counts as 1/p of its like, but as no more than this: a few finds
#: of the random sample would else decide. Measured in a world of 300,000 goods items: predicted over observed finds in the
#: top 1 % were 1.05, 1.03, 0.92 and 0.81 with caps of 1, 3, 8 and 25.
MOST_CALIBRATING_WEIGHT: Final = 5.0
#: Inspected clean shipments per find, and finds, from which on others are left out.
_CLEAN_PER_FIND: Final = 3
_LEAST_FINDS: Final = 20
#: Share of inspections that find what is there: 93 % of holds succeeded in April 2019 (statistics of the reference data, 61).
DETECTION: Final = 0.93
_ROUNDS: Final = 4
_LEAST_MISSED: Final = 0.01


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Shipments (n,) of windows and raw log-odds of their goods items (m, K) by boosters that had not seen them.

    ``first_row`` (n,) is where each shipment starts, ``find`` (n, K), ``weight``, ``presumed`` and ``stated`` (n,) as in
    `training.data.labels.AsOf`.
    """

    raw: Floats
    first_row: Ints
    find: Bools
    weight: Floats
    presumed: Bools
    stated: Bools

    @classmethod
    def of(cls, raw: Floats, part: Part) -> Self:
        outcome = part.outcome
        return cls(raw, part.first_row, outcome.find, outcome.weight, part.labels.presumed, part.labels.stated)

    @classmethod
    def joined(cls, parts: Sequence[HeldOut]) -> HeldOut:
        starts = np.cumsum([0, *(len(part.raw) for part in parts[:-1])])
        return HeldOut(
            np.concatenate([part.raw for part in parts]),
            np.concatenate([part.first_row + start for part, start in zip(parts, starts, strict=True)]),
            np.concatenate([part.find for part in parts]),
            np.concatenate([part.weight for part in parts]),
            np.concatenate([part.presumed for part in parts]),
            np.concatenate([part.stated for part in parts]),
        )

    @property
    def found(self) -> Bools:
        """(n,) whether anything was found."""
        return np.asarray(self.find.any(axis=1))

    def largest(self, of_row: Floats) -> Floats:
        """Shipments' values, (n,) or (n, K): those of their largest item."""
        return np.asarray(np.maximum.reduceat(of_row, self.first_row, axis=0))


def raw_scores(fits: Mapping[str, HeadFit], heads: Sequence[str], matrix: Floats, threads: int) -> Floats:
    """(m, K) raw log-odds of goods items."""
    raw = [fits[head].booster.predict(matrix, raw_score=True, num_threads=threads) for head in heads]
    return np.stack([np.asarray(values, dtype=np.float64) for values in raw], axis=1)


def fit_calibrators(held: HeldOut, heads: Sequence[str], *, detection: float = 1.0) -> dict[str, Calibrator]:
    """Calibrators of each head and of ``risk``, fitted per shipment: its largest item.

    They are fitted on the shipments that `learnable` names. The prevalence is the mean probability that they then give to all
    shipments: those opened are not like the rest, but what a score means is taken to be the same for both.

    An inspection finds what is there with probability ``detection``. With d below 1 an inspected clean shipment of probability p
    counts as a find by p (1 - d) / (1 - p d), what is missed, and as clean by the rest, a few rounds of expectation maximisation;
    else no score could mean more than d, and after the correction to a base rate the highest would say far too little.
    """
    known = learnable(held)
    weight = np.minimum(held.weight[known], MOST_CALIBRATING_WEIGHT)

    def fitted(scores: Floats, found: Bools) -> Calibrator:
        x, y = scores[known], found[known]
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

    largest = held.largest(held.raw)
    calibrators = {head: fitted(largest[:, k], held.find[:, k]) for k, head in enumerate(heads)}
    if RISK not in heads:
        calibrators[RISK] = fitted(held.largest(_combined(held.raw, calibrators, heads)), held.found)
    return calibrators


def learnable(held: HeldOut) -> Bools:
    """(n,) shipments that calibrators learn from: those inspected with a stated probability, where finds are among them;
    leads opened for another reason than what the score sees are nearly all finds, and would say that everything is. Else all
    inspected, and where an office records finds alone, all.
    """
    inspected = ~held.presumed
    for known in (held.stated, inspected):
        finds = int((known & held.found).sum())
        if finds >= _LEAST_FINDS and (known & ~held.found).sum() >= _CLEAN_PER_FIND * finds:
            return known
    return np.ones(len(inspected), dtype=np.bool_)


def illicit(held: HeldOut, risk: Floats) -> Floats:
    """(n,) probability that a shipment of risk log-odds ``risk`` (n,) holds something: 1 for finds, 0 for what was inspected and
    clean, and for the rest what the risk says. Of what nobody opened, the highest scores are mostly illicit."""
    return np.where(held.found, 1.0, np.where(held.presumed, probability(risk), 0.0))


def risk_log_odds(held: HeldOut, calibrators: Mapping[str, Calibrator], heads: Sequence[str]) -> Floats:
    """(n,) risk log-odds at the training prevalence."""
    items = held.raw[:, 0] if RISK in heads else _combined(held.raw, calibrators, heads)
    return np.asarray(held.largest(calibrators[RISK](items)))


def _combined(raw: Floats, calibrators: Mapping[str, Calibrator], heads: Sequence[str]) -> Floats:
    return combine(np.stack([calibrators[head](raw[:, k]) for k, head in enumerate(heads)], axis=1))
