"""Single passes over the characters of a text that would else take several searches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from sys import intern
from unicodedata import combining

# Signs other than a to z are alike to `Beginnings`.
_SIGNS = 27


def words_in(text: str) -> tuple[str, ...]:
    """Distinct runs of two or more letters (what ``[^\\W\\d_]{2,}`` finds) in order of appearance.

    The runs are interned: few distinct words make up many texts.
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


def uncombined(text: str) -> str:
    """A text without combining characters, of which there are none before U+0300."""
    for char in text:
        if char >= "\u0300" and combining(char):
            return "".join([char for char in text if char < "\u0300" or not combining(char)])
    return text


def name_tokens(text: str) -> list[str]:
    """Runs of letters, runs of digits, and single characters of scripts without blanks (`features.substances.normalise.TOKEN`)."""
    tokens: list[str] = []
    begin = at = 0
    # Of the run at hand: 0 outside of any, 1 letters, 2 digits, 3 a character by itself.
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
    """Whether one of ``[0-9@$!|€+]`` stands beside a letter from a to z."""
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


class Beginnings:
    """Where in a text one of many words may begin, by their first three signs; quick, and true for few places.

    Args:
        words: in lower case, of two signs or more, of which the first two are letters from a to z. A sign that is no such letter
            stands for all others.
    """

    def __init__(self, words: Iterable[str]) -> None:
        held = bytearray(_SIGNS**3)
        for word in words:
            signs = [ord(char) - 97 if "a" <= char <= "z" else 26 for char in word[:3]]
            for third in signs[2:] or range(_SIGNS):
                held[(signs[0] * _SIGNS + signs[1]) * _SIGNS + third] = 1
        self._held = bytes(held)

    def find(self, text: str, begin: int) -> int:
        """The first place from ``begin`` on where one may begin, -1 if there is none."""
        held = self._held
        first = second = 26
        # Each place is looked at once its third sign is known; behind the text stand other signs.
        at = begin
        size = len(text)
        while at < size:
            char = text[at]
            sign = ord(char) - 97 if "a" <= char <= "z" else 26
            if at >= begin + 2 and held[(first * _SIGNS + second) * _SIGNS + sign]:
                return at - 2
            first, second = second, sign
            at += 1
        if size >= begin + 2 and held[(first * _SIGNS + second) * _SIGNS + 26]:
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
    """What is near to a token, or to two neighbours written as one where they may be the pieces of a word.

    Args:
        tokens: of a text, in order.
        near: words near to a token, with their distances.
        beginnings, endings: of words; two neighbours are pieces where the first is one of the former or the second one of the
            latter.
        fewest, most: letters of two neighbours together; a token alone may have one fewer.

    Returns:
        (first token, last token, word, distance)
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
