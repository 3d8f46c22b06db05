"""Normalisation of names, addresses and contacts, so that different spellings become equal.

An address consists of a building and optionally a unit in it (flat, suite, private mailbox, locker). Street types, directions and
unit words are abbreviated as on postal labels. Case, accents, punctuation and spaces are ignored.

The functions join all texts into one, with a line per text, and process it as a whole, which is several times faster than a loop.
Texts must be in normal form (`features.table.normalise`), without line breaks.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from features.reference.words import address_words
from features.texts.scan import uncombined

_SHORT_FORM: Final = {long: short for short, longs in address_words()["short_forms"].items() for long in longs}
#: Words that precede the number of a unit.
_UNITS: Final = frozenset(address_words()["units"]["words"])
#: Unit word and number written as one word: apt4b.
_UNIT_WITH_NUMBER: Final = re.compile(rf"({'|'.join(sorted(_UNITS, key=len, reverse=True))})(\d\w*)")
#: Words that are dropped before a unit word: parcel locker.
_BEFORE_UNIT: Final = frozenset(address_words()["units"]["before"])
#: Words that denote a unit if "box" follows.
_BEFORE_BOX: Final = frozenset(address_words()["units"]["before_box"])
#: Words that indicate a unit.
_MARKS: Final = _UNITS | {"#", "box"}
#: Word -> short form. Marks are their own short forms.
_SPECIAL_WORDS: Final = {mark: mark for mark in _MARKS} | _SHORT_FORM
_BREAK: Final = b"\n"
#: Characters to remove within words (St., P.O., O'Neil). Other ASCII punctuation separates words.
_INSIDE: Final = b"'.`"
_LOWER: Final = bytes(range(256)).lower()
_LOWER_SPLIT: Final = bytes(code if code > 127 or chr(code).isalnum() or code in b"#\n" else 32 for code in _LOWER)
_NOT_LETTERS: Final = bytes(code for code in range(128) if not chr(code).isalnum() and code not in _BREAK)
_NOT_DIGITS: Final = bytes(code for code in range(128) if not chr(code).isdigit() and code not in _BREAK)
_MIN_DIGITS: Final = 6
_AREA_MARK: Final = b"#"
#: Number of characters of a postcode that denote an area about as large as a city. This is assumed; countries differ.
_AREA_LENGTH: Final = 3


def plain_names(texts: list[str]) -> list[bytes]:
    """Return the letters and digits of names in UTF-8, in lower case and without accents."""
    if not texts:
        return []
    ascii_or_plain = [text if text.isascii() else _letters(text) for text in texts]
    return "\n".join(ascii_or_plain).encode().translate(_LOWER, _NOT_LETTERS).split(_BREAK)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text).casefold()))


def _lines(texts: list[str]) -> list[str]:
    """Return texts in lower case without accents, with spaces between words. Letters of other scripts stay."""
    lines = "\n".join([text if text.isascii() else _unaccented(text) for text in texts])
    if "#" in lines:
        lines = lines.replace("#", " # ")
    return lines.encode().translate(_LOWER_SPLIT, _INSIDE).decode().split("\n")


def _unaccented(text: str) -> str:
    folded = uncombined(unicodedata.normalize("NFKD", text).casefold())
    return "".join([letter if letter < "\x80" or letter.isalnum() else " " for letter in folded])


def split_addresses(texts: list[str]) -> tuple[list[str], list[str]]:
    """Return the buildings and the units of street lines in short spelling. Both may be empty.

    ``12 Main Street, Apt. 4-B`` and ``12 MAIN ST #4B`` both give ``12mainst`` and ``4b``. A unit without a building, such as a post
    office box, counts as a building.
    """
    buildings: list[str] = []
    units: list[str] = []
    if texts:
        for line in _lines(texts):
            building, unit = _split(line.split())
            buildings.append(building)
            units.append(unit)
    return buildings, units


def _split(line: list[str]) -> tuple[str, str]:
    """Return the building and the unit of a street line, given as words."""
    words, has_unit = _short_words(line)
    if not has_unit:
        return "".join(words), ""
    building: list[str] = []
    unit: list[str] = []
    at, end = 0, len(words)
    while at < end:
        word = words[at]
        is_box = word in _BEFORE_BOX and at + 1 < end and words[at + 1] == "box"
        if is_box or word in _UNITS or word == "#":
            at += 2 if is_box else 1
            # Skip words that repeat the unit word: unit no. 5, suite # 5.
            while at < end and (words[at] in ("#", "no") or words[at] in _UNITS):
                at += 1
            if at < end and _numbered(words[at]):
                number = words[at]
                unit.append(number)
                at += 1
                # A single letter may follow digits: 4-B, 12 C.
                if at < end and len(words[at]) == 1 and words[at].isalpha() and number.isdigit():
                    unit.append(words[at])
                    at += 1
            elif word != "#":
                # A unit word without a number is part of the street name: Flat Rock Road.
                building.append(word)
            continue
        if word not in _BEFORE_UNIT or not (at + 1 < end and words[at + 1] in _UNITS):
            building.append(word)
        at += 1
    if not building:
        return "".join(["box", *unit]) if unit else "", ""
    return "".join(building), "".join(unit)


def _short_words(line: list[str]) -> tuple[list[str], bool]:
    """Return words in short form, with unit words split from their numbers, and whether a unit word is among them."""
    words: list[str] = []
    has_unit = False
    for word in line:
        special = _SPECIAL_WORDS.get(word)
        if special is not None:
            words.append(special)
            has_unit = has_unit or special in _MARKS
        elif word.isalpha() or not word[0].isalpha():
            words.append(word)
        else:
            joined = _UNIT_WITH_NUMBER.fullmatch(word)
            has_unit = has_unit or joined is not None
            words.extend((word,) if joined is None else joined.groups())
    return words, has_unit


def _numbered(word: str) -> bool:
    """Return whether a word can be the number of a unit: a single character, or a word that is not only letters."""
    return len(word) == 1 or not word.isalpha()


def plain_postcodes(texts: list[str]) -> list[bytes]:
    """Return the letters and digits of postcodes.

    Nine digits are reduced to the first five, because labels often omit the last four, a delivery sector.
    """
    return [_without_sector(plain) for plain in plain_names(texts)]


def _without_sector(plain: bytes) -> bytes:
    # Count characters, not bytes, because `isdigit` accepts digits of other scripts.
    digits = plain.decode()
    return plain if len(digits) != 9 or not digits.isdigit() else digits[:5].encode()


def plain_areas(texts: list[str]) -> list[bytes]:
    """Return the areas of postcodes: a mark that no city name contains, followed by the first letters and digits."""
    return [
        _AREA_MARK + postcode.decode()[:_AREA_LENGTH].encode() if postcode else b"" for postcode in plain_names(texts)
    ]


def plain_contacts(texts: list[str]) -> list[bytes]:
    """Return normalised e-mail addresses or telephone numbers; empty for placeholders (``n/a``, ``000000``)."""
    if not texts:
        return []
    numbers = "\n".join(texts).encode("ascii", "ignore").translate(None, _NOT_DIGITS).split(_BREAK)
    return [
        text.strip().lower().encode() if "@" in text else _telephone(number)
        for text, number in zip(texts, numbers, strict=True)
    ]


def _telephone(digits: bytes) -> bytes:
    digits = digits.lstrip(b"0")
    # A number that repeats a single digit is a placeholder.
    return digits if len(digits) >= _MIN_DIGITS and digits.strip(digits[:1]) else b""
