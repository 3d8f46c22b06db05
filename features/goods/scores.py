"""The loops of the goods classifier: vectors of texts, probabilities of chapters, and the agreement of a code with a text.

Every sum runs in a fixed order, so that a text's numbers do not depend on the other texts of a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import cython
import numpy as np
from numpy.typing import NDArray

from features.texts.words import Count, TokenisedTexts

if not cython.compiled:
    from math import exp, log, sqrt


class Known(IntEnum):
    """Columns of what `fill_vectors` notes of a text's words."""

    WORDS = 0
    KNOWN_WORDS = 1
    LETTERS_VAGUE = 2


class Statistic(IntEnum):
    """Columns of the statistics that doubt and vagueness are computed from; logarithms are natural."""

    #: 1, for the intercept.
    ONE = 0
    #: Log-odds of the likeliest chapter.
    CHAPTER_ODDS = 1
    #: Share of known words.
    KNOWN_SHARE = 2
    #: Log of one more than the number of words.
    LOG_WORDS = 3
    #: Whether no word is known.
    ALL_UNKNOWN = 4
    #: Share of digits among letters and digits.
    DIGIT_SHARE = 5
    #: Log of one more than the number of letters.
    LOG_LETTERS = 6
    #: Product of the log-odds of the likeliest chapter and the share of known words.
    KNOWN_ODDS = 7
    #: Vagueness of the n-grams, summed like the vectors.
    LETTERS_VAGUE = 8


class Fit(IntEnum):
    """Columns of how a code fits a text: log-likelihood ratios."""

    #: Of the chapter.
    CHAPTER = 0
    #: Of the heading within the chapter.
    HEADING = 1


_LETTERS = cython.declare(cython.Py_ssize_t, Count.LETTERS)
_DIGITS = cython.declare(cython.Py_ssize_t, Count.DIGITS)
_WORDS = cython.declare(cython.Py_ssize_t, Known.WORDS)
_KNOWN_WORDS = cython.declare(cython.Py_ssize_t, Known.KNOWN_WORDS)
_VAGUE = cython.declare(cython.Py_ssize_t, Known.LETTERS_VAGUE)
_ONE = cython.declare(cython.Py_ssize_t, Statistic.ONE)
_CHAPTER_ODDS = cython.declare(cython.Py_ssize_t, Statistic.CHAPTER_ODDS)
_KNOWN_SHARE = cython.declare(cython.Py_ssize_t, Statistic.KNOWN_SHARE)
_LOG_WORDS = cython.declare(cython.Py_ssize_t, Statistic.LOG_WORDS)
_ALL_UNKNOWN = cython.declare(cython.Py_ssize_t, Statistic.ALL_UNKNOWN)
_DIGIT_SHARE = cython.declare(cython.Py_ssize_t, Statistic.DIGIT_SHARE)
_LOG_LETTERS = cython.declare(cython.Py_ssize_t, Statistic.LOG_LETTERS)
_KNOWN_ODDS = cython.declare(cython.Py_ssize_t, Statistic.KNOWN_ODDS)
_LETTERS_VAGUE = cython.declare(cython.Py_ssize_t, Statistic.LETTERS_VAGUE)
_CHAPTER = cython.declare(cython.Py_ssize_t, Fit.CHAPTER)
_HEADING = cython.declare(cython.Py_ssize_t, Fit.HEADING)

Floats = NDArray[np.float32]
FloatArray = NDArray[np.float64]
Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class CodeWeights:
    """Weights by level.

    Attributes:
        chapters: (width + 1, chapters), the last row is the bias. ``headings``: (headings, width + 1).
        heading_ends: (chapters,) end of each chapter's headings.
        chapter_prior: (chapters,) share of goods in each chapter. ``heading_prior``: (headings,) share within its chapter.
        declared: (chapters, chapters) share of goods of a chapter (first index) that are declared under another or the same.
        chapter_scale, heading_scale: factors of log-odds, from calibration.
        heading_doubt: probability that the heading is declared without regard to the words, given the chapter.
    """

    chapters: Floats
    headings: Floats
    heading_ends: Ids
    chapter_prior: Floats
    heading_prior: Floats
    declared: Floats
    chapter_scale: float
    heading_scale: float
    heading_doubt: float


