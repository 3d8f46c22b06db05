"""What kind of filing it is, how complete, and whether its identifiers and packages are in order."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.groups.base import FloatArray, Group, declare
from features.groups.filing import rows as kernel
from features.manifest.fields import CHANNELS, FILING_TYPES, TRANSPORT_MODES
from features.table.table import ManifestTable
from features.texts.identifiers import s10_faults, waybill_faults
from features.texts.phrases import numbered

FEATURES: Final = declare(
    "filing",
    ("channel", "FILING_KIND", "Logistics channel, in the order of the code list"),
    ("filing_type", "FILING_KIND", "Filing, in the order of the code list"),
    ("transport_mode", "FILING_KIND", "Mode of transport, UN/ECE Rec 19"),
    ("marketplace_present", "FILING_KIND", "Whether a marketplace is named"),
    ("fields_missing", "FILING_COMPLETENESS", "How many of the twelve most usual fields are missing"),
    ("package_industrial", "PACKAGE_KIND", "Whether the package is a drum, jerrican, bag or cask"),
    ("package_industrial_parcel", "PACKAGE_KIND", "The same in the postal or express channel"),
    ("dangerous_goods", "PACKAGE_KIND", "Whether a dangerous goods number is declared"),
    ("house_id_missing", "FILING_FAULT", "Whether the house document is missing"),
    (
        "house_id_check_failed",
        "FILING_FAULT",
        "Whether a house number built like a UPU S10 identifier has a wrong check digit",
    ),
    (
        "master_id_check_failed",
        "FILING_FAULT",
        "Whether a master number built like an air waybill has a wrong check digit",
    ),
    ("quantity_with_unit", "FILING_COMPLETENESS", "Whether a quantity and its unit are declared"),
    ("mode_contradicts_channel", "FILING_FAULT", "Whether the mode of transport does not fit the channel"),
)
#: The usual fields that are texts; value and gross mass are numbers.
_USUAL: Final = (
    "goods_description", "hs_code", "currency", "origin_country", "export_country", "consignor_name", "consignor_address",
    "consignee_name", "consignee_address", "consignee_postcode",
)  # fmt: skip
# UN/ECE Rec 21: drums, jerricans, casks, kegs and bags.
_INDUSTRIAL: Final = (
    "DR", "1A", "1B", "1D", "1G", "IA", "QA", "QB", "QC", "QD", "JC", "JY", "3A", "3H", "CK", "KG", "BG", "5H", "5M",
)  # fmt: skip
_MODES_OF: Final = {
    "postal": {"3", "4", "5", "1"}, "express": {"3", "4"}, "air_cargo": {"4"}, "ocean": {"1"}, "truck": {"3"}, "rail": {"2"},
}  # fmt: skip


_CHANNEL: Final = {code: place for place, code in enumerate(CHANNELS, 1)}
_FILING_TYPE: Final = {code: place for place, code in enumerate(FILING_TYPES, 1)}
_MODE: Final = {code: place for place, code in enumerate(TRANSPORT_MODES, 1)}
_INDUSTRIAL_KIND: Final = dict.fromkeys(_INDUSTRIAL, 1)
_PARCEL_CHANNEL: Final = {"postal": 1, "express": 1}
#: (channels, modes) whether the mode does not fit the channel.
_CONTRADICTS: Final = np.array(
    [[mode not in _MODES_OF[channel] for mode in TRANSPORT_MODES] for channel in CHANNELS], dtype=np.uint8
)


class FilingGroup(Group):
    """Kind, completeness and order of the filing."""

    name = "filing"
    features = FEATURES

    def fill(self, table: ManifestTable, history: FloatArray, out: FloatArray) -> None:
        def values(name: str) -> list[str]:
            return table.text(name).values

        channels = values("channel")
        kernel.kind_columns(
            table,
            numbered(channels, _CHANNEL),
            numbered(values("filing_type"), _FILING_TYPE),
            numbered(values("transport_mode"), _MODE),
            _CONTRADICTS,
            out,
        )
        kernel.missing_column(table, _USUAL, out)
        kernel.state_columns(
            table,
            numbered(values("package_type"), _INDUSTRIAL_KIND),
            numbered(channels, _PARCEL_CHANNEL),
            s10_faults(values("house_id")),
            waybill_faults(values("master_id")),
            out,
        )
