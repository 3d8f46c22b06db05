"""Compiled loop that writes what the words of texts say of the codes declared with them."""

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
_AGAINST_CHEMISTRY = cython.declare(cython.Py_ssize_t, Share.AGAINST_CHEMISTRY)
_NAN = cython.declare(cython.double, float("nan"))


def numbers_of_texts(pairs: TextPairs, texts: list[int]) -> Ids:
    """Return the position of each pair's text (m,) among some texts of the pairs; -1 for other texts and without one."""
    position: dict[int, int] = {}
    for text in texts:
        position[text] = len(position)
    found = np.empty(len(pairs), dtype=np.int32)
    number = found
    for pair in range(number.shape[0]):
        number[pair] = position.get(pairs.code[pair], -1)
    return found


def fill_pairs(
    text_of: Ids, is_chemical: FloatArray, fit: FloatArray, reading: Reading, said: FloatArray, rows: FloatArray
) -> None:
    """Write the columns of pairs of a text and a code, as far as they depend on the words.

    Args:
        text_of: (m,) text of each pair; the row of a pair with a negative one stays as it is.
        is_chemical: (m,) whether each pair's code is one of chemicals; NaN without a code.
        fit: (m, len(Fit)) how each pair's code fits its text.
        said: (len(Share), n) what the texts say of chapters, with logarithms of the ratios.
        rows: (m, columns from `FIRST_OF_PAIR` on) output.
    """
    for pair in range(text_of.shape[0]):
        text = text_of[pair]
        if text < 0:
            continue
        rows[pair, _CERTAINTY] = said[_OF_CERTAINTY, text]
        rows[pair, _CHEMICAL_PROBABILITY] = said[_OF_CHEMISTRY, text]
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
        rows[pair, _CHEMICAL_TEXT_HARMLESS_CODE] = _at_least_0(said[_FOR_CHEMISTRY, text]) * (1.0 - chemical)
        rows[pair, _HARMLESS_TEXT_CHEMICAL_CODE] = _at_least_0(said[_AGAINST_CHEMISTRY, text]) * chemical


def _at_least_0(number: float) -> float:
    return number if number > 0.0 else 0.0
