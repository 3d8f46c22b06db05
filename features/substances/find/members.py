"""Unlisted members of the watched families: words that end in the stem of a family."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from features.reference.words import chemical_words
from features.substances.context import Surroundings
from features.substances.find.morphemes import STEMS
from features.substances.find.names import Entry, Found

# An unlisted member of a family: any word that ends in its stem, except those that deny or detect it.
_STEM: Final = re.compile(rf"(?<![^\W\d_])([a-z]{{2,30}}?)({'|'.join(STEMS)})(?:s|e|a|o)?(?![^\W\d_])")
_NOT_A_MEMBER: Final = frozenset(chemical_words()["before_a_stem"]["words"])


def members(spelled: str, around: Surroundings, known: Sequence[Found] = ()) -> list[Found]:
    """Return the words that end in the stem of a family and are not among the ``known`` names: chlorohexanoylfentanyl.

    Args:
        spelled: the output of `normalise.spell`.
        around: its surroundings.
        known: names already found, whose positions are skipped.

    Returns:
        Ambiguous matches whose substance is the word itself, without CAS number or structure.
    """
    if all(stem not in spelled for stem in STEMS):
        return []
    found: list[Found] = []
    for word in _STEM.finditer(spelled):
        start, end = word.span()
        if word[1] in _NOT_A_MEMBER or any(item.start < end and start < item.end for item in known):
            continue
        entry = Entry((word[1] + word[2]).capitalize(), word[2], "", "", "exact")
        context, mention = around.context(start, end)
        found.append(Found(entry, start, end, context, mention, ambiguous=True, confidence=0.8))
    return found
