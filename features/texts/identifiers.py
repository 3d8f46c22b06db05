"""Check digits of identifiers and dialling codes of telephone numbers, per distinct text."""

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
#: Start of the prefixes of two and of three digits in a table of prefixes, and the size of the table.
_OF_TWO: Final = 10
_OF_THREE: Final = 110
_PREFIXES: Final = 1110


def s10_faults(texts: list[str]) -> FloatArray:
    """Return 1 for each S10 identifier with a wrong check digit, 0 with the right one, NaN for any other text.

    UPU S10: two letters, eight digits, a check digit with weights 8 6 4 2 3 5 9 7 modulo 11, two letters. Case and spaces
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
    kept = 0
    weighted = 0
    check = 0
    for letter in text:
        if letter == " ":
            continue
        if kept < 2 or 10 < kept < 13:
            if not ("A" <= letter <= "Z" or "a" <= letter <= "z"):
                return _NAN
        elif kept > 12 or not "0" <= letter <= "9":
            return _NAN
        elif kept == 10:
            check = ord(letter) - 48
        else:
            weighted += (ord(letter) - 48) * _S10_WEIGHTS[kept - 2]
        kept += 1
    if kept != 13:
        return _NAN
    right = 11 - weighted % 11
    if right >= 10:
        right = 0 if right == 10 else 5
    return 1.0 if right != check else 0.0


def waybill_faults(texts: list[str]) -> FloatArray:
    """Return 1 for each air waybill number with a wrong check digit, 0 with the right one, NaN for any other text.

    IATA Resolution 600a: three digits of the carrier, then seven digits and, as eighth, their remainder modulo 7.
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
    """Replace decimal digits of other scripts by 0 to 9."""
    return "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)


def prefix_table(numbers: Mapping[str, int]) -> NDArray[np.int8]:
    """Return the table for `dialled` of numbers (0 to 127) by prefix of one to three digits."""
    table = np.full(_PREFIXES, -1, dtype=np.int8)
    for prefix, number in numbers.items():
        table[int(prefix) + (0, _OF_TWO, _OF_THREE)[len(prefix) - 1]] = number
    return table


def dialled(phones: list[str], table: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the number of the longest prefix in the table after ``+`` or ``00`` for each telephone, -1 without one."""
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
            # Other characters are ignored. A digit of another script is a digit, but part of no dialling code.
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
            known = prefixes[number + (0 if digits == 1 else _OF_TWO if digits == 2 else _OF_THREE)]
            if known >= 0:
                best = known
            if digits == 3:
                break
        view[place] = best
    return found
