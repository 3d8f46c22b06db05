"""Amounts in descriptions of goods: `acetone 160 kg drums x 80` is read as `acetone`.

How much is sent says nothing about what it is. Units and packings would count as words that name no goods, so they would make
precise texts vague, and vague texts precise.
"""

from __future__ import annotations

import re
from typing import Final

from features.reference.words import goods_words

#: A word of the goods model: two letters without a digit between them (`features.texts.words`).
_WORD: Final = re.compile(r"[^\W\d_]{2}")
_DIGIT: Final = re.compile(r"\d")


def _amounts() -> re.Pattern[str]:
    """Return the pattern of an amount: a number with a unit or packing, a count such as `x 80`, or a percentage."""
    table = goods_words()

    def one_of(section: str, *keys: str) -> str:
        words = sorted((word for key in keys for word in table[section][key]), key=len, reverse=True)
        spaced = rf"(?:{'|'.join(map(re.escape, words))})(?![^\W\d_])\.?"
        return "|".join([spaced, *map(re.escape, table[section].get("unspaced", ()))])

    unit, counted, packing = (
        one_of("units", "words"),
        one_of("packings", "words"),
        one_of("packings", "words", "after_unit"),
    )
    weighed, count = one_of("packings", "weighed"), one_of("counts", "words")
    times = r"\s*[x×*]\s*"
    digits = r"\d+(?:[.,]\d+)*"
    number = rf"{digits}(?:{times}{digits})*"
    # A strength such as 25mcg/h is no amount.
    ends = r"(?![^\W_]|\s*/)"
    measure = rf"(?:%|(?:{unit})(?!\s*/)(?:\s*(?:{packing}|{weighed}))?|{counted})(?:{times}{digits}{ends})?"
    counts = rf"(?:{count})[ :]*{digits}"
    return re.compile(rf"(?<![^\W_])(?:{number}(?:\s*{measure}|{times}{ends})|(?:{counts}){ends})", re.IGNORECASE)


_AMOUNTS: Final = _amounts()


def without_amounts(texts: list[str]) -> list[str]:
    """Return texts without their amounts. A text of which no word would remain is returned as it is.

    >>> without_amounts(["acetone 160 kg drums x 80", "12 pcs shoes", "25 kg"])
    ['acetone', 'shoes', '25 kg']
    """
    return [text if _DIGIT.search(text) is None else _without(text) for text in texts]


def _without(text: str) -> str:
    shorter = _AMOUNTS.sub(" ", text)
    return " ".join(shorter.split()) if _WORD.search(shorter) is not None else text
