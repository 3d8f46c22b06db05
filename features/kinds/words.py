"""Kinds of things that words tell, from a file of words in many languages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from features.reference.files import open_data

_FEWEST_LETTERS: Final = 2
_MOST_LETTERS: Final = 16


class KindWords:
    """Words of several kinds. A kind is a bit; a word may be of several kinds.

    Attributes:
        sections: the whole file.
    """

    def __init__(self, file: str, kinds: Mapping[str, int]) -> None:
        """
        Args:
            file: name of a reference file. ``words`` of a section are separated by blanks; ``*`` stands for any beginning or end.
                Texts of ``phrases`` and ``anywhere`` match inside a text.
            kinds: section -> bits of its words.
        """
        with open_data(file) as opened:
            self.sections: dict[str, dict[str, Any]] = tomllib.loads(opened.read())
        self._whole: dict[str, int] = {}
        self._beginning: dict[str, int] = {}
        self._end: dict[str, int] = {}
        self._inside: dict[str, int] = {}
        for section, kind in kinds.items():
            entries = self.sections[section]
            for word in entries.get("words", "").split():
                table = self._end if word.startswith("*") else self._beginning if word.endswith("*") else self._whole
                self._add(table, word.strip("*"), kind)
            for text in (*entries.get("anywhere", ()), *entries.get("phrases", ())):
                self._add(self._inside, text, kind)
        self._search = _any_of(self._inside)
        # Nearly all texts are ASCII, and few of the phrases are.
        self._search_ascii = _any_of(text for text in self._inside if text.isascii())

    @staticmethod
    def _add(table: dict[str, int], text: str, kind: int) -> None:
        table[text] = table.get(text, 0) | kind

    def of_word(self, word: str) -> int:
        """Return the kinds of a folded word."""
        kinds = self._whole.get(word, 0)
        for length in range(_FEWEST_LETTERS, min(len(word), _MOST_LETTERS) + 1):
            kinds |= self._beginning.get(word[:length], 0)
            kinds |= self._end.get(word[-length:], 0)
        return kinds

    def inside(self, text: str) -> int:
        """Return the kinds of the texts that a folded text holds anywhere."""
        kinds = 0
        for found in (self._search_ascii if text.isascii() else self._search).findall(text):
            kinds |= self._inside[found]
        return kinds


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for the longest of the texts that begins at a place; without texts it matches nowhere."""
    longest_first = sorted(texts, key=lambda text: (-len(text), text))
    return re.compile("|".join(map(re.escape, longest_first)) if longest_first else r"(?!)")
