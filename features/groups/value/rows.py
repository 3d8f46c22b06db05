"""Compiled loop for the value columns."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

from features.groups.value.columns import Quantity, ValueColumn
from features.reference.trade import JUST_BELOW, LIMIT_EUR, LIMIT_USD
from features.table.amounts import Amount, Amounts
from features.table.table import ManifestTable

if not cython.compiled:
    from math import exp, log1p

FloatArray = NDArray[np.float64]

_MASS = cython.declare(cython.Py_ssize_t, Amount.MASS)
_NET = cython.declare(cython.Py_ssize_t, Amount.NET)
_VALUE = cython.declare(cython.Py_ssize_t, Amount.VALUE)
_UNITS = cython.declare(cython.Py_ssize_t, Amount.UNITS)
_GROSS = cython.declare(cython.Py_ssize_t, Amount.GROSS)
_FREIGHT = cython.declare(cython.Py_ssize_t, Amount.FREIGHT)
_TOTAL = cython.declare(cython.Py_ssize_t, Amount.TOTAL)
_PACKAGES = cython.declare(cython.Py_ssize_t, Amount.PACKAGES)

_VALUE_PER_KG_QUANTITY = cython.declare(cython.Py_ssize_t, Quantity.VALUE_PER_KG)
_VALUE_QUANTITY = cython.declare(cython.Py_ssize_t, Quantity.VALUE)
_MASS_QUANTITY = cython.declare(cython.Py_ssize_t, Quantity.MASS)

_VALUE_MISSING = cython.declare(cython.Py_ssize_t, ValueColumn.VALUE_MISSING)
_VALUE_USD = cython.declare(cython.Py_ssize_t, ValueColumn.VALUE_USD)
_MASS_KG = cython.declare(cython.Py_ssize_t, ValueColumn.MASS_KG)
_VALUE_PER_KG = cython.declare(cython.Py_ssize_t, ValueColumn.VALUE_PER_KG)
_VALUE_PER_KG_UNUSUAL = cython.declare(cython.Py_ssize_t, ValueColumn.VALUE_PER_KG_UNUSUAL)
_VALUE_PER_UNIT = cython.declare(cython.Py_ssize_t, ValueColumn.VALUE_PER_UNIT)
_VALUE_UNUSUAL = cython.declare(cython.Py_ssize_t, ValueColumn.VALUE_UNUSUAL)
_MASS_UNUSUAL = cython.declare(cython.Py_ssize_t, ValueColumn.MASS_UNUSUAL)
_MASS_PER_UNIT = cython.declare(cython.Py_ssize_t, ValueColumn.MASS_PER_UNIT)
_FREIGHT_TO_VALUE = cython.declare(cython.Py_ssize_t, ValueColumn.FREIGHT_TO_VALUE)
_FREIGHT_PER_KG = cython.declare(cython.Py_ssize_t, ValueColumn.FREIGHT_PER_KG)
_VALUE_BELOW_THRESHOLD = cython.declare(cython.Py_ssize_t, ValueColumn.VALUE_BELOW_THRESHOLD)
_VALUE_ROUND = cython.declare(cython.Py_ssize_t, ValueColumn.VALUE_ROUND)
_SHIPMENT_VALUE_USD = cython.declare(cython.Py_ssize_t, ValueColumn.SHIPMENT_VALUE_USD)
_SHIPMENT_MASS_KG = cython.declare(cython.Py_ssize_t, ValueColumn.SHIPMENT_MASS_KG)
_SHIPMENT_ITEMS = cython.declare(cython.Py_ssize_t, ValueColumn.SHIPMENT_ITEMS)
_MASS_PER_PACKAGE = cython.declare(cython.Py_ssize_t, ValueColumn.MASS_PER_PACKAGE)
_MASS_NET_SHARE = cython.declare(cython.Py_ssize_t, ValueColumn.MASS_NET_SHARE)
_PACKAGE_COUNT = cython.declare(cython.Py_ssize_t, ValueColumn.PACKAGE_COUNT)

_USD = cython.declare(cython.double, LIMIT_USD)
_EUR = cython.declare(cython.double, LIMIT_EUR)
_NEAR_USD = cython.declare(cython.double, JUST_BELOW * LIMIT_USD)
_NEAR_EUR = cython.declare(cython.double, JUST_BELOW * LIMIT_EUR)
# Positions of the numbers in the last axis of ``usual``.
_MEDIAN = cython.declare(cython.Py_ssize_t, 0)
_SPREAD = cython.declare(cython.Py_ssize_t, 1)

_NAN = cython.declare(cython.double, float("nan"))
#: Upper bound of the logarithm of the share of the net mass in the gross mass.
_LARGEST_SHARE = cython.declare(cython.double, 5.0)
#: Upper bound of the size of distances from the usual value, in spreads.
_FURTHEST = cython.declare(cython.double, 20.0)


def fill_values(
    table: ManifestTable,
    amounts: Amounts,
    usual_row: NDArray[np.int32],
    usual: FloatArray,
    euro_rate: FloatArray,
    out: FloatArray,
) -> None:
    """Write all columns of ``out`` (n, F).

    Args:
        usual_row: (n,) row of ``usual`` for the item's HS code.
        usual: (k, len(Quantity), 2) median and spread of the log of each quantity.
        euro_rate: (n_shipments,) US dollars per euro at the time of declaration; NaN if unknown.
    """
    usd = table.usd("customs_value")
    declared = table.number("customs_value")
    packages = table.number("package_count")
    first_row = table.first_row
    n = table.n_rows
    log = amounts.log
    total = amounts.total
    row_of = usual_row
    typical = usual
    rates = euro_rate
    matrix = out
    shipments = first_row.shape[0]
    with cython.nogil:
        for shipment in range(shipments):
            start = first_row[shipment]
            end = first_row[shipment + 1] if shipment + 1 < shipments else n
            per_package = log[_GROSS, start] - log[_PACKAGES, start]
            for row in range(start, end):
                value = log[_VALUE, row]
                mass = log[_MASS, row]
                density = value - mass
                at = row_of[row]
                shipment_value = total[row]
                euros = shipment_value / rates[shipment]
                amount = declared[row]
                matrix[row, _VALUE_MISSING] = 1.0 if usd[row] != usd[row] else 0.0
                matrix[row, _VALUE_USD] = value
                matrix[row, _MASS_KG] = mass
                matrix[row, _VALUE_PER_KG] = density
                matrix[row, _VALUE_PER_KG_UNUSUAL] = _distance(
                    density, typical[at, _VALUE_PER_KG_QUANTITY, _MEDIAN], typical[at, _VALUE_PER_KG_QUANTITY, _SPREAD]
                )
                matrix[row, _VALUE_PER_UNIT] = value - log[_UNITS, row]
                matrix[row, _VALUE_UNUSUAL] = _distance(
                    value, typical[at, _VALUE_QUANTITY, _MEDIAN], typical[at, _VALUE_QUANTITY, _SPREAD]
                )
                matrix[row, _MASS_UNUSUAL] = _distance(
                    mass, typical[at, _MASS_QUANTITY, _MEDIAN], typical[at, _MASS_QUANTITY, _SPREAD]
                )
                matrix[row, _MASS_PER_UNIT] = mass - log[_UNITS, row]
                matrix[row, _FREIGHT_TO_VALUE] = log[_FREIGHT, row] - log[_TOTAL, row]
                matrix[row, _FREIGHT_PER_KG] = log[_FREIGHT, row] - log[_GROSS, row]
                matrix[row, _VALUE_BELOW_THRESHOLD] = (
                    1.0 if _NEAR_USD <= shipment_value < _USD or _NEAR_EUR <= euros < _EUR else 0.0
                )
                matrix[row, _VALUE_ROUND] = _NAN if amount != amount else _roundness(amount)
                matrix[row, _SHIPMENT_VALUE_USD] = log[_TOTAL, row]
                matrix[row, _SHIPMENT_MASS_KG] = log[_GROSS, row]
                matrix[row, _SHIPMENT_ITEMS] = end - start
                matrix[row, _MASS_PER_PACKAGE] = per_package
                share = log[_NET, row] - log[_GROSS, row]
                matrix[row, _MASS_NET_SHARE] = exp(_LARGEST_SHARE if share > _LARGEST_SHARE else share)
                matrix[row, _PACKAGE_COUNT] = log1p(packages[row])


def _roundness(amount: float) -> float:
    """Return how many of the numbers 1, 10 and 100 divide an amount."""
    if amount % 1.0 != 0.0:
        return 0.0
    return 1.0 if amount % 10.0 != 0.0 else 2.0 if amount % 100.0 != 0.0 else 3.0


def _distance(value: float, median: float, spread: float) -> float:
    """Return the signed distance from the median in spreads, limited to `_FURTHEST`."""
    distance = (value - median) / spread
    return _FURTHEST if distance > _FURTHEST else -_FURTHEST if distance < -_FURTHEST else distance
