"""Amounts of a table and the columns of `features.groups.value.group`, written row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cython
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from features.table.table import ManifestTable

FloatArray = NDArray[np.float64]

#: Amounts of a table, in the order of their arrays.
AMOUNTS: Final = ("mass", "value", "units", "net", "gross", "freight", "total", "packages")

_NAN: Final = float("nan")
_MASS: Final = 0
_VALUE: Final = 1
_UNITS: Final = 2
_NET: Final = 3
_GROSS: Final = 4
_FREIGHT: Final = 5
_TOTAL: Final = 6
_PACKAGES: Final = 7
#: Distances from what is usual, in spreads.
_FURTHEST: Final = 20.0
#: Cents and grams beyond this do not add up.
_LARGEST: Final = 1e15
#: Adding and subtracting 1.5 * 2 ** 52 rounds a number below 2 ** 51 to a whole one, halves to the even one.
_ROUNDING: Final = 6755399441055744.0


def gather(table: ManifestTable) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The amounts of a table.

    Returns:
        (8, n) `AMOUNTS` of each row, NaN where missing or not above 0, ready for the logarithm; ``net``, ``total``: of the
        whole shipment. (n,) the item's mass, 0 where it is declared 0; (n,) the total value in US dollars, 0 where none is.
    """
    usd = table.usd("customs_value")
    freight = table.usd("freight_charge")
    net_mass = table.number("net_mass_kg")
    gross_mass = table.number("gross_mass_kg")
    quantity = table.number("quantity")
    packages = table.number("package_count")
    first_row = table.first_row
    n = table.n_rows
    positive = np.empty((len(AMOUNTS), n))
    mass = np.empty(n)
    total = np.empty(n)
    amounts = positive
    masses = mass
    totals = total
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
                masses[row] = item
                totals[row] = value
                amounts[_VALUE, row] = usd[row] if usd[row] > 0 else _NAN
                amounts[_MASS, row] = item if item > 0 else _NAN
                amounts[_UNITS, row] = quantity[row] if quantity[row] > 0 else _NAN
                amounts[_NET, row] = net if net > 0 else _NAN
                amounts[_GROSS, row] = gross_mass[row] if gross_mass[row] > 0 else _NAN
                amounts[_FREIGHT, row] = freight[row] if freight[row] > 0 else _NAN
                amounts[_TOTAL, row] = value if value > 0 else _NAN
                amounts[_PACKAGES, row] = packages[row] if packages[row] > 0 else _NAN
    return positive, mass, total


def _whole(amount: float) -> int:
    """The nearest whole number, the even one of two, and at most `_LARGEST`; 0 where missing."""
    if amount != amount:
        return 0
    if amount > _LARGEST:
        amount = _LARGEST
    return int((amount + _ROUNDING) - _ROUNDING)


def value_columns(
    table: ManifestTable,
    logs: FloatArray,
    totals: FloatArray,
    usual_of: NDArray[np.int32],
    usual: FloatArray,
    month_starts: NDArray[np.int64],
    month_rates: FloatArray,
    out: FloatArray,
) -> None:
    """All columns of ``out`` (n, F) but 9 and 17.

    Args:
        logs: (8, n) logs of `AMOUNTS`; ``totals`` (n,) as `gather` has them.
        usual_of: (n,) the row of ``usual`` for the HS code.
        usual: (k, 6) median and spread of value per kilogram, value and mass.
        month_starts: (m,) ascending, seconds since 1970; ``month_rates`` (m,) US dollars per euro from then on.
    """
    usd = table.usd("customs_value")
    declared = table.number("customs_value")
    first_row = table.first_row
    moments = table.declared_s
    n = table.n_rows
    log = logs
    total = totals
    row_of = usual_of
    typical = usual
    starts = month_starts
    rates = month_rates
    matrix = out
    shipments = first_row.shape[0]
    with cython.nogil:
        for shipment in range(shipments):
            start = first_row[shipment]
            end = first_row[shipment + 1] if shipment + 1 < shipments else n
            rate = _rate(starts, rates, moments[shipment])
            per_package = log[_GROSS, start] - log[_PACKAGES, start]
            for row in range(start, end):
                value = log[_VALUE, row]
                mass = log[_MASS, row]
                density = value - mass
                at = row_of[row]
                whole = total[row]
                euros = whole / rate
                amount = declared[row]
                matrix[row, 0] = 1.0 if usd[row] != usd[row] else 0.0
                matrix[row, 1] = value
                matrix[row, 2] = mass
                matrix[row, 3] = density
                matrix[row, 4] = _distance(density, typical[at, 0], typical[at, 1])
                matrix[row, 5] = value - log[_UNITS, row]
                matrix[row, 6] = _distance(value, typical[at, 2], typical[at, 3])
                matrix[row, 7] = _distance(mass, typical[at, 4], typical[at, 5])
                matrix[row, 8] = mass - log[_UNITS, row]
                matrix[row, 10] = log[_FREIGHT, row] - log[_TOTAL, row]
                matrix[row, 11] = log[_FREIGHT, row] - log[_GROSS, row]
                matrix[row, 12] = 1.0 if 760.0 <= whole < 800.0 or 142.5 <= euros < 150.0 else 0.0
                matrix[row, 13] = _NAN if amount != amount else _roundness(amount)
                matrix[row, 14] = log[_TOTAL, row]
                matrix[row, 15] = log[_GROSS, row]
                matrix[row, 16] = end - start
                matrix[row, 18] = per_package


def _roundness(amount: float) -> float:
    """Of 1, 10 and 100, how many divide an amount."""
    if amount % 1.0 != 0.0:
        return 0.0
    return 1.0 if amount % 10.0 != 0.0 else 2.0 if amount % 100.0 != 0.0 else 3.0


def _distance(value: float, median: float, spread: float) -> float:
    distance = (value - median) / spread
    return _FURTHEST if distance > _FURTHEST else -_FURTHEST if distance < -_FURTHEST else distance


def _rate(starts: NDArray[np.int64], rates: FloatArray, moment: int) -> float:
    """The rate of the last month that began by a moment; NaN before the first."""
    low = 0
    high = starts.shape[0]
    while low < high:
        middle = (low + high) // 2
        if starts[middle] <= moment:
            low = middle + 1
        else:
            high = middle
    return rates[low - 1] if low > 0 else _NAN
