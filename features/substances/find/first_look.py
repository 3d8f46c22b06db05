"""A first scan of a text, which decides what to search it for. Most texts need no further search.

For each stage of `index`, this module defines the words without which the stage finds nothing and is skipped. The scan may
find more candidates than the stage, but never fewer.
"""

from __future__ import annotations

import html
from typing import Final

from features.substances.find.glance import (
    BEGINS,
    DISGUISE,
    ENDS,
    FRAGMENT,
    HINT,
    LABEL,
    NAME,
    NEAR,
    NUMBER,
    OTHERWISE,
    STEM,
    STREET,
    STRUCTURE,
)
from features.substances.find.misspelt import FEWEST_LETTERS, MOST_LETTERS, MisspeltNames
from features.substances.find.names import NameIndex
from features.substances.find.otherwise import OtherWritings
from features.substances.find.street import StreetNames
from features.substances.normalise import fold, may_hold_fragment
from features.substances.read.analogues import may_hold_stem
from features.substances.read.spotting_names import flatten, hints_at_a_name

#: Flags of a text that may contain a name, plain or disguised, and of one that may contain a structure in any notation.
NAMED: Final = NAME | DISGUISE
STRUCTURED: Final = STRUCTURE | HINT
# Flags with which the scan of a text with characters outside ASCII begins. It cannot read words with such letters: they may be
# or contain a name or a stem, or hint at a systematic name.
_UNSEEN: Final = NAMED | STEM | HINT
#: The flags of a text that was not scanned.
EVERYTHING: Final = NAMED | NEAR | STEM | FRAGMENT | NUMBER | STRUCTURED | OTHERWISE | STREET
# Number of words in the cache of flags. Descriptions repeat their words, so nearly all words are found in the cache.
_REMEMBERED_WORDS: Final = 32_768


class FirstLook:
    """The first scan for a complete set of names, and the searches that texts outside ASCII need in addition."""

    def __init__(
        self, names: NameIndex, misspelt: MisspeltNames, otherwise: OtherWritings, street: StreetNames
    ) -> None:
        self._names, self._heads = names, names.heads()
        self._misspelt, self._otherwise, self._street = misspelt, otherwise, street
        self._glance = names.glance(self._flags_of_word, FEWEST_LETTERS, MOST_LETTERS, _REMEMBERED_WORDS)

    def flags(self, texts: list[str]) -> list[int]:
        """Return the flags of each declared text, which state what to search it for; 0 for most texts."""
        return [self._flags(text) for text in texts]

    def _flags(self, text: str) -> int:
        is_plain = text.isascii() and "&" not in text
        flags = self._glance.read_declared(text) if is_plain else self._flags_of_any(text)
        return EVERYTHING if flags & FRAGMENT else flags

    def _flags_of_any(self, text: str) -> int:
        """Return the flags of a text with an ampersand or characters outside ASCII."""
        if "&" in text:
            if html.unescape(text) != text:
                return EVERYTHING
            if text.isascii():
                return self._glance.read_declared(text)
        folded = fold(text)
        # The search for names reads the folded text, and that for structures the flattened text.
        flags = self._glance.read(folded, _UNSEEN) | self._glance.read(flatten(text), _UNSEEN)
        if self._otherwise.suggested_by_text(text):
            flags |= OTHERWISE
        return flags | STREET if self._street.suggested_by_text(folded) else flags

    def _flags_of_word(self, word: str) -> int:
        """Return the flags of a single word (letters a to z)."""
        near, begins, ends = self._misspelt.role(word)
        return (
            NEAR * near
            | BEGINS * begins
            | ENDS * ends
            | NAME * self._names.may_begin(word, self._heads)
            | HINT * hints_at_a_name(word)
            | STEM * may_hold_stem(word)
            | FRAGMENT * may_hold_fragment(word)
            | OTHERWISE * self._otherwise.suggested_by(word)
            | STREET * self._street.suggested_by(word)
            | LABEL * ("cas" in word)
            | STRUCTURE * ("smiles" in word or "inchi" in word)
        )
