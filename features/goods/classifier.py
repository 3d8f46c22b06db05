"""Array functions of the goods classifier: likely codes, the fit of a declared code, and vagueness."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.goods.codes import CODES, HsLevel
from features.goods.model import GoodsModel
from features.goods.scores import (
    Fit,
    FloatArray,
    Floats,
    Reading,
    Share,
    Statistic,
    fill_fit,
    fill_reading,
    fill_shares,
    fill_statistics,
)
from features.texts.words import TokenisedTexts

__all__ = ["STATISTICS", "Reading", "agreement", "logistic", "read_texts", "shares", "statistics"]

#: Number of statistics of a text.
STATISTICS: Final = len(Statistic)
#: Constants, because ``len`` of an enum counts its members on every call.
_FIT: Final = len(Fit)
_SHARES: Final = len(Share)
_CHAPTERS: Final = len(CODES.names[HsLevel.CHAPTER])


def read_texts(model: GoodsModel, texts: TokenisedTexts, rows: FloatArray) -> Reading:
    """Return the model's reading of texts.

    Args:
        rows: (slots, width + 2) `GoodsModel.word_rows` of the words in each slot.
    """
    reading = Reading(len(texts.folded), model.width, _CHAPTERS)
    fill_reading(texts, rows, model.weights, model.coefficients, model.settings.vague_flagged, reading)
    return reading


def shares(reading: Reading, model: GoodsModel) -> FloatArray:
    """Return the evidence of texts about chapters, shape (len(Share), n). `Share` names the rows."""
    out = np.empty((_SHARES, len(reading.doubt)))
    fill_shares(reading, model.weights, model.chemical, model.chemical_prior, out)
    return out


def statistics(chapters: Floats, known: FloatArray, counts: NDArray[np.int32]) -> FloatArray:
    """Return the statistics of texts, shape (n, STATISTICS). `Statistic` names the columns."""
    out = np.empty((len(chapters), STATISTICS))
    fill_statistics(chapters, known, counts, out)
    return out


def logistic(values: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -30.0, 30.0))), dtype=np.float64)


def agreement(model: GoodsModel, reading: Reading, text_of: NDArray[np.int32], codes: NDArray[np.int32]) -> FloatArray:
    """Return log-likelihood ratios of codes given texts, shape (m, 2). `Fit` names the columns.

    Args:
        text_of: (m,) index of each code's text; negative without a text.
        codes: (m, 2) numbers of chapter and heading; negative if unknown.
    """
    out = np.empty((len(text_of), _FIT))
    fill_fit(reading, text_of, codes, model.weights, out)
    return out
