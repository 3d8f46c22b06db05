"""Features that compare mass and value with those of goods with similar descriptions."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from features.groups.base import Column, declare
from features.groups.shown import distance, far


class ExpectedColumn(Column):
    """Columns of the group, in order."""

    MASS_VS_DESCRIPTION = (
        "MASS_UNUSUAL",
        "Distance of the mass from the usual mass of goods with this description and quantity",
        distance("Mass against goods with this description and quantity"),
    )
    VALUE_VS_DESCRIPTION = (
        "VALUE_DENSITY",
        "Distance of the value from the usual value of goods with this description and quantity",
        distance("Value against goods with this description and quantity"),
    )
    PRICE_VS_DESCRIPTION = (
        "VALUE_DENSITY",
        "Distance of the value from the usual value of goods with this description and mass",
        distance("Value against goods with this description and mass"),
    )
    MASS_DEVIATION = (
        "MASS_UNUSUAL",
        "How far the mass is above or below the usual mass of goods with this description, in spreads",
        distance("Mass against goods with this description", far),
    )
    PRICE_DEVIATION = (
        "VALUE_DENSITY",
        "How far the price is above or below the usual price of goods with this description, in spreads",
        distance("Price against goods with this description", far),
    )


class Target(IntEnum):
    """Quantities with a fitted model. Names in lower case are keys of the group's state."""

    MASS = 0
    VALUE = 1
    PRICE = 2


FEATURES: Final = declare("expected", ExpectedColumn)
