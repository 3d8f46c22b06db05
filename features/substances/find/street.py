"""Street and advertising names of drugs. They are weak evidence, never a hit.

A name that other goods also have, such as "China white", counts only beside words of the drug trade.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from features.reference.related import StreetName
from features.substances.context import Surroundings
from features.substances.match import Match
from features.substances.normalise import fold

#: Confidence of a match, by whether the name has no other use (`StreetName.certain`). Assumed.
_CONFIDENCE: Final = {True: 0.4, False: 0.25}
# Words of the drug trade. A street name with another use must stand beside one of them.
_TRADE: Final = re.compile(
    r"(?<![a-z])(?:pills?|tablets?|tabs?|pressed|presses|counterfeit|fake|powders?|opioids?|opiates?|heroin|dope|oxy\w*|percs?"
    r"|\d+[ ]?(?:mg|mcg|ug)|grams?|pure|uncut|research|chem(?:ical)?s?|rc|analog(?:ue)?s?|stamp(?:ed|s)?|potent|drugs?)(?![a-z])"
)
# Words of goods whose names equal street names: porcelain and paint, screws, engines, cosmetics.
_OTHER_GOODS: Final = re.compile(
    r"(?<![a-z])(?:porcelain|ceramics?|chinaware|tea|cups?|plates?|dinner\w*|vases?|mugs?|bowls?|tiles?|marble|bolts?|nuts?|screws?"
    r"|thread\w*|engines?|bmw|infiniti|cars?|auto\w*|watch\w*|books?|posters?|t[ -]?shirts?|jeans|denim|cds?|vinyl|records?"
    r"|music|dvds?|beauty|makeup|cosmetics?|foundation|lipsticks?|perfumes?|games?|toys?|cameras?|phones?|paint\w*|silk|marine"
    r"|yarns?|fabrics?|beans?|rice|coffee|flowers?|fungus|pepper|flour|sugar|clay|kaolin|metals?|steel|cables?|wires?)(?![a-z])"
)
# Words that are too common in descriptions of other goods to start a search.
_COMMON: Final = frozenset(
    ("blue", "pink", "gray", "grey", "white", "research", "synthetic", "drop", "dirty", "dance", "king", "town", "girl")
)


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
        """Return whether a folded text contains a street name that `suggested_by` cannot see, because it has other letters."""
        return not folded.isascii() and self._pattern.search(folded) is not None

    def find(self, text: str) -> Match | None:
        """Return the match of the first street name that stands for a drug in a text, or None."""
        folded = fold(text)
        for found in self._pattern.finditer(folded):
            row = self._names[_key(found[0])]
            beside = folded[: found.start()] + " " + folded[found.end() :]
            if row.certain or (_TRADE.search(beside) is not None and _OTHER_GOODS.search(beside) is None):
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
