"""The feature group "own": further fields of an office's data, and find rates of values, pairs and declarations.

Only models trained on an office's data have this group. For each key of `features.groups.own.keys` it contains the frequency of
the value, and its find rate relative to that of all rows, as known at the time. Numbers have columns of their own, such as the
distance from the median for the HS code. Features are not monotone, because the meaning of the office's label is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, GroupInput, State, TextCache, log_or_nan, usual_by_hs
from features.groups.own.columns import Measure, NumberColumn, Statistic, key_columns, number_columns
from features.groups.own.counts import (
    MOST_ROWS,
    AsNew,
    Count,
    Counts,
    KeyCounts,
    KeyValues,
    Moments,
    Results,
    before,
    by_fold,
    first_results,
)
from features.groups.own.keys import DECLARATION, HS_DIGITS, Key, KeyHasher, OwnFields, near_declarations
from features.table.table import ManifestTable

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Number of folds for the rates of rows as if new, and of all rows if the data has no times.
FOLDS: Final = 5
#: Weight, in results, of the prior 0.5 in the find rate of all rows.
_PRIOR_WEIGHT: Final = 2.0
_LEAST_ROWS: Final = 20
_LEAST_SPREAD: Final = 0.05
#: Number of rows whose statistics are computed at once, which limits the memory.
_ROWS_AT_A_TIME: Final = 50_000
#: Upper bound of the size of distances from the median, in spreads.
_FURTHEST: Final = 20.0
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
#: Weekday of the first day of 1970, counted from Monday.
_FIRST_WEEKDAY: Final = 3


class OwnGroup(Group):
    """Rates, frequencies and numbers of an office's own data."""

    name = "own"
    learns = True

    def __init__(self, own: OwnFields, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        self.own = own
        self.keys: tuple[Key, ...] = own.counted
        self._key_columns, self._number_columns = key_columns(self.keys), number_columns(own)
        of_keys = tuple(column.feature for column in self._key_columns)
        self.features = of_keys + tuple(column.feature for column in self._number_columns)
        self._parents = frozenset(key.parent for key in self.keys if key.parent is not None)
        self.counts_: dict[str, Counts] = {key.name: Counts.empty() for key in self.keys}
        #: Number of known results, and of finds among them.
        self.all_ = (0, 0)
        #: Quantity -> HS code of 6, 4 or 2 digits, or "" (all rows) -> median and spread.
        self.usual_: dict[str, dict[str, tuple[float, float]]] = {}

    def fit(self, table: ManifestTable) -> None:
        """Learn frequencies and usual amounts without results."""
        self.learn(table, Results.none(table.n_rows))

    def learn(
        self, table: ManifestTable, results: Results, *, seed: int = 0, out: FloatArray | None = None
    ) -> FloatArray:
        """Learn from rows and their results, and return the features (n_rows, F) of the rows, in ``out`` if it is given.

        The features of a row exclude its own result. With times, they use the results known before the row's moment, otherwise
        those of the other folds (`features.groups.own.counts`).
        """
        matrix = np.empty((table.n_rows, len(self.features))) if out is None else out
        self._learn(_Rows.of(table, results, self.own, seed), matrix, None)
        return matrix

    def learn_also_as_new(
        self, table: ManifestTable, results: Results, *, seed: int = 0, out: FloatArray | None = None
    ) -> tuple[FloatArray, AsNew]:
        """Return the results of `learn` and of `as_new`, computed in one pass over the keys."""
        matrix = np.empty((table.n_rows, len(self.features))) if out is None else out
        new = self._sample(table.n_rows, seed)
        self._learn(_Rows.of(table, results, self.own, seed), matrix, new)
        return matrix, new

    def _sample(self, n_rows: int, seed: int) -> AsNew:
        """Return a random sample of at most `MOST_ROWS` rows, with an empty array for their values."""
        chosen = np.sort(np.random.default_rng(seed).permutation(n_rows)[:MOST_ROWS]).astype(np.int64)
        # The columns of numbers, which come after those of keys, do not depend on results.
        return AsNew(chosen, np.empty((len(chosen), len(self._key_columns)), dtype=np.float32))

    def _learn(self, rows: _Rows, matrix: FloatArray, new: AsNew | None) -> None:
        """Learn key by key, because the counts of all keys take a third of the memory of the matrix.

        Fill the columns of ``matrix`` (n_rows, F) and the values of ``new``.
        """
        results, n = rows.results, rows.table.n_rows
        self._fit_usual(rows.table)
        known = results.known
        self.all_ = (int(known.sum()), int((results.find & known).sum()))
        overall = np.full(n, self._overall())
        if results.timed:
            total = before(np.ones(n, dtype=np.int64), rows.moments, known.astype(np.int64), results.find)
            overall = _smoothed(total.finds, total.known, 0.5, _PRIOR_WEIGHT)
        target = _Target.of(overall, matrix)
        as_new = None if new is None else _Target.of(np.full(len(new.rows), self._overall()), new.values)
        for position, key in enumerate(self.keys):
            values = rows.values(key)
            weight = rows.weight(key, values)
            self.counts_[key.name] = Counts.of(values, weight, results.find)
            if results.timed or key.name == DECLARATION:
                counts = before(values, rows.moments, weight, results.find), values.missing
            else:
                counts = rows.of_other_folds(values, weight)
            self._write_key(position, counts, target)
            if new is not None and as_new is not None:
                self._write_key(position, rows.of_other_folds(values, weight, new.rows), as_new)
        self._write_numbers(rows.table, matrix)

    def seen(self, out: FloatArray) -> BoolArray:
        """Return whether each row (n,) of the group's columns ``out`` (n, F) repeats a declaration seen before."""
        wanted = f"own_{DECLARATION}_{Statistic.SEEN.name.lower()}"
        column = next((at for at, feature in enumerate(self.features) if feature.name == wanted), None)
        return np.zeros(len(out), dtype=np.bool_) if column is None else np.asarray(out[:, column] > 0.0)

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        """Write the features of later rows from the learned counts."""
        table = source.table
        hasher = KeyHasher(table, self.own)
        hashes = [hasher.hashes(key) for key in self.keys]
        counts = np.empty((len(Count), len(self.keys), table.n_rows), dtype=np.float32)
        for position, key in enumerate(self.keys):
            self.counts_[key.name].look_up(hashes[position], counts[:, position])
        target = _Target.of(np.full(table.n_rows, self._overall()), out)
        self._write_keys(0, counts, [of_key == 0 for of_key in hashes], target)
        self._write_numbers(table, out)

    def _overall(self) -> float:
        known, finds = self.all_
        return float(_smoothed(np.array([finds]), np.array([known]), 0.5, _PRIOR_WEIGHT)[0])

    def _write_key(self, position: int, counts: tuple[KeyCounts, BoolArray], target: _Target) -> None:
        """Write the columns of the key at ``position``, from the counts of each row's value and a mask of missing values."""
        of_value, missing = counts
        self._write_keys(position, of_value.stacked()[:, None], [missing], target)

    def _write_keys(
        self, first: int, counts: NDArray[np.float32], missing: Sequence[BoolArray], target: _Target
    ) -> None:
        """Write the columns of consecutive keys from position ``first`` on. Parents come before children.

        Args:
            counts: (len(Count), keys, n) counts of each row's value of each key.
            missing: per key, (n,) True where the row's value is missing.
        """
        keys = self.keys[first : first + len(missing)]
        columns = [(at, c) for at, c in enumerate(self._key_columns) if first <= c.key < first + len(keys)]
        target.rates.update({key.name: np.empty(len(target.out)) for key in keys if key.name in self._parents})
        for start in range(0, len(target.out), _ROWS_AT_A_TIME):
            rows = slice(start, start + _ROWS_AT_A_TIME)
            part = counts[:, :, rows].astype(np.float64)
            rates = np.empty(part.shape[1:])
            for number, key in enumerate(keys):
                prior = target.overall if key.parent is None else target.rates[key.parent]
                rates[number] = _smoothed(part[Count.FINDS, number], part[Count.KNOWN, number], prior[rows], key.weight)
                if key.name in target.rates:
                    target.rates[key.name][rows] = rates[number]
            statistics = np.empty((len(Statistic), *rates.shape))
            statistics[Statistic.SEEN] = np.log1p(part[Count.ROWS])
            statistics[Statistic.RATE] = _log_odds(rates) - _log_odds(target.overall[rows])
            statistics[Statistic.KNOWN] = np.log1p(part[Count.KNOWN])
            for number, of_key in enumerate(missing):
                statistics[:, number, of_key[rows]] = np.nan
            for at, column in columns:
                target.out[rows, at] = statistics[column.statistic, column.key - first]

    def _write_numbers(self, table: ManifestTable, out: FloatArray) -> None:
        """Write the columns of numbers into ``out`` (n, F)."""
        for number, values in enumerate(self._numbers(table), len(self._key_columns)):
            out[:, number] = values

    def _numbers(self, table: ManifestTable) -> list[FloatArray]:
        """Return the values (n,) of the columns of numbers."""
        amounts, fields = _amounts(table), self.own.slugs
        mass, value = table.amounts.mass, table.number("customs_value")
        declared_s = table.declared_s[table.shipment]

        def values(column: NumberColumn) -> FloatArray:
            match column.measure:
                case Measure.HS_NUMBER:
                    return _hs_number(table)
                case Measure.AMOUNT:
                    return amounts[column.of]
                case Measure.AMOUNT_UNUSUAL:
                    return self._distance(column.of, table, amounts[column.of])
                case Measure.HOUR:
                    return (declared_s % _DAY // _HOUR).astype(np.float64)
                case Measure.WEEKDAY:
                    return ((declared_s // _DAY + _FIRST_WEEKDAY) % 7).astype(np.float64)
            numbers = table.further_number(fields[column.of].name)
            match column.measure:
                case Measure.FIELD_UNUSUAL:
                    return self._distance(f"field_{column.of}", table, _signed_log(numbers))
                case Measure.FIELD_PER_KG:
                    return numbers / np.where(mass > 0, mass, np.nan)
                case Measure.FIELD_PER_VALUE:
                    return numbers / np.where(value > 0, value, np.nan)
            return numbers

        return [values(column) for column in self._number_columns]

    # -- usual amounts ------------------------------------------------------------------------------------------------

    def _fit_usual(self, table: ManifestTable) -> None:
        quantities = _amounts(table)
        for slug, field in self.own.slugs.items():
            if field.kind == "numeric":
                quantities[f"field_{slug}"] = _signed_log(table.further_number(field.name))
        hs = table.text("hs_code")
        self.usual_ = {}
        for name, values in quantities.items():
            usual = usual_by_hs(
                values, hs.codes, hs.values, HS_DIGITS, least_rows=_LEAST_ROWS, least_spread=_LEAST_SPREAD
            )
            self.usual_[name] = {key: (round(median, 6), round(spread, 6)) for key, (median, spread) in usual.items()}

    def _distance(self, quantity: str, table: ManifestTable, values: FloatArray) -> FloatArray:
        """Return the distances (n,) of values from the median for their HS code, in spreads."""
        usual = self.usual_.get(quantity, {})
        default = usual.get("", (np.nan, np.nan))
        hs = table.text("hs_code")
        of_code = [
            next((usual[code[:k]] for k in reversed(HS_DIGITS) if code[:k] in usual), default) for code in hs.values
        ]
        median, spread = np.array([*of_code, default], dtype=np.float64).T[:, hs.codes]
        distance: FloatArray = np.clip((values - median) / spread, -_FURTHEST, _FURTHEST)
        return distance

    # -- state --------------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return the learned statistics as plain JSON and arrays."""
        data = {
            **self.own.to_json(),
            "all": list(self.all_),
            "usual": {name: {k: list(v) for k, v in usual.items()} for name, usual in self.usual_.items()},
        }
        arrays: dict[str, NDArray[Any]] = {}
        for key in self.keys:
            arrays |= self.counts_[key.name].arrays(key.name)
        return data, arrays

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Restore the learned statistics from `state`.

        Raises:
            KeyError: a key or an array is missing.
            ValueError: the content is invalid.
        """
        known, finds = data["all"]
        self.all_ = (int(known), int(finds))
        self.usual_ = {
            name: {code: (float(median), float(spread)) for code, (median, spread) in usual.items()}
            for name, usual in data["usual"].items()
        }
        self.counts_ = {key.name: Counts.from_arrays(arrays, key.name) for key in self.keys}


@dataclass(frozen=True, slots=True)
class _Target:
    """Output array for the columns of keys, with the rates towards which theirs are smoothed.

    Attributes:
        overall: (n,) find rate of all rows, as known at the moment of each row.
        out: (n, m) output. The columns of keys come first.
        rates: name of a parent key -> (n,) smoothed find rate of each row's value.
    """

    overall: FloatArray
    out: NDArray[np.float64] | NDArray[np.float32]
    rates: dict[str, FloatArray]

    @classmethod
    def of(cls, overall: FloatArray, out: NDArray[np.float64] | NDArray[np.float32]) -> Self:
        return cls(overall, out, {})


@dataclass(frozen=True, slots=True)
class _Rows:
    """Training rows, prepared for counting.

    Attributes:
        signature: (n,) equal numbers for identical declarations.
        known_at: (n,) times of results in seconds; without times, positions in a random order.
        moments: the order of these times and of the times of the rows.
        fold: (n,) fold of each row. Identical declarations and near copies are in the same fold.
    """

    table: ManifestTable
    results: Results
    hasher: KeyHasher
    signature: IntArray
    known_at: IntArray
    moments: Moments
    fold: IntArray

    @classmethod
    def of(cls, table: ManifestTable, results: Results, own: OwnFields, seed: int) -> Self:
        hasher, n = KeyHasher(table, own), table.n_rows
        declaration = next((key for key in own.counted if key.name == DECLARATION), None)
        signature = np.zeros(n, dtype=np.int64) if declaration is None else hasher.hashes(declaration)
        # Rows without any known value have distinct signatures.
        signature = np.where(signature == 0, np.arange(1, n + 1), signature)
        if results.timed:
            moment, known_at = table.declared_s[table.shipment], results.known_s
        else:
            moment = known_at = np.random.default_rng(seed).permutation(n).astype(np.int64)
        moments = Moments.of(moment, known_at)
        return cls(table, results, hasher, signature, known_at, moments, _folds(near_declarations(table, own), seed))

    def values(self, key: Key) -> KeyValues:
        """Return the rows' values of a key."""
        return KeyValues.of(self.hasher.hashes(key))

    def weight(self, key: Key, values: KeyValues) -> IntArray:
        """Return 1 for each row whose result counts, otherwise 0, shape (n,).

        If the key does not count repeats, only the first result of each declaration counts.
        """
        if key.repeats:
            return self.results.known.astype(np.int64)
        return first_results(values, self.signature, self.results, self.known_at, by_order=self.moments.by_known)

    def of_other_folds(
        self, values: KeyValues, weight: IntArray, chosen: IntArray | None = None
    ) -> tuple[KeyCounts, BoolArray]:
        """Return the counts in other folds of the chosen rows' values (by default all rows), and a mask of missing values."""
        missing = values.missing if chosen is None else values.missing[chosen]
        return by_fold(values, self.fold, FOLDS, weight, self.results.find, chosen), missing


def _hs_number(table: ManifestTable) -> FloatArray:
    """Return the first six digits of the HS codes (n,) as numbers. Shorter codes are padded with zeros."""
    hs = table.text("hs_code")
    number = np.array([float(code[:6].ljust(6, "0")) for code in hs.values], dtype=np.float64)
    return np.asarray(hs.lookup(number, np.nan), dtype=np.float64)


def _amounts(table: ManifestTable) -> dict[str, FloatArray]:
    """Return the amounts of `features.groups.own.columns.AMOUNTS` (n,), as logarithms."""
    value, quantity = (log_or_nan(table.number(name)) for name in ("customs_value", "quantity"))
    mass = log_or_nan(table.amounts.mass)
    return {
        "value": value,
        "mass": mass,
        "value_per_kg": value - mass,
        "value_per_unit": value - quantity,
        "quantity": quantity,
        "freight_charge": log_or_nan(table.number("freight_charge")),
    }


def _folds(signature: IntArray, seed: int) -> IntArray:
    """Return the fold (n,) of each row. Rows with equal signatures have the same fold."""
    distinct, group = np.unique(signature, return_inverse=True)
    return np.random.default_rng(seed).permutation(len(distinct))[group].astype(np.int64) % FOLDS


def _smoothed(finds: FloatArray, known: FloatArray, prior: FloatArray | float, weight: float) -> FloatArray:
    """Return find rates smoothed towards the rate ``prior``, which has the weight of ``weight`` results."""
    return np.asarray((finds + weight * prior) / (known + weight), dtype=np.float64)


def _log_odds(rate: FloatArray) -> FloatArray:
    return np.asarray(np.log(rate) - np.log1p(-rate), dtype=np.float64)


def _signed_log(values: FloatArray) -> FloatArray:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), dtype=np.float64)
