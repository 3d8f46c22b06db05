"""Normalisation of declared texts, with problems for unreadable ones.

Functions of one text take the stripped, non-blank text and return ``(value, problem)``; either may be ``None``. Tables call the
functions of many texts, `texts`, `numbers` and `times`, with the distinct texts of a column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from typing import Final

from features.manifest.fields import FIELD, FIELDS, Field, Kind
from features.reference import codes
from features.reference.words import declared_words
from features.texts.cas_numbers import PLAIN as _PLAIN_CAS
from features.texts.cas_numbers import cas_candidates
from features.texts.declared import (
    TIME_MISSING,
    normal_forms,
    numbered,
    plain_numbers,
    plain_time,
    plain_times,
    unevenly_spaced,
    unusual_codes,
)

Normal = tuple[str | None, str | None]
#: Result of `texts`.
Forms = tuple[list[str], list[int] | None, list[str | None] | None]

#: Upper bound of numbers. Larger ones are errors, and their sums would overflow.
LARGEST: Final = 1e12
#: First and last second of the calendar of Python, years 1 to 9999.
_CALENDAR_FIRST_S: Final = int(datetime.min.replace(tzinfo=UTC).timestamp())
_CALENDAR_LAST_S: Final = math.floor(datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp())
_SPREADSHEET: Final = re.compile(r"\d+\.0+")
_SPACES: Final = re.compile(r"\s+")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:[,.\u00a0\u202f' ]\d{3})+")
_CODE_SHAPE: Final = re.compile(r"[A-Z0-9]{2,3}")
_CAPITALS: Final = re.compile(r"[A-Z0-9]+")
_TRUE, _FALSE = (frozenset(declared_words()["flags"][key]) for key in ("true", "false"))
_MODE_WORDS: Final = {word: mode for mode, words in declared_words()["transport_modes"].items() for word in words}
_NEAR_DATES: Final = ("%Y/%m/%d", "%Y.%m.%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S")


def text(value: str) -> Normal:
    """Replace each run of white space by one space."""
    return _SPACES.sub(" ", value), None


def country(value: str) -> Normal:
    """Return the ISO 3166-1 alpha-2 code for an alpha-2 or alpha-3 code in any case, or for a country name."""
    if value in codes.alpha2_codes():
        return value, None
    alpha2 = codes.country(value)
    if alpha2 is None:
        return None, f"'{value[:40]}' is not a country of ISO 3166-1 (alpha-2 such as DE); treated as missing"
    if len(value) != 2:
        return alpha2, f"'{value[:40]}' was read as {alpha2}; ISO 3166-1 alpha-2 is expected"
    return alpha2, None


def countries(value: str) -> Normal:
    """Convert several countries, separated by `;`, `,` or `|`, to codes separated by `;`."""
    alpha2: list[str] = []
    problems: list[str] = []
    for part in filter(None, (p.strip() for p in re.split(r"[;,|]", value))):
        code, problem = country(part)
        if code is not None:
            alpha2.append(code)
        if problem is not None:
            problems.append(problem)
    return ";".join(alpha2) or None, " and ".join(problems) or None


def currency(value: str) -> Normal:
    """Return the ISO 4217 code of a currency."""
    iso4217 = codes.currency(value)
    if iso4217 is None:
        return None, f"'{value[:40]}' is not a currency of ISO 4217 (such as USD); treated as missing"
    return iso4217, None


def location(value: str) -> Normal:
    """Return the UN/LOCODE for a UN/LOCODE or an IATA airport code."""
    locode = codes.location(value)
    if locode is None:
        return (
            None,
            f"'{value[:40]}' is neither a UN/LOCODE (such as USLAX) nor an IATA airport code; treated as missing",
        )
    return locode, None


def hs(value: str) -> Normal:
    """Return the digits of an HS code as declared, without separators. They are not padded."""
    problem = None
    digits = value
    if not value.isdigit():
        if _SPREADSHEET.fullmatch(value) and len(value.partition(".")[2]) == 1 and len(value) > 5:
            problem = f"'{value}' looks like a number from a spreadsheet; read as {value.partition('.')[0]}"
            value = value.partition(".")[0]
        digits = re.sub(r"[\s.\-/]", "", value)
    if not digits.isascii() or not digits.isdigit() or not 4 <= len(digits) <= 10:
        return None, f"'{value[:40]}' is not an HS code of 4 to 10 digits; treated as missing"
    if not codes.hs_exists(digits):
        unknown = (
            f"'{value}' is not in the Harmonized System 2022 at {min(6, len(digits) // 2 * 2)} digits; kept as declared"
        )
        problem = unknown if problem is None else f"{problem}, and {unknown}"
    return digits, problem


def cas(value: str) -> Normal:
    """Return the first CAS Registry Number with a correct check digit, with hyphens, from any of its usual writings."""
    from stdnum import casrn

    if _PLAIN_CAS.fullmatch(value) is not None and casrn.is_valid(value):
        return value, None
    for candidate in cas_candidates(value):
        if casrn.is_valid(candidate):
            return candidate, None
    return None, f"'{value[:40]}' is not a CAS Registry Number (its check digit must agree); treated as missing"


def carrier(value: str) -> Normal:
    """Return an airline designator, SCAC or operator code in capitals."""
    return value.upper(), None


def flag(value: str) -> Normal:
    """Return ``true`` or ``false``."""
    low = value.casefold()
    if low in _TRUE:
        return "true", None
    if low in _FALSE:
        return "false", None
    return None, f"'{value[:40]}' is neither true nor false; treated as missing"


@cache
def _accepted() -> dict[str, dict[str, str]]:
    """Return field -> accepted text in lower case -> code, for fields with a list of codes."""
    accepted = {
        field.name: {code.casefold(): code for code in field.codes} for field in FIELDS if field.codes is not None
    }
    modes = FIELD["transport_mode"].codes or ()
    accepted["transport_mode"] |= {f"{code}0": code for code in modes} | _MODE_WORDS
    return accepted


def code(field: Field, value: str) -> Normal:
    """Return a code of the field's list, in any case. Fields without a list accept any two or three letters or digits."""
    if field.codes is not None and value in field.codes:
        return value, None
    problem = None
    if _SPREADSHEET.fullmatch(value):
        problem = f"'{value}' looks like a number from a spreadsheet; read as {value.partition('.')[0]}"
        value = value.partition(".")[0]
    if field.codes is None:
        upper = value.upper()
        if not _CODE_SHAPE.fullmatch(upper):
            return None, f"'{value[:40]}' is not a code of two or three letters or digits; treated as missing"
        return upper, problem
    accepted = _accepted()[field.name].get(re.sub(r"[\s\-]+", "_", value.casefold()))
    if accepted is None:
        shown = ", ".join(list(field.codes)[:8])
        return (
            None,
            f"'{value[:40]}' is not one of {shown}{', ...' if len(field.codes) > 8 else ''}; treated as missing",
        )
    return accepted, problem


