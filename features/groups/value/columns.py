"""Features of value and mass."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from features.groups.base import Column, declare
from features.groups.shown import FLAG, LOG, LOG_COUNT, SPREADS, Shown, one_of


class ValueColumn(Column):
    """Columns of the group, in order."""

    VALUE_MISSING = "VALUE_MISSING", "no value in US dollars is known", FLAG
    VALUE_USD = "VALUE_DENSITY", "Declared value of the item in US dollars", LOG
    MASS_KG = "MASS_UNUSUAL", "Mass of the item in kilograms", LOG
    VALUE_PER_KG = "VALUE_DENSITY", "US dollars per kilogram", LOG
    VALUE_PER_KG_UNUSUAL = (
        "VALUE_DENSITY",
        "Distance of the value per kilogram from the usual one for the HS heading",
        SPREADS,
    )
    VALUE_PER_UNIT = "VALUE_DENSITY", "US dollars per unit", LOG
    VALUE_UNUSUAL = "VALUE_DENSITY", "Distance of the value from the usual one for the HS heading", SPREADS
    MASS_UNUSUAL = "MASS_UNUSUAL", "Distance of the mass from the usual one for the HS heading", SPREADS
    MASS_PER_UNIT = "MASS_UNUSUAL", "Kilograms per unit", LOG
    MASS_NET_SHARE = "MASS_UNUSUAL", "Net mass of all items over gross mass"
    FREIGHT_TO_VALUE = "FREIGHT_VALUE", "Freight charge over declared value", LOG
    FREIGHT_PER_KG = "FREIGHT_VALUE", "Freight charge in US dollars per kilogram", LOG
    VALUE_BELOW_THRESHOLD = "VALUE_THRESHOLD", "the shipment's value is within 5 % below USD 800 or EUR 150", FLAG
    VALUE_ROUND = (
        "VALUE_THRESHOLD",
        "1 if the declared value is a whole number, 2 if it is whole tens, 3 if it is whole hundreds, otherwise 0",
        Shown(one_of("no", "a whole number", "whole tens", "whole hundreds"), "Declared value is round"),
    )
    SHIPMENT_VALUE_USD = "CONSIGNMENT_SIZE", "Declared value of the whole shipment in US dollars", LOG
    SHIPMENT_MASS_KG = "CONSIGNMENT_SIZE", "Gross mass of the shipment in kilograms", LOG
    SHIPMENT_ITEMS = "CONSIGNMENT_SIZE", "Goods items of the shipment"
    PACKAGE_COUNT = "CONSIGNMENT_SIZE", "Packages of the shipment", LOG_COUNT
    MASS_PER_PACKAGE = "CONSIGNMENT_SIZE", "Kilograms per package", LOG


class Quantity(IntEnum):
    """Quantities with learned usual values. Names in lower case are keys of the group's state."""

    VALUE_PER_KG = 0
    VALUE = 1
    MASS = 2


FEATURES: Final = declare("value", ValueColumn)
