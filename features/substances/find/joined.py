"""Names that are joined to ordinary words without a blank: purefentanylpowder.

A word counts only if all its other letters are words of the trade in chemicals and medicines, so that a name inside a longer word
by chance is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from features.reference.words import chemical_words
from features.substances.normalise import spell

_BESIDE: Final = frozenset(word for words in chemical_words()["joined"].values() for word in words)
_LONGEST_BESIDE: Final = max(map(len, _BESIDE))
# Minimum letters of a name. Shorter ones are parts of ordinary words.
_HEAD: Final = 7
# Maximum letters of a word. Longer ones are no words.
_MAX_LETTERS: Final = 64
# Digits that stand for letters, between a misspelt name and more letters of the same word: ventani11a is ventanilla. Letters of a
# unit do not continue the word: fentnyl10g.
_GOES_ON: Final = re.compile(
    rf"[01345]{{1,2}}(?!(?:{'|'.join((*chemical_words()['units']['amounts'], *chemical_words()['units']['others'], 'x'))})"
    r"(?![a-z]))[a-z]"
)


class JoinedNames:
    """Search for names within words.

    Args:
        names: names of letters a to z without blanks. Short ones are ignored.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name for name in names if len(name) >= _HEAD)
        self._heads: dict[str, tuple[int, ...]] = {}
        for name in self._names:
            lengths = self._heads.get(name[:_HEAD], ())
            if len(name) not in lengths:
                self._heads[name[:_HEAD]] = tuple(sorted({*lengths, len(name)}, reverse=True))

    def parts(self, word: str) -> str | None:
        """Return a word of letters a to z with blanks around the name in it; None if it is not a name and ordinary words."""
        if not _HEAD < len(word) <= _MAX_LETTERS:
            return None
        for spelled in {word: None, spell(word): None}:
            for start in range(len(spelled) - _HEAD + 1):
                for length in self._heads.get(spelled[start : start + _HEAD], ()):
                    end = start + length
                    if spelled[start:end] not in self._names:
                        continue
                    before, after = _words(spelled[:start]), _words(spelled[end:])
                    if before is not None and after is not None and (before or after):
                        return " ".join((*before, spelled[start:end], *after))
        return None


def goes_on(spelled: str, end: int) -> bool:
    """Return whether a word goes on after a position, with digits in place of its next letters."""
    return _GOES_ON.match(spelled, end) is not None


def _words(letters: str) -> list[str] | None:
    """Return the ordinary words that some letters consist of, the fewest; None if they consist of no such words."""
    best: list[list[str] | None] = [[], *[None] * len(letters)]
    for end in range(1, len(letters) + 1):
        for start in range(max(0, end - _LONGEST_BESIDE), end):
            head, current = best[start], best[end]
            if head is not None and letters[start:end] in _BESIDE and (current is None or len(head) + 1 < len(current)):
                best[end] = [*head, letters[start:end]]
    return best[-1]
