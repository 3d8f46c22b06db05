"""Compiled verification of the check digits of parcel and waybill numbers, and lookup of dialling codes, per distinct text."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.texts.declared import prefetch

FloatArray = NDArray[np.float64]

_NAN: Final = float("nan")
_S10_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)
#: Positions in a prefix table of the first prefix with two and with three digits. Prefixes with one digit begin at 0.
_TWO_DIGITS_AT: Final = 10
_THREE_DIGITS_AT: Final = 110
_TABLE_SIZE: Final = 1110


def s10_faults(texts: list[str]) -> FloatArray:
    """Return 1 for S10 identifiers with a wrong check digit, 0 for those with the right one, and NaN for other texts; shape (n,).

    UPU S10: two letters, eight digits, a check digit (weights 8 6 4 2 3 5 9 7, modulo 11), two letters. Case and spaces
    are ignored.
    """
    found = np.empty(len(texts))
    view = found
    prefetch(texts)
    for place in range(len(texts)):
        text = texts[place]
        view[place] = _s10_fault(text if text.isascii() else _ascii_digits(text.upper()))
    return found


def _s10_fault(text: str) -> float:
    position = 0
    weighted = 0
    check = 0
    for letter in text:
        if letter == " ":
            continue
        if position < 2 or 10 < position < 13:
            if not ("A" <= letter <= "Z" or "a" <= letter <= "z"):
                return _NAN
        elif position > 12 or not "0" <= letter <= "9":
            return _NAN
        elif position == 10:
            check = ord(letter) - 48
        else:
            weighted += (ord(letter) - 48) * _S10_WEIGHTS[position - 2]
        position += 1
    if position != 13:
        return _NAN
    expected = 11 - weighted % 11
    if expected >= 10:
        expected = 0 if expected == 10 else 5
    return 1.0 if expected != check else 0.0


def waybill_faults(texts: list[str]) -> FloatArray:
    """Return 1 for air waybill numbers with a wrong check digit, 0 for those with the right one, NaN for other texts; shape (n,).

    IATA Resolution 600a: three digits of the carrier, seven digits, and the remainder of the seven digits modulo 7.
    """
    found = np.empty(len(texts))
    view = found
    prefetch(texts)
    for place in range(len(texts)):
        text = texts[place]
        view[place] = _waybill_fault(text if text.isascii() else _ascii_digits(text))
    return found


def _waybill_fault(text: str) -> float:
    length = len(text)
    if length != 11 and length != 12:
        return _NAN
    serial = 0
    for at in range(length):
        letter = text[at]
        if length == 12 and at == 3:
            if letter != "-" and letter != " ":
                return _NAN
        elif not "0" <= letter <= "9":
            return _NAN
        elif at >= length - 8:
            serial = serial * 10 + ord(letter) - 48
    return 1.0 if serial // 10 % 7 != serial % 10 else 0.0


def _ascii_digits(text: str) -> str:
    """Return the text with decimal digits of other scripts replaced by 0 to 9."""
    return "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)


def prefix_table(numbers: Mapping[str, int]) -> NDArray[np.int8]:
    """Return the table that `dialled` needs, shape (`_TABLE_SIZE`,); -1 where no dialling code is known.

    ``numbers`` maps dialling codes of one to three digits to numbers from 0 to 127.
    """
    table = np.full(_TABLE_SIZE, -1, dtype=np.int8)
    for prefix, number in numbers.items():
        table[int(prefix) + (0, _TWO_DIGITS_AT, _THREE_DIGITS_AT)[len(prefix) - 1]] = number
    return table


def dialled(phones: list[str], table: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the number in the table of each telephone number's dialling code, shape (n,); -1 without a known code.

    The dialling code is the longest known one after ``+`` or ``00``.
    """
    found = np.empty(len(phones), dtype=np.int8)
    view = found
    prefixes = table
    prefetch(phones)
    for place in range(len(phones)):
        phone = phones[place]
        best = -1
        started = False
        digits = 0
        number = 0
        for letter in phone:
            # Ignore characters other than + and digits. A digit of another script ends the search, because no code has one.
            if "0" <= letter <= "9":
                digit = ord(letter) - 48
            elif letter == "+" or (letter > "\x7f" and letter.isdecimal()):
                digit = -1
            else:
                continue
            if not started:
                if digit == 0 and digits < 2:
                    digits += 1
                    started = digits == 2
                elif letter == "+" and digits == 0:
                    started = True
                else:
                    break
                if started:
                    digits = 0
                continue
            if digit < 0:
                break
            number = number * 10 + digit
            digits += 1
            known = prefixes[number + (0 if digits == 1 else _TWO_DIGITS_AT if digits == 2 else _THREE_DIGITS_AT)]
            if known >= 0:
                best = known
            if digits == 3:
                break
        view[place] = best
    return found
