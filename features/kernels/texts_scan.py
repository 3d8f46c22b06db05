"""Single passes over the characters of a text that would else take several searches."""

from __future__ import annotations

from sys import intern


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


def survey(text: str) -> tuple[list[str], int, int, int, int]:
    """Words, with figures (what ``\\w+`` finds), and how many letters, letters a to z, digits and numbers there are.

    A number is what ``\\d+(?:[.,]\\d+)?`` finds.
    """
    tokens: list[str] = []
    letters = latin = digits = numbers = 0
    begin = -1
    at = 0
    # Of a number: 0 outside of any, 1 in its whole part, 2 at the sign after it, 3 in its fraction.
    part = 0
    for char in text:
        if char.isalpha():
            letters += 1
            if "a" <= char <= "z":
                latin += 1
        elif char.isdigit():
            digits += 1
        if char.isdecimal():
            if part == 0:
                numbers += 1
                part = 1
            elif part == 2:
                part = 3
        elif part == 1 and (char == "." or char == ","):
            part = 2
        else:
            part = 0
        if char.isalnum() or char == "_":
            if begin < 0:
                begin = at
        elif begin >= 0:
            tokens.append(text[begin:at])
            begin = -1
        at += 1
    if begin >= 0:
        tokens.append(text[begin:at])
    return tokens, letters, latin, digits, numbers
