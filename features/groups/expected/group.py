"""What goods described in such words usually weigh and cost, and how far a declaration lies from it.

An additive model of the log of a quantity, fitted without labels: an effect of the text, effects of channel, filing, unit and
destination, and slopes of the log of the quantity and, where said, of the mass. It is fitted by backfitting (Hastie and Tibshirani
1990, chapter 4); the effects of the texts are then regressed on their words by ridge regression, so that texts never seen
before have an effect too. A second regression on the words tells how far honest declarations of such goods spread. HS codes
have no part in it: a false code must not make a false mass look right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, State, declare
from features.groups.description.group import cut, declared_text, words
from features.groups.expected.rows import distances, hashed_places, mean_effects, places_in
from features.groups.shared_texts import REMEMBERED, placed_descriptions
from features.groups.value.group import amounts
from features.table.table import Coded, ManifestTable
from features.texts.cache import TextRows, positions

IntArray = NDArray[np.int64]

FEATURES: Final = declare(
    "expected",
    ("mass_vs_description", "MASS_UNUSUAL", "Distance of the mass from what goods described so usually weigh in this quantity"),
    ("value_vs_description", "VALUE_DENSITY", "Distance of the value from what goods described so usually cost in this quantity"),
    ("price_vs_description", "VALUE_DENSITY", "Distance of the value from what goods described so usually cost at this mass"),
    ("mass_deviation", "MASS_UNUSUAL", "How far the mass is from what goods described so weigh, either way"),
    ("price_deviation", "VALUE_DENSITY", "How far the price is from what goods described so cost, either way"),
)  # fmt: skip
#: Words and pairs of neighbouring words share this many places; a collision costs little and a bundle holds few numbers.
_PLACES: Final = 1 << 14
_COLUMNS: Final = ("channel", "filing_type", "quantity_unit", "consignee_country")
_TARGETS: Final = ("mass", "value", "price")
_SWEEPS: Final = 6
_RIDGE: Final = 4.0
_STEPS: Final = 40
#: Values of a column with few rows are drawn to the mean as by this many rows more.
_SHRINK: Final = 20.0
_FAR: Final = 12.0
_LEAST_ROWS: Final = 50


# One object for each place: a text that is remembered then costs a few bytes a word.
_NUMBERS: Final = tuple(range(_PLACES))


def _places(text: str) -> tuple[int, ...]:
    """Places of a text's words and pairs of neighbours; a text in a script without spaces also by pairs of characters."""
    if text.isascii():
        return tuple([_NUMBERS[place] for place in hashed_places(list(words(text)), _PLACES)])
    own = [word.encode() for word in words(text)]
    sums = [crc32(word) for word in own]
    # A checksum goes on where the one of the word before ended: that of "a b", of two neighbours.
    tokens = sums + [crc32(word, crc32(b" ", before)) for before, word in zip(sums, own[1:], strict=False)]
    tokens += [crc32(f"{a}{b}".encode()) for a, b in pairwise(text)]
    return tuple({_NUMBERS[token % _PLACES] for token in tokens})


# A fit asks for each text once per quantity.
_remembered_places: Final = lru_cache(maxsize=REMEMBERED)(_places)


@dataclass(slots=True)
class _Additive:
    """One fitted quantity. ``words`` (places,) effects, ``spread`` (places,) effects on the log of the spread, ``slopes``."""

    base: float
    spread_base: float
    words: FloatArray
    spread: FloatArray
    slopes: FloatArray
    effects: dict[str, dict[str, float]]


