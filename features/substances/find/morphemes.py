"""Distinct parts of chemical names, none of which is a misspelling of another, and words that end in the stem of a family.

Real words within two typing errors of a watched name are reserved: they are never read as misspelt names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from features.reference.words import chemical_words
from features.substances.context import Surroundings
from features.substances.find.found import Entry, Found

_WORDS: Final = chemical_words()
_PARTS: Final = [part for parts in _WORDS["morphemes"].values() for part in parts]
#: Words in which the names of the members of the watched families end.
STEMS: Final = ("fentanyl", "nitazene")


def _alternatives(words: Iterable[str]) -> str:
    """Return an alternation of the words, the longest first."""
    return "|".join(sorted(set(words), key=lambda part: (-len(part), part)))


#: Any of the parts, the longest at each position.
MORPHEME: Final = re.compile(_alternatives([*_PARTS, *STEMS]))
#: A whole word made of parts.
CHEMICAL_WORD: Final = re.compile(f"(?:{_alternatives([*_PARTS, *_WORDS['joints']['words']])})+")
#: Short words that end systematic names.
ENDING: Final = re.compile("yl|ol|one|al|ane|ene|ine|yne|oyl|oxy|oic|ide|ate|diol|dione|dial|amine|imine|thiol")
#: Words that state where or how a group is attached. A name with a different one is another substance.
LOCANTS: Final = frozenset(_WORDS["locants"]["words"])
#: Locants that must not be missing either. A longer locant needs no such rule: its missing letters count as errors.
SIGNIFICANT_LOCANTS: Final = frozenset(_WORDS["locants"]["significant"])


RESERVED: Final = frozenset(word for words in chemical_words()["reserved"].values() for word in words)


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
