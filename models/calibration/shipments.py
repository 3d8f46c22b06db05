"""What stands between the raw log-odds of goods items and the risk of their shipments, without a pass per step."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def calibrate(
    raw: FloatArray,
    first_knot: NDArray[np.int32],
    knots: FloatArray,
    values: FloatArray,
    slopes: FloatArray,
    out: FloatArray,
) -> None:
    """Write piecewise-linear maps of the columns of ``raw`` (n, K) into ``out`` (n, K).

    The knots of column k, and the map's values there, begin at ``first_knot[k]``; its slopes, one more, at ``first_knot[k] + k``.
    """
    n = raw.shape[0]
    with cython.nogil:
        for k in range(raw.shape[1]):
            first, last = first_knot[k], first_knot[k + 1]
            for row in range(n):
                x = raw[row, k]
                # The first knot above x; left of all knots the map goes on from the first.
                knot = first
                while knot < last and knots[knot] <= x:
                    knot += 1
                start = knot - 1 if knot > first else first
                out[row, k] = values[start] + slopes[knot + k] * (x - knots[start])


def gather_shipments(
    first_row: NDArray[np.int64],
    item_log_odds: FloatArray,
    item_heads: FloatArray,
    yellow: float,
    red: float,
    risk: FloatArray,
    heads: FloatArray,
    riskiest: NDArray[np.int64],
    lanes: NDArray[np.int8],
) -> int:
    """What the largest items make of their shipments; returns how many are red.

    Args:
        first_row: (S,) of n rows. item_log_odds: (n,). item_heads: (n, K).
        yellow, red: log-odds from which a shipment is one; red is not below yellow.
        risk: (S,), heads: (K, S) the largest; riskiest: (S,) the first row of the largest risk; lanes: (S,) codes of the
            lanes. All four are written.
    """
    shipments = first_row.shape[0]
    reds = 0
    with cython.nogil:
        for shipment in range(shipments):
            first = first_row[shipment]
            end = first_row[shipment + 1] if shipment + 1 < shipments else item_log_odds.shape[0]
            best = first
            for row in range(first + 1, end):
                if item_log_odds[row] > item_log_odds[best]:
                    best = row
            riskiest[shipment] = best
            largest = item_log_odds[best]
            risk[shipment] = largest
            # Not the sum of two comparisons: uncompiled, two of NumPy's truths add up to one.
            lanes[shipment] = 2 if largest >= red else 1 if largest >= yellow else 0
            reds += 1 if largest >= red else 0
            for k in range(heads.shape[0]):
                largest = item_heads[first, k]
                for row in range(first + 1, end):
                    if item_heads[row, k] > largest:
                        largest = item_heads[row, k]
                heads[k, shipment] = largest
    return reds
