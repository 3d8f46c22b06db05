"""What an office's own data adds: its further fields, and what is known of values, pairs and whole declarations.

Only models that are trained on an office's data have this group. Per key of `own_keys` it says how often the value was
seen and how its find rate compares with that of all, as known at the time; per number how far it is from what is usual for the
goods. Nothing here is monotone: what a find is, only the office's label says.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import Feature, FloatArray, Group, GroupInput, State, TextCache, log_or_nan
from features.groups.own.counts import Counts, Results, Seen, by_fold, first_results, in_time
from features.groups.own.keys import DECLARATION, HS_DIGITS, Key, OwnFields, hashed
from features.groups.own.rows import smoothed
from features.groups.reason_codes import OwnReasonCode
from features.groups.robust import usual_by_hs
from features.table.table import ManifestTable

IntArray = NDArray[np.int64]

#: Folds of learned rates where there are no times.
FOLDS: Final = 5
#: The rate of all is drawn towards one half as by this many results.
_PRIOR_WEIGHT: Final = 2.0
_LEAST_ROWS: Final = 20
_LEAST_SPREAD: Final = 0.05
_FURTHEST: Final = 20.0

#: Amounts of the manifest in their own units: they count where no currency or rate is known, too.
_AMOUNTS: Final = (
    ("value", "declared value"),
    ("mass", "mass"),
    ("value_per_kg", "value per kilogram"),
    ("value_per_unit", "value per unit"),
)


class OwnGroup(Group):
    """Rates, frequencies and numbers of an office's own data."""

    name = "own"
    learns = True

    def __init__(self, own: OwnFields, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        self.own = own
        self.keys: tuple[Key, ...] = own.counted()
        self.features = tuple(_features(own, self.keys))
        number = {key.name: place for place, key in enumerate(self.keys)}
        self._parents = np.array(
            [-1 if key.parent is None else number[key.parent] for key in self.keys], dtype=np.int32
        )
        self._weights = np.array([key.weight for key in self.keys], dtype=np.float64)
        #: Where among the rows, the rates and the known results of all keys each column is.
        self._numbered = [
            place + len(self.keys) * part
            for place, key in enumerate(self.keys)
            for part in ((0, 1, 2) if key.repeats else (0, 1))
        ]
        self.counts_: dict[str, Counts] = {key.name: Counts.empty() for key in self.keys}
        self.all_ = (0, 0)
        #: quantity -> HS code (6, 4 or 2 digits, or "") -> (median, spread)
        self.usual_: dict[str, dict[str, tuple[float, float]]] = {}

    def fit(self, table: ManifestTable) -> None:
        """Frequencies and usual amounts, without results."""
        self.learn(table, Results.none(table.n_rows))

    def learn(self, table: ManifestTable, results: Results, *, seed: int = 0) -> FloatArray:
        """Learn from rows and their results, and answer these rows' features (n_rows, F) without their own results.

        With times each row sees what was known before its moment, without them what other folds say (`own_counts`).
        """
        self._fit_usual(table)
        keys = hashed(table, self.own)
        n = table.n_rows
        signature = keys.get(DECLARATION, np.zeros(n, dtype=np.int64))
        # A row of which nothing is known repeats nothing.
        signature = np.where(signature == 0, np.arange(1, n + 1), signature)
        shuffled = np.random.default_rng(seed).permutation(n).astype(np.int64)
        if results.timed:
            moment, known_at = table.declared_s[table.shipment], results.known_s
        else:
            moment = known_at = shuffled
        counted = results.known.astype(np.int64)
        self.all_ = (int(counted.sum()), int((results.find & results.known).sum()))
        fold = _folds(signature, seed)
        everything = np.ones(n, dtype=np.int64)
        seen: dict[str, Seen] = {}
        for key in self.keys:
            values = keys[key.name]
            weight = counted if key.repeats else first_results(values, signature, results, known_at)
            self.counts_[key.name] = Counts.of(values, weight, results.find)
            if results.timed or key.name == DECLARATION:
                seen[key.name] = in_time(values, moment, weight, results.find, known_at)
            else:
                seen[key.name] = by_fold(values, fold, FOLDS, weight, results.find)
        if results.timed:
            total = in_time(everything, moment, counted, results.find, known_at)
            overall = _smoothed(total.finds, total.known, 0.5, _PRIOR_WEIGHT)
        else:
            overall = np.full(n, self._overall())
        matrix = np.empty((n, len(self.features)))
        found = [(seen[key.name].rows, seen[key.name].known, seen[key.name].finds) for key in self.keys]
        stacked = np.array(found, dtype=np.float64).reshape(len(self.keys), 3, n).transpose(1, 0, 2)
        self._write(table, np.ascontiguousarray(stacked), keys, overall, matrix)
        return matrix

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table = source.table
        keys = hashed(table, self.own)
        seen = np.empty((3, len(self.keys), table.n_rows))
        for number, key in enumerate(self.keys):
            self.counts_[key.name].look_up(keys[key.name], seen[:, number])
        self._write(table, seen, keys, np.full(table.n_rows, self._overall()), out)

    def _overall(self) -> float:
        known, finds = self.all_
        return float(_smoothed(np.array([finds]), np.array([known]), 0.5, _PRIOR_WEIGHT)[0])

    def _write(
        self, table: ManifestTable, seen: FloatArray, keys: dict[str, IntArray], overall: FloatArray, out: FloatArray
    ) -> None:
        """Columns of ``out`` (n, F) from what was ``seen``: rows, known results and finds (3, keys, n)."""
        rows, known, finds = seen
        rates = smoothed(known, finds, overall, self._parents, self._weights)
        missing = np.array([keys[key.name] for key in self.keys], dtype=np.int64).reshape(rows.shape) == 0
        above = _log_odds(rates) - _log_odds(overall)
        logs = np.log1p(seen[:2])
        above[missing], logs[:, missing] = np.nan, np.nan
        at = len(self._numbered)
        out[:, :at] = np.concatenate([logs[0], above, logs[1]])[self._numbered].T
        for number, column in enumerate(self._numbers(table), at):
            out[:, number] = column

    def _numbers(self, table: ManifestTable) -> list[FloatArray]:
        columns: list[FloatArray] = []
        if "hs_code" in self.own.columns:
            digits = table.text("hs_code")
            number = np.array([float(code[:6].ljust(6, "0")) for code in digits.values], dtype=np.float64)
            columns.append(np.asarray(digits.lookup(number, np.nan), dtype=np.float64))
        amounts = _amounts(table)
        for name, _ in _AMOUNTS:
            columns += [amounts[name], self._distance(name, table, amounts[name])]
        mass, value = table.amounts.mass, table.number("customs_value")
        for slug, field in self.own.slugs().items():
            if field.kind == "numeric":
                numbers = table.further_number(field.name)
                columns += [
                    numbers,
                    self._distance(slug, table, _signed_log(numbers)),
                    numbers / np.where(mass > 0, mass, np.nan),
                    numbers / np.where(value > 0, value, np.nan),
                ]
            else:
                columns.append(table.further_number(field.name))
        return columns

    # -- what is usual ------------------------------------------------------------------------------------------------

    def _fit_usual(self, table: ManifestTable) -> None:
        quantities = _amounts(table)
        for slug, field in self.own.slugs().items():
            if field.kind == "numeric":
                quantities[slug] = _signed_log(table.further_number(field.name))
        hs = table.text("hs_code")
        self.usual_ = {}
        for name, values in quantities.items():
            usual = usual_by_hs(
                values, hs.codes, hs.values, HS_DIGITS, least_rows=_LEAST_ROWS, least_spread=_LEAST_SPREAD
            )
            self.usual_[name] = {key: (round(median, 6), round(spread, 6)) for key, (median, spread) in usual.items()}

    def _distance(self, quantity: str, table: ManifestTable, values: FloatArray) -> FloatArray:
        usual = self.usual_.get(quantity, {})
        default = usual.get("", (np.nan, np.nan))
        hs = table.text("hs_code")
        found = np.array(
            [next((usual[code[:k]] for k in reversed(HS_DIGITS) if code[:k] in usual), default) for code in hs.values],
            dtype=np.float64,
        ).reshape(-1, 2)
        of_row = np.concatenate([found, [default]])[hs.codes]
        distance: FloatArray = np.clip((values - of_row[:, 0]) / of_row[:, 1], -_FURTHEST, _FURTHEST)
        return distance

    # -- state --------------------------------------------------------------------------------------------------------

    def state(self) -> State:
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
        known, finds = data["all"]
        self.all_ = (int(known), int(finds))
        self.usual_ = {
            name: {code: (float(median), float(spread)) for code, (median, spread) in usual.items()}
            for name, usual in data["usual"].items()
        }
        self.counts_ = {key.name: Counts.from_arrays(arrays, key.name) for key in self.keys}


def _features(own: OwnFields, keys: tuple[Key, ...]) -> list[Feature]:
    found: list[Feature] = []

    def add(name: str, meaning: str, reason: str) -> None:
        found.append(Feature(f"own_{name}", "own", meaning, OwnReasonCode.of(reason)))

    for key in keys:
        add(f"{key.name}_seen", f"Goods items with this {key.meaning} seen before (log of one more)", key.name)
        add(
            f"{key.name}_rate",
            f"Log of the odds of a find for this {key.meaning}, as known by then, over those of all",
            key.name,
        )
        if key.repeats:
            add(f"{key.name}_known", f"Results known by then for the {key.meaning} (log of one more)", key.name)
    if "hs_code" in own.columns:
        add("hs_number", "The HS code's first six digits as a number", "hs_number")
    for name, what in _AMOUNTS:
        add(name, f"The {what}, as declared (log)", name)
        add(f"{name}_unusual", f"Distance of the {what} from what is usual for the HS code", name)
    for slug, field in own.slugs().items():
        what, name = repr(field.name), f"field_{slug}"
        if field.kind == "numeric":
            add(f"{name}_value", f"The number in {what}", name)
            add(f"{name}_unusual", f"Distance of {what} from what is usual for the HS code", name)
            add(f"{name}_per_kg", f"The number in {what} per kilogram", name)
            add(f"{name}_per_value", f"The number in {what} over the declared value", name)
        else:
            add(f"{name}_number", f"The code in {what}, where it is a number", name)
    return found


def _amounts(table: ManifestTable) -> dict[str, FloatArray]:
    value, mass = log_or_nan(table.number("customs_value")), log_or_nan(table.amounts.mass)
    return {
        "value": value,
        "mass": mass,
        "value_per_kg": value - mass,
        "value_per_unit": value - log_or_nan(table.number("quantity")),
    }


def _folds(signature: IntArray, seed: int) -> IntArray:
    """(n,) fold of each row; rows of one signature share theirs."""
    distinct, group = np.unique(signature, return_inverse=True)
    return np.random.default_rng(seed).permutation(len(distinct))[group].astype(np.int64) % FOLDS


def _smoothed(finds: FloatArray, known: FloatArray, towards: FloatArray | float, weight: float) -> FloatArray:
    """Find rate drawn towards another rate as by ``weight`` results."""
    return np.asarray((finds + weight * towards) / (known + weight), dtype=np.float64)


def _log_odds(rate: FloatArray) -> FloatArray:
    return np.asarray(np.log(rate) - np.log1p(-rate), dtype=np.float64)


def _signed_log(values: FloatArray) -> FloatArray:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), dtype=np.float64)
