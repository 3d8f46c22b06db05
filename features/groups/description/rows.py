"""Compiled loop for the description columns that depend only on tokens and words."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

from features.groups.description.columns import DescriptionColumn, WordFlag
from features.texts.words import Count, TokenisedTexts

if not cython.compiled:
    from math import log1p

FloatArray = NDArray[np.float64]

_DESCRIPTION_LENGTH = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_LENGTH)
_DESCRIPTION_WORDS = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_WORDS)
_DESCRIPTION_DIGIT_SHARE = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_DIGIT_SHARE)
_DESCRIPTION_OTHER_SCRIPT = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_OTHER_SCRIPT)
_DESCRIPTION_CHEMICAL_WORDS = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_CHEMICAL_WORDS)
_DESCRIPTION_GENERIC_CHEMISTRY = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_GENERIC_CHEMISTRY)
_DESCRIPTION_MEDICINE = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_MEDICINE)
_DESCRIPTION_NUMBERS = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_NUMBERS)
_DESCRIPTION_UNKNOWN_WORDS = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_UNKNOWN_WORDS)
_DESCRIPTION_RAREST_WORD = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_RAREST_WORD)
_DESCRIPTION_EQUIPMENT = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_EQUIPMENT)
_DESCRIPTION_DOSE = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_DOSE)
_DESCRIPTION_STANDARD = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_STANDARD)
_DESCRIPTION_BINDER = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_BINDER)
_DESCRIPTION_DYE = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_DYE)
_DESCRIPTION_HOBBY = cython.declare(cython.Py_ssize_t, DescriptionColumn.DESCRIPTION_HOBBY)

_LETTERS = cython.declare(cython.Py_ssize_t, Count.LETTERS)
_LATIN = cython.declare(cython.Py_ssize_t, Count.LATIN)
_DIGITS = cython.declare(cython.Py_ssize_t, Count.DIGITS)
_NUMBERS = cython.declare(cython.Py_ssize_t, Count.NUMBERS)
_CHARACTERS = cython.declare(cython.Py_ssize_t, Count.CHARACTERS)
_COUNTS = cython.declare(cython.Py_ssize_t, len(Count))

_CHEMICAL = cython.declare(cython.int, WordFlag.CHEMICAL)
_GENERIC_CHEMISTRY = cython.declare(cython.int, WordFlag.GENERIC_CHEMISTRY)
_MEDICINE = cython.declare(cython.int, WordFlag.MEDICINE)
_DOSE_FORM = cython.declare(cython.int, WordFlag.DOSE_FORM)
_STRENGTH = cython.declare(cython.int, WordFlag.STRENGTH)
_STANDARD = cython.declare(cython.int, WordFlag.STANDARD)
_BINDER = cython.declare(cython.int, WordFlag.BINDER)
_DYE = cython.declare(cython.int, WordFlag.DYE)
_TABLET_PRESS = cython.declare(cython.int, WordFlag.TABLET_PRESS)
_HOBBY = cython.declare(cython.int, WordFlag.HOBBY)


def fill_words(
    texts: list[str], tokenised: TokenisedTexts, flags: FloatArray, shares: FloatArray, rows: FloatArray
) -> list[int]:
    """Write the columns that need no pattern search. Set all other columns to 0.

    Args:
        tokenised: tokens and words of the texts.
        flags: (slots, 1) `WordFlag` bits of the token in each slot.
        shares: (slots, 1) natural logarithm of the share of the word in each slot; NaN for an unknown word.
        rows: (texts, F) output.

    Returns:
        The union of the flags of each text's tokens.
    """
    flags_of_texts: list[int] = []
    nan = float("nan")
    slots = tokenised.slots.slots
    token = word = 0
    for row in range(len(texts)):
        together = chemical = generic = 0
        while token < tokenised.token_ends[row]:
            flag = int(flags[slots[tokenised.tokens[token]], 0])
            chemical += 1 if flag & _CHEMICAL else 0
            generic += 1 if flag & _GENERIC_CHEMISTRY else 0
            together |= flag
            token += 1
        first = word
        known = 0
        rarest = nan
        while word < tokenised.word_ends[row]:
            share = shares[slots[tokenised.words[word]], 0]
            if share == share:  # not NaN
                known += 1
                # The negated comparison is true while rarest is NaN.
                if not share >= rarest:
                    rarest = share
            word += 1
        for k in range(rows.shape[1]):
            rows[row, k] = 0.0
        words, counts = word - first, row * _COUNTS
        characters, letters = tokenised.counts[counts + _CHARACTERS], tokenised.counts[counts + _LETTERS]
        rows[row, _DESCRIPTION_LENGTH] = log1p(len(texts[row]))
        rows[row, _DESCRIPTION_WORDS] = words
        rows[row, _DESCRIPTION_DIGIT_SHARE] = float(tokenised.counts[counts + _DIGITS]) / float(
            characters if characters > 0 else 1
        )
        if letters:
            rows[row, _DESCRIPTION_OTHER_SCRIPT] = 1.0 - float(tokenised.counts[counts + _LATIN]) / float(letters)
        rows[row, _DESCRIPTION_CHEMICAL_WORDS] = chemical
        rows[row, _DESCRIPTION_GENERIC_CHEMISTRY] = generic
        rows[row, _DESCRIPTION_MEDICINE] = 1.0 if together & _MEDICINE else 0.0
        rows[row, _DESCRIPTION_NUMBERS] = tokenised.counts[counts + _NUMBERS]
        rows[row, _DESCRIPTION_UNKNOWN_WORDS] = 1.0 - float(known) / float(words) if words else nan
        rows[row, _DESCRIPTION_RAREST_WORD] = rarest
        _fill_kinds(row, together, rows)
        flags_of_texts.append(together)
    return flags_of_texts


def _fill_kinds(row: int, flags: int, rows: FloatArray) -> None:
    """Write the columns that show kinds of words, from the flags of a text."""
    rows[row, _DESCRIPTION_STANDARD] = 1.0 if flags & _STANDARD else 0.0
    rows[row, _DESCRIPTION_BINDER] = 1.0 if flags & _BINDER else 0.0
    rows[row, _DESCRIPTION_DYE] = 1.0 if flags & _DYE else 0.0
    rows[row, _DESCRIPTION_HOBBY] = 1.0 if flags & _HOBBY else 0.0
    rows[row, _DESCRIPTION_EQUIPMENT] = 1.0 if flags & _TABLET_PRESS else 0.0
    if flags & _DOSE_FORM:
        rows[row, _DESCRIPTION_DOSE] = 2.0 if flags & _STRENGTH else 1.0
