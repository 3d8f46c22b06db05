"""Compiled loops of the goods classifier: vectors of texts, probabilities of chapters, and the agreement of codes with texts.

Every sum has a fixed order, so that the numbers of a text do not depend on the other texts of a table.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import cython
import numpy as np
from numpy.typing import NDArray

from features.goods.codes import HsLevel
from features.texts.words import Count, TokenisedTexts

if not cython.compiled:
    from math import exp, log, sqrt

if TYPE_CHECKING:
    from typing import Protocol

    class Weighted(Protocol):
        """A model with weights: `features.goods.model.GoodsModel`, which imports this module."""

        weights: CodeWeights


class Known(IntEnum):
    """Columns of the word counts and the vagueness that `fill_vectors` writes for each text."""

    WORDS = 0
    #: Words that name goods: not unknown words, brands and words without content.
    NAMING_WORDS = 1
    LETTERS_VAGUE = 2


class Statistic(IntEnum):
    """Columns of the statistics from which doubt and vagueness are computed. Logarithms are natural."""

    #: 1, for the intercept.
    ONE = 0
    #: Log-odds of the likeliest chapter.
    CHAPTER_ODDS = 1
    #: Share of the words that name goods.
    NAMING_SHARE = 2
    #: log(1 + number of words).
    LOG_WORDS = 3
    #: 1 if no word names goods.
    NO_NAMES = 4
    #: Share of digits among letters and digits.
    DIGIT_SHARE = 5
    #: log(1 + number of letters).
    LOG_LETTERS = 6
    #: Product of the log-odds of the likeliest chapter and the share of the words that name goods.
    NAMING_ODDS = 7
    #: Vagueness of the n-grams, summed like the vectors.
    LETTERS_VAGUE = 8


class Fit(IntEnum):
    """Columns of the fit of a code to a text, as log-likelihood ratios."""

    #: Of the chapter.
    CHAPTER = 0
    #: Of the heading within the chapter.
    HEADING = 1


class Share(IntEnum):
    """Rows of the output of `fill_shares`."""

    #: Probability of the likeliest chapter.
    CERTAINTY = 0
    #: Probability of the chemical chapters, within 1e-6 of 0 and 1.
    CHEMISTRY = 1
    #: Natural logarithm of CHEMISTRY divided by the chemical chapters' share of goods.
    FOR_CHEMISTRY = 2


_LETTERS = cython.declare(cython.Py_ssize_t, Count.LETTERS)
_DIGITS = cython.declare(cython.Py_ssize_t, Count.DIGITS)
_WORDS = cython.declare(cython.Py_ssize_t, Known.WORDS)
_NAMING_WORDS = cython.declare(cython.Py_ssize_t, Known.NAMING_WORDS)
_VAGUE = cython.declare(cython.Py_ssize_t, Known.LETTERS_VAGUE)
_ONE = cython.declare(cython.Py_ssize_t, Statistic.ONE)
_CHAPTER_ODDS = cython.declare(cython.Py_ssize_t, Statistic.CHAPTER_ODDS)
_NAMING_SHARE = cython.declare(cython.Py_ssize_t, Statistic.NAMING_SHARE)
_LOG_WORDS = cython.declare(cython.Py_ssize_t, Statistic.LOG_WORDS)
_NO_NAMES = cython.declare(cython.Py_ssize_t, Statistic.NO_NAMES)
_DIGIT_SHARE = cython.declare(cython.Py_ssize_t, Statistic.DIGIT_SHARE)
_LOG_LETTERS = cython.declare(cython.Py_ssize_t, Statistic.LOG_LETTERS)
_NAMING_ODDS = cython.declare(cython.Py_ssize_t, Statistic.NAMING_ODDS)
_LETTERS_VAGUE = cython.declare(cython.Py_ssize_t, Statistic.LETTERS_VAGUE)
_CHAPTER_CODE = cython.declare(cython.Py_ssize_t, HsLevel.CHAPTER)
_HEADING_CODE = cython.declare(cython.Py_ssize_t, HsLevel.HEADING)
_CHAPTER = cython.declare(cython.Py_ssize_t, Fit.CHAPTER)
_HEADING = cython.declare(cython.Py_ssize_t, Fit.HEADING)
_CERTAINTY = cython.declare(cython.Py_ssize_t, Share.CERTAINTY)
_CHEMISTRY = cython.declare(cython.Py_ssize_t, Share.CHEMISTRY)
_FOR_CHEMISTRY = cython.declare(cython.Py_ssize_t, Share.FOR_CHEMISTRY)
_KNOWN = cython.declare(cython.Py_ssize_t, len(Known))
_STATISTICS = cython.declare(cython.Py_ssize_t, len(Statistic))
#: Lower bound of the doubt about a text with words.
_LEAST_DOUBT = cython.declare(cython.double, 1e-3)

Floats = NDArray[np.float32]
FloatArray = NDArray[np.float64]
Ids = NDArray[np.int32]


class CodeWeights:
    """Weights of the chapters and headings.

    The loops read the arrays as memory views (names with an underscore), because creating a view takes as long as reading a
    short text.

    Attributes:
        chapters: (width + 1, chapters), bias in the last row. ``headings``: (headings, width + 1), bias in the last column.
        heading_ends: (chapters,) end of each chapter's headings.
        chapter_prior: (chapters,) share of goods in each chapter. ``heading_prior``: (headings,) share within its chapter.
        declared: (true chapter, declared chapter) share of the goods of a true chapter that are declared under each chapter.
        chapter_scale, heading_scale: factors of log-odds, from calibration.
        heading_doubt: probability, given the chapter, that the words have no influence on the declared heading.
    """

    def __init__(
        self,
        levels: tuple[Floats, Floats],
        heading_ends: Ids,
        priors: tuple[Floats, Floats],
        declared: Floats,
        scales: tuple[float, float],
        heading_doubt: float,
    ) -> None:
        """
        Args:
            levels, priors, scales: the weights, priors and scales of chapters and of headings.
        """
        self.chapters, self.headings = self._chapters, self._headings = levels
        self.heading_ends = self._heading_ends = heading_ends
        self.chapter_prior, self.heading_prior = self._chapter_prior, self._heading_prior = priors
        self.declared = self._declared = declared
        self.chapter_scale, self.heading_scale = scales
        self.heading_doubt = heading_doubt

    def with_chapter_scale(self, scale: float) -> CodeWeights:
        """Return the weights with another ``chapter_scale``."""
        levels, priors = (self.chapters, self.headings), (self.chapter_prior, self.heading_prior)
        return CodeWeights(
            levels, self.heading_ends, priors, self.declared, (scale, self.heading_scale), self.heading_doubt
        )


class Reading:
    """A model's reading of n texts. The loops share its memory views (names with an underscore).

    Attributes:
        vectors: (n, width) the texts' vectors.
        chapters: (n, chapters) probability of each chapter, given that the words say something about the goods.
        doubt: (n,) probability that the words say nothing about the goods; 1 for a text without words.
        vague: (n,) vagueness, 0 to 1.
        silent: (n,) 1 for a text that says nothing about its code: flagged as vague, or without a word that names goods.
    """

    def __init__(self, n: int, width: int, chapters: int) -> None:
        self.vectors = self._vectors = np.empty((n, width), dtype=np.float32)
        self.chapters = self._chapters = np.empty((n, chapters), dtype=np.float32)
        self.doubt, self.vague = self._doubt, self._vague = np.empty((2, n))
        self.silent = self._silent = np.empty(n, dtype=np.uint8)

    def chapter_probabilities(self, model: Weighted) -> FloatArray:
        """Return the calibrated probability of each chapter, shape (n, chapters)."""
        doubt = self.doubt[:, None]
        return np.asarray((1.0 - doubt) * self.chapters + doubt * model.weights.chapter_prior, dtype=np.float64)


def fill_reading(
    texts: TokenisedTexts,
    rows: FloatArray,
    weights: CodeWeights,
    coefficients: tuple[FloatArray, FloatArray],
    vague_flagged: float,
    reading: Reading,
) -> None:
    """Write the reading of texts into ``reading``.

    Args:
        rows: as for `fill_vectors`.
        coefficients: coefficients of doubt and of vagueness, as for `fill_logistic`.
        vague_flagged: minimum vagueness of a text that is flagged as vague.
    """
    n = reading._doubt.shape[0]
    known = np.empty((n, _KNOWN))
    measures = np.empty((n, _STATISTICS))
    fill_vectors(texts, rows, reading._vectors, known)
    fill_chapters(reading._vectors, weights, reading._chapters)
    fill_statistics(reading._chapters, known, texts.count_rows, measures)
    fill_logistic(measures, reading._vectors, known, coefficients[0], _LEAST_DOUBT, reading._doubt)
    fill_logistic(measures, reading._vectors, known, coefficients[1], 0.0, reading._vague)
    # Answers round the vagueness to six decimals before they compare it.
    least = vague_flagged - 5e-7
    silent, vague = reading._silent, reading._vague
    for row in range(n):
        silent[row] = known[row, _NAMING_WORDS] == 0.0 or vague[row] >= least


def fill_vectors(texts: TokenisedTexts, rows: FloatArray, vectors: Floats, known: FloatArray) -> None:
    """Write the vectors of texts.

    Args:
        rows: (slots, width + 2) for the word in each slot: its vector, 1 if it names goods, and the vagueness of its n-grams.
        vectors: (n, width) output: the sum of the words' vectors divided by the square root of their number; 0 without words.
        known: (n, len(Known)) output.
    """
    slots, words, ends = texts.slots.slot, texts.words, texts.word_ends
    width = vectors.shape[1]
    position = 0
    for row in range(vectors.shape[0]):
        for k in range(width):
            vectors[row, k] = 0.0
        count = 0
        naming_words = vague = 0.0
        while position < ends[row]:
            slot = slots[words[position]]
            for k in range(width):
                vectors[row, k] += rows[slot, k]
            naming_words += rows[slot, width]
            vague += rows[slot, width + 1]
            count += 1
            position += 1
        if count > 1:
            share = 1.0 / sqrt(count)
            for k in range(width):
                vectors[row, k] *= share
            vague /= sqrt(count)
        known[row, _WORDS] = count
        known[row, _NAMING_WORDS] = naming_words
        known[row, _VAGUE] = vague


def fill_chapters(vectors: Floats, weights: CodeWeights, out: Floats) -> None:
    """Write the probability of each chapter (n, chapters), without doubt."""
    matrix = weights._chapters
    scale = weights.chapter_scale
    width, chapters = vectors.shape[1], out.shape[1]
    for row in range(out.shape[0]):
        for c in range(chapters):
            out[row, c] = matrix[width, c]
        for k in range(width):
            value = vectors[row, k]
            for c in range(chapters):
                out[row, c] += value * matrix[k, c]
        largest = -1e30
        for c in range(chapters):
            if out[row, c] > largest:
                largest = out[row, c]
        total = 0.0
        for c in range(chapters):
            out[row, c] = exp(scale * (out[row, c] - largest))
            total += out[row, c]
        for c in range(chapters):
            out[row, c] /= total


def fill_shares(
    reading: Reading, weights: CodeWeights, chemical: NDArray[np.uint8], chemical_prior: float, out: FloatArray
) -> None:
    """Write the evidence of texts about chapters. `Share` names the rows. Probabilities are calibrated.

    Args:
        chemical: (chapters,) 1 for a chapter of chemicals. ``chemical_prior`` is the share of goods in these chapters.
        out: (len(Share), n) output.
    """
    chapters, doubt, prior = reading._chapters, reading._doubt, weights._chapter_prior
    for row in range(out.shape[1]):
        certain = 1.0 - doubt[row]
        largest = share = 0.0
        for c in range(chapters.shape[1]):
            value = certain * float(chapters[row, c]) + doubt[row] * float(prior[c])
            if value > largest:
                largest = value
            if chemical[c]:
                share += float(chapters[row, c])
        value = certain * share + doubt[row] * chemical_prior
        value = 1e-6 if value < 1e-6 else 1.0 - 1e-6 if value > 1.0 - 1e-6 else value
        out[_CERTAINTY, row] = largest
        out[_CHEMISTRY, row] = value
        out[_FOR_CHEMISTRY, row] = log(value / chemical_prior)


def fill_statistics(chapters: Floats, known: FloatArray, counts: Ids, out: FloatArray) -> None:
    """Write the statistics of texts. `Statistic` names the columns.

    Args:
        known: (n, len(Known)) as `fill_vectors` writes it.
        counts: (n, len(Count)) counts of each text.
    """
    for row in range(out.shape[0]):
        largest = 0.0
        for c in range(chapters.shape[1]):
            if chapters[row, c] > largest:
                # Double precision, so that uncompiled code gives the same values.
                largest = float(chapters[row, c])
        if largest < 1e-6:
            largest = 1e-6
        elif largest > 1.0 - 1e-6:
            largest = 1.0 - 1e-6
        odds = log(largest / (1.0 - largest))
        total = known[row, _WORDS] if known[row, _WORDS] > 1.0 else 1.0
        share = known[row, _NAMING_WORDS] / total
        letters, digits = counts[row, _LETTERS], counts[row, _DIGITS]
        both = letters + digits if letters + digits > 1.0 else 1.0
        out[row, _ONE] = 1.0
        out[row, _CHAPTER_ODDS] = odds
        out[row, _NAMING_SHARE] = share
        out[row, _LOG_WORDS] = log(1.0 + known[row, _WORDS])
        out[row, _NO_NAMES] = 1.0 if known[row, _NAMING_WORDS] == 0.0 else 0.0
        out[row, _DIGIT_SHARE] = digits / both
        out[row, _LOG_LETTERS] = log(1.0 + letters)
        out[row, _NAMING_ODDS] = odds * share
        out[row, _LETTERS_VAGUE] = known[row, _VAGUE]


def fill_logistic(
    statistics: FloatArray, vectors: Floats, known: FloatArray, coefficients: FloatArray, least: float, out: FloatArray
) -> None:
    """Write a logistic function of the statistics (n,): 1 for a text without words, otherwise at least ``least``.

    Args:
        coefficients: one per statistic, then, optionally, one per dimension of the vectors.
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