def number(value: str, decimal: str | None = None) -> tuple[float, str | None, bool]:
    """Parse a number in any common notation and return ``(value, problem, not_finite)``, with NaN for missing.

    Commas, points, apostrophes and spaces may group thousands. A single comma before exactly three digits is ambiguous. It counts
    as grouping unless ``decimal`` is the comma.
    """
    try:
        parsed = float(value)
    except ValueError:
        pass
    else:
        if not math.isfinite(parsed):
            return math.nan, f"is {value[:40]}, expected a finite number", True
        if decimal != "," or not _GROUPED.fullmatch(value):
            return _checked(parsed, value, None)
    plain = value.replace("\u00a0", " ").replace("\u202f", " ").strip()
    problem = None
    if "," in plain and "." in plain:
        decimal = "," if plain.rfind(",") > plain.rfind(".") else "."
    elif "," in plain and decimal is None:
        if plain.count(",") == 1 and not _GROUPED.fullmatch(plain):
            decimal = ","
        elif plain.count(",") == 1:
            problem = f"'{value[:40]}' is ambiguous; the comma was read as grouping thousands"
    grouping = "." if decimal == "," else ","
    plain = re.sub(r"(?<=\d)[' ](?=\d{3}(?:\D|$))", "", plain).replace(grouping, "").replace(",", ".")
    try:
        parsed = float(plain)
    except ValueError:
        return math.nan, f"'{value[:40]}' is not a number; treated as missing", False
    if not math.isfinite(parsed):
        return math.nan, f"is {value[:40]}, expected a finite number", True
    return _checked(parsed, value, problem)


def signed_number(text: str, decimal: str | None = None) -> float:
    """Parse a number in any common notation, with or without a sign; return NaN for a text that is not a number."""
    sign = -1.0 if text.startswith("-") else 1.0
    return sign * number(text.lstrip("+-"), decimal)[0]


def _checked(parsed: float, value: str, problem: str | None) -> tuple[float, str | None, bool]:
    if parsed < 0:
        return math.nan, f"'{value[:40]}' is negative; treated as missing", False
    if parsed > LARGEST:
        return math.nan, f"'{value[:40]}' is larger than {LARGEST:,.0f}; treated as missing", False
    return parsed, problem, False


def time(value: str) -> tuple[int | None, str | None]:
    """Parse an ISO 8601 date or time to seconds since 1970. A time without offset is UTC, and a date means 00:00 UTC."""
    plain = plain_time(value)
    if plain != TIME_MISSING:
        return plain, None
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError:
        for pattern in _NEAR_DATES:
            try:
                moment = datetime.strptime(value, pattern).replace(tzinfo=UTC)
                break
            except ValueError:
                continue
        else:
            return None, f"'{value[:40]}' is not an ISO 8601 date or time (2026-05-04T09:30:00Z); treated as missing"
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        seconds = math.floor(moment.timestamp())
    except (OverflowError, ValueError):
        return None, f"'{value[:40]}' is outside the years 1 to 9999; treated as missing"
    # An offset may move a time of the first or last day out of the calendar.
    if not _CALENDAR_FIRST_S <= seconds <= _CALENDAR_LAST_S:
        return None, f"'{value[:40]}' is outside the years 1 to 9999; treated as missing"
    return seconds, None


