"""Features that compare mass and value with the description."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from features.groups.base import Column, declare


class ExpectedColumn(Column):
    """Columns of the group, in order."""

    MASS_VS_DESCRIPTION = (
        "MASS_UNUSUAL",
        "Distance of the mass from what goods described so usually weigh in this quantity",
    )
    VALUE_VS_DESCRIPTION = (
        "VALUE_DENSITY",
        "Distance of the value from what goods described so usually cost in this quantity",
    )
    PRICE_VS_DESCRIPTION = (
        "VALUE_DENSITY",
        "Distance of the value from what goods described so usually cost at this mass",
    )
    MASS_DEVIATION = "MASS_UNUSUAL", "How far the mass is from what goods described so weigh, either way"
    PRICE_DEVIATION = "VALUE_DENSITY", "How far the price is from what goods described so cost, either way"


class Target(IntEnum):
    """Quantities with a fitted model, in the order of their columns. Names in lower case are keys of the state."""

    MASS = 0
    VALUE = 1
    PRICE = 2


FEATURES: Final = declare("expected", ExpectedColumn)
