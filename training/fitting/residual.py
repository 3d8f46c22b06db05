"""Residual learning: boosters start from the log-odds of the prior, so that trees learn only what the prior does not explain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import lightgbm as lgb
import numpy as np

from models.evidence import Entry, Evidence, read_evidence
from models.scoring import RISK
from training.arrays import Bools, Floats, Ints

#: Largest absolute shift of log-odds.
_LARGEST_SHIFT: Final = 40.0
#: Number of finds at which leaf values are halved.
HALF_FINDS: Final = 20.0


def shrinkage(finds: int) -> float:
    """Return the factor of all leaf values of trees that learned from ``finds`` finds: 0 for no finds, close to 1 for many."""
    return finds / (finds + HALF_FINDS)


def directions(entries: Sequence[Entry], names: Sequence[str], declared: Sequence[int]) -> list[int]:
    """Return the monotone constraint of each feature: the declared one, otherwise the direction of its evidence entries.

    A feature that entries use in both directions, or between two bounds, has no constraint.
    """
    signs_of: dict[str, set[int]] = {}
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
                # A condition such as `equals = 1` on a feature with the values 0 and 1.
                rising = 1 if term.low == 1.0 else -1 if term.low == 0.0 else 0
            else:
                rising = 0
            signs_of.setdefault(term.feature, set()).add(sign * rising)
    of_entries = {name: next(iter(signs)) for name, signs in signs_of.items() if len(signs) == 1}
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
    # Imported here because only the training extra installs scipy.
    from scipy.optimize import brentq

    target = float(weight[find].sum())

    def excess(shift: float) -> float:
        return float((weight / (1.0 + np.exp(-np.clip(log_odds + shift, -500.0, 500.0)))).sum()) - target

    # If no row or every row is a find, the shift is a limit.
    if excess(-_LARGEST_SHIFT) >= 0.0:
        return -_LARGEST_SHIFT
    if excess(_LARGEST_SHIFT) <= 0.0:
        return _LARGEST_SHIFT
    return float(brentq(excess, -_LARGEST_SHIFT, _LARGEST_SHIFT, xtol=1e-14))


def choose_evidence(heads: Sequence[str]) -> Evidence:
    """Return the evidence for these heads.

    Entries concern the contents in the manifest's label columns. An office's own label (such as fraud or wildlife) gets the factor
    0, so its prior is the base rate.
    """
    evidence = read_evidence()
    return evidence if tuple(heads) != (RISK,) else evidence.for_own_label(0.0)


def boosted(
    data: lgb.Dataset,
    find: Bools,
    start: Floats | None,
    trees: int,
    settings: Mapping[str, object],
    callbacks: Sequence[Callable[..., None]] = (),
) -> lgb.Booster:
    """Return a booster of ``trees`` trees fitted to ``find`` (n,), starting from the log-odds ``start`` (n,)."""
    set_label_and_start(data, find, start)
    return lgb.train(dict(settings), data, num_boost_round=trees, callbacks=list(callbacks))


def set_label_and_start(data: lgb.Dataset, find: Bools, start: Floats | None) -> None:
    """Set the label (n,) and the log-odds (n,) to start from of binned data that several boosters share."""
    data.set_label(find.astype(np.float64))
    # LightGBM's `set_init_score` ignores None: a booster without a start would continue from that of the booster before it.
    data.set_field("init_score", start)
