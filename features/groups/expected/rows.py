"""Compiled loops that hash the words of descriptions, and compute distances of declared amounts from their expected values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Final
from zlib import crc32

import cython
import numpy as np
from numpy.typing import NDArray

from features.groups.expected.columns import ExpectedColumn, Target
from features.table.assembly import Amount
from features.texts.words import TokenisedTexts

if not cython.compiled:
    from math import exp

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Codes = NDArray[np.int32]

#: Number of hash buckets for words and pairs of adjacent words. A small number keeps bundles small. Collisions cost little.
BUCKETS: Final = 1 << 14


class Constant(IntEnum):
    """Constants of a target's model: the base, and slopes for the logs of the number of units and of the mass."""

    BASE = 0
    BY_UNITS = 1
    BY_MASS = 2


_MASS_VS_DESCRIPTION = cython.declare(cython.Py_ssize_t, ExpectedColumn.MASS_VS_DESCRIPTION)
_VALUE_VS_DESCRIPTION = cython.declare(cython.Py_ssize_t, ExpectedColumn.VALUE_VS_DESCRIPTION)
_PRICE_VS_DESCRIPTION = cython.declare(cython.Py_ssize_t, ExpectedColumn.PRICE_VS_DESCRIPTION)
_MASS_DEVIATION = cython.declare(cython.Py_ssize_t, ExpectedColumn.MASS_DEVIATION)
_PRICE_DEVIATION = cython.declare(cython.Py_ssize_t, ExpectedColumn.PRICE_DEVIATION)
_MASS = cython.declare(cython.Py_ssize_t, Amount.MASS)
_VALUE = cython.declare(cython.Py_ssize_t, Amount.VALUE)
_UNITS = cython.declare(cython.Py_ssize_t, Amount.UNITS)
_MASS_TARGET = cython.declare(cython.Py_ssize_t, Target.MASS)
_VALUE_TARGET = cython.declare(cython.Py_ssize_t, Target.VALUE)
_PRICE_TARGET = cython.declare(cython.Py_ssize_t, Target.PRICE)
_TARGETS = cython.declare(cython.Py_ssize_t, len(Target))
_BASE = cython.declare(cython.Py_ssize_t, Constant.BASE)
_BY_UNITS = cython.declare(cython.Py_ssize_t, Constant.BY_UNITS)
_BY_MASS = cython.declare(cython.Py_ssize_t, Constant.BY_MASS)

_BUCKETS = cython.declare(cython.ulong, BUCKETS)
_NAN = cython.declare(cython.double, float("nan"))
#: Lower bound of spreads.
_LEAST_SPREAD = cython.declare(cython.double, 0.1)
#: The largest double.
_LARGEST = cython.declare(cython.double, 1.7976931348623157e308)
#: Upper bound of distances, in spreads.
FARTHEST: Final = 12.0
_FARTHEST = cython.declare(cython.double, FARTHEST)


@dataclass(frozen=True, slots=True, eq=False)
class Coefficients:
    """Models of all targets.

    Attributes:
        constants: (len(Target), len(Constant)) base and slopes; NaN for a target without a fitted model.
        effects: (values, len(Target)) effects of column values; row 0 is for values without an effect.
    """

    constants: FloatArray
    effects: FloatArray


def buckets_of(words: list[str], text: str) -> set[int]:
    """Return the buckets of a text's words and pairs of adjacent words.

    Texts that are not ASCII also have buckets for pairs of characters, because some scripts have no spaces.
    """
    sums = [crc32(word.encode()) for word in words]
    buckets = {checksum % _BUCKETS for checksum in sums}
    for at in range(1, len(words)):
        # CRC-32 is incremental: this is the checksum of both words with a space between them.
        buckets.add(crc32(words[at].encode(), crc32(b" ", sums[at - 1])) % _BUCKETS)
    if not text.isascii():
        for left, right in pairwise(text):
            buckets.add(crc32((left + right).encode()) % _BUCKETS)
    return buckets


def buckets_of_texts(texts: list[str], tokenised: TokenisedTexts, lengths: IntArray) -> IntArray:
    """Return the concatenated buckets of all texts, and write the number per text into ``lengths`` (texts,)."""
    buckets: list[int] = []
    for row in range(len(texts)):
        before = len(buckets)
        buckets.extend(buckets_of(tokenised.words_of(row), texts[row]))
        lengths[row] = len(buckets) - before
    return np.array(buckets, dtype=np.int64)


