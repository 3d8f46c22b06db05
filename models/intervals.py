"""Intervals of shares, of counts and of weighted counts that hold for few finds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import betaincinv, gammaincinv

#: Share of intervals that contain the truth, unless an argument says otherwise.
LEVEL = 0.95


def share_interval(count: int, of: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of a share (Jeffreys; Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion").

    Args:
        count: number with the property among ``of``; without any, the share may be anything.
    """
    tail = (1.0 - level) / 2.0
    low = float(betaincinv(count + 0.5, of - count + 0.5, tail)) if count else 0.0
    high = float(betaincinv(count + 0.5, of - count + 0.5, 1.0 - tail)) if count < of else 1.0
    return low, high


def count_interval(count: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of the expectation of a Poisson count (Garwood 1936)."""
    tail = (1.0 - level) / 2.0
    low = float(gammaincinv(count, tail)) if count else 0.0
    return low, float(gammaincinv(count + 1.0, 1.0 - tail))


def weighted_interval(counts: Sequence[tuple[float, float]], level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of a sum of weighted Poisson counts (gamma method of Fay and Feuer, 1997).

    It contains the truth at least as often as it says, also for a few finds with large weights.

    Args:
        counts: weight and number of each kind of find. A kind without a find belongs here too: the next find may be one of it.
    """
    if not counts:
        return 0.0, float("inf")
    weights, numbers = (np.array(one, dtype=np.float64) for one in zip(*counts, strict=True))
    estimate, variance, largest = float(weights @ numbers), float(weights**2 @ numbers), float(weights.max())
    tail = (1.0 - level) / 2.0
    low = variance / estimate * float(gammaincinv(estimate**2 / variance, tail)) if estimate > 0.0 else 0.0
    upper, spread = estimate + largest, variance + largest**2
    return low, spread / upper * float(gammaincinv(upper**2 / spread, 1.0 - tail))
