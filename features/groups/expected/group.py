"""Comparison of mass and value with those of goods with similar descriptions (`features.groups.expected.additive`)."""

from __future__ import annotations

from math import exp, nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, GroupInput, State, TextCache
from features.groups.expected.additive import BUCKETS, FARTHEST, Additive, TextBuckets, buckets_of, fit_target
from features.groups.expected.columns import FEATURES, Target
from features.groups.expected.columns import ExpectedColumn as C
from features.table.amounts import Amount
from features.table.coded import ColumnWriter
from features.table.table import ManifestTable
from features.texts.cache import TextRows, weak_method
from features.texts.folding import words

_COLUMNS: Final = ("channel", "filing_type", "quantity_unit", "consignee_country")
_LEAST_ROWS: Final = 50
#: Lower bound of spreads, and upper bound of their logarithms.
_LEAST_SPREAD: Final = 0.1
_LARGEST_LOG_SPREAD: Final = 700.0
_TARGETS: Final = len(Target)
_PRICE: Final = int(Target.PRICE)


class ExpectedGroup(Group):
    """Distances of mass and value from their expected values. The group learns the expected values."""

    name = "expected"
    learns = True
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        #: Target in lower case -> model. Targets with too few rows are missing.
        self.fitted_: dict[str, Additive] = {}
        self._prepare()

    def _prepare(self) -> None:
        """Arrange the models in arrays with a column per target, NaN for a target without a model."""
        self._base, self._by_units, self._spread_base = np.full((3, _TARGETS), nan)
        self._price_by_mass = nan
        #: (BUCKETS, 2 * len(Target)) effects on the targets, followed by those on the logs of their spreads.
        self._bucket_effects = np.full((BUCKETS, 2 * _TARGETS), nan)
        #: Column -> value -> row of ``_effects``. Row 0 is for values without an effect.
        self._columns: dict[str, dict[str, int]] = {}
        effects = [[0.0] * _TARGETS]
        for target in Target:
            model = self.fitted_.get(target.name.lower())
            if model is None:
                continue
            self._base[target], self._by_units[target] = model.base, model.slopes[0]
            if target is Target.PRICE:
                self._price_by_mass = float(model.slopes[1])
            self._bucket_effects[:, target], self._bucket_effects[:, _TARGETS + target] = model.words, model.spread
            self._spread_base[target] = model.spread_base
            for column, of_value in model.effects.items():
                row_of = self._columns.setdefault(column, {})
                for value, effect in of_value.items():
                    if value not in row_of:
                        row_of[value] = len(effects)
                        effects.append([0.0] * _TARGETS)
                    effects[row_of[value]][target] = effect
        self._effects = np.array(effects)
        self._text_rows = TextRows(weak_method(self._compute), np.full(2 * _TARGETS, nan))

    def fit(self, table: ManifestTable) -> None:
        text = table.description_or_chemical
        logs = table.amounts.log
        # A missing quantity counts as one, because most parcels contain one piece.
        units, mass, value = np.nan_to_num(logs[Amount.UNITS]), logs[Amount.MASS], logs[Amount.VALUE]
        by_quantity = units[:, None]
        designs = {
            Target.MASS: (mass, by_quantity),
            Target.VALUE: (value, by_quantity),
            Target.PRICE: (value, np.stack([units, mass], axis=1)),
        }
        codes = np.unique(text.codes[text.codes >= 0]).tolist()
        buckets = {code: buckets_of([*words(text.values[code])], text.values[code]) for code in codes}
        self.fitted_ = {}
        for target, (log, numbers) in designs.items():
            usable = np.flatnonzero(~np.isnan(log) & ~np.isnan(numbers).any(axis=1) & (text.codes >= 0))
            if len(usable) >= _LEAST_ROWS:
                columns = {column: table.text(column).take(usable) for column in _COLUMNS}
                used, of_row = np.unique(text.codes[usable], return_inverse=True)
                tokens = TextBuckets.of([buckets[code] for code in used.tolist()])
                self.fitted_[target.name.lower()] = fit_target(log[usable], numbers[usable], of_row, tokens, columns)
        self._prepare()

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table = source.table
        write = ColumnWriter(out)
        mass, value, units = table.amounts.log[:3]
        # A missing quantity counts as one, because most parcels contain one piece.
        expected = self._base + self._by_units * np.where(np.isnan(units), 0.0, units)[:, None]
        expected[:, _PRICE] += self._price_by_mass * mass
        for name, row_of in self._columns.items():
            column = table.text(name)
            expected += self._effects.take(column.each([row_of.get(text, 0) for text in column.values], 0), axis=0)
        texts = np.empty((table.n_rows, 2 * _TARGETS))
        self._text_rows.fill(source.described, table.description_or_chemical.codes, texts, 0)
        expected += texts[:, :_TARGETS]
        distances = (np.array([mass, value, value]).T - expected) / texts[:, _TARGETS:]
        by_mass, by_value, by_price = np.minimum(np.maximum(distances, -FARTHEST), FARTHEST).T
        write.array(C.MASS_VS_DESCRIPTION, by_mass)
        write.array(C.VALUE_VS_DESCRIPTION, by_value)
        write.array(C.PRICE_VS_DESCRIPTION, by_price)
        write.array(C.MASS_DEVIATION, np.abs(by_mass))
        write.array(C.PRICE_DEVIATION, np.abs(by_price))

    def _compute(self, texts: list[str]) -> FloatArray:
        """Return each text's effects on the targets, followed by its spreads, shape (texts, 2 * len(Target))."""
        tokenised = self.texts.tokenise(texts)
        buckets = [buckets_of(tokenised.words_of(row), text) for row, text in enumerate(texts)]
        rows = TextBuckets.of(buckets).means(self._bucket_effects)
        logs = rows[:, _TARGETS:] + self._spread_base
        rows[:, _TARGETS:] = [[_spread(log) for log in of_text] for of_text in logs.tolist()]
        return rows

    def state(self) -> State:
        data = {
            name: {
                "base": model.base,
                "spread_base": model.spread_base,
                "slopes": model.slopes.tolist(),
                "effects": model.effects,
            }
            for name, model in self.fitted_.items()
        }
        arrays: dict[str, NDArray[Any]] = {}
        for name, model in self.fitted_.items():
            arrays |= {
                f"{name}_words": model.words.astype(np.float32),
                f"{name}_spread": model.spread.astype(np.float32),
            }
        return data, arrays

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.fitted_ = {}
        for name, saved in data.items():
            words_, spread = (arrays[f"{name}_{part}"].astype(np.float64) for part in ("words", "spread"))
            if words_.shape != (BUCKETS,) or spread.shape != (BUCKETS,):
                raise ValueError(f"Effects of words on {name} have shape {words_.shape}, expected ({BUCKETS},).")
            effects = {column: {k: float(v) for k, v in values.items()} for column, values in saved["effects"].items()}
            self.fitted_[name] = Additive(
                float(saved["base"]),
                float(saved["spread_base"]),
                words_,
                spread,
                np.array(saved["slopes"], float),
                effects,
            )
        self._prepare()


def _spread(log: float) -> float:
    # numpy's `exp` rounds differently on different processors.
    spread = exp(_LARGEST_LOG_SPREAD if log > _LARGEST_LOG_SPREAD else log)
    return _LEAST_SPREAD if spread < _LEAST_SPREAD else spread
