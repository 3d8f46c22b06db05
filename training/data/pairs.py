"""Choice of the pairs of columns with find rates, for an office's own data."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Final

import numpy as np

from features.groups.own.counts import Results, first_results
from features.groups.own.keys import DECLARATION, Key, OwnFields, hashed, mixed
from features.table.table import ManifestTable
from training.arrays import Bools, Floats, Ints

#: Maximum number of chosen pairs, and of columns to combine.
MOST_PAIRS: Final = 12
_MOST_COLUMNS: Final = 26
#: Minimum numbers of rows and of finds for a choice, and maximum number of rows. If there are more rows, the last ones are used.
_LEAST_ROWS: Final = 500
_LEAST_FINDS: Final = 50
_MOST_ROWS: Final = 80_000
#: Share of the rows used to learn rates. The other rows measure their loss.
_LEARNED: Final = 0.7
#: Weight, in results, of the parent's rate in a smoothed rate, as in `features.groups.own.keys`.
_WEIGHT: Final = 5.0
#: Minimum mean gain, in standard errors, and that of pairs that often interact (`OwnFields.usual_pairs`). If 300 pairs are
#: uninformative, one of them exceeds 3 in about three of ten cases.
_LEAST_ERRORS: Final = 3.0
_USUAL_ERRORS: Final = 1.0


def choose_pairs(table: ManifestTable, own: OwnFields, results: Results, *, seed: int) -> tuple[tuple[str, str], ...]:
    """Return the pairs of simple keys that predict later results better than either of their parts, the best first.

    Learn the rates from the earlier results, or from a random part if results have no times. The gain of a pair is the difference
    between the log loss of its better part and its own log loss, on the other results. Count a repeated declaration once. Choose
    no pair if there are too few rows or finds.

    Args:
        table: the rows of the fit window.
        results: results of the rows, as known at the end of the window.
    """
    hashes = hashed(table, own)
    usual = set(own.usual_pairs())
    rows = _ordered_rows(table, hashes, results, seed)
    find = results.find[rows]
    if len(rows) < _LEAST_ROWS or find.sum() < _LEAST_FINDS:
        return ()
    values = {key.name: hashes[key.name][rows] for key in _combined(own)}
    n_learned = round(_LEARNED * len(rows))
    overall = float(find[:n_learned].mean())
    rates = {name: _rate(one, find, n_learned, np.full(len(rows), overall)) for name, one in values.items()}
    losses = {name: _loss(rate[n_learned:], find[n_learned:]) for name, rate in rates.items()}
    gains: list[tuple[float, tuple[str, str]]] = []
    for two in combinations(values, 2):
        pair = two[::-1] if two[::-1] in usual else two
        better = min(pair, key=lambda name: float(losses[name].sum()))
        rate = _rate(mixed([values[name] for name in pair], len(pair)), find, n_learned, rates[better])
        gain = losses[better] - _loss(rate[n_learned:], find[n_learned:])
        error = float(gain.std()) / np.sqrt(len(gain))
        if error > 0.0 and gain.mean() > (_USUAL_ERRORS if pair in usual else _LEAST_ERRORS) * error:
            gains.append((float(gain.mean()), pair))
    return tuple(pair for _, pair in sorted(gains, key=lambda one: (-one[0], one[1]))[:MOST_PAIRS])


def pairs_note(own: OwnFields) -> str | None:
    """Return a note that lists the chosen pairs, or None if there are none."""
    if not own.pairs:
        return None
    meanings = {key.name: key.meaning for key in own.simple()}
    named = "; ".join(" with ".join(meanings[part] for part in pair) for pair in own.pairs)
    return f"Pairs of columns that predict later results better than either column: {named}."


def _combined(own: OwnFields) -> list[Key]:
    """Return the keys to combine: those of single columns, and of the HS code heading and subheading.

    Parts of usual pairs come first, then further fields, because most columns of the manifest have features of other groups.
    """
    keys = [key for key in own.simple() if key.name in ("hs4", "hs6") or (key.parent is None and key.name != "hs2")]
    usual = {part for pair in own.usual_pairs() for part in pair}
    return sorted(keys, key=lambda key: (key.name not in usual, not key.name.startswith("field_")))[:_MOST_COLUMNS]


def _ordered_rows(table: ManifestTable, hashes: Mapping[str, Ints], results: Results, seed: int) -> Ints:
    """Return the rows with the first result of each declaration, in order of time, or in random order if results have no times."""
    n = table.n_rows
    signature = hashes.get(DECLARATION, np.zeros(n, dtype=np.int64))
    signature = np.where(signature == 0, np.arange(1, n + 1), signature)
    order = results.known_s if results.timed else np.random.default_rng(seed).permutation(n).astype(np.int64)
    first = np.flatnonzero(first_results(np.ones(n, dtype=np.int64), signature, results, order))
    return first[np.argsort(order[first], kind="stable")][-_MOST_ROWS:]


def _rate(values: Ints, find: Bools, n_learned: int, towards: Floats) -> Floats:
    """Return each row's find rate (n,) among the first ``n_learned`` rows with its value, smoothed to ``towards`` (n,)."""
    code = np.unique(values, return_inverse=True)[1]
    size = int(code.max()) + 1
    known = np.bincount(code[:n_learned], minlength=size)[code].astype(np.float64)
    finds = np.bincount(code[:n_learned], find[:n_learned], minlength=size)[code]
    rate: Floats = (finds + _WEIGHT * towards) / (known + _WEIGHT)
    return np.where(values == 0, towards, rate)


def _loss(rate: Floats, find: Bools) -> Floats:
    """Return the logarithmic loss (n,) of rates between 0 and 1."""
    p = np.clip(rate, 1e-6, 1.0 - 1e-6)
    return np.asarray(-np.log(np.where(find, p, 1.0 - p)))
