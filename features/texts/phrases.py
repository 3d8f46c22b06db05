"""Compiled search for many phrases in one pass over the characters of a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Marks = NDArray[np.uint8]

# Character classes, one bit each.
_WORD, _DIGIT, _SIGN, _FIRST = 1, 2, 4, 8
#: Maximum number of nodes of the trie. Their numbers are int16.
_MOST_NODES = 32767


class Phrases:
    """Simultaneous search for many words and phrases, with a trie over ASCII characters.

    Phrases match at word boundaries, as in `re`. With a final ``*``, the last word may continue. Case is ignored.

    Args:
        marks: phrase in lower case -> marks, bits of one byte.
        followed: marks that require a word after the phrase, separated by white space. The sign ``#`` before a word also sets
            these marks.
        digit: marks of texts with a digit (`str.isdigit`).
    """

    def __init__(self, marks: Mapping[str, int], followed: int = 0, digit: int = 0) -> None:
        nodes: list[dict[int, int]] = [{}]
        at_end: dict[int, int] = {}
        prefixes: dict[int, int] = {}
        for phrase, mark in marks.items():
            node = 0
            for letter in phrase.removesuffix("*").encode("ascii"):
                node = nodes[node].setdefault(letter, len(nodes))
                if node == len(nodes):
                    nodes.append({})
            marks_of = prefixes if phrase.endswith("*") else at_end
            marks_of[node] = marks_of.get(node, 0) | mark
        if len(nodes) > _MOST_NODES:
            raise ValueError(f"Phrases need {len(nodes)} nodes, more than {_MOST_NODES}.")
        step = np.zeros((len(nodes), 128), dtype=np.int16)
        for number, following in enumerate(nodes):
            for letter, target in following.items():
                step[number, [letter, ord(chr(letter).upper())]] = target
        self.followed, self.digit = followed, digit
        kinds = np.zeros(128, dtype=np.uint8)
        for sign in map(chr, range(128)):
            kinds[ord(sign)] = _WORD * _is_word(sign) | _DIGIT * sign.isdigit() | _SIGN * (sign == "#")
        kinds[step[0] != 0] |= _FIRST
        self.kinds = kinds
        self.step = step
        self.at_end = np.array([at_end.get(node, 0) for node in range(len(nodes))], dtype=np.uint8)
        self.prefixes = np.array([prefixes.get(node, 0) for node in range(len(nodes))], dtype=np.uint8)

    def marks(self, texts: list[str], fold: Callable[[str], str]) -> Marks:
        """Return the marks of all phrases in each text. ``fold`` folds a text that is not ASCII."""
        found = np.empty(len(texts), dtype=np.uint8)
        view = found
        for place in range(len(texts)):
            text = texts[place]
            view[place] = self.scan(text if text.isascii() else fold(text))
        return found

    def scan(self, text: str) -> int:
        """Return the marks of all phrases in a text."""
        marks = 0
        before = 0
        for at, letter in enumerate(text):
            kind = self.kinds[ord(letter)] if letter < "\x80" else _WORD * letter.isalnum() | _DIGIT * letter.isdigit()
            if kind & _DIGIT:
                marks |= self.digit
            if kind & _FIRST and not before & _WORD:
                marks |= self._marks_from(text, at)
            elif kind & _SIGN and _word_follows(text, at + 1):
                marks |= self.followed
            before = kind
        return marks

    def _marks_from(self, text: str, at: int) -> int:
        """Return the marks of all phrases that begin at index ``at`` of a text."""
        length = len(text)
        marks = node = 0
        while at < length:
            letter = text[at]
            if letter > "\x7f":
                break
            node = self.step[node, ord(letter)]
            if node == 0:
                break
            at += 1
            marks |= self.prefixes[node]
            here = self.at_end[node]
            if here and (at == length or not _is_word(text[at])):
                if here & self.followed and not _word_follows(text, at):
                    here &= 255 - self.followed
                marks |= here
        return marks


def _is_word(letter: str) -> bool:
    """Return whether the character is a word character as in `re`."""
    return (
        "a" <= letter <= "z"
        or "0" <= letter <= "9"
        or "A" <= letter <= "Z"
        or letter == "_"
        or (letter > "\x7f" and letter.isalnum())
    )


def _word_follows(text: str, at: int) -> bool:
    """Return whether a word begins at index ``at`` of a text, possibly after white space."""
    length = len(text)
    while at < length and text[at].isspace():
        at += 1
    return at < length and _is_word(text[at])
