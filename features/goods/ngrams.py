"""Hashed character n-grams of a word, and the mean of their vectors.

With n-grams the classifier can read words that it has not seen: inflections, compounds, truncated words and misspellings share
most of their n-grams with a known word (Bojanowski et al. 2017, "Enriching word vectors with subword information").
"""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

if not cython.compiled:
    from math import sqrt

Ids = NDArray[np.int32]

#: Minimum and maximum length of an n-gram. The marks before and after a word count as letters.
SHORTEST = 3
LONGEST = 5
#: Code point near which scripts without spaces begin. Their characters are syllables or words, so n-grams are shorter.
_FIRST_WIDE = 0x2E80
_WIDE_SHORTEST = 1
_WIDE_LONGEST = 3
#: Minimum and maximum length of a word inside a text of such a script. A single character has too many meanings.
_PART_SHORTEST = 2
_PART_LONGEST = 6
#: Maximum number of letters read of a word, which bounds the work on hostile text.
MOST_LETTERS = 40
_MOST_GRAMS = 1 + (MOST_LETTERS + 2) * (LONGEST - SHORTEST + 1)
#: Constants of the FNV-1a hash.
_OFFSET = 2166136261
_PRIME = 16777619
_MASK = 0xFFFFFFFF


def word_key(word: str) -> int:
    """Return the 32-bit FNV-1a hash of a word."""
    state = _OFFSET
    for char in word:
        state = ((state ^ ord(char)) * _PRIME) & _MASK
    return state


def gram_ids(word: str, buckets: int) -> Ids:
    """Return the hash buckets of a folded word: first the bucket of the whole word, then those of its n-grams.

    Args:
        buckets: number of buckets, a power of two.
    """
    ids = np.empty(_MOST_GRAMS, dtype=np.int32)
    return ids[: fill_ids(word, buckets - 1, ids)]


def fill_ids(word: str, last: int, ids: Ids) -> int:
    """Write the buckets of a folded word (numbers from 0 to ``last``) into ``ids``, and return their count."""
    size = min(len(word), MOST_LETTERS)
    marked = "<" + word[:size] + ">"
    wide = size > 0 and ord(word[0]) >= _FIRST_WIDE
    shortest = _WIDE_SHORTEST if wide else SHORTEST
    longest = _WIDE_LONGEST if wide else LONGEST
    count = 1
    whole = _OFFSET
    for begin in range(size + 2):
        whole = ((whole ^ ord(marked[begin])) * _PRIME) & _MASK
        state = _OFFSET
        for length in range(1, longest + 1):
            if begin + length > size + 2:
                break
            state = ((state ^ ord(marked[begin + length - 1])) * _PRIME) & _MASK
            # An n-gram that is only a mark carries no information.
            if length < shortest or (length == 1 and (begin == 0 or begin == size + 1)):
                continue
            ids[count] = state & last
            count += 1
    # A short word is also an n-gram of itself; the whole word has another bucket.
    ids[0] = ((whole ^ 1) * _PRIME) & last
    return count


def fill_word(word: str, table: NDArray[np.int8], values: NDArray[np.float32], out: NDArray[np.float64]) -> None:
    """Write the vector and the vagueness of a word's n-grams into ``out`` (d + 1,).

    The vector is the mean of the rows of ``table`` (buckets, d) at the buckets of the word. The vagueness is the sum of ``values``
    (buckets,) at these buckets, divided by the square root of their number.
    """
    _fill(word, table, values, np.empty(_MOST_GRAMS, dtype=np.int32), np.empty(table.shape[1], dtype=np.int32), out)


def _fill(
    word: str, table: NDArray[np.int8], values: NDArray[np.float32], ids: Ids, totals: Ids, out: NDArray[np.float64]
) -> None:
    """Write what `fill_word` writes. ``ids`` (`_MOST_GRAMS`,) and ``totals`` (d,) are work memory."""
    count = fill_ids(word, table.shape[0] - 1, ids)
    width = totals.shape[0]
    vague = 0.0
    for k in range(width):
        totals[k] = 0
    for place in range(count):
        row = ids[place]
        # Sums of integers are exact, and faster than sums of floats.
        for k in range(width):
            totals[k] += table[row, k]
        # Double precision, so that uncompiled code gives the same values.
        vague += float(values[row])
    for k in range(width):
        out[k] = float(totals[k]) / float(count)
    out[width] = vague / sqrt(count)


class WordVectors:
    """Vectors of words: the mean of the vectors of their n-grams, followed by the vector of the word itself if it is known.

    Args:
        grams, values: (buckets, d) vectors of n-grams, and their vagueness (buckets,).
        words: (known words, e) vectors of known words.
        position: `word_key` of a known word -> its row in ``words``.
        naming: (known words,) 1 for a word that names goods; 0 for a brand or a word without content.
        scale: (d + e,) factors that scale the integers of ``grams`` and ``words``.
    """

    def __init__(
        self,
        grams: NDArray[np.int8],
        values: NDArray[np.float32],
        words: NDArray[np.int8],
        position: dict[int, int],
        naming: NDArray[np.uint8],
        scale: NDArray[np.float64],
    ) -> None:
        self._grams, self._values, self._words, self._scale = grams, values, words, scale
        self._position, self._naming = position, naming

    def rows(self, words: list[str]) -> NDArray[np.float64]:
        """Return a row per word (n, d + e + 2): its vector, 1 if it names goods, and the vagueness of its n-grams."""
        learned, width = self._grams.shape[1], self._scale.shape[0]
        found = np.zeros((len(words), width + 2))
        rows = found
        sums = np.empty(learned + 1)
        ids, totals = np.empty(_MOST_GRAMS, dtype=np.int32), np.empty(learned, dtype=np.int32)
        for row in range(len(words)):
            _fill(words[row], self._grams, self._values, ids, totals, sums)
            for k in range(learned):
                rows[row, k] = sums[k] * self._scale[k]
            rows[row, width + 1] = sums[learned]
            at = self._position.get(word_key(words[row]), -1)
            if at >= 0:
                for k in range(learned, width):
                    rows[row, k] = self._words[at, k - learned] * self._scale[k]
                rows[row, width] = self._naming[at]
            elif self._names_inside(words[row]):
                rows[row, width] = 1.0
        return found

    def _names_inside(self, word: str) -> bool:
        """Return whether a text of a script without spaces, which counts as one word, contains a word that names goods."""
        size = min(len(word), MOST_LETTERS)
        if size < _PART_SHORTEST or ord(word[0]) < _FIRST_WIDE:
            return False
        for begin in range(size - _PART_SHORTEST + 1):
            state = _OFFSET
            for length in range(1, _PART_LONGEST + 1):
                if begin + length > size:
                    break
                state = ((state ^ ord(word[begin + length - 1])) * _PRIME) & _MASK
                if length < _PART_SHORTEST:
                    continue
                at = self._position.get(state, -1)
                if at >= 0 and self._naming[at]:
                    return True
        return False
