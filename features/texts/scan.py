"""Compiled single passes over the characters of a text, each of which replaces several searches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from sys import intern
from unicodedata import combining

# `Beginnings` distinguishes a to z and one class for all other characters.
_SIGNS = 27


def words_in(text: str) -> tuple[str, ...]:
    """Return the distinct runs of two or more letters (matches of ``[^\\W\\d_]{2,}``) in order of appearance.

    The words are interned, because texts repeat the same words.
    """
    found: dict[str, None] = {}
    begin = -1
    at = 0
    for char in text:
        if char.isalnum() and not char.isdecimal():
            if begin < 0:
                begin = at
        elif begin >= 0:
            if at - begin > 1:
                found[intern(text[begin:at])] = None
            begin = -1
        at += 1
    if begin >= 0 and at - begin > 1:
        found[intern(text[begin:at])] = None
    return tuple(found)


def word_tokens(text: str) -> list[str]:
    """Return the matches of ``\\w+``: runs of letters, digits and underscores."""
    tokens: list[str] = []
    begin = -1
    at = 0
    for char in text:
        if char.isalnum() or char == "_":
            if begin < 0:
                begin = at
        elif begin >= 0:
            tokens.append(text[begin:at])
            begin = -1
        at += 1
    if begin >= 0:
        tokens.append(text[begin:at])
    return tokens


def has_capital_inside(text: str) -> bool:
    """Return whether ``[a-z]{3}[A-Z][A-Za-z]`` matches in a text: a capital that begins a new word within a word."""
    small = 0
    follows = False
    for char in text:
        is_small = "a" <= char <= "z"
        is_capital = "A" <= char <= "Z"
        if follows and (is_small or is_capital):
            return True
        follows = is_capital and small >= 3
        small = small + 1 if is_small else 0
    return False


def uncombined(text: str) -> str:
    """Return a text without combining characters. U+0300 is the first of these."""
    for char in text:
        if char >= "\u0300" and combining(char):
            return "".join([char for char in text if char < "\u0300" or not combining(char)])
    return text


def name_tokens(text: str) -> list[str]:
    """Return the matches of `features.substances.normalise.TOKEN`.

    These are runs of letters, runs of digits, and single characters of `features.substances.normalise.UNSPACED` scripts.
    """
    tokens: list[str] = []
    begin = at = 0
    # Kind of the current run: 0 no run, 1 letters, 2 digits, 3 a single character.
    run = 0
    for char in text:
        if "a" <= char <= "z" or "A" <= char <= "Z":
            kind = 1
        elif "0" <= char <= "9":
            kind = 2
        elif char < "\x80":
            kind = 0
        elif (
            char == "\u3005"
            or "\u3041" <= char <= "\u3096"
            or "\u309d" <= char <= "\u309f"
            or "\u30a1" <= char <= "\u30fa"
            or "\u30fc" <= char <= "\u30ff"
            or "\u3131" <= char <= "\u318e"
            or "\u3400" <= char <= "\u4dbf"
            or "\u4e00" <= char <= "\u9fff"
            or "\uac00" <= char <= "\ud7a3"
        ):
            kind = 3
        elif char.isdecimal():
            kind = 2
        else:
            kind = 1 if char.isalnum() else 0
        if kind != run or kind == 3:
            if run:
                tokens.append(text[begin:at])
            begin, run = at, kind
        at += 1
    if run:
        tokens.append(text[begin:at])
    return tokens


def mixes_letters_and_figures(text: str) -> bool:
    """Return whether a letter from a to z is adjacent to one of ``[0-9@$!|€+]``."""
    before = 0
    for char in text:
        if "a" <= char <= "z":
            kind = 1
        elif (
            "0" <= char <= "9" or char == "@" or char == "$" or char == "!" or char == "|" or char == "+" or char == "€"
        ):
            kind = 2
        else:
            kind = 0
        if kind and before and kind != before:
            return True
        before = kind
    return False


def without_vowels(word: str) -> str:
    """Return a word in lower case without its letters a, e, i, o, u and y."""
    return "".join(
        [
            char
            for char in word
            if not (char == "a" or char == "e" or char == "i" or char == "o" or char == "u" or char == "y")
        ]
    )


def as_scanned(word: str) -> str:
    """Return a word with the letters that a scanner takes for others replaced: rn is m, vv w, cl d, u ll, v y, and h b."""
    letters: list[str] = []
    at = 0
    size = len(word)
    while at < size:
        char = word[at]
        after = word[at + 1] if at + 1 < size else " "
        at += 1
        if char == "r" and after == "n":
            char = "m"
            at += 1
        elif char == "v" and after == "v":
            char = "w"
            at += 1
        elif char == "c" and after == "l":
            char = "d"
            at += 1
        elif char == "u":
            char = "l"
            letters.append(char)
        elif char == "v":
            char = "y"
        elif char == "h":
            char = "b"
        letters.append(char)
    return "".join(letters)


def one_letter_per_sound(word: str) -> str:
    """Return a word (letters a to z) with one letter for each sound that languages write differently: sch, ck, x, soft c, y.

    The letter h is dropped, and a doubled letter counts once.
    """
    letters: list[str] = []
    last = before = " "
    size = len(word)
    for at in range(size):
        char = word[at]
        after = word[at + 1] if at + 1 < size else " "
        if char == "p":
            sound = "f" if after == "h" else "p"
        elif char == "c":
            # The c of sch is dropped together with the h.
            sound = "h" if after == "h" and before == "s" else "s" if after in "eiyj" else "k"
        elif char == "q":
            sound = "k" if after == "u" else "q"
        elif char == "u" and before == "q":
            sound = "h"
        elif char == "x":
            if last != "k":
                letters.append("k")
            sound = last = "s"
            letters.append(sound)
        elif char == "y" or char == "j":
            sound = "i"
        elif char == "w":
            sound = "v"
        elif char == "z":
            sound = "s"
        else:
            sound = char
        if sound != "h" and sound != last:
            letters.append(sound)
            last = sound
        before = char
    return "".join(letters)


class Beginnings:
    """Filter for positions in a text at which one of many words may begin. It compares the first three characters.

    Args:
        words: words in lower case. Characters outside a to z count as equal.

    Raises:
        IndexError: a word has fewer than two characters.
    """

    def __init__(self, words: Iterable[str]) -> None:
        marked = bytearray(_SIGNS**3)
        for word in words:
            signs = [ord(char) - 97 if "a" <= char <= "z" else 26 for char in word[:3]]
            for third in signs[2:] or range(_SIGNS):
                marked[(signs[0] * _SIGNS + signs[1]) * _SIGNS + third] = 1
        self._marked = bytes(marked)

    def find(self, text: str, begin: int) -> int:
        """Return the first index, not below ``begin``, at which a word may begin, or -1."""
        marked = self._marked
        first = second = 26
        # Test an index after reading its third character. The end of the text counts as a character outside a to z.
        at = begin
        size = len(text)
        while at < size:
            char = text[at]
            sign = ord(char) - 97 if "a" <= char <= "z" else 26
            if at >= begin + 2 and marked[(first * _SIGNS + second) * _SIGNS + sign]:
                return at - 2
            first, second = second, sign
            at += 1
        if size >= begin + 2 and marked[(first * _SIGNS + second) * _SIGNS + 26]:
            return size - 2
        return -1


def near_words(
    tokens: list[str],
    near: Callable[[str], tuple[tuple[str, int], ...]],
    beginnings: set[str],
    endings: set[str],
    fewest: int,
    most: int,
) -> list[tuple[int, int, str, int]]:
    """Return the words within a small edit distance of a token, or of two adjacent tokens that may be parts of a word.

    Args:
        tokens: tokens of a text, in order.
        near: returns the words near a token, with their distances.
        beginnings, endings: parts of words. Adjacent tokens are joined if the first is a beginning or the second an ending.
        fewest, most: minimum and maximum length of two joined tokens. A single token has at least ``fewest - 1`` characters.

    Returns:
        (first token, last token, word, distance) per match.
    """
    found: list[tuple[int, int, str, int]] = []
    before = ""
    for index, token in enumerate(tokens):
        size = len(token)
        if size >= fewest - 1:
            for word, distance in near(token):
                found.append((index, index, word, distance))
        if index > 0:
            size += len(before)
            if fewest <= size <= most and (before in beginnings or token in endings):
                for word, distance in near(before + token):
                    found.append((index - 1, index, word, distance))
        before = token
    return found
