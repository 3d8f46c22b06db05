"""Choice of column pairs whose combinations get find rates of their own, by what they tell about later results."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.own.counts import Results, first_results
from features.groups.own.keys import DECLARATION, Key, OwnFields, hashed, mixed
from features.table.table import ManifestTable

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Largest number of chosen pairs, and of columns that are combined.
MOST_PAIRS: Final = 12
_MOST_COLUMNS: Final = 24
#: Numbers of rows and of finds that the choice needs, and largest number of rows that it uses: the last ones.
_LEAST_ROWS: Final = 500
_LEAST_FINDS: Final = 50
_MOST_ROWS: Final = 150_000
#: Share of the rows that rates are learned from; the later ones judge them.
_LEARNED: Final = 0.7
#: Weight, in results, of the rate that a rate is smoothed towards, as in `features.groups.own.keys`.
_WEIGHT: Final = 5.0
#: Least mean gain in standard errors. Among 276 pairs that tell nothing, one reaches 3 in two of five cases.
_LEAST_ERRORS: Final = 3.0


def choose_pairs(table: ManifestTable, own: OwnFields, results: Results, *, seed: int) -> tuple[tuple[str, str], ...]:
    """Return the pairs of simple keys that tell more about later results than each of their parts, the best first.

    Rates are learned from the earlier results, without times from a random part. A pair's gain is the reduction of the later
    results' logarithmic loss, compared with the better part. A repeated declaration counts once. With too few finds, no pair is
    chosen.

    Args:
        table: The rows of the fit window.
        results: Their results, as known at its end.
    """
    hashes = hashed(table, own)
    there = {pair for pair in (key.parts for key in own.counted) if len(pair) == 2}
    rows = _judged_rows(table, hashes, results, seed)
    find = results.find[rows]
    if len(rows) < _LEAST_ROWS or find.sum() < _LEAST_FINDS:
        return ()
    values = {key.name: hashes[key.name][rows] for key in _combined(own)}
    cut = round(_LEARNED * len(rows))
    overall = float(find[:cut].mean())
    rates = {name: _rate(one, find, cut, np.full(len(rows), overall)) for name, one in values.items()}
    losses = {name: _loss(rate[cut:], find[cut:]) for name, rate in rates.items()}
    gains: list[tuple[float, tuple[str, str]]] = []
    for pair in combinations(values, 2):
        if pair in there or pair[::-1] in there:
            continue
        better = min(pair, key=lambda name: float(losses[name].sum()))
        rate = _rate(mixed([values[name] for name in pair], len(pair)), find, cut, rates[better])
        gain = losses[better] - _loss(rate[cut:], find[cut:])
        error = float(gain.std()) / np.sqrt(len(gain))
        if error > 0.0 and gain.mean() > _LEAST_ERRORS * error:
            gains.append((float(gain.mean()), pair))
    return tuple(pair for _, pair in sorted(gains, key=lambda one: (-one[0], one[1]))[:MOST_PAIRS])


def pairs_note(own: OwnFields) -> str | None:
    """Return a note that lists the chosen pairs; None without any."""
    if not own.pairs:
        return None
    meanings = {key.name: key.meaning for key in own.simple()}
    named = "; ".join(" with ".join(meanings[part] for part in pair) for pair in own.pairs)
    return f"Pairs of columns that tell more about later results than either column: {named}."


def _combined(own: OwnFields) -> list[Key]:
    """Return the keys of columns to combine: of the HS code's prefixes only the heading."""
    keys = [key for key in own.simple() if not (key.parent or key.name == "hs2") or key.name == "hs4"]
    return keys[:_MOST_COLUMNS]


def _judged_rows(table: ManifestTable, hashes: Mapping[str, Ints], results: Results, seed: int) -> Ints:
    """Return the rows with the first result of each declaration, in order of time, or in a random order without times."""
    n = table.n_rows
    signature = hashes.get(DECLARATION, np.zeros(n, dtype=np.int64))
    signature = np.where(signature == 0, np.arange(1, n + 1), signature)
    order = results.known_s if results.timed else np.random.default_rng(seed).permutation(n).astype(np.int64)
    first = np.flatnonzero(first_results(np.ones(n, dtype=np.int64), signature, results, order))
    return first[np.argsort(order[first], kind="stable")][-_MOST_ROWS:]


def _rate(values: Ints, find: Bools, cut: int, towards: Floats) -> Floats:
    """Return each row's find rate (n,) among the first ``cut`` rows with its value, smoothed towards another rate (n,)."""
    code = np.unique(values, return_inverse=True)[1]
    size = int(code.max()) + 1
    known = np.bincount(code[:cut], minlength=size)[code].astype(np.float64)
    finds = np.bincount(code[:cut], find[:cut], minlength=size)[code]
    rate: Floats = (finds + _WEIGHT * towards) / (known + _WEIGHT)
    return np.where(values == 0, towards, rate)


def _loss(rate: Floats, find: Bools) -> Floats:
    """Return the logarithmic loss (n,) of rates between 0 and 1."""
    p = np.clip(rate, 1e-6, 1.0 - 1e-6)
    return np.asarray(-np.log(np.where(find, p, 1.0 - p)))
