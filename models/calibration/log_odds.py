"""Log-odds: conversion from and to probabilities, change of prevalence, and combination of heads."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    """Return the probabilities of log-odds, any shape. Small values keep their precision (p = 1e-300 stays 1e-300)."""
    x = np.asarray(log_odds, dtype=np.float64)
    # exp of a number that is not positive cannot overflow.
    small = np.exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, small) / (1.0 + small)


def shift(log_odds: ArrayLike, pi_train: float, pi: float) -> FloatArray:
    """Return log-odds moved from prevalence ``pi_train`` to prevalence ``pi``: logit p += logit(pi) - logit(pi_train).

    This is exact when the distribution within each class is the same at both prevalences (Saerens, Latinne and Decaestecker
    2002, "Adjusting the outputs of a classifier to new a priori probabilities", Neural Computation 14(1)).

    Raises:
        ValueError: a prevalence is not in (0, 1).
    """
    moved: FloatArray = np.asarray(log_odds, dtype=np.float64) + (logit(pi) - logit(pi_train))
    return moved


def combine(head_log_odds: ArrayLike) -> FloatArray:
    """Return the log-odds (n,) of 1 - prod(1 - p) for the heads' log-odds (n, K).

    With S = sum over heads of log(1 + odds), the result is log(exp(S) - 1). Neither p nor 1 - p is computed, so the result is
    as precise for p of 1e-9 as for p of 1 - 1e-9. It is never below the largest head.
    """
    heads = np.asarray(head_log_odds, dtype=np.float64)
    if heads.ndim != 2 or heads.shape[1] == 0:
        raise ValueError(f"Log-odds must have the shape (n, heads), got {heads.shape}.")
    # For one row, the wrappers `max` and `sum` cost as much as the arithmetic.
    largest: FloatArray = np.maximum.reduce(heads, axis=1)
    if heads.shape[1] == 1:
        return largest
    total = np.add.reduce(np.logaddexp(0.0, heads), axis=1)
    # log(exp(S) - 1) = S + log(1 - exp(-S)) does not overflow for large S. If S underflows to 0 (odds below 1e-308), this is
    # -inf; the largest head is then correct to within a factor of K.
    with np.errstate(divide="ignore"):
        combined = total + np.log(-np.expm1(-total))
    # Rounding may put the result one ulp below the largest head.
    bounded: FloatArray = np.maximum(combined, largest)
    return bounded
