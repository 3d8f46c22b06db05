"""Addresses and contacts in one spelling, so that one place written in several ways stays one place.

An address is a building and a unit within it (flat, suite, private mailbox, locker). Street types, directions and unit words
have one short form each, in the manner of what postal services print on labels; case, accents, punctuation and blanks do not
count. The tables hold everyday postal words of a few languages and are kept small: a word they lack only leaves two
spellings apart, while a wrong entry would join two places.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

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
_INSIDE: Final = "'.`"
#: Without one of these words a line names no unit.
_MARKS: Final = _UNITS | {"#", "box"}
#: ASCII punctuation parts words; apostrophes and full stops stand inside them (St., P.O., O'Neil).
_PARTING: Final = {
    code: None if chr(code) in _INSIDE else " # " if chr(code) == "#" else " "
    for code in range(128)
    if not chr(code).isalnum()
}
#: The same for ASCII texts as bytes, where the sign # has been set apart: bytes are translated several times as fast.
_LOWER: Final = bytes(range(256)).lower()
_LOWER_PARTED: Final = bytes(code if chr(code).isalnum() or chr(code) == "#" else 32 for code in _LOWER)
_INSIDE_BYTES: Final = _INSIDE.encode("ascii")
_NOT_LETTERS: Final = bytes(code for code in range(128) if not chr(code).isalnum())
_NOT_DIGITS: Final = bytes(code for code in range(128) if not chr(code).isdigit())
_LEAST_DIGITS: Final = 6


def plain_name(text: str) -> str:
    """Letters and digits of a name; case, accents, punctuation and blanks do not count."""
    if text.isascii():
        return text.encode("ascii").translate(_LOWER, _NOT_LETTERS).decode("ascii")
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text).casefold()))


def _words(text: str) -> list[str]:
    """Words in lower case without accents; letters of other scripts stay."""
    if text.isascii():
        apart = text.replace("#", " # ") if "#" in text else text
        return apart.encode("ascii").translate(_LOWER_PARTED, _INSIDE_BYTES).decode("ascii").split()
    folded = unicodedata.normalize("NFKD", text).casefold()
    plain = [
        letter if letter.isalnum() or letter.isascii() else " "
        for letter in folded
        if not unicodedata.combining(letter)
    ]
    return "".join(plain).translate(_PARTING).split()


def split_address(text: str) -> tuple[str, str]:
    """(building, unit) of a street line, each in its short spelling; both empty where nothing is left.

    ``12 Main Street, Apt. 4-B`` and ``12 MAIN ST #4B`` are both ``("12mainst", "4b")``. A line that names a unit alone (a post
    office box) is a building of its own.
    """
    words: list[str] = []
    for word in _words(text):
        joined = _JOINED.fullmatch(word) if word[0].isalpha() and not word.isalpha() else None
        if joined is None:
            words.append(_SHORT.get(word, word))
        else:
            words.extend(joined.groups())
    if _MARKS.isdisjoint(words):
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


def plain_postcode(text: str) -> str:
    """Letters and digits of a postcode; nine digits are five and a delivery sector, which labels often leave out."""
    plain = plain_name(text)
    return plain[:5] if len(plain) == 9 and plain.isdigit() else plain


def plain_contact(text: str) -> str:
    """An e-mail address or telephone number to compare by; empty for what is none (`n/a`, `000000`)."""
    if "@" in text:
        return text.strip().lower()
    digits = text.encode("ascii", "ignore").translate(None, _NOT_DIGITS).decode("ascii").lstrip("0")
    # Of one digit alone nothing is left once it is stripped.
    return digits if len(digits) >= _LEAST_DIGITS and digits.strip(digits[0]) else ""
