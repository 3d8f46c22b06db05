"""Loops over the rows of a table under construction."""

from __future__ import annotations

from collections.abc import Callable

import cython
import numpy as np
from numpy.typing import NDArray

from features.table.amounts import Amount
from features.texts.declared import TIME_MISSING

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
CodeArray = NDArray[np.int32]

_MASS = cython.declare(cython.Py_ssize_t, Amount.MASS)
_VALUE = cython.declare(cython.Py_ssize_t, Amount.VALUE)
_UNITS = cython.declare(cython.Py_ssize_t, Amount.UNITS)
_NET = cython.declare(cython.Py_ssize_t, Amount.NET)
_GROSS = cython.declare(cython.Py_ssize_t, Amount.GROSS)
_FREIGHT = cython.declare(cython.Py_ssize_t, Amount.FREIGHT)
_TOTAL = cython.declare(cython.Py_ssize_t, Amount.TOTAL)
_PACKAGES = cython.declare(cython.Py_ssize_t, Amount.PACKAGES)

_NAN = cython.declare(cython.double, float("nan"))
#: Cents and grams count at most this much, so that their sums stay within 64 bits.
_LARGEST = cython.declare(cython.double, 1e15)
#: Adding and subtracting 1.5 * 2 ** 52 rounds a number below 2 ** 51 to the nearest whole number, and halves to even.
_ROUNDING = cython.declare(cython.double, 6755399441055744.0)


def group(ids: CodeArray, shipment: IntArray, first_row: IntArray) -> int:
    """Write each row's shipment index and return the number of shipments. Adjacent rows with the same id are one shipment.

    Args:
        ids: (n,) code of each row's id. A row without an id (-1) is a shipment of its own.
        shipment: (n,) to be written: row -> shipment.
        first_row: (n,) to be written, as far as there are shipments: the first row of each.
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
    """Give all rows of a shipment its first code that is not missing, in some rows of ``codes`` (fields, n).

    Returns:
        (index in ``columns``, row, first code, other code) of each row that had another code, sorted.
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
            kept = -1
            for k in range(row, end):
                code = codes[column, k]
                if kept < 0:
                    kept = code
                elif code >= 0 and code != kept:
                    differing.append((index, k, kept, code))
            for k in range(row, end):
                codes[column, k] = kept
    return differing


def gather_numbers(values: list[list[float] | None], codes: CodeArray, columns: list[int], out: FloatArray) -> None:
    """Write the numbers of several fields into ``out`` (fields, n), NaN where missing.

    Args:
        values: per field the number of each code, None for an absent field.
        columns: row of ``codes`` (fields, n) of each field.
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
    """Write the times of several fields as `gather_numbers` writes numbers, `TIME_MISSING` where missing."""
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


def unreadable(ids: CodeArray, codes: CodeArray, describing: list[int]) -> tuple[list[int], list[int]]:
    """Return the rows without an id, and the rows without a text in any of the rows ``describing`` of ``codes`` (fields, n)."""
    nameless: list[int] = []
    undescribed: list[int] = []
    for row in range(ids.shape[0]):
        if ids[row] < 0:
            nameless.append(row)
        described = False
        for column in describing:
            if codes[column, row] >= 0:
                described = True
                break
        if not described:
            undescribed.append(row)
    return nameless, undescribed


def fill_times(
    times: IntArray, first_row: IntArray, latest: int, known: int, carry: bool, declared: IntArray
) -> list[int]:
    """Write each shipment's time into ``declared``.

    Args:
        times: (n_rows,) declared times.
        latest: a later time counts as missing.
        known: replaces a missing time.
        carry: whether a time replaces the missing times after it.

    Returns:
        The shipments whose time is after ``latest``.
    """
    late: list[int] = []
    missing = TIME_MISSING
    for shipment in range(first_row.shape[0]):
        seconds = times[first_row[shipment]]
        if seconds > latest:
            late.append(shipment)
            seconds = missing
        if seconds == missing:
            seconds = known
        elif carry:
            known = seconds
        declared[shipment] = seconds
    return late


def usd_rates(
    currency: CodeArray,
    shipment: IntArray,
    declared: IntArray,
    rate_of: Callable[[int, int], float],
    numbers: FloatArray,
    amounts: list[int],
    out: FloatArray,
) -> int:
    """Write the US dollars per unit of each row's currency in the month of its declaration, NaN where unknown.

    Args:
        rate_of: returns the rate of a currency's code in a month, counted from year 0.
        amounts: rows of ``numbers`` (fields, n_rows) that hold amounts.

    Returns:
        The number of rows that state an amount but have no exchange rate.
    """
    memory: dict[int, float] = {}
    without = 0
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
                found = memory.get(key)
                if found is None:
                    found = rate_of(code, key // 1024)
                    memory[key] = found
                rate = found
            out[row] = rate
        if out[row] != out[row]:
            for k in amounts:
                if numbers[k, row] == numbers[k, row]:
                    without += 1
                    break
    return without


def _month(seconds: int) -> int:
    """Return the month of a time in seconds since 1970, counted from year 0."""
    # Days since a 1 March 8 million years before 0000-03-01, because division rounds positive and negative numbers differently.
    days = (seconds + 86400 * 2_922_659_468) // 86400
    era = days // 146097
    of_era = days - era * 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    # Months since the March that begins the year.
    month = (5 * (of_era - (365 * year + year // 4 - year // 100)) + 2) // 153
    return (era * 400 + year - 8_000_000) * 12 + month + 2


def fill_amounts(
    declared: tuple[FloatArray, ...], first_row: IntArray, amounts: FloatArray, mass: FloatArray, total: FloatArray
) -> None:
    """Write masses and amounts of items and shipments, NaN where missing or not above 0.

    Args:
        declared: (n,) each: value and freight charge in US dollars, net mass, gross mass, quantity, and packages.
        amounts: (len(Amount), n) to be written; the net mass and the total are sums over the shipment.
        mass: (n,) to be written: kilograms of each item, which may be 0.
        total: (n,) to be written: value of the row's shipment, 0 where no value is known.
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
                amounts[_VALUE, row] = usd[row] if usd[row] > 0 else _NAN
                amounts[_MASS, row] = item if item > 0 else _NAN
                amounts[_UNITS, row] = quantity[row] if quantity[row] > 0 else _NAN
                amounts[_NET, row] = net if net > 0 else _NAN
                amounts[_GROSS, row] = gross_mass[row] if gross_mass[row] > 0 else _NAN
                amounts[_FREIGHT, row] = freight[row] if freight[row] > 0 else _NAN
                amounts[_TOTAL, row] = value if value > 0 else _NAN
                amounts[_PACKAGES, row] = packages[row] if packages[row] > 0 else _NAN


def _whole(amount: float) -> int:
    """Return the nearest whole number, halves to even, at most `_LARGEST`; 0 where missing."""
    if amount != amount:
        return 0
    if amount > _LARGEST:
        amount = _LARGEST
    return int((amount + _ROUNDING) - _ROUNDING)
