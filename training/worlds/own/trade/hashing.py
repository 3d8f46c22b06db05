"""Hash functions that derive a party's name, habits and address from its number.

A world of millions of parties therefore needs no memory for them, and all blocks agree on the attributes of a party.
"""

from __future__ import annotations

import numpy as np

from training.arrays import Floats, Hashes, Ints

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = (np.uint64(n) for n in (30, 27, 31, 11))


def mix(*parts: Hashes | Ints | int) -> Hashes:
    """Return one 64-bit hash of several integers or integer arrays, broadcast together.

    Each part passes through the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    """
    state = np.zeros(1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            state = (state ^ np.asarray(part).astype(np.uint64)) + _GOLDEN
            state = (state ^ (state >> _S30)) * _M1
            state = (state ^ (state >> _S27)) * _M2
            state = state ^ (state >> _S31)
    return state


def unit(*parts: Hashes | Ints | int) -> Floats:
    """Return uniform numbers in [0, 1) from the upper 53 bits of `mix`."""
    return np.asarray((mix(*parts) >> _S11).astype(np.float64) * 2.0**-53)


def spread(u: Floats) -> Floats:
    """Map uniform numbers to approximately normal ones with mean 0 and standard deviation 1.

    The quantile of the logistic distribution is cheaper than that of the normal one, and close to it.
    """
    clipped = np.clip(u, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)) * 0.5513288954217921)


def pick(cumulative: Floats, u: Floats) -> Ints:
    """Return the indices that ``u`` (n,) selects from cumulative shares, (k,) for all or (n, k) with one row each."""
    if cumulative.ndim == 1:
        return np.asarray(np.minimum(np.searchsorted(cumulative, u, side="right"), len(cumulative) - 1), dtype=np.int64)
    return np.asarray(np.minimum((u[:, None] >= cumulative).sum(axis=1), cumulative.shape[1] - 1), dtype=np.int64)


def cumulate(weights: Floats) -> Floats:
    """Return cumulative shares along the last axis, ending in 1."""
    total = np.cumsum(weights, axis=-1)
    return np.asarray(total / total[..., -1:])
