"""Reading of goods descriptions: likely codes, the fit of a declared code, and vagueness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.goods.codes import CODES
from features.goods.model import GoodsModel
from features.goods.scores import (
    Fit,
    FloatArray,
    Floats,
    Known,
    Statistic,
    fill_chapters,
    fill_fit,
    fill_logistic,
    fill_shares,
    fill_statistics,
    fill_vectors,
)
from features.texts.words import TokenisedTexts

#: Number of statistics of a text.
STATISTICS: Final = len(Statistic)
#: The length of an enum is found anew on every call.
_KNOWN: Final = len(Known)
_FIT: Final = len(Fit)
_LEAST_DOUBT: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Reading:
    """A model's reading of n texts.

    Attributes:
        vectors: (n, width) the texts' vectors.
        chapters: (n, chapters) probability of each chapter if the words say anything.
        doubt: (n,) probability that the words say nothing about the goods. 1 for a text without words.
        vague: (n,) vagueness, 0 to 1.
    """

    vectors: Floats
    chapters: Floats
    doubt: FloatArray
    vague: FloatArray

    def chapters_and_chemistry(self, model: GoodsModel) -> tuple[FloatArray, FloatArray]:
        """Return the calibrated probabilities (n,) of the likeliest chapter and of the chemical chapters."""
        certainty, chemistry = np.empty(len(self.doubt)), np.empty(len(self.doubt))
        prior = model.weights.chapter_prior
        fill_shares(self.chapters, self.doubt, prior, model.chemical, model.chemical_prior, certainty, chemistry)
        return certainty, chemistry

    def chapter_probabilities(self, model: GoodsModel) -> FloatArray:
        """Return the calibrated probability (n, chapters) of each chapter."""
        doubt = self.doubt[:, None]
        return np.asarray((1.0 - doubt) * self.chapters + doubt * model.weights.chapter_prior, dtype=np.float64)


def read_texts(model: GoodsModel, texts: TokenisedTexts, rows: FloatArray) -> Reading:
    """Read texts.

    Args:
        rows: (slots, width + 2) `GoodsModel.word_rows` of the texts' words, at their slots.
    """
    n = len(texts.folded)
    vectors = np.empty((n, model.width), dtype=np.float32)
    known = np.empty((n, _KNOWN))
    fill_vectors(texts, rows, vectors, known)
    chapters = np.empty((n, len(CODES.names[0])), dtype=np.float32)
    fill_chapters(vectors, model.weights, chapters)
    measures = statistics(chapters, known, texts.count_rows)
    doubt, vague = np.empty(n), np.empty(n)
    fill_logistic(measures, vectors, known, model.doubt, _LEAST_DOUBT, doubt)
    fill_logistic(measures, vectors, known, model.vague, 0.0, vague)
    return Reading(vectors, chapters, doubt, vague)


def statistics(chapters: Floats, known: FloatArray, counts: NDArray[np.int32]) -> FloatArray:
    """Return the statistics (n, STATISTICS) of texts, by `Statistic`."""
    out = np.empty((len(chapters), STATISTICS))
    fill_statistics(chapters, known, counts, out)
    return out


def logistic(values: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -30.0, 30.0))), dtype=np.float64)


def agreement(model: GoodsModel, reading: Reading, text_of: NDArray[np.int32], codes: NDArray[np.int32]) -> FloatArray:
    """Return how codes agree with texts (m, 2): log-likelihood ratios of the chapter, and of the heading within the chapter.

    Args:
        text_of: (m,) text of each pair, negative without one.
        codes: (m, 2) numbers of chapter and heading, negative where unknown.
    """
    out = np.empty((len(text_of), _FIT))
    fill_fit(reading.vectors, reading.chapters, reading.doubt, text_of, codes, model.weights, out)
    return out
