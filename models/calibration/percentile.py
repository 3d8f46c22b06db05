"""Percentiles of scores relative to reference traffic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

#: Number of reference points spread evenly over traffic, and of points that become denser towards the highest scores, where
#: percentiles matter most.
EVEN_POINTS: Final = 1000
TOP_POINTS: Final = 3000
#: Smallest share of highest scores that has its own reference point: one in ten million.
FINEST_TAIL: Final = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceScores:
    """Quantiles of the uncorrected risk log-odds of base-rate traffic.

    Attributes:
        log_odds: (m,) reference points, strictly increasing.
        below: (m,) share of traffic with a score below each reference point; increasing, in [0, 1).
    """

    log_odds: FloatArray
    below: FloatArray
    #: (m + 1,) ``below``, and 1 for scores above all reference points.
    _bounds: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.log_odds.ndim != 1 or self.log_odds.shape != self.below.shape or self.log_odds.size == 0:
            raise ValueError("Reference scores must be two arrays of one length, at least 1.")
        if not (np.isfinite(self.log_odds).all() and np.isfinite(self.below).all()):
            raise ValueError("Reference scores must be finite.")
        if (np.diff(self.log_odds) <= 0.0).any() or (np.diff(self.below) < 0.0).any():
            raise ValueError("Reference scores must increase.")
        if self.below[0] < 0.0 or self.below[-1] >= 1.0:
            raise ValueError("Shares of reference traffic must lie in [0, 1).")
        object.__setattr__(self, "_bounds", np.append(self.below, 1.0))

    @classmethod
    def from_scores(cls, risk_log_odds: ArrayLike, weight: ArrayLike | None = None) -> ReferenceScores:
        """Return the quantiles of shipments' scores.

        Args:
            risk_log_odds: (n,) uncorrected risk log-odds.
            weight: (n,) number of shipments of base-rate traffic that each one represents; default 1.

        Raises:
            ValueError: there are no shipments, lengths differ, a value is not finite, or weights are negative or all zero.
        """
        scores, weights = weighted_scores(risk_log_odds, weight)
        counted = weights > 0.0
        values, index = np.unique(scores[counted], return_inverse=True)
        mass = np.bincount(index, weights=weights[counted])
        total = np.cumsum(mass)
        below = (total - mass) / total[-1]
        if len(values) > EVEN_POINTS + TOP_POINTS:
            shares = np.concatenate(
                [np.linspace(0.0, 1.0, EVEN_POINTS), 1.0 - np.geomspace(FINEST_TAIL, 1.0, TOP_POINTS)]
            )
            points = np.unique(np.clip(np.searchsorted(below, shares), 0, len(values) - 1))
            values, below = values[points], below[points]
        return cls(np.ascontiguousarray(values), np.ascontiguousarray(np.clip(below, 0.0, np.nextafter(1.0, 0.0))))

    def percentile(self, risk_log_odds: ArrayLike) -> FloatArray:
        """Return the share of reference traffic, 0 to 1, with a score below each of the uncorrected risk log-odds."""
        x = np.asarray(risk_log_odds, dtype=np.float64)
        interpolated = np.interp(x, self.log_odds, self.below, left=0.0, right=1.0)
        # Just below a reference point, interpolation may round to more than the share at that point. The bound keeps the
        # percentile from falling as the score rises.
        next_point = self.log_odds.searchsorted(x, side="right")
        bounded: FloatArray = np.minimum(interpolated, self._bounds[next_point])
        return bounded


def weighted_scores(scores: ArrayLike, weights: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    """Return scores and weights as (n,) arrays. Without weights, each weight is 1.

    Raises:
        ValueError: there are no scores, lengths differ, a value is not finite, or weights are negative or all zero.
    """
    scores = np.asarray(scores, dtype=np.float64)
    weights = np.ones_like(scores) if weights is None else np.asarray(weights, dtype=np.float64)
    if scores.ndim != 1 or scores.size == 0 or scores.shape != weights.shape:
        raise ValueError(
            f"Scores and weights must have one length, at least 1; got shapes {scores.shape} and {weights.shape}."
        )
    are_finite = np.isfinite(scores).all() and np.isfinite(weights).all()
    if not (are_finite and (weights >= 0.0).all() and weights.sum() > 0.0):
        raise ValueError("Scores and weights must be finite, weights not negative and not all zero.")
    return scores, weights
