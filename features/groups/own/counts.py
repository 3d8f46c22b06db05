"""Counts per key of an office's data: numbers of rows, known results and finds for each value of the key.

For training rows, counts exclude the row's own result, in one of three ways:

- in time (`in_time`): rows and results before the row's moment. Rows of the same moment (of the same day, if only days are
  declared) do not count for each other, even if they are identical;
- by folds (`by_fold`), for data without times: rows and results of the other folds. Identical declarations are in the same fold,
  because otherwise one of them would leak the result of the others;
- in random order (`in_time` with positions in the order as times), for the key of identical declarations without times, because
  the other folds never contain them.

Rows after training use the learned counts (`Counts`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, auto
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Maximum number of values per key, the most frequent ones. Each takes 20 bytes in a bundle.
CAPACITY: Final = 400_000
#: 2**64 divided by the golden ratio, as a signed integer. It spreads keys over all 64 bits before signatures are added, so that
#: different pairs hardly ever have the same sum.
_PAIR_FACTOR: Final = np.int64(-7046029254386353131)


class Count(IntEnum):
    """Counts of the rows with one value of a key."""

    ROWS = 0
    KNOWN = auto()
    FINDS = auto()


@dataclass(frozen=True, slots=True)
class Results:
    """Results of the training rows.

    Attributes:
        find: (n,) True for a find. Used only where ``known`` is True.
        known: (n,) True for a row with a result.
        known_s: (n,) time of the result in seconds since 1970. Used only if ``timed`` is True.
        timed: True if the rows have times.
    """

    find: BoolArray
    known: BoolArray
    known_s: IntArray
    timed: bool

    @classmethod
    def none(cls, n: int) -> Results:
        """Return empty results for n rows."""
        return cls(np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int64), False)

    def take(self, rows: IntArray) -> Results:
        """Return the results of the given rows."""
        return Results(self.find[rows], self.known[rows], self.known_s[rows], self.timed)


@dataclass(frozen=True, slots=True)
class KeyValues:
    """Values of a key in n rows, numbered once for all counts.

    Attributes:
        distinct: (m,) hashes of the values, ascending; 0 for a missing value.
        code: (n,) position of each row's value in ``distinct``.
    """

    distinct: IntArray
    code: IntArray

    @classmethod
    def of(cls, keys: IntArray | KeyValues) -> KeyValues:
        """Number the values of ``keys`` (n,), which are hashes or 0 where missing."""
        return keys if isinstance(keys, KeyValues) else cls(*np.unique(keys, return_inverse=True))

    @property
    def missing(self) -> BoolArray:
        """True for each row without a value, shape (n,)."""
        return np.asarray((self.distinct == 0)[self.code], dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Moments:
    """Times of n rows and of their results, ordered once for all keys.

    Attributes:
        n_times: number of distinct times of rows.
        row: (n,) number of each row's time.
        known: (n,) number of the first time after the row's result.
        by_row: (n,) rows in the order of their times.
        by_known: (n,) rows in the order in which their results became known.
    """

    n_times: int
    row: IntArray
    known: IntArray
    by_row: IntArray
    by_known: IntArray

    @classmethod
    def of(cls, moment: IntArray, known_at: IntArray) -> Moments:
        """Order the times of rows and of results (n,), both in the same unit."""
        times, row = np.unique(moment, return_inverse=True)
        known = np.searchsorted(times, known_at, "right")
        by_row, by_known = (np.argsort(time, kind="stable") for time in (row, known_at))
        return cls(len(times), row, known, by_row, by_known)


@dataclass(frozen=True, slots=True)
class KeyCounts:
    """Counts for each row's key, (n,) each: rows, known results, and finds among the results."""

    rows: FloatArray
    known: FloatArray
    finds: FloatArray

    def stacked(self) -> NDArray[np.float32]:
        """Return the counts as one array (len(Count), n)."""
        counts = np.empty((len(Count), len(self.rows)), dtype=np.float32)
        counts[Count.ROWS], counts[Count.KNOWN], counts[Count.FINDS] = self.rows, self.known, self.finds
        return counts


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts per key: ``keys`` (m,) ascending; ``rows``, ``known`` and ``finds`` (m,)."""

    keys: IntArray
    rows: IntArray
    known: IntArray
    finds: IntArray

    @classmethod
    def empty(cls) -> Counts:
        """Return counts without keys."""
        nothing = np.empty(0, dtype=np.int64)
        return cls(nothing, nothing, nothing, nothing)

    @classmethod
    def of(cls, keys: IntArray | KeyValues, weight: IntArray, find: BoolArray) -> Counts:
        """Count rows (n,) by ``keys`` (0 where missing). The results of rows with a ``weight`` of 1 count, those with 0 do not."""
        values = KeyValues.of(keys)
        present = np.flatnonzero(values.distinct)
        distinct, m = values.distinct[present], len(values.distinct)
        rows = np.bincount(values.code, minlength=m)[present]
        known = np.bincount(values.code, weight, minlength=m)[present].astype(np.int64)
        finds = np.bincount(values.code, weight * find, minlength=m)[present].astype(np.int64)
        m = len(distinct)
        if m > CAPACITY:
            frequent = np.sort(np.argsort(-rows, kind="stable")[:CAPACITY])
            distinct, rows, known, finds = distinct[frequent], rows[frequent], known[frequent], finds[frequent]
        return cls(distinct, rows.astype(np.int64), known, finds)

    def look_up(self, keys: IntArray, out: NDArray[np.float32] | FloatArray) -> None:
        """Write the counts of ``keys`` (n,) into ``out`` (len(Count), n); 0 for unknown keys."""
        if len(self.keys) == 0:
            out[:] = 0.0
            return
        position = np.searchsorted(self.keys, keys)
        position[position == len(self.keys)] = 0
        known_key = self.keys[position] == keys
        out[Count.ROWS] = np.where(known_key, self.rows[position], 0)
        out[Count.KNOWN] = np.where(known_key, self.known[position], 0)
        out[Count.FINDS] = np.where(known_key, self.finds[position], 0)

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Return the counts as arrays for a bundle. Their names start with ``prefix``."""
        return {
            f"{prefix}.keys": self.keys,
            f"{prefix}.counts": np.stack([self.rows, self.known, self.finds], axis=1).astype(np.int32),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], prefix: str) -> Counts:
        """Restore counts from `arrays`.

        Raises:
            KeyError: an array is missing.
            ValueError: an array has the wrong shape or is not sorted.
        """
        keys, counts = arrays[f"{prefix}.keys"].astype(np.int64), arrays[f"{prefix}.counts"].astype(np.int64)
        if counts.shape != (len(keys), len(Count)) or np.any(keys[1:] <= keys[:-1]):
            raise ValueError(f"The counts of {prefix} do not fit together.")
        return cls(keys, counts[:, Count.ROWS].copy(), counts[:, Count.KNOWN].copy(), counts[:, Count.FINDS].copy())