_BY_KIND: Final[dict[Kind, Callable[[str], Normal]]] = {
    Kind.ID: text,
    Kind.TEXT: text,
    Kind.COUNTRY: country,
    Kind.COUNTRIES: countries,
    Kind.CURRENCY: currency,
    Kind.LOCATION: location,
    Kind.HS: hs,
    Kind.CAS: cas,
    Kind.FLAG: flag,
}


def _normaliser(field: Field) -> Callable[[str], Normal]:
    if field.name == "carrier_id":
        return carrier
    if field.kind is Kind.CODE:
        return partial(code, field)
    return _BY_KIND[field.kind]


_NORMALISERS: Final = {f.name: _normaliser(f) for f in FIELDS if f.kind not in (Kind.NUMBER, Kind.TIME)}


def normaliser(field: Field) -> Callable[[str], Normal]:
    """Return the normalising function of a field of any kind except numbers and times."""
    return _NORMALISERS[field.name]


#: Fields whose normal form differs from the declared text only in white space.
PLAIN: Final = frozenset(name for name, change in _NORMALISERS.items() if change is text)

#: Tests for fields without a list of codes. A text that passes is in normal form.
TESTS: Final[dict[str, Callable[[str], object]]] = {
    "carrier_id": _CAPITALS.fullmatch,
    **{f.name: codes.is_location for f in FIELDS if f.kind is Kind.LOCATION},
    **{f.name: _CODE_SHAPE.fullmatch for f in FIELDS if f.kind is Kind.CODE and f.codes is None},
}


def texts(field: Field, values: list[str], *, distinct: bool) -> Forms:
    """Return the normal forms of texts.

    Args:
        distinct: whether all values are known to differ.

    Returns:
        The distinct normal forms; the index of each value's form, -1 where missing (None if value i has form i); the problem of
        each value (None if there are no problems).
    """
    change = _NORMALISERS[field.name]
    if change is text:
        return _texts(values, distinct)
    if distinct and usual_forms()[field.name].issuperset(values):
        return values, None, None
    return _hs_codes(values, distinct) if change is hs else normal_forms(values, change)


@cache
def usual_forms() -> dict[str, frozenset[str]]:
    """Return field -> its most common texts in normal form, such as the codes of a list; empty for a field without a list."""
    return {field.name: _usual_forms(field) for field in FIELDS}


def _usual_forms(field: Field) -> frozenset[str]:
    if field.kind is Kind.COUNTRY:
        return codes.alpha2_codes()
    if field.kind is Kind.CURRENCY:
        return codes.currency_codes()
    if field.kind is Kind.FLAG:
        return frozenset({"true", "false"})
    return frozenset(field.codes or ()) if field.kind is Kind.CODE else frozenset()


def _texts(values: list[str], distinct: bool) -> Forms:
    """Do the same as `texts` for free text, but faster if nearly all texts have only single spaces."""
    uneven = unevenly_spaced(values)
    if not uneven and distinct:
        return values, None, None
    changed: list[str | None] = list(values)
    for index in uneven:
        changed[index] = text(values[index])[0]
    return (*numbered(changed), None)


def _hs_codes(values: list[str], distinct: bool) -> Forms:
    """Do the same as `texts` for HS codes, but faster if nearly all are already in normal form."""
    unusual = unusual_codes(values, codes.hs_texts())
    if not unusual and distinct:
        return values, None, None
    changed: list[str | None] = list(values)
    problems: list[str | None] = [None] * len(values)
    for index in unusual:
        changed[index], problems[index] = hs(values[index])
    return (*numbered(changed), problems if any(problem is not None for problem in problems) else None)


def numbers(
    field: Field, values: list[str], decimal: str | None
) -> tuple[list[float], list[str | None] | None, dict[int, str]]:
    """Parse numbers.

    Returns:
        The numbers, NaN where missing; the problem of each value (None if there are no problems); the problems, by index, of
        values that are not finite.
    """
    parsed, others = plain_numbers(values, LARGEST, decimal == ",")
    problems: dict[int, str] = {}
    not_finite: dict[int, str] = {}
    for index in others:
        parsed[index], problem, is_not_finite = number(values[index], decimal)
        if problem is not None:
            (not_finite if is_not_finite else problems)[index] = problem
    if field.name == "selection_probability":
        for index, probability in enumerate(parsed):
            if probability == probability and not 0 < probability <= 1:
                parsed[index] = math.nan
                problems[index] = f"'{values[index][:40]}' is not a probability in (0, 1]; treated as missing"
    return parsed, [problems.get(index) for index in range(len(values))] if problems else None, not_finite


def times(values: list[str]) -> tuple[list[int], list[str | None] | None]:
    """Parse times.

    Returns:
        Seconds since 1970, `TIME_MISSING` where missing; the problem of each value (None if there are no problems).
    """
    parsed, others = plain_times(values)
    problems: dict[int, str] = {}
    for index in others:
        seconds, problem = time(values[index])
        if problem is not None:
            problems[index] = problem
        if seconds is not None:
            parsed[index] = seconds
    return parsed, [problems.get(index) for index in range(len(values))] if problems else None
