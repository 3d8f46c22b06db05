"""Approximate language of a goods description, inferred from its script or from common trade words.

The result is accurate enough to compare metrics between languages, but not for language identification.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.table.table import Coded

FILE: Final = Path(__file__).with_name("languages.toml")

NONE: Final = "no text"
#: Label of texts without another script or a word of another language: English, or only names and numbers.
ENGLISH: Final = "English or not told"
#: Minimum share of letters in a script for a text to count as written in it.
_SHARE_OF_LETTERS: Final = 0.3
_SCRIPTS: Final = {
    "CJK": "Chinese characters",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
    "CYRILLIC": "Cyrillic",
    "ARABIC": "Arabic",
    "GREEK": "Greek",
    "HEBREW": "Hebrew",
    "THAI": "Thai",
    "DEVANAGARI": "Devanagari",
}
_NAMES: Final = {
    "es": "Spanish",
    "pt": "Portuguese",
    "fr": "French",
    "de": "German",
    "it": "Italian",
    "nl": "Dutch",
    "pl": "Polish",
    "tr": "Turkish",
    "zh-Latn": "pinyin",
}
_WORD: Final = re.compile(r"[a-z]{2,}")
_PLAIN: Final = str.maketrans({"ß": "ss", "ł": "l", "ı": "i", "ø": "o"})


@cache
def _lexicon() -> Mapping[str, str]:
    """Return a mapping from words to languages, without words that two languages share."""
    with FILE.open("rb") as file:
        words = tomllib.load(file)
    of_word: dict[str, str] = {}
    shared: set[str] = set()
    for code, texts in words.items():
        for text in texts:
            if of_word.setdefault(text, _NAMES[code]) != _NAMES[code]:
                shared.add(text)
    return {word: language for word, language in of_word.items() if word not in shared}


def language_of(text: str) -> str:
    """Return the language or script of a text under the name used in metrics."""
    if not text.isascii():
        letters = [letter for letter in text if letter.isalpha()]
        named = [_SCRIPTS.get(unicodedata.name(letter, "").partition(" ")[0], "") for letter in letters]
        scripts = Counter(name for name in named if name)
        if scripts.total() >= _SHARE_OF_LETTERS * max(1, len(letters)):
            # Japanese texts also contain Chinese characters.
            return "Japanese" if scripts["Japanese"] else scripts.most_common(1)[0][0]
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN)).encode("ascii", "ignore").decode()
    counts = Counter(language for word in _WORD.findall(folded) if (language := _lexicon().get(word)))
    return counts.most_common(1)[0][0] if counts else ENGLISH


def languages_of(descriptions: Coded) -> NDArray[np.object_]:
    """Return the languages (n,) of a text column. Each distinct text is examined once."""
    used = descriptions.compact()
    values = np.array([language_of(text) for text in used.values], dtype=object)
    return np.asarray(used.lookup(values, NONE), dtype=object)
