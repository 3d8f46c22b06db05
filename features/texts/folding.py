"""Folding of texts to lower case without accents, and splitting into words."""

from __future__ import annotations

import unicodedata

from features.texts.scan import uncombined, words_in


def folded(text: str) -> str:
    """Return the text in lower case, with full-width and accented letters replaced by plain ones."""
    if text.isascii():
        return text.lower()
    return uncombined(unicodedata.normalize("NFKD", text)).casefold()


def words(text: str) -> tuple[str, ...]:
    """Return the distinct folded words of at least two letters, in order of appearance."""
    return words_in(folded(text))