class ExpectedGroup(Group):
    """Distances from what is usual for the words."""

    name = "expected"
    learns = True
    features = FEATURES

    def __init__(self) -> None:
        self.fitted_: dict[str, _Additive] = {}
        self._prepare()

    def _prepare(self) -> None:
        """Lay out what was fitted as the kernels read it."""
        models = [self.fitted_.get(name) for name in _TARGETS]
        self._columns: dict[str, dict[str, int]] = {}
        constants = np.full((len(_TARGETS), 3), np.nan)
        word_effects = np.full((_PLACES, 2 * len(_TARGETS)), np.nan)
        # The first row is that of values without an effect.
        effects = [[0.0] * len(_TARGETS)]
        for at, model in enumerate(models):
            if model is None:
                continue
            constants[at, : 1 + len(model.slopes)] = model.base, *model.slopes.tolist()
            word_effects[:, at], word_effects[:, len(_TARGETS) + at] = model.words, model.spread
            for column, of_value in model.effects.items():
                known = self._columns.setdefault(column, {})
                for value, effect in of_value.items():
                    if value not in known:
                        known[value] = len(effects)
                        effects.append([0.0] * len(_TARGETS))
                    effects[known[value]][at] = effect
        self._constants, self._word_effects, self._effects = constants, word_effects, np.array(effects)
        self._spread_base = np.array([np.nan if model is None else model.spread_base for model in models])
        self._of_text = TextRows(self._rows, np.full(2 * len(_TARGETS), np.nan))

    def fit(self, table: ManifestTable) -> None:
        text = declared_text(table)
        logs = amounts(table).log
        # A quantity that is missing is taken as one: most parcels hold one.
        units, mass = np.nan_to_num(logs[2]), logs[0]
        by_quantity = units[:, None]
        designs = {
            "mass": (mass, by_quantity),
            "value": (logs[1], by_quantity),
            "price": (logs[1], np.stack([units, mass], axis=1)),
        }
        self.fitted_ = {}
        for name in _TARGETS:
            target, numbers = designs[name]
            usable = np.flatnonzero(~np.isnan(target) & ~np.isnan(numbers).any(axis=1) & (text.codes >= 0))
            if len(usable) >= _LEAST_ROWS:
                columns = {column: table.text(column).take(usable) for column in _COLUMNS}
                self.fitted_[name] = _fit(target[usable], numbers[usable], text.take(usable), columns)
        self._prepare()

    def fill(self, table: ManifestTable, history: FloatArray, out: FloatArray) -> None:
        text = declared_text(table)
        texts = placed_descriptions(table, text)
        of_texts = self._of_text.of(texts)
        at = np.empty((table.n_rows, len(self._columns)), dtype=np.int32)
        for number, (name, known) in enumerate(self._columns.items()):
            column = table.text(name)
            positions(known, column.values, column.codes, at, number)
        distances(amounts(table).log, self._constants, self._effects, at, of_texts, texts.places, text.codes, _FAR, out)

    def _rows(self, texts: list[str]) -> FloatArray:
        """(texts, 6) effects of the texts on mass, value and price, and the spreads of these."""
        length = np.empty(len(texts), dtype=np.int64)
        place = places_in(texts, cut(tuple(texts)), _places, _PLACES, length)
        rows = _Tokens(place, length).means(self._word_effects)
        spread = rows[:, len(_TARGETS) :]
        spread[:] = np.maximum(np.exp(spread + self._spread_base), 0.1)
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
        for name, own in data.items():
            words_, spread = (arrays[f"{name}_{part}"].astype(np.float64) for part in ("words", "spread"))
            if words_.shape != (_PLACES,) or spread.shape != (_PLACES,):
                raise ValueError(f"Effects of words of {name} have shape {words_.shape}, expected ({_PLACES},).")
            effects = {column: {k: float(v) for k, v in values.items()} for column, values in own["effects"].items()}
            self.fitted_[name] = _Additive(
                float(own["base"]), float(own["spread_base"]), words_, spread, np.array(own["slopes"], float), effects
            )
        self._prepare()


