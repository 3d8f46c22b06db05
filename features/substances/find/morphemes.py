"""Distinct parts of chemical names, none of which is a misspelling of another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from features.reference.words import chemical_words

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
