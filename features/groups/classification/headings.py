"""Compiled loops that compute the agreement of HS headings with the words of a description.

Sums are pairwise in blocks of eight (Higham 1993), in single precision and in a fixed order, so that their last bits do not
depend on other texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cython
import numpy as np
from numpy.typing import NDArray

from features.groups.classification.columns import FIRST_OF_PAIR, ClassificationColumn

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Codes that replace a heading or chapter that the model does not know, and a missing HS code.
UNKNOWN: Final = -1
NO_CODE: Final = -2

_CONTRADICTION = cython.declare(cython.Py_ssize_t, ClassificationColumn.HS_TEXT_CONTRADICTION - FIRST_OF_PAIR)
_SURPRISE = cython.declare(cython.Py_ssize_t, ClassificationColumn.HS_TEXT_SURPRISE - FIRST_OF_PAIR)
_CERTAINTY = cython.declare(cython.Py_ssize_t, ClassificationColumn.HS_TEXT_CERTAINTY - FIRST_OF_PAIR)
_CHEMICAL_PROBABILITY = cython.declare(
    cython.Py_ssize_t, ClassificationColumn.TEXT_CHEMICAL_PROBABILITY - FIRST_OF_PAIR
)

_NO_CODE = cython.declare(cython.Py_ssize_t, NO_CODE)
#: Maximum length of a sum that is not split in two.
_BLOCK = cython.declare(cython.Py_ssize_t, 128)
#: Lower bound of a heading's probability, so that the surprise is at most 12. Unknown headings have that surprise.
_LEAST_PROBABILITY = cython.declare(cython.double, float(np.exp(-12.0)))


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """Headings and chapters of the classes of HS codes.

    Attributes:
        heading: (classes,) index of each class's heading, `UNKNOWN` or `NO_CODE`.
        chapter: (classes,) index of each class's chapter, `UNKNOWN` or `NO_CODE`.
        chapter_start: (chapters + 1,) index of each chapter's first heading, then the number of headings.
        chemical: (chapters,) 1 for a chapter of chemicals, otherwise 0.
    """

    heading: IntArray
    chapter: IntArray
    chapter_start: IntArray
    chemical: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class TextProbabilities:
    """Probabilities of headings and chapters given the words of texts.

    Attributes:
        heading: (texts * headings,) P(heading).
        chapter: (texts, chapters) P(chapter).
        certainty: (texts,) largest P(chapter).
        chemical: (texts,) P(a chapter of chemicals).
    """

    heading: Float32Array
    chapter: Float32Array
    certainty: Float32Array
    chemical: Float32Array


def pairwise(values: Float32Array, begin: Any, n: Any) -> Any:
    """Return the sum of ``n`` >= 1 values, starting at ``begin``, in their own precision."""
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
    """Write log P(heading) + log P(words | heading), minus the maximum of the text, into ``out`` (texts * headings,).

    Args:
        place: rows in ``given`` of the texts' known words, text by text.
        length: (texts,) number of known words of each text.
        given: (words, headings) log probabilities of words.
        prior: (headings,) log probabilities of headings.
        column: (words of the longest text,) work buffer.
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
                # Add up to 8 words row by row, which reads memory sequentially. Add the first word last, like the sum below.
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


def normalise(odds: Float32Array, texts: int, classes: Classes) -> TextProbabilities:
    """Return the probabilities of headings and chapters given each text's words.

    Args:
        odds: (texts * headings,) exponentials of `log_scores`; overwritten with P(heading).
    """
    starts = classes.chapter_start
    is_chemical = classes.chemical
    chapters = is_chemical.shape[0]
    headings = starts[chapters]
    found = TextProbabilities(
        odds,
        np.empty((texts, chapters), dtype=np.float32),
        np.empty(texts, dtype=np.float32),
        np.empty(texts, dtype=np.float32),
    )
    of_chapter = found.chapter
    certainty = found.certainty
    chemical = found.chemical
    chemical_parts = np.empty(chapters, dtype=np.float32)
    parts = chemical_parts
    with cython.nogil:
        for text in range(texts):
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
                of_chapter[text, k] = total
                parts[k] = total * is_chemical[k]
            certainty[text] = most
            chemical[text] = pairwise(parts, 0, chapters)
    return found


def fill_agreement(
    text_of: NDArray[np.int32],
    class_of: NDArray[np.int32],
    probabilities: TextProbabilities,
    classes: Classes,
    out: FloatArray,
) -> None:
    """Write the columns of pairs of a text and an HS code that depend on the text.

    Args:
        text_of: (pairs,) index of each pair's text in ``probabilities``; -1 for pairs to skip.
        class_of: (pairs,) class of each pair's HS code.
        out: (pairs, columns from `FIRST_OF_PAIR` onwards) output. The surprise is written as a probability, not a logarithm.
    """
    heading_of = classes.heading
    chapter_of = classes.chapter
    of_heading = probabilities.heading
    of_chapter = probabilities.chapter
    certainty = probabilities.certainty
    chemical = probabilities.chemical
    starts = classes.chapter_start
    headings = starts[starts.shape[0] - 1]
    with cython.nogil:
        for pair in range(text_of.shape[0]):
            text = text_of[pair]
            if text < 0:
                continue
            out[pair, _CERTAINTY] = certainty[text]
            out[pair, _CHEMICAL_PROBABILITY] = chemical[text]
            heading, chapter = heading_of[class_of[pair]], chapter_of[class_of[pair]]
            if heading > _NO_CODE:
                share = of_chapter[text, chapter] if chapter >= 0 else 0
                if share > 1:
                    share = 1
                # Keep single precision, like the probabilities.
                rest = 1 - share
                out[pair, _CONTRADICTION] = rest
                likely = of_heading[text * headings + heading] if heading >= 0 else 0
                out[pair, _SURPRISE] = likely if likely > _LEAST_PROBABILITY else _LEAST_PROBABILITY