def fill_vectors(texts: TokenisedTexts, rows: FloatArray, vectors: Floats, known: FloatArray) -> None:
    """Write the vectors of texts.

    Args:
        rows: (slots, width + 2) vector of each word, whether the classifier knows the word, and how vague its letters are.
        vectors: (n, width) output: the sum of the words' vectors over the square root of their number; 0 without words.
        known: (n, len(Known)) output.
    """
    slots, words, ends = texts.slots.slots, texts.words, texts.word_ends
    width = vectors.shape[1]
    place = 0
    for row in range(vectors.shape[0]):
        for k in range(width):
            vectors[row, k] = 0.0
        count = 0
        familiar = vague = 0.0
        while place < ends[row]:
            slot = slots[words[place]]
            for k in range(width):
                vectors[row, k] += rows[slot, k]
            familiar += rows[slot, width]
            vague += rows[slot, width + 1]
            count += 1
            place += 1
        if count > 1:
            share = 1.0 / sqrt(count)
            for k in range(width):
                vectors[row, k] *= share
            vague /= sqrt(count)
        known[row, _WORDS] = count
        known[row, _KNOWN_WORDS] = familiar
        known[row, _VAGUE] = vague


def fill_chapters(vectors: Floats, weights: CodeWeights, out: Floats) -> None:
    """Write the probability of each chapter (n, chapters), before doubt is added."""
    matrix = weights.chapters
    scale = weights.chapter_scale
    width, chapters = vectors.shape[1], out.shape[1]
    for row in range(out.shape[0]):
        for c in range(chapters):
            out[row, c] = matrix[width, c]
        for k in range(width):
            value = vectors[row, k]
            for c in range(chapters):
                out[row, c] += value * matrix[k, c]
        most = -1e30
        for c in range(chapters):
            if out[row, c] > most:
                most = out[row, c]
        total = 0.0
        for c in range(chapters):
            out[row, c] = exp(scale * (out[row, c] - most))
            total += out[row, c]
        for c in range(chapters):
            out[row, c] /= total


def fill_shares(
    chapters: Floats,
    doubt: FloatArray,
    prior: Floats,
    chemical: NDArray[np.uint8],
    chemical_prior: float,
    certainty: FloatArray,
    chemistry: FloatArray,
) -> None:
    """Write the calibrated probabilities (n,) of the likeliest chapter, and of the chemical chapters, within 1e-6 of 0 and 1.

    Args:
        chapters, doubt: (n, chapters), (n,) as the texts were read.
        prior: (chapters,) share of goods in each chapter.
        chemical: (chapters,) 1 for a chapter of chemicals; ``chemical_prior`` is their share of goods.
        certainty, chemistry: (n,) output.
    """
    for row in range(certainty.shape[0]):
        certain = 1.0 - doubt[row]
        most = share = 0.0
        for c in range(chapters.shape[1]):
            value = certain * float(chapters[row, c]) + doubt[row] * float(prior[c])
            if value > most:
                most = value
            if chemical[c]:
                share += float(chapters[row, c])
        certainty[row] = most
        value = certain * share + doubt[row] * chemical_prior
        chemistry[row] = 1e-6 if value < 1e-6 else 1.0 - 1e-6 if value > 1.0 - 1e-6 else value