def first_results(
    keys: IntArray | KeyValues,
    signature: IntArray,
    results: Results,
    order: IntArray,
    *,
    by_order: IntArray | None = None,
) -> IntArray:
    """Return 1 for each row that has the first known result of its signature within its key, otherwise 0; shape (n,).

    A declaration that is repeated a hundred times carries no more information about its importer or heading than a single one, but
    would outweigh all others if every repeat counted.

    Args:
        keys: (n,) key of each row; 0 if missing.
        signature: (n,) number of each row's declaration.
        order: (n,) time of each row's result.
        by_order: (n,) rows sorted by ``order``, ties in the order of the rows; by default computed here.
    """
    values = KeyValues.of(keys)
    weight = np.zeros(len(values.code), dtype=np.int64)
    rows = np.argsort(order, kind="stable") if by_order is None else by_order
    rows = rows[(results.known & ~values.missing)[rows]]
    pairs = values.distinct[values.code[rows]] * _PAIR_FACTOR + signature[rows]
    _, first = np.unique(pairs, return_index=True)
    weight[rows[first]] = 1
    return weight


def in_time(
    keys: IntArray | KeyValues, moment: IntArray, weight: IntArray, find: BoolArray, known_at: IntArray
) -> KeyCounts:
    """Return the counts for each row's key strictly before its ``moment`` (n,).

    Args:
        keys: (n,) key of each row; 0 if missing.
        moment: (n,) time of each row, in the unit of ``known_at``.
        weight: (n,) 1 if the row's result counts, otherwise 0.
        known_at: (n,) time of the result.
    """
    return before(keys, Moments.of(moment, known_at), weight, find)


