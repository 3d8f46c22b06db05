"""Guess the language of a goods description from its script and from the languages of its words in the training texts."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Scripts that determine a language. Kana comes before Han, because Japanese uses both.
_SCRIPTS: Final = (
    ("ja", re.compile(r"[\u3041-\u30ff\uff66-\uff9d]")),
    ("ko", re.compile(r"[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")),
    ("zh", re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")),
)
#: Scripts whose letters also stand in Latin texts, as look-alikes of Latin letters or as symbols of units. They determine the
#: language only of texts whose letters are mostly not Latin.
_SCRIPTS_NOT_IN_LATIN: Final = (
    ("ru", re.compile(r"[\u0400-\u052f]")),
    ("el", re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")),
)
#: Languages in other scripts. Words in Latin letters are no evidence for them.
_OTHER_SCRIPTS: Final = frozenset({"bg", "el", "ja", "ko", "ru", "zh"})


def votes(bits: NDArray[np.int64], languages: tuple[str, ...]) -> FloatArray:
    """Return the votes of words (n, languages). A word seen in k languages gives each of them 1/k of a vote.

    Args:
        bits: (n,) bit i is set if the word was seen in ``languages[i]``.
    """
    shifts = np.arange(len(languages))
    seen = (bits[:, None] >> shifts & 1).astype(np.float64)
    return np.asarray(seen / np.maximum(seen.sum(axis=1, keepdims=True), 1.0))


def guess(texts: list[str], latin: NDArray[np.bool_], sums: FloatArray, languages: tuple[str, ...]) -> list[str | None]:
    """Return the language of each text, or None if neither script nor words indicate one.

    Args:
        latin: (n,) True if most letters of the text are Latin.
        sums: (n, languages) sum of the votes of each text's words.
    """
    latin_alphabet = np.array([language not in _OTHER_SCRIPTS for language in languages])
    counted = np.where(latin_alphabet, sums, 0.0)
    # English wins ties, as the main language of trade.
    counted[:, np.array(languages) == "en"] *= 1.0 + 1e-6
    best = counted.argmax(axis=1).tolist()
    with_votes = (counted.max(axis=1) > 0.0).tolist()
    guesses: list[str | None] = []
    for text, is_latin, number, has_votes in zip(texts, latin.tolist(), best, with_votes, strict=True):
        by_script = None if text.isascii() else _by_script(text, latin=is_latin)
        guesses.append(by_script or (languages[number] if is_latin and has_votes else None))
    return guesses


def _by_script(text: str, *, latin: bool) -> str | None:
    for language, pattern in _SCRIPTS:
        if pattern.search(text):
            return language
    if latin:
        return None
    for language, pattern in _SCRIPTS_NOT_IN_LATIN:
        if pattern.search(text):
            return language
    return None
