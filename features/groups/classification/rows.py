"""Compiled loop for the columns of pairs of a description and an HS code."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

from features.goods.scores import Fit, Reading, Share
from features.groups.classification.columns import FIRST_OF_PAIR, ClassificationColumn
from features.texts.cache import TextPairs

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
_OF_CERTAINTY = cython.declare(cython.Py_ssize_t, Share.CERTAINTY)
_OF_CHEMISTRY = cython.declare(cython.Py_ssize_t, Share.CHEMISTRY)
_FOR_CHEMISTRY = cython.declare(cython.Py_ssize_t, Share.FOR_CHEMISTRY)
_NAN = cython.declare(cython.double, float("nan"))


def numbers_of_texts(pairs: TextPairs, texts: list[int]) -> Ids:
    """Return the position of each pair's text in ``texts`` (m,); -1 for other texts and for a pair without a text."""
    position: dict[int, int] = {}
    for text in texts:
        position[text] = len(position)
    positions = np.empty(len(pairs), dtype=np.int32)
    number = positions
    for pair in range(number.shape[0]):
        number[pair] = position.get(pairs.code[pair], -1)
    return positions


def fill_pairs(
    text_of: Ids, is_chemical: FloatArray, fit: FloatArray, reading: Reading, evidence: FloatArray, rows: FloatArray
) -> None:
    """Write the columns of pairs of a text and a code that depend on the text.

    Args:
        text_of: (m,) index of each pair's text; if it is negative, the row of the pair is left unchanged.
        is_chemical: (m,) 1 if the pair's code is one of chemicals, 0 if not, NaN without a code.
        fit: (m, len(Fit)) log-likelihood ratios of each pair's code given its text.
        evidence: (len(Share), n) evidence of the texts about chapters.
        rows: (m, columns from `FIRST_OF_PAIR` on) output.
    """
    for pair in range(text_of.shape[0]):
        text = text_of[pair]
        if text < 0:
            continue
        rows[pair, _CERTAINTY] = evidence[_OF_CERTAINTY, text]
        rows[pair, _CHEMICAL_PROBABILITY] = evidence[_OF_CHEMISTRY, text]
        rows[pair, _DOUBT] = reading._doubt[text]
        rows[pair, _VAGUENESS] = reading._vague[text]
        chemical = is_chemical[pair]
        if chemical != chemical:
            rows[pair, _CONTRADICTION] = rows[pair, _AGREEMENT] = _NAN
            rows[pair, _CHEMICAL_TEXT_HARMLESS_CODE] = rows[pair, _HARMLESS_TEXT_CHEMICAL_CODE] = _NAN
            continue
        agreement = fit[pair, _CHAPTER] + fit[pair, _HEADING]
        rows[pair, _CONTRADICTION] = _at_least_0(-agreement)
        rows[pair, _AGREEMENT] = _at_least_0(agreement)
        rows[pair, _CHEMICAL_TEXT_HARMLESS_CODE] = _at_least_0(evidence[_FOR_CHEMISTRY, text]) * (1.0 - chemical)
        # For the ratio of the other chapters, any text would do: chemicals are a small share of goods, so it is near 1.
        speaks = 0.0 if reading._silent[text] else chemical
        rows[pair, _HARMLESS_TEXT_CHEMICAL_CODE] = _at_least_0(-evidence[_FOR_CHEMISTRY, text]) * speaks


def _at_least_0(number: float) -> float:
    return number if number > 0.0 else 0.0