def before(keys: IntArray | KeyValues, moments: Moments, weight: IntArray, find: BoolArray) -> KeyCounts:
    """Return the counts for each row's key strictly before its moment; other arguments as for `in_time`."""
    values = KeyValues.of(keys)
    code, span = values.code, np.int64(moments.n_times + 1)
    start = np.arange(len(values.distinct), dtype=np.int64) * span
    order = _by_code(code, moments.by_row)
    of_row = code[order]
    rows = of_row * span + moments.row[order]
    # A result counts from the first moment after it.
    by_time = _by_code(code, moments.by_known[weight[moments.by_known] > 0])
    event = code[by_time] * span + moments.known[by_time]
    finds = np.concatenate([[0], np.cumsum(find[by_time])])
    # Rows of one value and moment follow each other; the rows before the first of them count.
    position = np.arange(len(rows))
    last = np.maximum.accumulate(np.where(np.diff(rows, prepend=-1) > 0, position, 0))
    first = np.searchsorted(rows, start)[of_row]
    begin, end = np.searchsorted(event, start)[of_row], np.searchsorted(event, rows, "right")
    counts = np.zeros((len(Count), len(code)))
    counts[:, order] = last - first, end - begin, finds[end] - finds[begin]
    counts[:, values.missing] = 0.0
    return KeyCounts(*counts)


def _by_code(code: IntArray, rows: IntArray) -> IntArray:
    """Return ``rows`` sorted by their codes, which are less than 2**32; rows of one code stay in order."""
    for shift in (0, 16):
        # Numpy sorts numbers of 16 bits ten times as fast.
        part = (code[rows] >> shift).astype(np.uint16)
        if shift == 0 or part.any():
            rows = rows[np.argsort(part, kind="stable")]
    return rows


def by_fold(
    keys: IntArray | KeyValues,
    fold: IntArray,
    folds: int,
    weight: IntArray,
    find: BoolArray,
    chosen: IntArray | None = None,
) -> KeyCounts:
    """Return the counts for each row's key in the other folds, scaled to the size of all ``folds`` (at least 2).

    With ``chosen``, return only the counts of these rows.
    """
    values = KeyValues.of(keys)
    size, scale = len(values.distinct), folds / (folds - 1.0)
    of_row = values.code * folds + fold
    rows = slice(None) if chosen is None else chosen
    code, cell_of, missing = values.code[rows], of_row[rows], values.missing[rows]

    def others(amount: NDArray[Any] | None) -> FloatArray:
        cell = np.bincount(of_row, amount, minlength=size * folds).astype(np.float64)
        scaled: FloatArray = (cell.reshape(size, folds).sum(axis=1)[code] - cell[cell_of]) * scale
        return np.where(missing, 0.0, scaled)

    return KeyCounts(others(None), others(weight), others(weight * find))


#: Maximum number of rows that also enter training as if new. More rows cost time and do not improve the model.
MOST_ROWS: Final = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class AsNew:
    """Some rows of a feature matrix as they would be if their declarations had never been seen.

    Attributes:
        rows: (m,) numbers of these rows in the matrix, ascending.
        values: (m, K) values of the columns that differ.
        column: number of the first of these columns in the matrix.
    """

    rows: IntArray
    values: NDArray[np.float32]
    column: int = 0

    def at(self, column: int) -> Self:
        """Return a copy whose first column is ``column`` of the matrix."""
        return replace(self, column=column)

    def take(self, rows: IntArray) -> Self:
        """Return the values for ``matrix[rows]``, where ``rows`` ascends."""
        position = np.minimum(np.searchsorted(rows, self.rows), max(0, len(rows) - 1))
        taken = np.flatnonzero(rows[position] == self.rows) if len(rows) else np.zeros(0, dtype=np.int64)
        return replace(self, rows=position[taken].astype(np.int64), values=self.values[taken])

    def write(self, part: NDArray[np.float64], positions: int | slice | list[int]) -> NDArray[np.float64]:
        """Return a copy of ``part``, the rows of the matrix at ``positions`` of ``rows``, with the values as if new."""
        changed = part.copy()
        changed[..., self.column : self.column + self.values.shape[1]] = self.values[positions]
        return changed

    def to_arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Return the content as arrays whose names begin with ``prefix``."""
        column = np.array([self.column], dtype=np.int64)
        return {f"{prefix}.rows": self.rows, f"{prefix}.values": self.values, f"{prefix}.column": column}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], prefix: str) -> Self | None:
        """Restore the content from `to_arrays`; None if ``arrays`` has no such names."""
        if f"{prefix}.rows" not in arrays:
            return None
        return cls(arrays[f"{prefix}.rows"], arrays[f"{prefix}.values"], int(arrays[f"{prefix}.column"][0]))
