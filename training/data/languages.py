"""In what language a goods description is, cheaply: by its script, else by everyday words of the trade.

Enough to see whether a model serves one language worse than another; no language identification.
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
#: Neither another script nor a word of another language: English, or names and numbers only.
ENGLISH: Final = "English or not told"
#: A text is of another script when so many of its letters are.
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
    """Word -> language; a word of two languages tells neither."""
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
    """The language or script of one text, as it is named in figures."""
    if not text.isascii():
        letters = [letter for letter in text if letter.isalpha()]
        named = [_SCRIPTS.get(unicodedata.name(letter, "").partition(" ")[0], "") for letter in letters]
        scripts = Counter(name for name in named if name)
        if scripts.total() >= _SHARE_OF_LETTERS * max(1, len(letters)):
            # Japanese is written with Chinese characters too.
            return "Japanese" if scripts["Japanese"] else scripts.most_common(1)[0][0]
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN)).encode("ascii", "ignore").decode()
    told = Counter(language for word in _WORD.findall(folded) if (language := _lexicon().get(word)))
    return told.most_common(1)[0][0] if told else ENGLISH


def languages_of(descriptions: Coded) -> NDArray[np.object_]:
    """(n,) of a text column; each distinct text that occurs is read once."""
    used = descriptions.compact()
    values = np.array([language_of(text) for text in used.values], dtype=object)
    return np.asarray(used.lookup(values, NONE), dtype=object)
