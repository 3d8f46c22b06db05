"""Features of the filing."""

from __future__ import annotations

from typing import Final

from features.groups.base import Column, declare
from features.groups.shown import CODE, FLAG, flag


class FilingColumn(Column):
    """Columns of the group, in order."""

    CHANNEL = "FILING_KIND", "Logistics channel, in the order of the code list", CODE
    FILING_TYPE = "FILING_KIND", "Filing, in the order of the code list", CODE
    TRANSPORT_MODE = "FILING_KIND", "Mode of transport, UN/ECE Rec 19", CODE
    MARKETPLACE_PRESENT = "FILING_KIND", "a marketplace is named", flag("No marketplace is named")
    FIELDS_MISSING = "FILING_COMPLETENESS", "How many of the twelve most usual fields are missing"
    PACKAGE_INDUSTRIAL = "PACKAGE_KIND", "the package is a drum, jerrican, cask or sack", FLAG
    PACKAGE_INDUSTRIAL_PARCEL = "PACKAGE_KIND", "a drum, jerrican, cask or sack is sent as a parcel", FLAG
    DANGEROUS_GOODS = "PACKAGE_KIND", "a dangerous goods number is declared", FLAG
    HOUSE_ID_MISSING = "FILING_FAULT", "the house document is missing", FLAG
    HOUSE_ID_CHECK_FAILED = (
        "FILING_FAULT",
        "a house number built like a UPU S10 identifier has a wrong check digit",
        FLAG,
    )
    MASTER_ID_CHECK_FAILED = "FILING_FAULT", "a master number built like an air waybill has a wrong check digit", FLAG
    QUANTITY_WITH_UNIT = (
        "FILING_COMPLETENESS",
        "a quantity and its unit are declared",
        flag("No quantity with its unit is declared"),
    )
    MODE_CONTRADICTS_CHANNEL = "FILING_FAULT", "the mode of transport does not fit the channel", FLAG


FEATURES: Final = declare("filing", FilingColumn)
