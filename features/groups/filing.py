"""What kind of filing it is, how complete, and whether its identifiers and packages are in order."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import numpy as np

from features.fields import CHANNELS, FILING_TYPES, TRANSPORT_MODES
from features.groups.base import FloatArray, Group, declare, is_value, per_text, present
from features.table import ManifestTable

FEATURES: Final = declare(
    "filing",
    ("channel", "FILING_KIND", "Logistics channel, in the order of the code list"),
    ("filing_type", "FILING_KIND", "Filing, in the order of the code list"),
    ("transport_mode", "FILING_KIND", "Mode of transport, UN/ECE Rec 19"),
    ("marketplace_present", "FILING_KIND", "Whether a marketplace is named"),
    ("fields_missing", "FILING_COMPLETE", "How many of the twelve most usual fields are missing"),
    ("package_industrial", "PACKAGE_KIND", "Whether the package is a drum, jerrican, bag or cask"),
    ("package_industrial_parcel", "PACKAGE_KIND", "The same in the postal or express channel"),
    ("dangerous_goods", "PACKAGE_KIND", "Whether a dangerous goods number is declared"),
    ("house_id_missing", "FILING_FAULT", "Whether the house document is missing"),
    (
        "house_id_fault",
        "FILING_FAULT",
        "Whether a house number built like a UPU S10 identifier has a wrong check digit",
    ),
    ("master_id_fault", "FILING_FAULT", "Whether a master number built like an air waybill has a wrong check digit"),
    ("known_unit", "FILING_COMPLETE", "Whether a quantity and its unit are declared"),
    ("mode_contradicts_channel", "FILING_FAULT", "Whether the mode of transport does not fit the channel"),
)
_USUAL: Final = (
    "goods_description", "hs_code", "customs_value", "currency", "gross_mass_kg", "origin_country", "export_country",
    "consignor_name", "consignor_address", "consignee_name", "consignee_address", "consignee_postcode",
)  # fmt: skip
# UN/ECE Rec 21: drums, jerricans, casks, kegs and bags.
_INDUSTRIAL: Final = (
    "DR",
    "1A",
    "1B",
    "1D",
    "1G",
    "IA",
    "QA",
    "QB",
    "QC",
    "QD",
    "JC",
    "JY",
    "3A",
    "3H",
    "CK",
    "KG",
    "BG",
    "5H",
    "5M",
)
_MODES_OF: Final = {
    "postal": {"3", "4", "5", "1"}, "express": {"3", "4"}, "air_cargo": {"4"}, "ocean": {"1"}, "truck": {"3"}, "rail": {"2"},
}  # fmt: skip


@lru_cache(maxsize=65536)
def _house_fault(value: str) -> float:
    """UPU S10: two letters, eight digits, a check digit with weights 8 6 4 2 3 5 9 7 modulo 11, two letters."""
    match = re.fullmatch(r"[A-Z]{2}(\d{8})(\d)[A-Z]{2}", value.upper().replace(" ", ""))
    if match is None:
        return np.nan
    weighted = sum(int(digit) * weight for digit, weight in zip(match[1], (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    check = 11 - weighted % 11
    return float({10: 0, 11: 5}.get(check, check) != int(match[2]))


@lru_cache(maxsize=65536)
def _master_fault(value: str) -> float:
    """IATA Resolution 600a: the eighth digit of the serial number is the first seven modulo 7."""
    match = re.fullmatch(r"\d{3}[- ]?(\d{7})(\d)", value)
    return np.nan if match is None else float(int(match[1]) % 7 != int(match[2]))


class FilingGroup(Group):
    """Kind, completeness and order of the filing."""

    name = "filing"
    features = FEATURES

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        matrix = np.full((table.n_rows, len(FEATURES)), np.nan)
        for at, name, codes in (
            (0, "channel", CHANNELS),
            (1, "filing_type", FILING_TYPES),
            (2, "transport_mode", TRANSPORT_MODES),
        ):
            order = {code: float(position) for position, code in enumerate(codes)}
            matrix[:, at] = per_text(table.text(name), lambda value, order=order: (order[value],), 1)[:, 0]  # type: ignore[misc]
        matrix[:, 3] = present(table.text("marketplace"))
        matrix[:, 4] = sum(1.0 - _filled(table, name) for name in _USUAL)
        channel = table.text("channel")
        industrial = is_value(table.text("package_type"), *_INDUSTRIAL)
        matrix[:, 5] = industrial
        matrix[:, 6] = industrial * is_value(channel, "postal", "express")
        matrix[:, 7] = present(table.text("undg_number"))
        house, master = table.text("house_id"), table.text("master_id")
        matrix[:, 8] = 1.0 - present(house)
        matrix[:, 9] = per_text(house, lambda value: (_house_fault(value),), 1)[:, 0]
        matrix[:, 10] = per_text(master, lambda value: (_master_fault(value),), 1)[:, 0]
        matrix[:, 11] = ~np.isnan(table.number("quantity")) & (table.text("quantity_unit").codes >= 0)
        mode = table.text("transport_mode")
        contradiction = np.zeros(table.n_rows)
        for name, modes in _MODES_OF.items():
            contradiction += is_value(channel, name) * (1.0 - is_value(mode, *modes))
        matrix[:, 12] = np.where((channel.codes < 0) | (mode.codes < 0), np.nan, contradiction)
        return matrix


def _filled(table: ManifestTable, name: str) -> FloatArray:
    if name in ("customs_value", "gross_mass_kg"):
        return (~np.isnan(table.number(name))).astype(np.float64)
    return present(table.text(name))
