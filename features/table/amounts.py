"""Masses and amounts of goods items and their shipments, with their logarithms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


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
