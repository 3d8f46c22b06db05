"""Kinds of things, recognised from words in many languages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from features.reference.files import open_data

_FEWEST_LETTERS: Final = 2
_MOST_LETTERS: Final = 16


class KindWords:
    """Words and phrases of several kinds, from a reference file. A kind is a bit, and a word may have several kinds.

    Attributes:
        sections: the content of the file.
        phrases: the texts that match anywhere.
    """

    def __init__(self, file: str, kinds: Mapping[str, int]) -> None:
        """
        Args:
            file: name of a reference file. ``words`` of a section are separated by blanks: "word*" matches a beginning, and
                "*word" an end. Texts of ``phrases`` and ``anywhere`` match inside a text.
            kinds: section -> bits of its kinds.
        """
        with open_data(file) as opened:
            self.sections: dict[str, dict[str, Any]] = tomllib.loads(opened.read())
        self._whole: dict[str, int] = {}
        self._inside: dict[str, int] = {}
        beginnings: dict[str, int] = {}
        ends: dict[str, int] = {}
        for section, kind in kinds.items():
            entries = self.sections[section]
            for word in entries.get("words", "").split():
                table = ends if word.startswith("*") else beginnings if word.endswith("*") else self._whole
                self._add(table, word.strip("*"), kind)
            for text in (*entries.get("anywhere", ()), *entries.get("phrases", ())):
                self._add(self._inside, text, kind)
        # Grouped by two letters, so that a word is compared with few beginnings and ends.
        self._beginning = _grouped(beginnings, slice(_FEWEST_LETTERS))
        self._end = _grouped(ends, slice(-_FEWEST_LETTERS, None))
        self.phrases = tuple(self._inside)
        self._search = any_of(self.phrases)
        # Nearly all texts are ASCII, and few of the phrases are.
        self._search_ascii = any_of(text for text in self.phrases if text.isascii())

    @staticmethod
    def _add(table: dict[str, int], text: str, kind: int) -> None:
        table[text] = table.get(text, 0) | kind

    def of_word(self, word: str) -> int:
        """Return the kinds of a folded word."""
        kinds = self._whole.get(word, 0)
        for beginning, kind in self._beginning.get(word[:_FEWEST_LETTERS], ()):
            if word.startswith(beginning):
                kinds |= kind
        for end, kind in self._end.get(word[-_FEWEST_LETTERS:], ()):
            if word.endswith(end):
                kinds |= kind
        return kinds

    def inside(self, text: str) -> int:
        """Return the kinds of the phrases that a folded text contains."""
        kinds = 0
        for phrase in (self._search_ascii if text.isascii() else self._search).findall(text):
            kinds |= self._inside[phrase]
        return kinds


def _grouped(texts: Mapping[str, int], letters: slice) -> dict[str, list[tuple[str, int]]]:
    """Return texts with their kinds, grouped by some of their letters.

    Texts with fewer than `_FEWEST_LETTERS` or more than `_MOST_LETTERS` letters are left out.
    """
    groups: dict[str, list[tuple[str, int]]] = {}
    for text, kind in texts.items():
        if _FEWEST_LETTERS <= len(text) <= _MOST_LETTERS:
            groups.setdefault(text[letters], []).append((text, kind))
    return groups


def any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that matches any of the texts, the longest first. Without texts it matches nothing."""
    longest_first = sorted(texts, key=lambda text: (-len(text), text))
    return re.compile("|".join(map(re.escape, longest_first)) if longest_first else r"(?!)")
