"""Scores of shipments that each represent a number of shipments of base-rate traffic."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


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
