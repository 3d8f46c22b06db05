"""Comparison of mass and value with those of goods with similar descriptions.

The logs of mass, value and price have additive models: an effect of the text, effects of channel, filing type, unit and
destination, and slopes for the log of the number of units and, for the price, of the mass. A model is fitted without labels by
backfitting (Hastie and Tibshirani 1990, chapter 4). Ridge regression of the text effects on words then gives an effect to new
texts. A second regression on words estimates the spread. HS codes are not part of the model, so that a false code cannot make a
false mass look normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, GroupInput, State, TextCache
from features.groups.expected.columns import FEATURES, Target
from features.groups.expected.rows import (
    BUCKETS,
    FARTHEST,
    Coefficients,
    Constant,
    buckets_of,
    buckets_of_texts,
    fill_distances,
    fill_spreads,
    mean_effects,
)
from features.table.assembly import Amount
from features.table.table import Coded, ManifestTable
from features.texts.cache import TextRows, fill_numbers, weak_method
from features.texts.folding import words

IntArray = NDArray[np.int64]

_COLUMNS: Final = ("channel", "filing_type", "quantity_unit", "consignee_country")
_SWEEPS: Final = 6
_RIDGE: Final = 4.0
_STEPS: Final = 40
#: Shrinkage of the effect of a column's value, as a number of additional rows without an effect.
_SHRINK: Final = 20.0
_LEAST_ROWS: Final = 50


@dataclass(slots=True)
class _Additive:
    """Fitted model of one target.

    Attributes:
        base, spread_base: constants of the log of the target, and of the log of its spread.
        words: (BUCKETS,) effects of words.
        spread: (BUCKETS,) effects of words on the log of the spread.
        slopes: slopes for the log of the number of units and, for the price, of the mass.
        effects: column -> value -> effect.
    """

    base: float
    spread_base: float
    words: FloatArray
    spread: FloatArray
    slopes: FloatArray
    effects: dict[str, dict[str, float]]


class ExpectedGroup(Group):
    """Distances of mass and value from their expected values. The group learns the expected values."""

    name = "expected"
    learns = True
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        #: Target in lower case -> model. Targets with too few rows are missing.
        self.fitted_: dict[str, _Additive] = {}
        self._prepare()

    def _prepare(self) -> None:
        """Arrange the models in arrays for `fill_distances`."""
        self._columns: dict[str, dict[str, int]] = {}
        targets = len(Target)
        constants = np.full((targets, len(Constant)), np.nan)
        bucket_effects = np.full((BUCKETS, 2 * targets), np.nan)
        spread_base = np.full(targets, np.nan)
        # Row 0 is for values without an effect.
        effects = [[0.0] * targets]
        for target in Target:
            model = self.fitted_.get(target.name.lower())
            if model is None:
                continue
            constants[target, : 1 + len(model.slopes)] = model.base, *model.slopes.tolist()
            bucket_effects[:, target], bucket_effects[:, targets + target] = model.words, model.spread
            spread_base[target] = model.spread_base
            for column, of_value in model.effects.items():
                row_of = self._columns.setdefault(column, {})
                for value, effect in of_value.items():
                    if value not in row_of:
                        row_of[value] = len(effects)
                        effects.append([0.0] * targets)
                    effects[row_of[value]][target] = effect
        self._coefficients = Coefficients(constants, np.array(effects))
        self._bucket_effects, self._spread_base = bucket_effects, spread_base
        self._text_rows = TextRows(weak_method(self._compute), np.full(2 * targets, np.nan))

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
        buckets = {code: tuple(buckets_of([*words(text.values[code])], text.values[code])) for code in codes}
        self.fitted_ = {}
        for target, (log, numbers) in designs.items():
            usable = np.flatnonzero(~np.isnan(log) & ~np.isnan(numbers).any(axis=1) & (text.codes >= 0))
            if len(usable) >= _LEAST_ROWS:
                columns = {column: table.text(column).take(usable) for column in _COLUMNS}
                used, of_row = np.unique(text.codes[usable], return_inverse=True)
                tokens = _TextBuckets.of([buckets[code] for code in used.tolist()])
                self.fitted_[target.name.lower()] = _fit(log[usable], numbers[usable], of_row, tokens, columns)
        self._prepare()

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table, texts = source.table, source.described
        positions = np.empty((table.n_rows, len(self._columns)), dtype=np.int32)
        for number, (name, row_of) in enumerate(self._columns.items()):
            column = table.text(name)
            fill_numbers(row_of, column.values, column.codes, positions, number)
        codes = table.description_or_chemical.codes
        text_rows = self._text_rows.of(texts)
        fill_distances(table.amounts.log, self._coefficients, positions, text_rows, texts.slots, codes, out)

    def spread(self, text: str, target: Target) -> float:
        """Return the spread of the log of a target for goods described by a text; NaN if the target has no model."""
        return float(self._compute([text])[0, len(Target) + target])

    def _compute(self, texts: list[str]) -> FloatArray:
        """Return each text's effects on the targets, followed by its spreads, shape (texts, 2 * len(Target))."""
        length = np.empty(len(texts), dtype=np.int64)
        bucket = buckets_of_texts(texts, self.texts.tokenise(texts), length)
        rows = _TextBuckets(bucket, length).means(self._bucket_effects)
        fill_spreads(rows, self._spread_base)
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
            self.fitted_[name] = _Additive(
                float(saved["base"]),
                float(saved["spread_base"]),
                words_,
                spread,
                np.array(saved["slopes"], float),
                effects,
            )
        self._prepare()