def fill_statistics(chapters: Floats, known: FloatArray, counts: Ids, out: FloatArray) -> None:
    """Write the statistics of texts that doubt and vagueness are computed from, by `Statistic`.

    Args:
        known: (n, len(Known)) as `fill_vectors` writes it.
        counts: (n, len(Count)) counts of each text.
    """
    for row in range(out.shape[0]):
        most = 0.0
        for c in range(chapters.shape[1]):
            if chapters[row, c] > most:
                # In double precision, also uncompiled.
                most = float(chapters[row, c])
        if most < 1e-6:
            most = 1e-6
        elif most > 1.0 - 1e-6:
            most = 1.0 - 1e-6
        odds = log(most / (1.0 - most))
        total = known[row, _WORDS] if known[row, _WORDS] > 1.0 else 1.0
        share = known[row, _KNOWN_WORDS] / total
        letters, digits = counts[row, _LETTERS], counts[row, _DIGITS]
        both = letters + digits if letters + digits > 1.0 else 1.0
        out[row, _ONE] = 1.0
        out[row, _CHAPTER_ODDS] = odds
        out[row, _KNOWN_SHARE] = share
        out[row, _LOG_WORDS] = log(1.0 + known[row, _WORDS])
        out[row, _ALL_UNKNOWN] = 1.0 if known[row, _KNOWN_WORDS] == 0.0 else 0.0
        out[row, _DIGIT_SHARE] = digits / both
        out[row, _LOG_LETTERS] = log(1.0 + letters)
        out[row, _KNOWN_ODDS] = odds * share
        out[row, _LETTERS_VAGUE] = known[row, _VAGUE]


def fill_logistic(
    statistics: FloatArray, vectors: Floats, known: FloatArray, coefficients: FloatArray, least: float, out: FloatArray
) -> None:
    """Write a logistic function of texts (n,): 1 for a text without words, otherwise at least ``least``.

    Args:
        coefficients: those of the statistics, then those of the vector, if any.
    """
    size, more = statistics.shape[1], coefficients.shape[0] - statistics.shape[1]
    for row in range(out.shape[0]):
        total = 0.0
        for k in range(size):
            total += coefficients[k] * statistics[row, k]
        for k in range(more):
            total += coefficients[size + k] * vectors[row, k]
        if total > 30.0:
            total = 30.0
        elif total < -30.0:
            total = -30.0
        value = 1.0 / (1.0 + exp(-total))
        out[row] = 1.0 if known[row, _WORDS] == 0.0 else value if value > least else least


def fill_fit(
    vectors: Floats,
    chapters: Floats,
    doubt: FloatArray,
    text_of: Ids,
    codes: Ids,
    weights: CodeWeights,
    out: FloatArray,
) -> None:
    """Write the agreement of codes with texts, as log-likelihood ratios.

    Args:
        vectors, chapters, doubt: (n, width), (n, chapters), (n,) as the texts were read.
        text_of: (m,) text of each pair; negative without one.
        codes: (m, 2) numbers of the declared chapter and heading; negative without one.
        out: (m, len(Fit)) output; 0 where nothing is known.
    """
    matrix, prior, given = weights.headings, weights.heading_prior, weights.chapter_prior
    declared, ends = weights.declared, weights.heading_ends
    heading_scale, heading_doubt = weights.heading_scale, weights.heading_doubt
    width, count = vectors.shape[1], chapters.shape[1]
    scores = np.empty(256, dtype=np.float32)
    view = scores
    for pair in range(out.shape[0]):
        out[pair, _CHAPTER] = out[pair, _HEADING] = 0.0
        text, chapter, heading = text_of[pair], codes[pair, 0], codes[pair, 1]
        if text < 0 or chapter < 0:
            continue
        share = 0.0
        for c in range(count):
            share += float(chapters[text, c]) * float(declared[c, chapter])
        out[pair, _CHAPTER] = log((1.0 - doubt[text]) * share / given[chapter] + doubt[text])
        if heading < 0:
            continue
        first = ends[chapter - 1] if chapter > 0 else 0
        most = -1e30
        for h in range(first, ends[chapter]):
            score = matrix[h, width]
            for k in range(width):
                score += matrix[h, k] * vectors[text, k]
            score *= heading_scale
            view[h - first] = score
            if score > most:
                most = score
        total = 0.0
        for h in range(first, ends[chapter]):
            view[h - first] = exp(view[h - first] - most)
            total += view[h - first]
        # The words tell headings apart as far as they are about the chapter at all.
        certain = (1.0 - doubt[text]) * chapters[text, chapter] * (1.0 - heading_doubt)
        out[pair, _HEADING] = log(certain * view[heading - first] / total / prior[heading] + 1.0 - certain)
