"""Features of the filing: kind, completeness, identifiers and packages."""

from __future__ import annotations

import re
import unicodedata
from math import isnan, nan
from operator import mul
from typing import Final

from features.groups.base import Column, FloatArray, Group, GroupInput, declare
from features.groups.shown import CODE, FLAG, flag
from features.manifest.fields import CHANNELS, FILING_TYPES, TRANSPORT_MODES
from features.reference.words import declared_words
from features.table.coded import ColumnWriter


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


C = FilingColumn

#: Text fields that are usually declared. The count of missing fields also includes the consignor's address, value and gross mass.
_USUAL: Final = (
    "goods_description", "hs_code", "currency", "origin_country", "export_country", "consignor_name",
    "consignee_name", "consignee_address", "consignee_postcode",
)  # fmt: skip
_CHANNEL: Final = {code: float(number) for number, code in enumerate(CHANNELS)}
_FILING_TYPE: Final = {code: float(number) for number, code in enumerate(FILING_TYPES)}
_MODE: Final = {code: float(number) for number, code in enumerate(TRANSPORT_MODES)}
#: Package types of industrial goods.
_INDUSTRIAL: Final = frozenset(declared_words()["package_types"]["industrial"])
_PARCEL_CHANNELS: Final = ("postal", "express")
#: Channel -> the modes that fit it.
_MODES_OF: Final = declared_words()["modes_of_channels"]
_S10: Final = re.compile(r"[A-Za-z]{2}([0-9]{8})([0-9])[A-Za-z]{2}")
_S10_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)
_WAYBILL: Final = re.compile(r"[0-9]{3}[- ]?([0-9]{7})([0-9])")


class FilingGroup(Group):
    """Features of the filing's kind, completeness, identifiers and packages."""

    name = "filing"
    features = FEATURES

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table, text = source.table, source.table.text
        write = ColumnWriter(out)
        channel, filing_type, mode = text("channel"), text("filing_type"), text("transport_mode")
        write.by_text(C.CHANNEL, channel, [_CHANNEL[code] for code in channel.values], nan)
        write.by_text(C.FILING_TYPE, filing_type, [_FILING_TYPE[code] for code in filing_type.values], nan)
        write.by_text(C.TRANSPORT_MODE, mode, [_MODE[code] for code in mode.values], nan)
        channels = channel.to_list()
        write.by_row(
            C.MODE_CONTRADICTS_CHANNEL,
            [
                nan if way is None or by is None else by not in _MODES_OF[way]
                for way, by in zip(channels, mode.to_list(), strict=True)
            ],
        )
        write.present(C.MARKETPLACE_PRESENT, text("marketplace"))
        # Only the presence of the consignor's address counts, so it is not normalised.
        write.missing(C.FIELDS_MISSING, *map(text, _USUAL), table.declared("consignor_address"))
        numbers = zip(table.number("customs_value").tolist(), table.number("gross_mass_kg").tolist(), strict=True)
        texts = out[:, int(C.FIELDS_MISSING)].tolist()
        write.by_row(
            C.FIELDS_MISSING,
            [missing + isnan(value) + isnan(mass) for missing, (value, mass) in zip(texts, numbers, strict=True)],
        )
        package = text("package_type")
        industrial = [code in _INDUSTRIAL for code in package.values]
        write.by_text(C.PACKAGE_INDUSTRIAL, package, industrial, 0.0)
        write.by_row(
            C.PACKAGE_INDUSTRIAL_PARCEL,
            [
                is_industrial and way in _PARCEL_CHANNELS
                for is_industrial, way in zip(package.each(industrial, False), channels, strict=True)
            ],
        )
        write.present(C.DANGEROUS_GOODS, text("undg_number"))
        house, master = text("house_id"), text("master_id")
        write.missing(C.HOUSE_ID_MISSING, house)
        write.by_text(C.HOUSE_ID_CHECK_FAILED, house, [s10_fault(number) for number in house.values], nan)
        write.by_text(C.MASTER_ID_CHECK_FAILED, master, [waybill_fault(number) for number in master.values], nan)
        units = text("quantity_unit").to_list()
        quantities = table.number("quantity").tolist()
        write.by_row(
            C.QUANTITY_WITH_UNIT,
            [unit is not None and not isnan(quantity) for unit, quantity in zip(units, quantities, strict=True)],
        )


def s10_fault(text: str) -> float:
    """Return 1 for an S10 identifier with a wrong check digit, 0 with the right one, and NaN for another text.

    UPU S10: two letters, eight digits, a check digit (weights 8 6 4 2 3 5 9 7, modulo 11), two letters. Case and spaces
    are ignored.
    """
    matched = _S10.fullmatch((text if text.isascii() else _ascii_digits(text.upper())).replace(" ", ""))
    if matched is None:
        return nan
    check = 11 - sum(map(mul, map(int, matched[1]), _S10_WEIGHTS)) % 11
    return float((0 if check == 10 else 5 if check == 11 else check) != int(matched[2]))


def waybill_fault(text: str) -> float:
    """Return 1 for an air waybill number with a wrong check digit, 0 with the right one, and NaN for another text.

    IATA Resolution 600a: three digits of the carrier, seven digits, and the remainder of the seven digits modulo 7.
    """
    matched = _WAYBILL.fullmatch(text if text.isascii() else _ascii_digits(text))
    return nan if matched is None else float(int(matched[1]) % 7 != int(matched[2]))


def _ascii_digits(text: str) -> str:
    """Return the text with decimal digits of other scripts replaced by 0 to 9."""
    return "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)
