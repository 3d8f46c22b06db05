"""What a text is worth looking through for: the first look at it, which for most texts is the last.

Each stage of `index` says here by which words it can be told that it will find nothing. What a word is taken for here may be
more than what is found in the end, and never less.
"""

from __future__ import annotations

import re
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
    STEM,
    STRUCTURE,
    Glance,
)
from features.substances.find.misspelt import FEWEST_LETTERS, MOST_LETTERS, MisspeltNames
from features.substances.find.names import NameIndex
from features.substances.normalise import fold, may_hold_fragment
from features.substances.read.analogues import may_hold_stem
from features.substances.read.spotting_names import flatten, hints_at_a_name, made_of

__all__ = ["EVERYTHING", "NAMED", "NEAR", "NUMBER", "STEM", "STRUCTURED", "first_look", "worth_looking_for"]

#: A name may stand in the text, openly or disguised; a structure, written in any way.
NAMED: Final = NAME | DISGUISE
STRUCTURED: Final = STRUCTURE | HINT
# What words in other letters than a to z may say, at which nobody looks. In a text with such words a name needs no hint.
_UNSEEN: Final = NAMED | STEM | HINT
#: A text that was not looked at.
EVERYTHING: Final = NAMED | NEAR | STEM | FRAGMENT | NUMBER | STRUCTURED
# Trade repeats its words: nearly all are in this cache, whatever the texts.
_REMEMBERED_WORDS: Final = 32_768
_LABEL: Final = re.compile("cas")
_STRUCTURE: Final = re.compile("smiles")


def first_look(names: NameIndex, misspelt: MisspeltNames) -> Glance:
    """The first look at a text, for names of which none is added afterwards."""
    judge = partial(_judged, names, names.heads(), misspelt)
    return names.glance(judge, FEWEST_LETTERS, MOST_LETTERS, _REMEMBERED_WORDS)


def worth_looking_for(look: Glance, texts: list[str]) -> list[int]:
    """What is worth looking for in each text as declared; nothing in most."""
    found = look.read_all(texts)
    for at, seen in enumerate(found):
        if seen:
            seen = _in_any(look, texts[at]) if seen < 0 else seen
            found[at] = EVERYTHING if seen & FRAGMENT else seen
    return found


def _in_any(look: Glance, text: str) -> int:
    if "&" in text:
        # There may be character references in it.
        return EVERYTHING
    # Names are looked for in the folded text, structures in the flattened one.
    return look.read(fold(text), _UNSEEN) | look.read(flatten(text), _UNSEEN)


def _judged(names: NameIndex, heads: list[str], misspelt: MisspeltNames, word: str) -> int:
    """What a word, letters from a to z, says by itself."""
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
    if _LABEL.search(word) is not None:
        bits |= LABEL
    if _STRUCTURE.search(word) is not None:
        bits |= STRUCTURE
    return bits
