"""Features of value and mass."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from features.groups.base import Column, declare


class ValueColumn(Column):
    """Columns of the group, in order."""

    VALUE_MISSING = "VALUE_MISSING", "Whether no value in US dollars is known"
    VALUE_USD = "VALUE_DENSITY", "Declared value of the item in US dollars (log)"
    MASS_KG = "MASS_UNUSUAL", "Mass of the item in kilograms (log)"
    VALUE_PER_KG = "VALUE_DENSITY", "US dollars per kilogram (log)"
    VALUE_PER_KG_UNUSUAL = "VALUE_DENSITY", "Distance of the value per kilogram from the usual one for the HS heading"
    VALUE_PER_UNIT = "VALUE_DENSITY", "US dollars per unit (log)"
    VALUE_UNUSUAL = "VALUE_DENSITY", "Distance of the value from the usual one for the HS heading"
    MASS_UNUSUAL = "MASS_UNUSUAL", "Distance of the mass from the usual one for the HS heading"
    MASS_PER_UNIT = "MASS_UNUSUAL", "Kilograms per unit (log)"
    MASS_NET_SHARE = "MASS_UNUSUAL", "Net mass of all items over gross mass"
    FREIGHT_TO_VALUE = "FREIGHT_VALUE", "Freight charge over declared value (log)"
    FREIGHT_PER_KG = "FREIGHT_VALUE", "Freight charge in US dollars per kilogram (log)"
    VALUE_BELOW_THRESHOLD = "VALUE_THRESHOLD", "Whether the shipment's value is within 5 % below USD 800 or EUR 150"
    VALUE_ROUND = (
        "VALUE_THRESHOLD",
        "1 if the declared value is a whole number, 2 if it is whole tens, 3 if it is whole hundreds, otherwise 0",
    )
    SHIPMENT_VALUE_USD = "CONSIGNMENT_SIZE", "Declared value of the whole shipment in US dollars (log)"
    SHIPMENT_MASS_KG = "CONSIGNMENT_SIZE", "Gross mass of the shipment in kilograms (log)"
    SHIPMENT_ITEMS = "CONSIGNMENT_SIZE", "Goods items of the shipment"
    PACKAGE_COUNT = "CONSIGNMENT_SIZE", "Packages of the shipment (log of one more)"
    MASS_PER_PACKAGE = "CONSIGNMENT_SIZE", "Kilograms per package (log)"


class Quantity(IntEnum):
    """Quantities with learned usual values. Names in lower case are keys of the group's state."""

    VALUE_PER_KG = 0
    VALUE = 1
    MASS = 2


FEATURES: Final = declare("value", ValueColumn)
