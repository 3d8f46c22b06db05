"""Compiled loops that fill the columns of a new table row by row, and the amounts that they compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import cython
import numpy as np
from numpy.typing import NDArray

from features.texts.declared import TIME_MISSING

if not cython.compiled:
    from math import log

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
CodeArray = NDArray[np.int32]


class Amount(IntEnum):
    """Rows of `Amounts.log`: amounts of the item, followed by amounts of its shipment."""

    MASS = 0
    VALUE = 1
    UNITS = 2
    NET = 3
    GROSS = 4
    FREIGHT = 5
    TOTAL = 6
    PACKAGES = 7


@dataclass(frozen=True, slots=True, eq=False)
class Amounts:
    """Masses in kilograms and amounts in US dollars of a table with n rows.

    Attributes:
        log: (len(Amount), n) natural logarithms; NaN where an amount is missing or not positive.
        mass: (n,) mass of each item: its net mass, or an equal part of the shipment's gross mass.
        total: (n,) value of the row's shipment, rounded to cents; 0 if no value is known.
    """

    log: FloatArray
    mass: FloatArray
    total: FloatArray


_MASS = cython.declare(cython.Py_ssize_t, Amount.MASS)
_VALUE = cython.declare(cython.Py_ssize_t, Amount.VALUE)
_UNITS = cython.declare(cython.Py_ssize_t, Amount.UNITS)
_NET = cython.declare(cython.Py_ssize_t, Amount.NET)
_GROSS = cython.declare(cython.Py_ssize_t, Amount.GROSS)
_FREIGHT = cython.declare(cython.Py_ssize_t, Amount.FREIGHT)
_TOTAL = cython.declare(cython.Py_ssize_t, Amount.TOTAL)
_PACKAGES = cython.declare(cython.Py_ssize_t, Amount.PACKAGES)

_NAN = cython.declare(cython.double, float("nan"))
#: Upper bound of a number of cents or grams, so that sums stay within 64 bits.
_LARGEST = cython.declare(cython.double, 1e15)
#: 1.5 * 2 ** 52. Adding and then subtracting it rounds a number below 2 ** 51 to the nearest integer, ties to even.
_ROUNDING = cython.declare(cython.double, 6755399441055744.0)


def group(ids: CodeArray, shipment: IntArray, first_row: IntArray) -> int:
    """Group adjacent rows with the same id into shipments and return the number of shipments.

    Args:
        ids: (n,) code of each row's id. Each row without an id (-1) is a separate shipment.
        shipment: (n,) output: shipment of each row.
        first_row: (n,) output: first row of each shipment. Entries after the last shipment stay unchanged.
    """
    count = 0
    with cython.nogil:
        for row in range(ids.shape[0]):
            if row == 0 or ids[row] != ids[row - 1] or ids[row] < 0:
                first_row[count] = row
                count += 1
            shipment[row] = count - 1
    return count


def first_wins(codes: CodeArray, columns: list[int], first_row: IntArray) -> list[tuple[int, int, int, int]]:
    """Set shipment-level fields on all rows of a shipment to the first value that is not missing.

    Args:
        codes: (fields, n) value codes, -1 where missing; modified in place.
        columns: rows of ``codes`` to process.

    Returns:
        (index in ``columns``, row, first code, replaced code) of each row with a conflicting value, sorted.
    """
    differing = []
    n = codes.shape[1]
    n_shipments = first_row.shape[0]
    for index, column in enumerate(columns):
        for shipment in range(n_shipments):
            row = first_row[shipment]
            end = first_row[shipment + 1] if shipment + 1 < n_shipments else n
            if end == row + 1:
                continue
            first = -1
            for k in range(row, end):
                code = codes[column, k]
                if first < 0:
                    first = code
                elif code >= 0 and code != first:
                    differing.append((index, k, first, code))
            for k in range(row, end):
                codes[column, k] = first
    return differing


def gather_numbers(values: list[list[float] | None], codes: CodeArray, columns: list[int], out: FloatArray) -> None:
    """Write the numbers of several fields into ``out`` (fields, n); NaN where missing.

    Args:
        values: per field the number of each code; None for an absent field.
        columns: per field its row in ``codes`` (fields, n).
    """
    n = codes.shape[1]
    missing = float("nan")
    for k in range(len(values)):
        numbers = values[k]
        column = columns[k]
        if numbers is None:
            for row in range(n):
                out[k, row] = missing
            continue
        for row in range(n):
            code = codes[column, row]
            out[k, row] = numbers[code] if code >= 0 else missing


def gather_times(values: list[list[int] | None], codes: CodeArray, columns: list[int], out: IntArray) -> None:
    """Write the times of several fields into ``out`` (fields, n); `TIME_MISSING` where missing. See `gather_numbers`."""
    n = codes.shape[1]
    missing = TIME_MISSING
    for k in range(len(values)):
        times = values[k]
        column = columns[k]
        if times is None:
            for row in range(n):
                out[k, row] = missing
            continue
        for row in range(n):
            code = codes[column, row]
            out[k, row] = times[code] if code >= 0 else missing


def unreadable(ids: CodeArray, codes: CodeArray, fields: list[int]) -> tuple[list[int], list[int]]:
    """Return the rows without an id, and the rows without a value in any of some fields.

    Args:
        ids: (n,) code of each row's id, -1 where missing.
        fields: rows of ``codes`` (columns, n) that contain these fields. To save time, the fields that most rows have come first.
    """
    without_id: list[int] = []
    blank: list[int] = []
    for row in range(ids.shape[0]):
        if ids[row] < 0:
            without_id.append(row)
        filled = False
        for column in fields:
            if codes[column, row] >= 0:
                filled = True
                break
        if not filled:
            blank.append(row)
    return without_id, blank


def overlong(
    values: dict[str, tuple[list[str], bool]], of_goods: frozenset[str], limit: int, limit_of_goods: int
) -> list[str]:
    """Return the columns with a text of more than ``limit`` characters, or ``limit_of_goods`` for columns in ``of_goods``.

    Args:
        values: name -> the texts of the column, and a second value that is not used.
    """
    names: list[str] = []
    for name, column in values.items():
        for text in column[0]:
            if len(text) > limit and (len(text) > limit_of_goods or name not in of_goods):
                names.append(name)
                break
    return names


def is_missing_somewhere(codes: CodeArray) -> bool:
    """Return whether a row (n,) has no text."""
    for row in range(codes.shape[0]):  # noqa: SIM110
        if codes[row] < 0:
            return True
    return False


def fill_times(
    times: IntArray, first_row: IntArray, window: tuple[int, int], replacement: int, carry: bool, declared: IntArray
) -> list[int]:
    """Write the time of each shipment's first row into ``declared`` and fill in missing times.

    Args:
        times: (n_rows,) declared times.
        window: earliest and latest plausible time; others count as missing.
        replacement: time to use instead of a missing one.
        carry: whether each time becomes the replacement for the missing times after it.
        declared: (S,) output: time of each shipment.

    Returns:
        The shipments with an implausible time.
    """
    implausible: list[int] = []
    missing = TIME_MISSING
    earliest, latest = window
    for shipment in range(first_row.shape[0]):
        seconds = times[first_row[shipment]]
        if seconds != missing and (seconds < earliest or seconds > latest):
            implausible.append(shipment)
            seconds = missing
        if seconds == missing:
            seconds = replacement
        elif carry:
            replacement = seconds
        declared[shipment] = seconds
    return implausible


def usd_rates(
    currency: CodeArray,
    shipment: IntArray,
    declared: IntArray,
    rate_of: Callable[[int, int], float],
    numbers: FloatArray,
    amounts: list[int],
    out: FloatArray,
) -> int:
    """Write each row's exchange rate in US dollars per unit of its currency; NaN where unknown.

    Args:
        currency: (n_rows,) code of each row's currency, -1 where missing.
        shipment: (n_rows,) shipment of each row.
        declared: (S,) time of each shipment in seconds since 1970.
        rate_of: returns the rate for a currency's code and a month of declaration, counted from year 0.
        amounts: rows of ``numbers`` (fields, n_rows) that contain amounts.
        out: (n_rows,) output.

    Returns:
        The number of rows that declare an amount but have no exchange rate.
    """
    cache: dict[int, float] = {}
    without_rate = 0
    last = -1
    rate = float("nan")
    for row in range(currency.shape[0]):
        code = currency[row]
        if code < 0:
            out[row] = float("nan")
        else:
            key = _month(declared[shipment[row]]) * 1024 + code
            if key != last:
                last = key
                cached = cache.get(key)
                if cached is None:
                    cached = rate_of(code, key // 1024)
                    cache[key] = cached
                rate = cached
            out[row] = rate
        if out[row] != out[row]:
            for k in amounts:
                if numbers[k, row] == numbers[k, row]:
                    without_rate += 1
                    break
    return without_rate


def _month(seconds: int) -> int:
    """Return the month of a time in seconds since 1970, counted from year 0."""
    # Division in C rounds towards zero, so count days from 1 March of the year -8,000,000: all numbers are then positive.
    days = (seconds + 86400 * 2_922_659_468) // 86400
    era = days // 146097
    of_era = days - era * 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    # Months since March, the first month of the computed year.
    month = (5 * (of_era - (365 * year + year // 4 - year // 100)) + 2) // 153
    return (era * 400 + year - 8_000_000) * 12 + month + 2


def fill_amounts(
    declared: tuple[FloatArray, ...], first_row: IntArray, amounts: FloatArray, mass: FloatArray, total: FloatArray
) -> None:
    """Write masses of items, values of shipments, and the natural logarithms of all amounts.

    Args:
        declared: six arrays (n,): value and freight charge in US dollars, net mass, gross mass, quantity and packages.
        amounts: (len(Amount), n) output: logarithms, NaN where an amount is missing or not positive. ``NET`` and ``TOTAL`` are
            sums over the shipment.
        mass: (n,) output: mass of each item in kilograms; may be 0.
        total: (n,) output: value of the row's shipment; 0 if no value is known.
    """
    usd, freight, net_mass, gross_mass, quantity, packages = declared
    n = usd.shape[0]
    shipments = first_row.shape[0]
    with cython.nogil:
        for shipment in range(shipments):
            start = first_row[shipment]
            end = first_row[shipment + 1] if shipment + 1 < shipments else n
            cents = 0
            grams = 0
            for row in range(start, end):
                cents += _whole(usd[row] * 100.0)
                grams += _whole(net_mass[row] * 1000.0)
            value = cents / 100.0
            net = grams / 1000.0
            items = end - start
            for row in range(start, end):
                item = net_mass[row]
                if item != item:
                    item = gross_mass[row] / items
                mass[row] = item
                total[row] = value
                amounts[_VALUE, row] = _log(usd[row])
                amounts[_MASS, row] = _log(item)
                amounts[_UNITS, row] = _log(quantity[row])
                amounts[_NET, row] = _log(net)
                amounts[_GROSS, row] = _log(gross_mass[row])
                amounts[_FREIGHT, row] = _log(freight[row])
                amounts[_TOTAL, row] = _log(value)
                amounts[_PACKAGES, row] = _log(packages[row])


def _log(amount: float) -> float:
    return log(amount) if amount > 0.0 else _NAN


def _whole(amount: float) -> int:
    """Round to the nearest integer, ties to even, and cap at `_LARGEST`; return 0 for NaN."""
    if amount != amount:
        return 0
    if amount > _LARGEST:
        amount = _LARGEST
    return int((amount + _ROUNDING) - _ROUNDING)