def mean_effects(bucket: IntArray, length: IntArray, effects: FloatArray, out: FloatArray) -> None:
    """Write the mean effects of each text's buckets into ``out`` (texts, k); 0 for a text without buckets.

    The order of addition is fixed, so that the last bits do not depend on other texts.

    Args:
        bucket: concatenated buckets of all texts.
        length: (texts,) number of buckets of each text.
        effects: (BUCKETS, k) effects.
    """
    n = length.shape[0]
    width = effects.shape[1]
    begin = 0
    with cython.nogil:
        for text in range(n):
            end = begin + length[text]
            for k in range(width):
                total = 0.0
                for at in range(begin, end):
                    total = total + effects[bucket[at], k]
                out[text, k] = total / (length[text] if length[text] > 0 else 1)
            begin = end


def fill_spreads(rows: FloatArray, base: FloatArray) -> None:
    """Replace the effects of texts on the logs of the spreads by the spreads.

    Args:
        rows: (texts, 2 * len(Target)) effects on the targets, followed by those on the logs of the spreads.
        base: (len(Target),) logs of the spreads of a text without effects.
    """
    for text in range(rows.shape[0]):
        for target in range(_TARGETS):
            spread = exp(rows[text, _TARGETS + target] + base[target])
            rows[text, _TARGETS + target] = _LEAST_SPREAD if spread < _LEAST_SPREAD else spread


def fill_distances(
    logs: FloatArray,
    coefficients: Coefficients,
    positions: Codes,
    text_rows: FloatArray,
    slots: Codes,
    codes: Codes,
    out: FloatArray,
) -> None:
    """Write the distances of mass, value and price from their expected values, in spreads, into ``out`` (n, F).

    Args:
        logs: (len(Amount), n) logs of amounts.
        positions: (n, columns) row in ``coefficients.effects`` of each column's value, in the order of addition.
        text_rows: (slots, 2 * len(Target)) effects of each text on the targets, followed by its spreads.
        slots: (texts,) row in ``text_rows`` of each text.
        codes: (n,) index of the row's text; -1 where missing.
    """
    n = codes.shape[0]
    columns = positions.shape[1]
    constants = coefficients.constants
    effects = coefficients.effects
    with cython.nogil:
        for row in range(n):
            if codes[row] < 0:
                out[row, _MASS_VS_DESCRIPTION] = _NAN
                out[row, _VALUE_VS_DESCRIPTION] = _NAN
                out[row, _PRICE_VS_DESCRIPTION] = _NAN
                out[row, _MASS_DEVIATION] = _NAN
                out[row, _PRICE_DEVIATION] = _NAN
                continue
            text = slots[codes[row]]
            # A missing quantity counts as one, because most parcels contain one piece.
            units = logs[_UNITS, row] if logs[_UNITS, row] == logs[_UNITS, row] else 0.0
            if units > _LARGEST:
                units = _LARGEST
            for target in range(_TARGETS):
                expected = constants[target, _BASE] + constants[target, _BY_UNITS] * units
                if target == _PRICE_TARGET:
                    expected = expected + constants[target, _BY_MASS] * logs[_MASS, row]
                for k in range(columns):
                    expected = expected + effects[positions[row, k], target]
                expected = expected + text_rows[text, target]
                distance = logs[_MASS if target == _MASS_TARGET else _VALUE, row] - expected
                distance = distance / text_rows[text, _TARGETS + target]
                if distance > _FARTHEST:
                    distance = _FARTHEST
                elif distance < -_FARTHEST:
                    distance = -_FARTHEST
                if target == _MASS_TARGET:
                    out[row, _MASS_VS_DESCRIPTION] = distance
                    out[row, _MASS_DEVIATION] = abs(distance)
                elif target == _VALUE_TARGET:
                    out[row, _VALUE_VS_DESCRIPTION] = distance
                else:
                    out[row, _PRICE_VS_DESCRIPTION] = distance
                    out[row, _PRICE_DEVIATION] = abs(distance)