def _fit(target: FloatArray, numbers: FloatArray, text: Coded, columns: dict[str, Coded]) -> _Additive:
    text = text.compact()
    count = np.bincount(text.codes, minlength=len(text.values)).astype(np.float64)
    base = float(np.mean(target))
    rest = target - base
    of_text = np.zeros(len(text.values))
    slopes = np.zeros(numbers.shape[1])
    effect_of = {name: np.zeros(len(column.values)) for name, column in columns.items()}
    centred = numbers - numbers.mean(axis=0)
    power = np.maximum((centred**2).sum(axis=0), 1e-9)
    for _ in range(_SWEEPS):
        rest += of_text[text.codes]
        of_text = np.bincount(text.codes, rest, len(count)) / (count + 1.0)
        rest -= of_text[text.codes]
        for k in range(len(slopes)):
            step = float(centred[:, k] @ rest) / float(power[k])
            slopes[k] += step
            rest -= step * centred[:, k]
        for name, column in columns.items():
            seen = column.codes >= 0
            codes = column.codes[seen]
            rest[seen] += effect_of[name][codes]
            rows = np.bincount(codes, minlength=len(column.values))
            effect_of[name] = np.bincount(codes, rest[seen], len(column.values)) / (rows + _SHRINK)
            rest[seen] -= effect_of[name][codes]
    base -= float(slopes @ numbers.mean(axis=0))
    tokens = _Tokens.of([_remembered_places(value) for value in text.values])
    effects = tokens.ridge(of_text, count)
    rest += (of_text - tokens.sums(effects))[text.codes]
    spread = np.log(np.bincount(text.codes, np.minimum(np.abs(rest), _FAR), len(count)) / count + 0.02)
    spread_base = float(np.average(spread, weights=count))
    spreads = tokens.ridge(spread - spread_base, count)
    # The mean absolute deviation of a normal variable is 0.8 standard deviations.
    return _Additive(
        base,
        spread_base + float(np.log(1.25)),
        # What is saved is what was fitted.
        effects.astype(np.float32).astype(np.float64),
        spreads.astype(np.float32).astype(np.float64),
        slopes,
        {
            name: {value: round(float(effect_of[name][code]), 5) for code, value in enumerate(column.values)}
            for name, column in columns.items()
        },
    )


def _dot(left: FloatArray, right: FloatArray) -> float:
    """The inner product of effects (places,), in halves: so short a one is left to one core.

    OpenBLAS wakes all cores for vectors of more than 10,000 numbers. Where these have other work it takes milliseconds, which
    eighty products of each regression wait for; and the sum depends on how many cores there are.
    """
    half = _PLACES // 2
    return float(left[:half] @ right[:half]) + float(left[half:] @ right[half:])


@dataclass(slots=True)
class _Tokens:
    """Places of the words of texts, one text after another; text i has ``length[i]`` of them."""

    place: IntArray
    length: IntArray

    @classmethod
    def of(cls, found: list[tuple[int, ...]]) -> _Tokens:
        """The words of texts with these places."""
        place = np.fromiter(chain.from_iterable(found), dtype=np.int64)
        return cls(place, np.fromiter(map(len, found), dtype=np.int64, count=len(found)))

    def means(self, effects: FloatArray) -> FloatArray:
        """(texts, k) the mean effects of each text's words, of ``effects`` (places, k); 0 for a text without any."""
        means = np.empty((len(self.length), effects.shape[1]))
        mean_effects(self.place, self.length, effects, means)
        return means

    def sums(self, effects: FloatArray) -> FloatArray:
        """(texts,) the mean effect of each text's words, 0 for a text without any."""
        return self.means(effects[:, None])[:, 0]

    def ridge(self, target: FloatArray, weight: FloatArray) -> FloatArray:
        """(places,) effects whose means over each text's words come near ``target``, by conjugate gradients (Hestenes and Stiefel
        1952) on the normal equations."""
        text = np.repeat(np.arange(len(self.length)), self.length)
        share = 1.0 / self.length[text]

        def back(values: FloatArray) -> FloatArray:
            return np.asarray(np.bincount(self.place, (weight * values)[text] * share, _PLACES), dtype=np.float64)

        solution = np.zeros(_PLACES)
        residual = back(target)
        direction, size = residual.copy(), _dot(residual, residual)
        for _ in range(_STEPS):
            if size < 1e-10:
                break
            image = back(self.sums(direction)) + _RIDGE * direction
            step = size / _dot(direction, image)
            solution += step * direction
            residual -= step * image
            size, before = _dot(residual, residual), size
            direction = residual + (size / before) * direction
        return solution
