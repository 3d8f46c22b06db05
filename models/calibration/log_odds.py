"""Arithmetic of log-odds: conversion to and from probabilities, change of prevalence, combination of heads, and linear maps.

The loops are compiled, because numpy takes ten times as long for a single shipment, and its result must be that of a file.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import cython
import numpy as np
from numpy.typing import ArrayLike, NDArray

if not cython.compiled:
    from math import exp, expm1, log, log1p

FloatArray: TypeAlias = NDArray[np.float64]


def logit(p: float) -> float:
    """Return the log-odds of one probability strictly between 0 and 1.

    Raises:
        ValueError: p is not in (0, 1).
    """
    if not 0.0 < p < 1.0:
        raise ValueError(f"A probability must lie strictly between 0 and 1, got {p!r}.")
    return math.log(p) - math.log1p(-p)


def probability(log_odds: ArrayLike) -> FloatArray:
    """Return the probabilities for log-odds of any shape. Small values keep their relative precision, down to p = 1e-300."""
    p = np.array(log_odds, dtype=np.float64, order="C")
    values = p.reshape(-1)
    for at in range(values.shape[0]):
        values[at] = _probability(values[at])
    return p


def _probability(x: float) -> float:
    # The argument of exp is never positive, so exp cannot overflow.
    odds = exp(-x if x > 0.0 else x)
    return (1.0 if x > 0.0 else odds) / (1.0 + odds)


def shift(log_odds: ArrayLike, pi_train: float, pi: float) -> FloatArray:
    """Shift log-odds from prevalence ``pi_train`` to ``pi``: logit p += logit(pi) - logit(pi_train).

    The result is exact if the distribution within each class is the same at both prevalences (Saerens, Latinne and Decaestecker
    2002, "Adjusting the outputs of a classifier to new a priori probabilities", Neural Computation 14(1)).

    Raises:
        ValueError: a prevalence is not in (0, 1).
    """
    moved: FloatArray = np.asarray(log_odds, dtype=np.float64) + (logit(pi) - logit(pi_train))
    return moved


def shifted_probabilities(heads: FloatArray, risk: FloatArray, shifts: FloatArray) -> FloatArray:
    """Return the probabilities (n, K + 1) of the heads and, in the last column, of the risk, each for its shifted log-odds.

    Args:
        heads: (n, K) log-odds of the heads.
        risk: (n,) log-odds of the risk.
        shifts: (K + 1,) shift of each column.
    """
    count = heads.shape[1]
    p = np.empty((heads.shape[0], count + 1))
    out = p
    for row in range(heads.shape[0]):
        for head in range(count):
            out[row, head] = _probability(heads[row, head] + shifts[head])
        out[row, count] = _probability(risk[row] + shifts[count])
    return p


def combine(head_log_odds: ArrayLike) -> FloatArray:
    """Return the log-odds (n,) of 1 - prod(1 - p) for log-odds (n, K) of the heads.

    With S = sum over heads of log(1 + odds), the result is log(exp(S) - 1). The computation avoids p and 1 - p, so it is precise
    for p near 0 and for p near 1. The result is never below the largest head.
    """
    heads = np.ascontiguousarray(head_log_odds, dtype=np.float64)
    if heads.ndim != 2 or heads.shape[1] == 0:
        raise ValueError(f"Log-odds must have the shape (n, heads), got {heads.shape}.")
    combined = np.empty(heads.shape[0])
    _combine(heads, combined)
    return combined


def _combine(heads: FloatArray, out: FloatArray) -> None:
    for row in range(heads.shape[0]):
        largest = heads[row, 0]
        total = 0.0
        for head in range(heads.shape[1]):
            x = heads[row, head]
            largest = x if x > largest else largest
            total += x + log1p(exp(-x)) if x > 0.0 else log1p(exp(x))
        # S + log(1 - exp(-S)) equals log(exp(S) - 1) and does not overflow for large S. If S underflows to 0 (odds below 1e-308),
        # the largest head is correct to within a factor of K.
        combined = total + log(-expm1(-total)) if total > 0.0 else largest
        # Rounding may make the result one ulp smaller than the largest head.
        out[row] = combined if combined > largest and heads.shape[1] > 1 else largest


def map_segments(
    raw: FloatArray,
    first_knot: NDArray[np.int64],
    knots: FloatArray,
    start: FloatArray,
    value: FloatArray,
    slope: FloatArray,
    out: FloatArray,
) -> None:
    """Write piecewise-linear maps of log-odds ``raw`` (n, K), one map per column, into ``out`` (n, K).

    Args:
        first_knot: (K + 1,) index of each map's first knot, and the number of all knots.
        knots: knots of all maps. A map has one segment more than knots.
        start, value, slope: of all segments: a log-odds, its image, and the slope.
    """
    for column in range(raw.shape[1]):
        for row in range(raw.shape[0]):
            x = raw[row, column]
            knot = first_knot[column]
            while knot < first_knot[column + 1] and not x < knots[knot]:
                knot += 1
            segment = knot + column
            out[row, column] = value[segment] + slope[segment] * (x - start[segment])
