"""Tokenisation of texts: tokens, distinct words with their cache slots, and character counts."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import cython
import numpy as np
from numpy.typing import NDArray

from features.texts.cache import TextIndex
from features.texts.scan import words_in

Codes = NDArray[np.int32]


class Count(IntEnum):
    """Columns of `TokenisedTexts.counts`. ``LATIN`` counts a to z; a number is a match of ``\\d+(?:[.,]\\d+)?``."""

    LETTERS = 0
    LATIN = 1
    DIGITS = 2
    NUMBERS = 3
    CHARACTERS = 4


_LETTERS = cython.declare(cython.Py_ssize_t, Count.LETTERS)
_LATIN = cython.declare(cython.Py_ssize_t, Count.LATIN)
_DIGITS = cython.declare(cython.Py_ssize_t, Count.DIGITS)
_NUMBERS = cython.declare(cython.Py_ssize_t, Count.NUMBERS)
_CHARACTERS = cython.declare(cython.Py_ssize_t, Count.CHARACTERS)
_COUNTS = cython.declare(cython.Py_ssize_t, len(Count))


class TokenisedTexts:
    """Folded texts and their tokens (matches of ``\\w+``) and words (matches of ``[^\\W\\d_]{2,}``).

    Args:
        texts: n texts in any case.
        fold: folds a text that is not ASCII. ASCII texts become lower case.
        index: assigns slots to tokens and words.

    Attributes:
        folded: the n folded texts.
        pieces: tokens and words of all texts. A token that is also a word is one piece.
        slots: slots of the pieces.
        tokens: indices in ``pieces`` of the tokens, text by text.
        token_ends: (n,) end of each text's part of ``tokens``.
        words: indices in ``pieces`` of each text's distinct words in order of appearance, text by text.
        word_ends: (n,) end of each text's part of ``words``.
        counts: (n * len(Count),) counts of each text, text by text. ``count_rows``: the same as an array (n, len(Count)).
    """

    def __init__(self, texts: list[str], fold: Callable[[str], str], index: TextIndex) -> None:
        self.folded = [text.lower() if text.isascii() else fold(text) for text in texts]
        self._tokenise_all(self.folded)
        self.slots = index.look_up(self.pieces)

    def _tokenise_all(self, texts: list[str]) -> None:
        n, capacity = len(texts), sum(map(len, texts))
        # One allocation is cheaper than five.
        buffer: Codes = np.empty(2 * capacity + (2 + _COUNTS) * n, dtype=np.int32)
        view = buffer
        self.pieces: list[str] = []
        self.tokens, self.words = view[:capacity], view[capacity : 2 * capacity]
        self.token_ends = view[2 * capacity : 2 * capacity + n]
        self.word_ends = view[2 * capacity + n : 2 * capacity + 2 * n]
        self.counts = view[2 * capacity + 2 * n :]
        self.count_rows = buffer[2 * capacity + 2 * n :].reshape(n, _COUNTS)
        self._tokens = self._words = 0
        for row in range(n):
            self._tokenise(row, texts[row])

    def _tokenise(self, row: int, text: str) -> None:
        """Add the tokens, words and counts of one folded text."""
        letters = latin = digits = numbers = 0
        seen: set[str] = set()
        begin = -1
        plain = True
        # State of the number scanner: 0 outside a number, 1 integer part, 2 decimal separator, 3 fraction.
        part = 0
        size = len(text)
        for at in range(size + 1):
            char = text[at] if at < size else " "
            letter = decimal = False
            if "a" <= char <= "z":
                letter = True
                letters += 1
                latin += 1
            elif "0" <= char <= "9":
                decimal = True
                digits += 1
            elif char >= "\x80":
                decimal = char.isdecimal()
                letter = not decimal and char.isalnum()
                if char.isalpha():
                    letters += 1
                elif char.isdigit():
                    digits += 1
            elif "A" <= char <= "Z":
                letter = True
                letters += 1
            if decimal:
                if part == 0:
                    numbers += 1
                    part = 1
                elif part == 2:
                    part = 3
            elif part == 1 and (char == "." or char == ","):
                part = 2
            else:
                part = 0
            if letter or decimal or char == "_":
                if begin < 0:
                    begin = at
                    plain = True
                plain = plain and letter
            elif begin >= 0:
                self._add(text[begin:at], plain, seen)
                begin = -1
        self.token_ends[row], self.word_ends[row] = self._tokens, self._words
        first = row * _COUNTS
        self.counts[first + _LETTERS], self.counts[first + _LATIN], self.counts[first + _DIGITS] = (
            letters,
            latin,
            digits,
        )
        self.counts[first + _NUMBERS], self.counts[first + _CHARACTERS] = numbers, size

    def _add(self, token: str, plain: bool, seen: set[str]) -> None:
        """Add a token, and its words that are new in the text.

        Args:
            plain: whether the token consists of letters only.
            seen: words of the text so far; updated.
        """
        self.tokens[self._tokens] = len(self.pieces)
        self._tokens += 1
        self.pieces.append(token)
        if plain:
            if len(token) > 1 and token not in seen:
                seen.add(token)
                self.words[self._words] = len(self.pieces) - 1
                self._words += 1
            return
        for word in words_in(token):
            if word not in seen:
                seen.add(word)
                self.words[self._words] = len(self.pieces)
                self._words += 1
                self.pieces.append(word)

    def tokens_of(self, row: int) -> list[str]:
        """Return the tokens of a text."""
        first = self.token_ends[row - 1] if row > 0 else 0
        return [self.pieces[self.tokens[at]] for at in range(first, self.token_ends[row])]

    def words_of(self, row: int) -> list[str]:
        """Return the words of a text."""
        first = self.word_ends[row - 1] if row > 0 else 0
        return [self.pieces[self.words[at]] for at in range(first, self.word_ends[row])]
