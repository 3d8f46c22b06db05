"""How far declared amounts lie from what an additive model expects (`features.groups.expected.group`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from zlib import crc32

import cython
import numpy as np
from numpy.typing import NDArray

from features.texts.words import Cut

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Codes = NDArray[np.int32]

_ONES = 0xFFFFFFFF
_LARGEST = 1.7976931348623157e308
#: CRC-32 of single bytes, without what its beginning and end add to it.
_CHECKSUMS = np.array([crc32(bytes([byte])) ^ crc32(b"\0") for byte in range(256)], dtype=np.uint32)


def hashed_places(words: list[str], size: int) -> set[int]:
    """Places of words in ASCII and of pairs of neighbours: their CRC-32 modulo how many places there are."""
    found: set[int] = set()
    sums: list[int] = []
    for word in words:
        checksum = _checksum(word, 0)
        sums.append(checksum)
        found.add(checksum % size)
    for at in range(1, len(words)):
        # A checksum goes on where the one of the word before ended: that of "a b", of two neighbours.
        found.add(_checksum(words[at], _checksum(" ", sums[at - 1])) % size)
    return found


def places_in(
    texts: list[str], cut: Cut, others: Callable[[str], Iterable[int]], size: int, lengths: IntArray
) -> IntArray:
    """Places of the words of texts, one text after another, and in ``lengths`` (texts,) how many of them each has.

    Args:
        cut: the texts, cut into words.
        others: the places of a text that is not in ASCII.
        size: how many places there are.
    """
    places: list[int] = []
    for row in range(len(texts)):
        text = texts[row]
        before = len(places)
        places.extend(hashed_places(cut.words_of(row), size) if text.isascii() else others(text))
        lengths[row] = len(places) - before
    return np.array(places, dtype=np.int64)


def _checksum(word: str, before: int) -> int:
    """CRC-32 (ISO 3309, as `zlib.crc32`) of a word in ASCII that goes on from another checksum."""
    table = _CHECKSUMS
    checksum = before ^ _ONES
    for char in word:
        checksum = table[(checksum ^ ord(char)) & 255] ^ (checksum >> 8)
    return checksum ^ _ONES


def mean_effects(place: IntArray, length: IntArray, effects: FloatArray, out: FloatArray) -> None:
    """Write the mean effects of texts' words into ``out`` (texts, k), 0 for a text without any.

    Added one word after another, so that the last bits do not depend on which texts stand beside it.

    Args:
        place: words of the texts one after another, as places in ``effects``.
        length: (texts,) how many of them each has.
        effects: (places, k).
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
                    total = total + effects[place[at], k]
                out[text, k] = total / (length[text] if length[text] > 0 else 1)
            begin = end


def distances(
    logs: FloatArray,
    constants: FloatArray,
    effects: FloatArray,
    positions: Codes,
    of_texts: FloatArray,
    places: Codes,
    codes: Codes,
    far: float,
    out: FloatArray,
) -> None:
    """Distances of mass, value and price in spreads, and those of mass and price either way.

    Args:
        logs: (3 or more, n) of mass, value, quantity and what does not matter here.
        constants: (3, 3) of the three models, NaN where one was not fitted: the base, the slopes by the log of the quantity
            and of the mass.
        effects: (values, 3) of the values of other columns.
        positions: (n, columns) where in ``effects`` a row's values are, in the order in which they are added.
        of_texts: (texts, 6) effects and spreads of texts.
        places: (values,) where in ``of_texts`` the values of the text column are.
        codes: (n,) into ``places``.
        far: the largest distance.
        out: (n, 5).
    """
    n = codes.shape[0]
    columns = positions.shape[1]
    nan = float("nan")
    with cython.nogil:
        for row in range(n):
            # A quantity that is missing is taken as one: most parcels hold one.
            units = logs[2, row] if logs[2, row] == logs[2, row] else 0.0
            if units > _LARGEST:
                units = _LARGEST
            for model in range(3):
                if codes[row] < 0:
                    out[row, model] = nan
                    continue
                text = places[codes[row]]
                expected = constants[model, 0] + constants[model, 1] * units
                if model == 2:
                    expected = expected + constants[model, 2] * logs[0, row]
                for k in range(columns):
                    expected = expected + effects[positions[row, k], model]
                expected = expected + of_texts[text, model]
                distance = (logs[0 if model == 0 else 1, row] - expected) / of_texts[text, 3 + model]
                if distance > far:
                    distance = far
                elif distance < -far:
                    distance = -far
                out[row, model] = distance
            out[row, 3] = abs(out[row, 0])
            out[row, 4] = abs(out[row, 2])
