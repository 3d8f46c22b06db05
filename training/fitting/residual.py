"""Learning the residual: boosters start from the prior's log-odds, so that trees learn only what the prior leaves unexplained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from models.evidence import Entry

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Bisection steps in the search for an intercept.
_STEPS: Final = 60


def directions(entries: Sequence[Entry], names: Sequence[str], declared: Sequence[int]) -> list[int]:
    """Return the monotone constraint of each feature: the one it declares, else the direction of the entries that rest on it.

    A feature that entries use in both directions, or between two bounds, is free.
    """
    found: dict[str, set[int]] = {}
    for entry in entries:
        sign = {"for": 1, "against": -1}.get(entry.direction, 0)
        for term in (term for clause in entry.when for term in clause):
            if term.is_ramp:
                rising = 1 if term.high > term.low else -1
            elif np.isinf(term.high):
                rising = 1
            elif np.isinf(term.low):
                rising = -1
            elif term.low == term.high:
                # equals 1 of a yes-or-no feature
                rising = 1 if term.low == 1.0 else -1 if term.low == 0.0 else 0
            else:
                rising = 0
            found.setdefault(term.feature, set()).add(sign * rising)
    of_entries = {name: next(iter(signs)) for name, signs in found.items() if len(signs) == 1}
    return [own or of_entries.get(name, 0) for name, own in zip(names, declared, strict=True)]


def combined(log_odds: Floats) -> Floats:
    """Return the log-odds (n,) of any head, for small probabilities: the logarithm of the sum of the odds (n, K)."""
    return np.asarray(np.logaddexp.reduce(log_odds, axis=1))


def largest_rows(values: Floats, shipment: Ints) -> Ints:
    """Return the row with the largest value of each shipment, the first if several are equal."""
    order = np.lexsort((-values, shipment))
    first = np.append(True, np.diff(shipment[order]) != 0)
    return np.asarray(order[first])


def intercept(log_odds: Floats, find: Bools, weight: Floats) -> float:
    """Return the shift that makes the mean probability of the log-odds (n,) equal to the weighted share of finds."""
    low, high = -40.0, 40.0
    target = float(weight[find].sum())
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        mean = float((weight / (1.0 + np.exp(-np.clip(log_odds + middle, -500.0, 500.0)))).sum())
        low, high = (middle, high) if mean < target else (low, middle)
    return (low + high) / 2.0


def boosted(data: lgb.Dataset, find: Bools, start: Floats, trees: int, settings: Mapping[str, object]) -> lgb.Booster:
    """Return a booster of ``trees`` trees that learn ``find`` (n,) from the log-odds ``start`` (n,)."""
    data.set_label(find.astype(np.float64))
    data.set_init_score(start)
    return lgb.train(dict(settings), data, num_boost_round=trees)
