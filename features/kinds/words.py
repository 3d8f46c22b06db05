"""Kinds of things, recognised from words in many languages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from features.reference import ReferenceDataError
from features.reference.reading import open_data
from features.texts.folding import folded
from features.texts.scan import Beginnings

_FEWEST_LETTERS: Final = 2
#: Number of letters by which beginnings and ends are grouped.
_GROUPED_BY: Final = 3
#: Letters -> texts with these letters, with their kinds.
_Groups = dict[str, list[tuple[str, int]]]
#: A word that may match: one token, with a star at one end at most.
_WORD: Final = re.compile(r"\*?\w+|\w+\*")
#: Vowels of Hangul, which folding splits into letters, and a final consonant that would make another syllable of it.
_HANGUL_VOWELS: Final = tuple(map(chr, range(0x1161, 0x1176)))
_NO_FINAL: Final = "(?![\u11a8-\u11ff])"


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

        Raises:
            ReferenceDataError: a word or a text cannot match as written. Words and texts are folded, so they may have accents; a
                text without a letter outside ASCII after folding must be written folded.
        """
        with open_data(file) as opened:
            self.sections: dict[str, dict[str, Any]] = tomllib.loads(opened.read())
        self._whole: dict[str, int] = {}
        self._inside: dict[str, int] = {}
        self._by_beginning: dict[str, int] = {}
        self._by_end: dict[str, int] = {}
        for section, kind in kinds.items():
            entries = self.sections[section]
            for word in entries.get("words", "").split():
                at_end, at_beginning = word.startswith("*"), word.endswith("*")
                table = self._by_end if at_end else self._by_beginning if at_beginning else self._whole
                self._add(table, _checked_word(word, file, section), kind)
            for text in (*entries.get("anywhere", ()), *entries.get("phrases", ())):
                self._add(self._inside, _checked_text(text, file, section), kind)
        self._group()
        self.phrases = tuple(self._inside)
        self._search = _any_of(self.phrases)
        # Nearly all texts are ASCII, and few of the phrases are.
        ascii_phrases = [text for text in self.phrases if text.isascii()]
        self._search_ascii = _any_of(ascii_phrases)
        self._ascii_begins = Beginnings(ascii_phrases)

    def _group(self) -> None:
        self._beginnings = _grouped(self._by_beginning, lambda text, size: text[:size])
        self._ends = _grouped(self._by_end, lambda text, size: text[len(text) - size :])

    def add_words(self, other: KindWords, shift: int) -> None:
        """Add the words of another file, with their kinds shifted left. Its phrases are not added."""
        for table, added in (
            (self._whole, other._whole),
            (self._by_beginning, other._by_beginning),
            (self._by_end, other._by_end),
        ):
            for text, kind in added.items():
                self._add(table, text, kind << shift)
        self._group()

    @staticmethod
    def _add(table: dict[str, int], text: str, kind: int) -> None:
        table[text] = table.get(text, 0) | kind

    def of_word(self, word: str) -> int:
        """Return the kinds of a folded word."""
        kinds = self._whole.get(word, 0)
        for size, groups in self._beginnings:
            for text, kind in groups.get(word[:size], ()):
                if word.startswith(text):
                    kinds |= kind
        for size, groups in self._ends:
            for text, kind in groups.get(word[max(0, len(word) - size) :], ()):
                if word.endswith(text):
                    kinds |= kind
        return kinds

    def inside(self, text: str) -> int:
        """Return the kinds of the phrases that a folded text contains."""
        search = self._search
        if text.isascii():
            # Few texts contain a phrase.
            if self._ascii_begins.find(text, 0) < 0:
                return 0
            search = self._search_ascii
        kinds = 0
        for phrase in search.findall(text):
            kinds |= self._inside[phrase]
        return kinds


def _checked_word(word: str, file: str, section: str) -> str:
    """Return a word as it is compared, folded and without its star."""
    plain = folded(word)
    if len(word) > 1 and word.startswith("*") and word.endswith("*"):
        problem = f"has a star at both ends; write {word.strip('*')!r} under anywhere"
    elif not _WORD.fullmatch(plain):
        problem = "is not one word of letters with at most one star; write several words under phrases"
    elif "*" in plain and len(plain) <= _FEWEST_LETTERS:
        problem = f"has fewer than {_FEWEST_LETTERS} letters beside its star"
    else:
        return plain.strip("*")
    raise ReferenceDataError(file, None, f"[{section}]: {word!r} {problem}")


def _checked_text(text: str, file: str, section: str) -> str:
    """Return a text as it is searched."""
    plain = folded(text)
    if not plain.strip() or "*" in plain:
        problem = "is empty or has a star, but phrases and anywhere match inside texts"
    elif plain.isascii() and len(plain) < _FEWEST_LETTERS:
        problem = f"has fewer than {_FEWEST_LETTERS} letters; nearly every text would contain it"
    elif plain.isascii() and plain != text:
        problem = f"is compared as {plain!r}, which other words may contain; write that, or a word"
    else:
        return plain
    raise ReferenceDataError(file, None, f"[{section}]: {text!r} {problem}")


def _grouped(texts: Mapping[str, int], letters_of: Callable[[str, int], str]) -> list[tuple[int, _Groups]]:
    """Return texts with their kinds, grouped by some of their letters: the number of letters, and the texts by these letters.

    Most words share their first three letters, or their last, with no text. Texts of fewer letters are a group of their own.
    """
    grouped: dict[int, _Groups] = {}
    for text, kind in texts.items():
        size = min(len(text), _GROUPED_BY)
        grouped.setdefault(size, {}).setdefault(letters_of(text, size), []).append((text, kind))
    return list(grouped.items())


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that matches any of the folded texts, the longest first. Without texts it matches nothing."""
    longest_first = sorted(texts, key=lambda text: (-len(text), text))
    return re.compile("|".join(map(_pattern, longest_first)) if longest_first else r"(?!)")


def _pattern(text: str) -> str:
    """Return the pattern of a text. A Korean syllable without a final consonant is not the beginning of one with it."""
    return re.escape(text) + (_NO_FINAL if text.endswith(_HANGUL_VOWELS) else "")
