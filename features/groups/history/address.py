"""Addresses and contacts in one spelling, so that one place written in several ways stays one place.

An address is a building and a unit within it (flat, suite, private mailbox, locker). Street types, directions and unit words
have one short form each, in the manner of what postal services print on labels; case, accents, punctuation and blanks do not
count. The tables hold everyday postal words of a few languages and are kept small: a word they lack only leaves two
spellings apart, while a wrong entry would join two places.

Texts are read as one piece with a line for each, which takes a fraction of the time that one after the other would. So they
must be in their normal form (`features.table.normalise`), which has no line breaks.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from features.texts.scan import uncombined

#: Short form -> other spellings of street types and directions.
_WORDS: Final = {
    "st": "street str strasse straat", "ave": "avenue av aven avenida", "rd": "road", "dr": "drive drv", "ln": "lane",
    "blvd": "boulevard boul bulevar", "ct": "court", "pl": "place plaza plz", "sq": "square", "ter": "terrace terr",
    "pkwy": "parkway pky", "hwy": "highway hiway", "fwy": "freeway", "expy": "expressway", "cir": "circle circ",
    "trl": "trail", "aly": "alley", "xing": "crossing", "lp": "loop", "pt": "point", "rte": "route", "sta": "station",
    "bldg": "building bld", "fl": "floor flr", "indl": "industrial", "ctr": "center centre", "mt": "mount", "ft": "fort",
    "n": "north", "s": "south", "e": "east", "w": "west", "ne": "northeast", "nw": "northwest", "se": "southeast",
    "sw": "southwest", "dept": "department", "no": "number nr num",
}  # fmt: skip
_SHORT: Final = {long: short for short, longs in _WORDS.items() for long in longs.split()}
#: What stands before the number of a unit. A locker or private mailbox is a unit of the building it stands in.
_UNITS: Final = frozenset(
    {
        "apt", "apartment", "apmt", "unit", "ste", "suite", "room", "rm", "flat", "pmb", "locker", "lckr", "mailbox",
        "dept", "spc", "space", "lot", "trlr", "piso", "depto", "wohnung", "whg", "app", "appt", "kv",
    }
)  # fmt: skip
#: A unit word and its number written together: apt4b.
_JOINED: Final = re.compile(rf"({'|'.join(sorted(_UNITS, key=len, reverse=True))})(\d\w*)")
#: Words that go with a unit word and say no more: parcel locker, packing station.
_BEFORE_UNIT: Final = frozenset({"parcel", "private"})
#: Words that mean a unit together with box.
_BEFORE_BOX: Final = frozenset({"mail", "post", "po", "p"})
#: Without one of these words a line names no unit.
_MARKS: Final = _UNITS | {"#", "box"}
#: The short forms of these words, of which there are few; all others are taken as they stand.
_TOLD: Final = {mark: mark for mark in _MARKS} | _SHORT
_BREAK: Final = b"\n"
#: ASCII punctuation parts words; apostrophes and full stops stand inside them (St., P.O., O'Neil).
_INSIDE: Final = b"'.`"
_LOWER: Final = bytes(range(256)).lower()
_LOWER_PARTED: Final = bytes(code if code > 127 or chr(code).isalnum() or code in b"#\n" else 32 for code in _LOWER)
_NOT_LETTERS: Final = bytes(code for code in range(128) if not chr(code).isalnum() and code not in _BREAK)
_NOT_DIGITS: Final = bytes(code for code in range(128) if not chr(code).isdigit() and code not in _BREAK)
_LEAST_DIGITS: Final = 6


def plain_names(texts: list[str]) -> list[bytes]:
    """Letters and digits of names, in UTF-8; case, accents, punctuation and blanks do not count."""
    if not texts:
        return []
    ascii_or_plain = [text if text.isascii() else _letters(text) for text in texts]
    return "\n".join(ascii_or_plain).encode().translate(_LOWER, _NOT_LETTERS).split(_BREAK)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text).casefold()))


def _parted(texts: list[str]) -> list[str]:
    """Lines in lower case without accents, blanks between their words; letters of other scripts stay."""
    lines = "\n".join([text if text.isascii() else _unaccented(text) for text in texts])
    if "#" in lines:
        lines = lines.replace("#", " # ")
    return lines.encode().translate(_LOWER_PARTED, _INSIDE).decode().split("\n")


def _unaccented(text: str) -> str:
    folded = uncombined(unicodedata.normalize("NFKD", text).casefold())
    return "".join([letter if letter < "\x80" or letter.isalnum() else " " for letter in folded])


def split_addresses(texts: list[str]) -> tuple[list[str], list[str]]:
    """Buildings and units of street lines, each in its short spelling; both empty where nothing is left.

    ``12 Main Street, Apt. 4-B`` and ``12 MAIN ST #4B`` are both ``12mainst`` and ``4b``. A line that names a unit alone (a post
    office box) is a building of its own.
    """
    buildings: list[str] = []
    units: list[str] = []
    if texts:
        for line in _parted(texts):
            building, unit = _split(line.split())
            buildings.append(building)
            units.append(unit)
    return buildings, units


def _split(written: list[str]) -> tuple[str, str]:
    """`split_addresses` of a line's words."""
    words: list[str] = []
    marked = False
    for word in written:
        told = _TOLD.get(word)
        if told is not None:
            words.append(told)
            marked = marked or told in _MARKS
        elif word.isalpha() or not word[0].isalpha():
            words.append(word)
        else:
            joined = _JOINED.fullmatch(word)
            marked = marked or joined is not None
            words.extend((word,) if joined is None else joined.groups())
    if not marked:
        return "".join(words), ""
    building: list[str] = []
    unit: list[str] = []
    at, end = 0, len(words)
    while at < end:
        word = words[at]
        pair = word in _BEFORE_BOX and at + 1 < end and words[at + 1] == "box"
        if pair or word in _UNITS or word == "#":
            at += 2 if pair else 1
            # Signs that repeat the word: unit no. 5, suite # 5.
            while at < end and (words[at] in ("#", "no") or words[at] in _UNITS):
                at += 1
            if at < end and _numbered(words[at]):
                number = words[at]
                unit.append(number)
                at += 1
                # One letter or number may follow by itself: 4-B, 12 C.
                if at < end and len(words[at]) == 1 and words[at].isalpha() and number.isdigit():
                    unit.append(words[at])
                    at += 1
            elif word != "#":
                # A unit word without a number is a word of the street's name: Flat Rock Road.
                building.append(word)
            continue
        if word not in _BEFORE_UNIT or not (at + 1 < end and words[at + 1] in _UNITS):
            building.append(word)
        at += 1
    if not building:
        return "".join(["box", *unit]) if unit else "", ""
    return "".join(building), "".join(unit)


def _numbered(word: str) -> bool:
    return len(word) == 1 or not word.isalpha()


def plain_postcodes(texts: list[str]) -> list[bytes]:
    """Letters and digits of postcodes; nine digits are five and a delivery sector, which labels often leave out."""
    return [_without_sector(plain) for plain in plain_names(texts)]


def _without_sector(plain: bytes) -> bytes:
    # Digits of other scripts are digits, too.
    digits = plain.decode()
    return plain if len(digits) != 9 or not digits.isdigit() else digits[:5].encode()


def plain_contacts(texts: list[str]) -> list[bytes]:
    """E-mail addresses or telephone numbers to compare by; empty for what is none (`n/a`, `000000`)."""
    if not texts:
        return []
    numbers = "\n".join(texts).encode("ascii", "ignore").translate(None, _NOT_DIGITS).split(_BREAK)
    return [
        text.strip().lower().encode() if "@" in text else _telephone(number)
        for text, number in zip(texts, numbers, strict=True)
    ]


def _telephone(digits: bytes) -> bytes:
    digits = digits.lstrip(b"0")
    # Of one digit alone nothing is left once it is stripped.
    return digits if len(digits) >= _LEAST_DIGITS and digits.strip(digits[:1]) else b""
