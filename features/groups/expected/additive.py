"""The additive models of mass, value and price, fitted to the rows of a window.

The logs of mass, value and price have an effect of the text, effects of channel, filing type, unit and destination, and slopes for
the log of the number of units and, for the price, of the mass. A model is fitted without labels by backfitting (Hastie and
Tibshirani 1990, chapter 4). Ridge regression of the text effects on words then gives an effect to new texts. A second regression
on words estimates the spread. HS codes are not part of the model, so that a false code cannot make a false mass look normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from features.table.coded import Coded

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Number of hash buckets for words and pairs of adjacent words. A small number keeps bundles small. Collisions cost little.
BUCKETS: Final = 1 << 14
#: Upper bound of distances, in spreads.
FARTHEST: Final = 12.0
_SWEEPS: Final = 6
_RIDGE: Final = 4.0
_STEPS: Final = 40
#: Shrinkage of the effect of a column's value, as a number of additional rows without an effect.
_SHRINK: Final = 20.0


@dataclass(slots=True)
class Additive:
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


def fit_target(
    target: FloatArray, numbers: FloatArray, codes: IntArray, tokens: TextBuckets, columns: dict[str, Coded]
) -> Additive:
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
    return Additive(
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
class TextBuckets:
    """Concatenated buckets of texts. Text i has ``length[i]`` buckets."""

    bucket: IntArray
    length: IntArray

    @classmethod
    def of(cls, buckets: list[set[int]]) -> TextBuckets:
        """Concatenate the buckets of texts."""
        bucket = np.fromiter(chain.from_iterable(buckets), dtype=np.int64)
        return cls(bucket, np.fromiter(map(len, buckets), dtype=np.int64, count=len(buckets)))

    def means(self, effects: FloatArray) -> FloatArray:
        """Return the mean of ``effects`` (BUCKETS, k) over each text's buckets, shape (texts, k); 0 for a text without buckets."""
        return np.stack([self.vector_means(column) for column in effects.T], axis=1)

    def vector_means(self, effects: FloatArray) -> FloatArray:
        """Return the mean of ``effects`` (BUCKETS,) over each text's buckets, shape (texts,).

        The order of addition is fixed, so that the last bits do not depend on other texts.
        """
        texts = len(self.length)
        text = np.repeat(np.arange(texts), self.length)
        return np.bincount(text, effects[self.bucket], texts) / np.maximum(self.length, 1)

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


def buckets_of(words: list[str], text: str) -> set[int]:
    """Return the buckets of a text's words and pairs of adjacent words.

    Texts that are not ASCII also have buckets for pairs of characters, because some scripts have no spaces.
    """
    sums = [crc32(word.encode()) for word in words]
    buckets = {checksum % BUCKETS for checksum in sums}
    for at in range(1, len(words)):
        # CRC-32 is incremental: this is the checksum of both words with a space between them.
        buckets.add(crc32(words[at].encode(), crc32(b" ", sums[at - 1])) % BUCKETS)
    if not text.isascii():
        for left, right in pairwise(text):
            buckets.add(crc32((left + right).encode()) % BUCKETS)
    return buckets