def fill_fit(reading: Reading, text_of: Ids, codes: Ids, weights: CodeWeights, out: FloatArray) -> None:
    """Write log-likelihood ratios of codes given texts.

    Args:
        text_of: (m,) index of each code's text; negative without a text.
        codes: (m, 2) numbers of the declared chapter and heading; negative if unknown.
        out: (m, len(Fit)) output; 0 without a text or number, and for a silent text.
    """
    vectors, chapters, doubt, silent = reading._vectors, reading._chapters, reading._doubt, reading._silent
    matrix, prior, given = weights._headings, weights._heading_prior, weights._chapter_prior
    declared, ends = weights._declared, weights._heading_ends
    heading_scale, heading_doubt = weights.heading_scale, weights.heading_doubt
    width, count = vectors.shape[1], chapters.shape[1]
    scores = np.empty(256, dtype=np.float32)
    view = scores
    for pair in range(out.shape[0]):
        out[pair, _CHAPTER] = out[pair, _HEADING] = 0.0
        text, chapter, heading = text_of[pair], codes[pair, _CHAPTER_CODE], codes[pair, _HEADING_CODE]
        if text < 0 or chapter < 0 or silent[text]:
            continue
        share = 0.0
        for c in range(count):
            share += float(chapters[text, c]) * float(declared[c, chapter])
        out[pair, _CHAPTER] = log((1.0 - doubt[text]) * share / given[chapter] + doubt[text])
        if heading < 0:
            continue
        first = ends[chapter - 1] if chapter > 0 else 0
        largest = -1e30
        for h in range(first, ends[chapter]):
            score = matrix[h, width]
            for k in range(width):
                score += matrix[h, k] * vectors[text, k]
            score *= heading_scale
            view[h - first] = score
            if score > largest:
                largest = score
        total = 0.0
        for h in range(first, ends[chapter]):
            view[h - first] = exp(view[h - first] - largest)
            total += view[h - first]
        # The words distinguish headings only as far as they support the chapter.
        certain = (1.0 - doubt[text]) * chapters[text, chapter] * (1.0 - heading_doubt)
        out[pair, _HEADING] = log(certain * view[heading - first] / total / prior[heading] + 1.0 - certain)
