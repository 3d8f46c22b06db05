"""How well HS headings agree with the words of a description (`features.groups.classification.group`).

Sums are added pairwise in blocks of eight (Higham 1993), in single precision and always in the same order, so that the last bits
depend on nothing but the text.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np
from numpy.typing import NDArray

from features.texts.cache import Pairs

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_BLOCK = 128


def pairwise(values: Float32Array, begin: Any, n: Any) -> Any:
    """The sum of ``n`` values, at least one, from ``begin`` on, in their own precision."""
    if n > _BLOCK:
        half = n // 2
        half -= half % 8
        return pairwise(values, begin, half) + pairwise(values, begin + half, n - half)
    if n < 8:
        total = values[begin]
        for i in range(begin + 1, begin + n):
            total = total + values[i]
        return total
    a, b, c, d = values[begin], values[begin + 1], values[begin + 2], values[begin + 3]
    e, f, g, h = values[begin + 4], values[begin + 5], values[begin + 6], values[begin + 7]
    end = begin + n
    i = begin + 8
    while i + 8 <= end:
        a, b, c, d = a + values[i], b + values[i + 1], c + values[i + 2], d + values[i + 3]
        e, f, g, h = e + values[i + 4], f + values[i + 5], g + values[i + 6], h + values[i + 7]
        i += 8
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    while i < end:
        total = total + values[i]
        i += 1
    return total


def log_scores(
    place: IntArray, length: IntArray, given: Float32Array, prior: Float32Array, column: Float32Array, out: Float32Array
) -> None:
    """Write log P(heading) + log P(words | heading), less the largest of the text, into ``out`` (texts * headings,).

    Args:
        place: known words of the texts, one text after another, as rows of ``given``.
        length: (texts,) how many of them each has.
        given: (words, headings) log probabilities of words.
        prior: (headings,) log probabilities of headings.
        column: (at least as many as the longest text has words,) is overwritten.
    """
    n = length.shape[0]
    headings = prior.shape[0]
    begin = 0
    with cython.nogil:
        for text in range(n):
            words = length[text]
            first = text * headings
            for heading in range(headings):
                out[first + heading] = prior[heading]
            if words == 1:
                row = place[begin]
                for heading in range(headings):
                    out[first + heading] += given[row, heading]
            elif 1 < words <= 8:
                # So few are added one after another, and the first of them last: word by word, as they lie in memory.
                row = place[begin + 1]
                for heading in range(headings):
                    out[first + heading] = given[row, heading]
                for k in range(2, words):
                    row = place[begin + k]
                    for heading in range(headings):
                        out[first + heading] += given[row, heading]
                row = place[begin]
                for heading in range(headings):
                    out[first + heading] = prior[heading] + (given[row, heading] + out[first + heading])
            elif words > 8:
                for heading in range(headings):
                    for k in range(words):
                        column[k] = given[place[begin + k], heading]
                    total = column[0] + pairwise(column, 1, words - 1)
                    out[first + heading] += total
            most = out[first]
            for heading in range(1, headings):
                if out[first + heading] > most:
                    most = out[first + heading]
            for heading in range(headings):
                out[first + heading] -= most
            begin += words


def agreement(
    odds: Float32Array,
    length: IntArray,
    starts: IntArray,
    chemical: Float32Array,
    scratch: Float32Array,
    texts: list[int],
    pairs: Pairs,
    heading_of: IntArray,
    chapter_of: IntArray,
    least: float,
    out: FloatArray,
) -> None:
    """What pairs of texts and HS codes agree in.

    Args:
        odds: (texts * headings,) exponentials of `log_scores`; becomes P(heading | words).
        length: (texts,) known words of each; without any nothing is said.
        starts: (chapters + 1,) first headings of the chapters, and their number.
        chemical: (chapters,) 1 where a chapter is one of chemicals, else 0.
        scratch: (texts + 1, chapters + 2) is overwritten.
        texts: the codes of the texts in ``pairs``. Pairs of others are passed over.
        heading_of, chapter_of: (classes,) of the classes of HS codes; -1 for one that the model does not know, -2 for none.
        least: a smaller probability of a heading counts as this.
        out: (pairs, 5), of which the fourth is kept: 1 - P(chapter), P(heading), the largest P(chapter), and at last
            P(chemical chapters).
    """
    n = length.shape[0]
    chapters = chemical.shape[0]
    headings = starts[chapters]
    codes, classes = pairs.code, pairs.class_
    number = np.full(len(pairs.texts.values), -1, dtype=np.int32)
    number_of = number
    for k in range(n):
        number_of[texts[k]] = k
    with cython.nogil:
        for text in range(n):
            first = text * headings
            total = pairwise(odds, first, headings)
            for k in range(headings):
                odds[first + k] /= total
            most = 0
            for k in range(chapters):
                begin, size = first + starts[k], starts[k + 1] - starts[k]
                total = odds[begin]
                if size > 1:
                    total = total + pairwise(odds, begin + 1, size - 1)
                if total > most:
                    most = total
                scratch[text, k] = total
                scratch[n, k] = total * chemical[k]
            scratch[text, chapters] = most
            scratch[text, chapters + 1] = pairwise(scratch[n], 0, chapters)
        for pair in range(codes.shape[0]):
            text = number_of[codes[pair]] if codes[pair] >= 0 else -1
            if text < 0 or length[text] == 0:
                continue
            heading, chapter = heading_of[classes[pair]], chapter_of[classes[pair]]
            out[pair, 2] = scratch[text, chapters]
            out[pair, 4] = scratch[text, chapters + 1]
            if heading > -2:
                share = scratch[text, chapter] if chapter >= 0 else 0
                if share > 1:
                    share = 1
                # Rounded to single precision as all that it comes from.
                rest = 1 - share
                out[pair, 0] = rest
                likely = odds[text * headings + heading] if heading >= 0 else 0
                out[pair, 1] = likely if likely > least else least
