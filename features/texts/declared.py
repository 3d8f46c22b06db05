"""Compiled loops that number distinct texts and parse the most common forms of numbers and times.

`features.table.normalise` parses all other forms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

#: Value of a missing time, below all real times.
TIME_MISSING = -(2**63)


def encode(texts: Sequence[str | None], codes: NDArray[np.int32]) -> list[str]:
    """Write the code of each text into ``codes`` (n,), -1 if blank or None. Return the distinct stripped texts by code."""
    known: dict[str, int] = {}
    for row, text in enumerate(texts):
        code = -1
        stripped = text.strip() if text else ""
        if stripped:
            found = known.get(stripped)
            if found is None:
                found = len(known)
                known[stripped] = found
            code = found
        codes[row] = code
    return list(known)


def numbered(texts: list[str | None]) -> tuple[list[str], list[int] | None]:
    """Return the distinct texts, and the code of each text, -1 if empty or None. The codes are None if each text i has code i."""
    known: dict[str, int] = {}
    codes: list[int] = []
    counts_up = True
    for index, text in enumerate(texts):
        code = -1
        if text:
            found = known.get(text)
            if found is None:
                found = len(known)
                known[text] = found
            code = found
        if code != index:
            counts_up = False
        codes.append(code)
    return list(known), None if counts_up else codes


def normal_forms(
    texts: list[str], change: Callable[[str], tuple[str | None, str | None]]
) -> tuple[list[str], list[int] | None, list[str | None] | None]:
    """Return the distinct normal forms and the codes of the texts, like `numbered`, and the problem of each text.

    The problems are None if no text has one. ``change`` returns the normal form and the problem of a text.
    """
    forms: list[str | None] = []
    problems: list[str | None] | None = None
    for text in texts:
        form, problem = change(text)
        if problem is not None:
            if problems is None:
                problems = [None] * len(texts)
            problems[len(forms)] = problem
        forms.append(form)
    distinct, codes = numbered(forms)
    return distinct, codes, problems


def unevenly_spaced(texts: list[str]) -> list[int]:
    """Return the indices of texts with white space other than single spaces."""
    found = []
    for index, text in enumerate(texts):
        before = False
        for char in text:
            if "!" <= char <= "~" or not char.isspace():
                before = False
            elif before or char != " ":
                found.append(index)
                break
            else:
                before = True
    return found


def unusual_codes(texts: list[str], known: dict[str, str]) -> list[int]:
    """Return the indices of texts that are not HS codes of 4 to 10 digits with a ``known`` beginning.

    The beginning is the first 6 digits, or 4 of a shorter code.
    """
    found = []
    for index, text in enumerate(texts):
        size = len(text)
        usual = 4 <= size <= 10
        for char in text:
            if not ("0" <= char <= "9"):
                usual = False
                break
        if not usual or text[: 6 if size >= 6 else 4] not in known:
            found.append(index)
    return found


def plain_numbers(texts: list[str], largest: float, comma: bool) -> tuple[list[float], list[int]]:
    """Parse plain numbers from 0 to ``largest``, as ``float`` does.

    Args:
        comma: whether the comma is the decimal sign. Texts with a point are then not parsed, because it may group digits.

    Returns:
        Number of each text, NaN if not parsed; indices of the texts that were not parsed.
    """
    numbers: list[float] = []
    others: list[int] = []
    for index, text in enumerate(texts):
        plain = not comma or "." not in text
        number = -1.0
        if plain:
            try:
                number = float(text)
            except ValueError:
                plain = False
        if plain and 0.0 <= number <= largest:
            numbers.append(number)
        else:
            numbers.append(float("nan"))
            others.append(index)
    return numbers, others


def plain_times(texts: list[str]) -> tuple[list[int], list[int]]:
    """Parse texts ``YYYY-MM-DD`` and ``YYYY-MM-DDTHH:MM[:SS][Z]``, also with a blank instead of the T.

    Returns:
        Seconds since 1970-01-01 of each text, `TIME_MISSING` if not parsed; indices of the texts that were not parsed.
    """
    times: list[int] = []
    others: list[int] = []
    missing = TIME_MISSING
    for index, text in enumerate(texts):
        seconds = plain_time(text)
        if seconds == missing:
            others.append(index)
        times.append(seconds)
    return times, others


def plain_time(text: str) -> int:
    """Return the seconds since 1970-01-01 of one text, like `plain_times`."""
    n = len(text)
    if n != 10 and n != 19 and n != 20 and n != 16 and n != 17:
        return TIME_MISSING
    if text[4] != "-" or text[7] != "-":
        return TIME_MISSING
    year, month, day = _digits(text, 0, 4), _digits(text, 5, 2), _digits(text, 8, 2)
    if year < 1 or month < 1 or month > 12 or day < 1:
        return TIME_MISSING
    if month == 2:
        days = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    else:
        days = 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31
    if day > days:
        return TIME_MISSING
    seconds = 0
    if n > 10:
        if text[10] != "T" and text[10] != " " and text[10] != "t":
            return TIME_MISSING
        if (n == 17 or n == 20) and text[n - 1] != "Z" and text[n - 1] != "z":
            return TIME_MISSING
        hour, minute, second = _digits(text, 11, 2), _digits(text, 14, 2), 0
        if n >= 19:
            second = _digits(text, 17, 2) if text[16] == ":" else -1
        if text[13] != ":" or hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
            return TIME_MISSING
        seconds = hour * 3600 + minute * 60 + second
    # Start years in March, so that leap days are the last days of years.
    if month <= 2:
        year -= 1
        month += 12
    era = year // 400
    of_era = year - era * 400
    day_of_year = (153 * (month - 3) + 2) // 5 + day - 1
    day_of_era = of_era * 365 + of_era // 4 - of_era // 100 + day_of_year
    # 1970-01-01 is day 719,468 after 0000-03-01.
    return (era * 146097 + day_of_era - 719468) * 86400 + seconds


def _digits(text: str, at: int, width: int) -> int:
    """Return the number of ``width`` ASCII digits; -1 if a character is not a digit."""
    number = 0
    for k in range(at, at + width):
        digit = ord(text[k]) - 48
        if digit < 0 or digit > 9:
            return -1
        number = number * 10 + digit
    return number
