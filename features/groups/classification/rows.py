"""Compiled loop that writes what the words of texts say of the codes declared with them."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

from features.goods.scores import Fit
from features.groups.classification.columns import FIRST_OF_PAIR, ClassificationColumn

FloatArray = NDArray[np.float64]
Ids = NDArray[np.int32]

_CONTRADICTION = cython.declare(cython.Py_ssize_t, ClassificationColumn.HS_TEXT_CONTRADICTION - FIRST_OF_PAIR)
_AGREEMENT = cython.declare(cython.Py_ssize_t, ClassificationColumn.HS_TEXT_AGREEMENT - FIRST_OF_PAIR)
_CERTAINTY = cython.declare(cython.Py_ssize_t, ClassificationColumn.HS_TEXT_CERTAINTY - FIRST_OF_PAIR)
_CHEMICAL_PROBABILITY = cython.declare(
    cython.Py_ssize_t, ClassificationColumn.TEXT_CHEMICAL_PROBABILITY - FIRST_OF_PAIR
)
_CHEMICAL_TEXT_HARMLESS_CODE = cython.declare(
    cython.Py_ssize_t, ClassificationColumn.CHEMICAL_TEXT_HARMLESS_CODE - FIRST_OF_PAIR
)
_HARMLESS_TEXT_CHEMICAL_CODE = cython.declare(
    cython.Py_ssize_t, ClassificationColumn.HARMLESS_TEXT_CHEMICAL_CODE - FIRST_OF_PAIR
)
_DOUBT = cython.declare(cython.Py_ssize_t, ClassificationColumn.TEXT_DOUBT - FIRST_OF_PAIR)
_VAGUENESS = cython.declare(cython.Py_ssize_t, ClassificationColumn.DESCRIPTION_VAGUENESS - FIRST_OF_PAIR)
_CHAPTER = cython.declare(cython.Py_ssize_t, Fit.CHAPTER)
_HEADING = cython.declare(cython.Py_ssize_t, Fit.HEADING)
_NAN = cython.declare(cython.double, float("nan"))


def fill_pairs(
    text_of: Ids, is_chemical: FloatArray, fit: FloatArray, texts: tuple[FloatArray, ...], rows: FloatArray
) -> None:
    """Write the columns of pairs of a text and a code, as far as they depend on the words.

    Args:
        text_of: (m,) text of each pair; the row of a pair with a negative one stays as it is.
        is_chemical: (m,) whether each pair's code is one of chemicals; NaN without a code.
        fit: (m, len(Fit)) how each pair's code fits its text.
        texts: (n,) per text the certainty of its chapter, the probability of chemicals, the log-likelihood ratios for and against
            chemicals, doubt and vagueness.
        rows: (m, columns from `FIRST_OF_PAIR` on) output.
    """
    certainty, chemistry, for_chemistry, against, doubt, vague = texts
    for pair in range(text_of.shape[0]):
        text = text_of[pair]
        if text < 0:
            continue
        rows[pair, _CERTAINTY] = certainty[text]
        rows[pair, _CHEMICAL_PROBABILITY] = chemistry[text]
        rows[pair, _DOUBT] = doubt[text]
        rows[pair, _VAGUENESS] = vague[text]
        chemical = is_chemical[pair]
        if chemical != chemical:
            rows[pair, _CONTRADICTION] = rows[pair, _AGREEMENT] = _NAN
            rows[pair, _CHEMICAL_TEXT_HARMLESS_CODE] = rows[pair, _HARMLESS_TEXT_CHEMICAL_CODE] = _NAN
            continue
        agreement = fit[pair, _CHAPTER] + fit[pair, _HEADING]
        rows[pair, _CONTRADICTION] = _at_least_0(-agreement)
        rows[pair, _AGREEMENT] = _at_least_0(agreement)
        rows[pair, _CHEMICAL_TEXT_HARMLESS_CODE] = _at_least_0(for_chemistry[text]) * (1.0 - chemical)
        rows[pair, _HARMLESS_TEXT_CHEMICAL_CODE] = _at_least_0(against[text]) * chemical


def _at_least_0(number: float) -> float:
    return number if number > 0.0 else 0.0