def _fit(
    target: FloatArray, numbers: FloatArray, codes: IntArray, tokens: _TextBuckets, columns: dict[str, Coded]
) -> _Additive:
    """Fit one target.

    Args:
        target: (n,) logs of the target.
        numbers: (n, slopes) logs of the number of units and, for the price, of the mass.
        codes: (n,) index of each row's text in ``tokens``.
        tokens: buckets of the texts.
        columns: columns (n,) whose values have effects.
    """
    count = np.bincount(codes, minlength=len(tokens.length)).astype(np.float64)
    base = float(np.mean(target))
    residual = target - base
    of_text = np.zeros(len(count))
    slopes = np.zeros(numbers.shape[1])
    effect_of = {name: np.zeros(len(column.values)) for name, column in columns.items()}
    centred = numbers - numbers.mean(axis=0)
    power = np.maximum((centred**2).sum(axis=0), 1e-9)
    for _ in range(_SWEEPS):
        residual += of_text[codes]
        of_text = np.bincount(codes, residual, len(count)) / (count + 1.0)
        residual -= of_text[codes]
        for k in range(len(slopes)):
            step = float(centred[:, k] @ residual) / float(power[k])
            slopes[k] += step
            residual -= step * centred[:, k]
        for name, column in columns.items():
            seen = column.codes >= 0
            values = column.codes[seen]
            residual[seen] += effect_of[name][values]
            rows = np.bincount(values, minlength=len(column.values))
            effect_of[name] = np.bincount(values, residual[seen], len(column.values)) / (rows + _SHRINK)
            residual[seen] -= effect_of[name][values]
    base -= float(slopes @ numbers.mean(axis=0))
    effects = tokens.ridge(of_text, count)
    residual += (of_text - tokens.vector_means(effects))[codes]
    spread = np.log(np.bincount(codes, np.minimum(np.abs(residual), FARTHEST), len(count)) / count + 0.02)
    spread_base = float(np.average(spread, weights=count))
    spreads = tokens.ridge(spread - spread_base, count)
    # The mean absolute deviation of a normal variable is 0.8 of its standard deviation.
    return _Additive(
        base,
        spread_base + float(np.log(1.25)),
        # Bundles store single precision. Round now, so that a saved model equals the fitted one.
        effects.astype(np.float32).astype(np.float64),
        spreads.astype(np.float32).astype(np.float64),
        slopes,
        {
            name: {value: round(float(effect_of[name][code]), 5) for code, value in enumerate(column.values)}
            for name, column in columns.items()
        },
    )


def _dot(left: FloatArray, right: FloatArray) -> float:
    """Return the inner product of two arrays (BUCKETS,), as the sum of the products of their halves.

    OpenBLAS uses all cores for vectors of more than 10,000 numbers. Each of the eighty products of a regression would then wait
    milliseconds for busy cores, and the last bits of the result would depend on the number of cores.
    """
    half = BUCKETS // 2
    return float(left[:half] @ right[:half]) + float(left[half:] @ right[half:])


@dataclass(slots=True)
class _TextBuckets:
    """Concatenated buckets of texts. Text i has ``length[i]`` buckets."""

    bucket: IntArray
    length: IntArray

    @classmethod
    def of(cls, buckets: list[tuple[int, ...]]) -> _TextBuckets:
        """Concatenate the buckets of texts."""
        bucket = np.fromiter(chain.from_iterable(buckets), dtype=np.int64)
        return cls(bucket, np.fromiter(map(len, buckets), dtype=np.int64, count=len(buckets)))

    def means(self, effects: FloatArray) -> FloatArray:
        """Return the mean of ``effects`` (BUCKETS, k) over each text's buckets, shape (texts, k); 0 for a text without buckets."""
        means = np.empty((len(self.length), effects.shape[1]))
        mean_effects(self.bucket, self.length, effects, means)
        return means

    def vector_means(self, effects: FloatArray) -> FloatArray:
        """Return the mean of ``effects`` (BUCKETS,) over each text's buckets, shape (texts,)."""
        return self.means(effects[:, None])[:, 0]

    def ridge(self, target: FloatArray, weight: FloatArray) -> FloatArray:
        """Return effects (BUCKETS,) whose means over each text's buckets approximate ``target``.

        The method is ridge regression by conjugate gradients on the normal equations (Hestenes and Stiefel 1952).
        """
        text = np.repeat(np.arange(len(self.length)), self.length)
        share = 1.0 / self.length[text]

        def back(values: FloatArray) -> FloatArray:
            return np.asarray(np.bincount(self.bucket, (weight * values)[text] * share, BUCKETS), dtype=np.float64)

        solution = np.zeros(BUCKETS)
        residual = back(target)
        direction, size = residual.copy(), _dot(residual, residual)
        for _ in range(_STEPS):
            if size < 1e-10:
                break
            image = back(self.vector_means(direction)) + _RIDGE * direction
            step = size / _dot(direction, image)
            solution += step * direction
            residual -= step * image
            size, before = _dot(residual, residual), size
            direction = residual + (size / before) * direction
        return solution
