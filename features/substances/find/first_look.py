"""A first scan of a text, which decides what to search it for. Most texts need no further search.

For each stage of `index`, this module defines the words without which the stage finds nothing and is skipped. The scan may
find more candidates than the stage, but never fewer.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import partial
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
    Glance,
)
from features.substances.find.misspelt import FEWEST_LETTERS, MOST_LETTERS, MisspeltNames
from features.substances.find.names import NameIndex
from features.substances.find.otherwise import OtherWritings
from features.substances.find.street import StreetNames
from features.substances.normalise import fold, may_hold_fragment
from features.substances.read.analogues import may_hold_stem
from features.substances.read.spotting_names import flatten, hints_at_a_name

__all__ = [
    "EVERYTHING",
    "NAMED",
    "NEAR",
    "NUMBER",
    "OTHERWISE",
    "STEM",
    "STREET",
    "STRUCTURED",
    "first_look",
    "worth_looking_for",
]

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
# Maximum characters of the texts of one call, which holds Python's lock. It takes up to 0.1 ms per 1,000 characters.
_LONGEST_AT_ONCE: Final = 50_000


@dataclass(frozen=True, slots=True)
class FirstLook:
    """The scan of ASCII texts, with the searches that other texts need in addition."""

    glance: Glance
    otherwise: OtherWritings
    street: StreetNames

    def read(self, text: str) -> int:
        """Return the flags of a lower-case text."""
        return self.glance.read(text)


def first_look(names: NameIndex, misspelt: MisspeltNames, otherwise: OtherWritings, street: StreetNames) -> FirstLook:
    """Return the first scan for a complete set of names."""
    judge = partial(_flags_of_word, names, names.heads(), misspelt, otherwise, street)
    return FirstLook(names.glance(judge, FEWEST_LETTERS, MOST_LETTERS, _REMEMBERED_WORDS), otherwise, street)


def worth_looking_for(look: FirstLook, texts: list[str]) -> list[int]:
    """Return the flags of each declared text, which state what to search it for; 0 for most texts."""
    if sum(map(len, texts)) > _LONGEST_AT_ONCE:
        found = [flags for text in texts for flags in look.glance.read_all([text])]
    else:
        found = look.glance.read_all(texts)
    for at, flags in enumerate(found):
        if flags:
            flags = _flags_of_any(look, texts[at]) if flags < 0 else flags
            found[at] = EVERYTHING if flags & FRAGMENT else flags
    return found


def _flags_of_any(look: FirstLook, text: str) -> int:
    """Return the flags of a text with an ampersand or characters outside ASCII."""
    if "&" in text:
        if html.unescape(text) != text:
            return EVERYTHING
        if text.isascii():
            return look.glance.read_declared(text)
    folded = fold(text)
    # The search for names reads the folded text, and that for structures the flattened text.
    flags = look.glance.read(folded, _UNSEEN) | look.glance.read(flatten(text), _UNSEEN)
    if look.otherwise.suggested_by_text(text):
        flags |= OTHERWISE
    return flags | STREET if look.street.suggested_by_text(folded) else flags


def _flags_of_word(
    names: NameIndex,
    heads: list[str],
    misspelt: MisspeltNames,
    otherwise: OtherWritings,
    street: StreetNames,
    word: str,
) -> int:
    """Return the flags of a single word (letters a to z)."""
    near, begins, ends = misspelt.role(word)
    bits = NEAR * near | BEGINS * begins | ENDS * ends
    if names.may_begin(word, heads):
        bits |= NAME
    if hints_at_a_name(word):
        bits |= HINT
    if may_hold_stem(word):
        bits |= STEM
    if may_hold_fragment(word):
        bits |= FRAGMENT
    if otherwise.suggested_by(word):
        bits |= OTHERWISE
    if street.suggested_by(word):
        bits |= STREET
    if "cas" in word:
        bits |= LABEL
    if "smiles" in word or "inchi" in word:
        bits |= STRUCTURE
    return bits
