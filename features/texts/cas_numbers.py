"""CAS Registry Numbers in the writings of declarants and of their software.

Spreadsheets turn a number without hyphens into an amount: ``437387.0``, ``437,387``, ``4.37387E+05``. People write other
separators, leading zeros, digits of other scripts, letters that look like digits, and a label before the number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

#: Normal form of a CAS number. The check digit is not verified.
PLAIN: Final = re.compile(r"\d{2,7}-\d\d-\d", re.ASCII)
# Letters and signs that look like digits, in lower case.
_LETTERS_FOR_DIGITS: Final = str.maketrans("oil|", "0111")
_DIGIT: Final = "[0-9oil|]"
_MOST_CHARACTERS: Final = 200
_DASHES: Final = dict.fromkeys(
    map(ord, "\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe58\ufe63\uff0d"), "-"
)
_LABEL: Final = re.compile(
    r"(?<![a-z])c\.?a\.?s\.?(?=[^a-z]|n|rn|reg)[\s\-_]*(?:registry|reg\.?)?[\s\-_]*(?:rn|number|num|nr|no|n\u00b0)?"
    r"(?![a-z]{2})[\s.:#=_-]*"
)
_SEPARATOR: Final = r"[\s\-_./,:;*~\u00b7]{1,3}"
_SEPARATED: Final = re.compile(
    rf"(?<![0-9a-z])0*({_DIGIT}{{2,7}}){_SEPARATOR}({_DIGIT}{{2}}){_SEPARATOR}({_DIGIT})(?![0-9a-z])"
)
# In a longer word, only the normal form counts.
_IN_A_WORD: Final = re.compile(r"(?<!\d)0*(\d{2,7})-(\d\d)-(\d)(?!\d)", re.ASCII)
_AMOUNT: Final = re.compile(rf"({_DIGIT}+|\d{{1,3}}(?:[,\u00a0 ]\d{{3}})+)\.[0o]+")
_GROUPED: Final = re.compile(r"\d{1,3}(?:,\d{3})+")
_SCIENTIFIC: Final = re.compile(r"\d(?:[.,]\d+)?e\+?0?\d")
# Digits without separators or with one, and digits with a separator between any two. Dates have two separators, and amounts
# a point.
_DIGITS: Final = re.compile(rf"{_DIGIT}+(?:(?!\.){_SEPARATOR}{_DIGIT}+)?")
_SPACED: Final = re.compile(rf"{_DIGIT}(?:{_SEPARATOR}{_DIGIT})+")
# Minimum and maximum digits of a CAS number.
_FEWEST: Final = 5
_MOST: Final = 10


def cas_candidates(text: str) -> Iterator[str]:
    """Yield the CAS numbers that a text may consist of or contain, with hyphens, the likeliest first.

    The check digits are not verified. A text that is a number for another purpose yields a candidate too.

    >>> list(cas_candidates("437387.0")), next(cas_candidates("CAS No. 00437_38_7"))
    (['437-38-7'], '437-38-7')
    """
    if len(text) > _MOST_CHARACTERS:
        return
    folded = _folded(text)
    bare = _LABEL.sub(" ", folded).strip(" \t'\"`=()[]{}<>#.:;,")
    for matched in _SEPARATED.finditer(bare):
        if _has_digits(matched[0]):
            yield "-".join(matched.groups()).translate(_LETTERS_FOR_DIGITS).lstrip("0")
    for matched in _IN_A_WORD.finditer(bare):
        yield "-".join(matched.groups())
    number = _of_spreadsheet(bare)
    if number is None and _has_digits(bare) and (_DIGITS.fullmatch(bare) or _SPACED.fullmatch(bare)):
        number = re.sub(r"\D", "", bare.translate(_LETTERS_FOR_DIGITS))
    if number is not None and _FEWEST <= len(number := number.lstrip("0")) <= _MOST:
        yield f"{number[:-3]}-{number[-3:-1]}-{number[-1]}"


def _of_spreadsheet(text: str) -> str | None:
    """Return the digits of an amount that a spreadsheet made of a number; None if the text is no such amount."""
    amount = _AMOUNT.fullmatch(text)
    if amount is not None:
        return re.sub(r"\D", "", amount[1].translate(_LETTERS_FOR_DIGITS))
    if _GROUPED.fullmatch(text) is not None:
        return text.replace(",", "")
    if _SCIENTIFIC.fullmatch(text) is not None:
        value = Decimal(text.replace(",", "."))
        return str(int(value)) if value == value.to_integral_value() else None
    return None


def _folded(text: str) -> str:
    """Return the text in lower case, with digits of all scripts as 0 to 9, without invisible characters."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text.translate(_DASHES)).translate(_DASHES).lower()
    return "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else char
        for char in plain
        if unicodedata.category(char) != "Cf"
    )


def _has_digits(text: str) -> bool:
    """Return whether at least half of the letters and digits are digits. The word "ill" is no number."""
    return 2 * sum(map(str.isdigit, text)) >= sum(char.isalnum() or char == "|" for char in text)
