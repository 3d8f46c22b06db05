"""A first scan of a text, which decides what to search it for. For most texts it is the last.

For each stage of `index`, this module defines by which words the scan recognises that the stage will find nothing. The
scan may find more candidates than the stage, but never fewer.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import partial
from typing import Final

from features.substances.find.glance import (
    BEGINS,
    BLOCKS,
    CORE,
    DISGUISE,
    ENDS,
    EVERYDAY,
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
from features.substances.read.spotting_names import flatten, hints_at_a_name, made_of

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

#: A name may occur in the text, plainly or disguised; a structure, in any notation.
NAMED: Final = NAME | DISGUISE
STRUCTURED: Final = STRUCTURE | HINT
# Possible contents of words in letters other than a to z, which the scan cannot read. In a text with such words a name
# needs no hint.
_UNSEEN: Final = NAMED | STEM | HINT
#: The result for a text that was not scanned.
EVERYTHING: Final = NAMED | NEAR | STEM | FRAGMENT | NUMBER | STRUCTURED | OTHERWISE | STREET
# Trade repeats its words: nearly all of them are in this cache, whatever the texts.
_REMEMBERED_WORDS: Final = 32_768
# Characters of the texts of one call, which holds Python's lock. It takes up to 0.1 ms per 1,000 characters.
_LONGEST_AT_ONCE: Final = 50_000
_LABEL: Final = re.compile("cas")
_STRUCTURE: Final = re.compile("smiles|inchi")


@dataclass(frozen=True, slots=True)
class FirstLook:
    """The scan of texts, with what reads the texts that it cannot: those with characters outside ASCII."""

    glance: Glance
    otherwise: OtherWritings
    street: StreetNames

    def read(self, text: str) -> int:
        """Return the flags of a lower-case text."""
        return self.glance.read(text)


def first_look(names: NameIndex, misspelt: MisspeltNames, otherwise: OtherWritings, street: StreetNames) -> FirstLook:
    """Return the first scan of a text, for a complete set of names."""
    judge = partial(_judged, names, names.heads(), misspelt, otherwise, street)
    return FirstLook(names.glance(judge, FEWEST_LETTERS, MOST_LETTERS, _REMEMBERED_WORDS), otherwise, street)


def worth_looking_for(look: FirstLook, texts: list[str]) -> list[int]:
    """Return what to search each declared text for; nothing for most."""
    if sum(map(len, texts)) > _LONGEST_AT_ONCE:
        found = [seen for text in texts for seen in look.glance.read_all([text])]
    else:
        found = look.glance.read_all(texts)
    for at, seen in enumerate(found):
        if seen:
            seen = _in_any(look, texts[at]) if seen < 0 else seen
            found[at] = EVERYTHING if seen & FRAGMENT else seen
    return found


def _in_any(look: FirstLook, text: str) -> int:
    if "&" in text:
        if html.unescape(text) != text:
            return EVERYTHING
        if text.isascii():
            return look.glance.read_declared(text)
    folded = fold(text)
    # Names are searched in the folded text, structures in the flattened one.
    seen = look.glance.read(folded, _UNSEEN) | look.glance.read(flatten(text), _UNSEEN)
    if look.otherwise.suggested_by_text(text):
        seen |= OTHERWISE
    return seen | STREET if look.street.suggested_by_text(folded) else seen


def _judged(
    names: NameIndex,
    heads: list[str],
    misspelt: MisspeltNames,
    otherwise: OtherWritings,
    street: StreetNames,
    word: str,
) -> int:
    """Return the flags of a single word (letters a to z)."""
    near, begins, ends = misspelt.role(word)
    blocks, core, everyday = made_of(word)
    bits = NEAR * near | BEGINS * begins | ENDS * ends | BLOCKS * blocks | CORE * core | EVERYDAY * everyday
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
    if _LABEL.search(word) is not None:
        bits |= LABEL
    if _STRUCTURE.search(word) is not None:
        bits |= STRUCTURE
    return bits
