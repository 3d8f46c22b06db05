"""Street and advertising names of drugs. They are weak evidence, never a hit.

A name that other goods also have, such as "China white", counts only beside words of the drug trade.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from features.reference.chemicals import StreetName
from features.reference.words import chemical_words
from features.substances.context import STREET_OTHER_GOODS, STREET_TRADE, Surroundings
from features.substances.match import Match
from features.substances.normalise import fold

#: Confidence of a match, by whether the name has no other use (`StreetName.certain`). Assumed.
_CONFIDENCE: Final = {True: 0.4, False: 0.25}
# Words that are too common in descriptions of other goods to start a search.
_COMMON: Final = frozenset(chemical_words()["too_common"]["street_names"])


class StreetNames:
    """Search for street names in texts."""

    def __init__(self, names: Sequence[StreetName]) -> None:
        self._names = {_key(row.name): row for row in names}
        words = sorted((fold(row.name) for row in names), key=len, reverse=True)
        written = (re.escape(word).replace(r"\ ", "[ -]?").replace(r"\-", "-?") for word in words)
        self._pattern = re.compile(rf"(?<![^\W_])(?:{'|'.join(written)})(?![^\W_])")
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
            beside = folded[: found.start()] + " " + folded[found.end() :]
            if row.certain or (STREET_TRADE.search(beside) is not None and STREET_OTHER_GOODS.search(beside) is None):
                context, mention = Surroundings(folded).context(*found.span())
                piece = text[found.start() : found.end()] if len(text) == len(folded) else found[0]
                return Match(
                    "mention" if mention else "street", row.name, row.group, piece, "", "", hit=False, ambiguous=True,
                    confidence=_CONFIDENCE[row.certain], context=context,
                    evidence=("Street or advertising name; no evidence alone.",),
                )  # fmt: skip
        return None


def _rarest_word(name: str) -> str:
    """Return the longest word (letters a to z) of a name, preferably one outside `_COMMON`; empty if it has none."""
    words = re.findall("[a-z]+", name)
    return min(words, key=lambda word: (word in _COMMON, -len(word))) if words else ""


def _key(name: str) -> str:
    return re.sub("[ -]", "", fold(name))
