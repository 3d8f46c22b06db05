"""Counts of an office's own data by key: how often a value occurred, and how often it was a find.

Three ways to count the rows a model learns from, all without a row's own result:

- in time (`in_time`): rows and results before the row's own moment. Rows of one moment, a day where only days are stated,
  do not see each other, identical ones included;
- by folds (`by_fold`), where there are no times: rows and results of the other folds. A fold keeps rows of equal groups,
  identical declarations, together; dealt row by row, each would be told the answer by its twin;
- in a random order (`in_time` with the order's numbers for times), for identical declarations themselves, which folds of
  them leave without a past.

Later rows meet the counts as they were learned (`Counts`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.own.rows import look_up

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Values kept per key, the most frequent first; 20 bytes each in a bundle.
CAPACITY: Final = 400_000


@dataclass(frozen=True, slots=True)
class Results:
    """What is known of the rows a model learns from.

    Attributes:
        find: (n,) whether the row is a find; counted only where ``known``.
        known: (n,) whether a result is there.
        known_s: (n,) seconds since 1970 at which it was known.
        timed: whether rows have times; without, ``known_s`` is not looked at.
    """

    find: BoolArray
    known: BoolArray
    known_s: IntArray
    timed: bool

    @classmethod
    def none(cls, n: int) -> Results:
        """No results at all."""
        return cls(np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int64), False)

    def take(self, rows: IntArray) -> Results:
        return Results(self.find[rows], self.known[rows], self.known_s[rows], self.timed)


@dataclass(frozen=True, slots=True)
class Seen:
    """Per row of a table (n,) what was counted for its key: ``rows``, and of the known results ``known`` and ``finds``."""

    rows: FloatArray
    known: FloatArray
    finds: FloatArray


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts per key: ``keys`` (m,) ascending, ``rows``, ``known`` and ``finds`` (m,)."""

    keys: IntArray
    rows: IntArray
    known: IntArray
    finds: IntArray

    @classmethod
    def empty(cls) -> Counts:
        nothing = np.empty(0, dtype=np.int64)
        return cls(nothing, nothing, nothing, nothing)

    @classmethod
    def of(cls, keys: IntArray, weight: IntArray, find: BoolArray) -> Counts:
        """Counts of rows (n,) with ``keys`` (0: missing); a row's result counts ``weight`` times, 0 or 1."""
        valid = keys != 0
        distinct, code = np.unique(keys[valid], return_inverse=True)
        m = len(distinct)
        rows = np.bincount(code, minlength=m)
        known = np.bincount(code, weight[valid], minlength=m).astype(np.int64)
        finds = np.bincount(code, weight[valid] * find[valid], minlength=m).astype(np.int64)
        if m > CAPACITY:
            kept = np.sort(np.argsort(-rows, kind="stable")[:CAPACITY])
            distinct, rows, known, finds = distinct[kept], rows[kept], known[kept], finds[kept]
        return cls(distinct, rows.astype(np.int64), known, finds)

    def look_up(self, keys: IntArray, found: FloatArray) -> None:
        """Write into ``found`` (3, n) what was learned of the keys (n,) of other rows: ``rows``, ``known`` and ``finds``."""
        look_up(self.keys, self.rows, self.known, self.finds, keys, found)

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        return {
            f"{prefix}.keys": self.keys,
            f"{prefix}.counts": np.stack([self.rows, self.known, self.finds], axis=1).astype(np.int32),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], prefix: str) -> Counts:
        """The inverse of `arrays`.

        Raises:
            KeyError, ValueError: an array is missing, of another shape, or not in order.
        """
        keys, counts = arrays[f"{prefix}.keys"].astype(np.int64), arrays[f"{prefix}.counts"].astype(np.int64)
        if counts.shape != (len(keys), 3) or np.any(keys[1:] <= keys[:-1]):
            raise ValueError(f"The counts of {prefix} do not fit together.")
        return cls(keys, counts[:, 0].copy(), counts[:, 1].copy(), counts[:, 2].copy())


def first_results(keys: IntArray, signature: IntArray, results: Results, order: IntArray) -> IntArray:
    """(n,) 1 where a row brings the first known result of its signature within its key, else 0.

    A declaration repeated a hundred times says no more of its importer or heading than one; counted a hundred times, it would
    drown what the others say. ``order`` (n,) is the moment at which each result counts.
    """
    weight = np.zeros(len(keys), dtype=np.int64)
    rows = np.flatnonzero(results.known & (keys != 0))
    rows = rows[np.argsort(order[rows], kind="stable")]
    pairs = keys[rows] * np.int64(-7046029254386353131) + signature[rows]
    _, first = np.unique(pairs, return_index=True)
    weight[rows[first]] = 1
    return weight


def in_time(keys: IntArray, moment: IntArray, weight: IntArray, find: BoolArray, known_at: IntArray) -> Seen:
    """What was there for each row's key strictly before its ``moment`` (n,).

    ``weight`` (n,) 0 or 1: whether the row's result, known at ``known_at`` (n,), counts.
    """
    times = np.unique(np.concatenate([moment, known_at]))
    span = np.int64(len(times) + 1)
    code = np.unique(keys, return_inverse=True)[1].astype(np.int64) * span
    asked = code + np.searchsorted(times, moment)
    rows = np.sort(asked)
    counted = np.flatnonzero(weight > 0)
    event = code[counted] + np.searchsorted(times, known_at[counted])
    order = np.argsort(event, kind="stable")
    event, finds = event[order], np.concatenate([[0], np.cumsum(find[counted][order])])

    def before(events: IntArray) -> tuple[IntArray, IntArray]:
        return np.searchsorted(events, code, "left"), np.searchsorted(events, asked, "left")

    start, end = before(event)
    first, last = before(rows)
    missing = keys == 0
    return Seen(
        *(
            np.where(missing, 0.0, part.astype(np.float64))
            for part in (last - first, end - start, finds[end] - finds[start])
        )
    )


def by_fold(keys: IntArray, fold: IntArray, folds: int, weight: IntArray, find: BoolArray) -> Seen:
    """What the other folds say of each row's key, scaled to as many rows as there are in all."""
    code = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    size = int(code.max()) + 1 if len(code) else 0
    scale = folds / (folds - 1.0)

    def others(amount: FloatArray) -> FloatArray:
        cell = np.bincount(code * folds + fold, amount, minlength=size * folds).reshape(size, folds)
        found: FloatArray = (cell.sum(axis=1)[code] - cell[code, fold]) * scale
        return np.where(keys == 0, 0.0, found)

    w = weight.astype(np.float64)
    return Seen(others(np.ones(len(keys))), others(w), others(w * find))
