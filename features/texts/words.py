"""Texts cut into words, and what follows from the words of each.

A word is looked up once wherever it stands. What groups of features know of it is then read off arrays, by its place in memory
(`features.texts.cache`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from features.texts.cache import Texts
from features.texts.declared import fetch
from features.texts.scan import words_in

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int32]

#: What is counted of a text: letters, letters a to z, digits, numbers, and signs of any kind. A number is what
#: ``\\d+(?:[.,]\\d+)?`` finds.
LETTERS, LATIN, DIGITS, NUMBERS, SIGNS, COUNTS = range(6)
#: Flags of a token by itself: that it is chemical, that it is a medicine.
_CHEMICAL, _MEDICINE = 1, 2
CHEMICAL, MEDICINE = _CHEMICAL, _MEDICINE


class Cut:
    """Texts, folded and cut into tokens, which are what ``\\w+`` finds, and words, which are what ``[^\\W\\d_]{2,}`` finds.

    Args:
        fold: a text that is not in ASCII in its folded form.
        memory: gives the words their places.

    Attributes:
        folded: the texts.
        pieces: the tokens and words; a token that is a word is one piece. ``placed`` are they with their places.
        tokens, token_ends: pieces that are tokens, text after text, and where those of each of the n texts end.
        words, word_ends: pieces that are words, of each text the distinct ones in order of appearance.
        counts: (n * COUNTS,) `LETTERS` and what else is counted of each text.
    """

    def __init__(self, texts: list[str], fold: Callable[[str], str], memory: Texts) -> None:
        self.folded = [text.lower() if text.isascii() else fold(text) for text in texts]
        self._cut_all(self.folded)
        self.placed = memory.placed(self.pieces)

    def _cut_all(self, texts: list[str]) -> None:
        n, room = len(texts), fetch(texts)
        # One array is had sooner than five.
        numbers: Codes = np.empty(2 * room + (2 + COUNTS) * n, dtype=np.int32)
        view = numbers
        self.pieces: list[str] = []
        self.tokens, self.words = view[:room], view[room : 2 * room]
        self.token_ends, self.word_ends = view[2 * room : 2 * room + n], view[2 * room + n : 2 * room + 2 * n]
        self.counts = view[2 * room + 2 * n :]
        self._tokens = self._words = 0
        for row in range(n):
            self._cut(row, texts[row])

    def _cut(self, row: int, text: str) -> None:
        letters = latin = digits = numbers = 0
        known: set[str] = set()
        begin = -1
        plain = True
        # Of a number: 0 outside of any, 1 in its whole part, 2 at the sign after it, 3 in its fraction.
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
                self._add(text[begin:at], plain, known)
                begin = -1
        self.token_ends[row], self.word_ends[row] = self._tokens, self._words
        first = row * COUNTS
        self.counts[first + LETTERS], self.counts[first + LATIN], self.counts[first + DIGITS] = letters, latin, digits
        self.counts[first + NUMBERS], self.counts[first + SIGNS] = numbers, size

    def _add(self, token: str, plain: bool, known: set[str]) -> None:
        """A token, and its words that are not ``known`` of the text; ``plain``: it is made of letters."""
        self.tokens[self._tokens] = len(self.pieces)
        self._tokens += 1
        self.pieces.append(token)
        if plain:
            if len(token) > 1 and token not in known:
                known.add(token)
                self.words[self._words] = len(self.pieces) - 1
                self._words += 1
            return
        for word in words_in(token):
            if word not in known:
                known.add(word)
                self.words[self._words] = len(self.pieces)
                self._words += 1
                self.pieces.append(word)

    def tokens_of(self, row: int) -> list[str]:
        """The tokens of a text."""
        first = self.token_ends[row - 1] if row > 0 else 0
        return [self.pieces[self.tokens[at]] for at in range(first, self.token_ends[row])]

    def words_of(self, row: int) -> list[str]:
        """The words of a text."""
        first = self.word_ends[row - 1] if row > 0 else 0
        return [self.pieces[self.words[at]] for at in range(first, self.word_ends[row])]


def describe(texts: list[str], cut: Cut, flags: FloatArray, shares: FloatArray, rows: FloatArray) -> list[int]:
    """What the words of texts say: the features of `features.groups.description.group` that need no search.

    Args:
        flags: (places, 1) what a token says by itself, `CHEMICAL` and others.
        shares: (places, 1) log shares of words; NaN for unknown ones.
        rows: (texts, features) to be written: missing, length, words, digits, other scripts, chemical words, medicine, numbers,
            unknown words and the rarest known one; 0 in all others.

    Returns:
        Per text the flags of all its tokens.
    """
    seen: list[int] = []
    nan = float("nan")
    places = cut.placed.at
    token = word = 0
    for row in range(len(texts)):
        every = chemical = 0
        while token < cut.token_ends[row]:
            flag = int(flags[places[cut.tokens[token]], 0])
            chemical += flag & _CHEMICAL
            every |= flag
            token += 1
        first = word
        known = 0
        least = nan
        while word < cut.word_ends[row]:
            share = shares[places[cut.words[word]], 0]
            if share == share:
                known += 1
                if not share >= least:
                    least = share
            word += 1
        for k in range(rows.shape[1]):
            rows[row, k] = 0.0
        own, counts = word - first, row * COUNTS
        size, letters = cut.counts[counts + SIGNS], cut.counts[counts + LETTERS]
        rows[row, 1] = len(texts[row])
        rows[row, 2] = own
        rows[row, 3] = float(cut.counts[counts + DIGITS]) / float(size if size > 0 else 1)
        if letters:
            rows[row, 6] = 1.0 - float(cut.counts[counts + LATIN]) / float(letters)
        rows[row, 7] = chemical
        rows[row, 12] = 1.0 if every & _MEDICINE else 0.0
        rows[row, 13] = cut.counts[counts + NUMBERS]
        rows[row, 14] = 1.0 - float(known) / float(own) if own else nan
        rows[row, 15] = least
        seen.append(every)
    return seen


def known_words(cut: Cut, numbers: FloatArray, found: NDArray[np.int64], lengths: NDArray[np.int64]) -> int:
    """Write the numbers of the words that have one, text after text, and how many each text has of them; all in all.

    Args:
        numbers: (places, 1) of words, below 0 where there is none.
        found: (at least all words,) to be written, ``lengths`` (texts,) likewise.
    """
    places = cut.placed.at
    word = count = 0
    for row in range(lengths.shape[0]):
        before = count
        while word < cut.word_ends[row]:
            number = numbers[places[cut.words[word]], 0]
            if number >= 0:
                found[count] = int(number)
                count += 1
            word += 1
        lengths[row] = count - before
    return count
