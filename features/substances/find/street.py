"""Street and advertising names of drugs. They name no substance for certain, so they are never a hit; a rule raises the lane.

A name that other goods also have, such as "China white", counts only beside words of the drug trade.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from features.reference.chemicals import Beside, StreetName
from features.reference.words import chemical_words
from features.substances.context import STREET_OTHER_GOODS, STREET_TAKEN, STREET_TRADE, Surroundings
from features.substances.match import Match
from features.substances.normalise import fold

#: Confidence of a match, by whether the name has no other use. Assumed.
_CONFIDENCE: Final = {True: 0.4, False: 0.25}
_BEFORE_NUMBER: Final = re.compile(r"(?<=[a-z])(?=\d)")
# Words that are too common in descriptions of other goods to start a search.
_COMMON: Final = frozenset(chemical_words()["too_common"]["street_names"])


class StreetNames:
    """Search for street names in texts."""

    def __init__(self, names: Sequence[StreetName]) -> None:
        self._names = {_key(row.name): row for row in names}
        words = sorted((fold(row.name) for row in names), key=len, reverse=True)
        latin, others = (
            "|".join(_written(word) for word in words if word.isascii() == ascii) for ascii in (True, False)
        )
        # One look around all names instead of one per name. Scripts without blanks put no blank around a name of Latin letters.
        self._pattern = re.compile(rf"(?<![a-z\d])(?:{latin})(?![a-z\d])|(?<![^\W_])(?:{others})(?![^\W_])")
        self._rarest_words = frozenset(filter(None, map(_rarest_word, words)))

    def suggested_by(self, word: str) -> bool:
        """Return whether a text with this word (letters a to z) may contain a street name."""
        return word in self._rarest_words

    def suggested_by_text(self, folded: str) -> bool:
        """Return whether a folded text with characters outside ASCII contains a street name. `suggested_by` covers a to z only."""
        return not folded.isascii() and self._pattern.search(folded) is not None

    def find(self, text: str) -> Match | None:
        """Return the match of the first name in a text that may mean a drug; None if no name does."""
        folded = fold(text)
        for found in self._pattern.finditer(folded):
            row = self._names[_key(found[0])]
            if _means_a_drug(row, folded[: found.start()] + " " + folded[found.end() :], folded):
                context, mention = Surroundings(folded).context(*found.span())
                piece = text[found.start() : found.end()] if len(text) == len(folded) else found[0]
                return Match(
                    "mention" if mention else "street", row.name, row.group, piece, "", "", hit=False, ambiguous=True,
                    confidence=_CONFIDENCE[row.beside is Beside.NOTHING], context=context,
                    evidence=("Street or advertising name, which names no substance for certain.",),
                )  # fmt: skip
        return None


def _means_a_drug(row: StreetName, beside: str, folded: str) -> bool:
    """Return whether a name means a drug, given the rest of the text and the whole text."""
    if row.beside is Beside.NOTHING:
        return True
    taken = row.beside is Beside.TAKEN and STREET_TAKEN.search(beside) is not None
    return (taken or STREET_TRADE.search(beside) is not None) and STREET_OTHER_GOODS.search(folded) is None


def _written(name: str) -> str:
    """Return the pattern of a folded name: with or without blanks and hyphens."""
    written = re.escape(name).replace(r"\ ", "[ -]?").replace(r"\-", "-?")
    return _BEFORE_NUMBER.sub("-?", written)


def _rarest_word(name: str) -> str:
    """Return the longest word (letters a to z) of a name, preferably one outside `_COMMON`; empty if it has none."""
    words = re.findall("[a-z]+", name)
    return min(words, key=lambda word: (word in _COMMON, -len(word))) if words else ""


def _key(name: str) -> str:
    return re.sub("[ -]", "", fold(name))
