"""Arithmetic of log-odds: conversion to and from probabilities, change of prevalence, and combination of heads."""

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
    """Return the probabilities for log-odds of any shape. Small values keep their relative precision, down to p = 1e-300."""
    x = np.asarray(log_odds, dtype=np.float64)
    # The argument of exp is never positive, so exp cannot overflow. exp(min(x, 0)) is 1 or the same number.
    return np.exp(np.minimum(x, 0.0)) / (1.0 + np.exp(-np.abs(x)))


def shift(log_odds: ArrayLike, pi_train: float, pi: float) -> FloatArray:
    """Shift log-odds from prevalence ``pi_train`` to ``pi``: logit p += logit(pi) - logit(pi_train).

    The result is exact if the distribution within each class is the same at both prevalences (Saerens, Latinne and Decaestecker
    2002, "Adjusting the outputs of a classifier to new a priori probabilities", Neural Computation 14(1)).

    Raises:
        ValueError: a prevalence is not in (0, 1).
    """
    moved: FloatArray = np.asarray(log_odds, dtype=np.float64) + (logit(pi) - logit(pi_train))
    return moved


def combine(head_log_odds: ArrayLike) -> FloatArray:
    """Return the log-odds (n,) of 1 - prod(1 - p) for log-odds (n, K) of the heads.

    With S = sum over heads of log(1 + odds), the result is log(exp(S) - 1). The computation avoids p and 1 - p, so it is precise
    for p near 0 and for p near 1. The result is never below the largest head.
    """
    heads = np.asarray(head_log_odds, dtype=np.float64)
    if heads.ndim != 2 or heads.shape[1] == 0:
        raise ValueError(f"Log-odds must have the shape (n, heads), got {heads.shape}.")
    # Call the ufuncs directly: for one row, the wrappers `max` and `sum` cost as much as the arithmetic.
    largest: FloatArray = np.maximum.reduce(heads, axis=1)
    if heads.shape[1] == 1:
        return largest
    total = np.add.reduce(np.logaddexp(0.0, heads), axis=1)
    # S + log(1 - exp(-S)) equals log(exp(S) - 1) and does not overflow for large S. If S underflows to 0 (odds below 1e-308), it
    # is -inf. The largest head is then correct to within a factor of K.
    with np.errstate(divide="ignore"):
        combined = total + np.log(-np.expm1(-total))
    # Rounding may make the result one ulp smaller than the largest head.
    bounded: FloatArray = np.maximum(combined, largest)
    return bounded
