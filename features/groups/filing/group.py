"""Features of the filing: kind, completeness, identifiers and packages."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.groups.base import FloatArray, Group, GroupInput
from features.groups.filing.columns import FEATURES
from features.groups.filing.rows import kind_columns, missing_column, state_columns
from features.manifest.fields import CHANNELS, FILING_TYPES, TRANSPORT_MODES
from features.texts.identifiers import s10_faults, waybill_faults

#: Text fields that are usually declared. The count of missing fields also includes value and gross mass.
_USUAL: Final = (
    "goods_description", "hs_code", "currency", "origin_country", "export_country", "consignor_name", "consignor_address",
    "consignee_name", "consignee_address", "consignee_postcode",
)  # fmt: skip
# Package types (UN/ECE Rec 21) of industrial goods: drums, jerricans, casks, kegs, and bags of bulk goods (woven plastic, textile,
# paper, multi-walled, sacks). BG, a bag of any size, does not count: parcels declare it for the pouch or mailing bag that they
# travel in.
_INDUSTRIAL: Final = (
    "DR", "1A", "1B", "1D", "1G", "IA", "QA", "QB", "QC", "QD", "JC", "JY", "3A", "3H", "CK", "KG", "5H", "5L", "5M", "MS", "SA",
)  # fmt: skip
#: Modes of transport (UN/ECE Rec 19) that fit each channel.
_MODES_OF: Final = {
    "postal": {"3", "4", "5", "1"}, "express": {"3", "4"}, "air_cargo": {"4"}, "ocean": {"1"}, "truck": {"3"}, "rail": {"2"},
}  # fmt: skip
_CHANNEL: Final = {code: number for number, code in enumerate(CHANNELS, 1)}
_FILING_TYPE: Final = {code: number for number, code in enumerate(FILING_TYPES, 1)}
_MODE: Final = {code: number for number, code in enumerate(TRANSPORT_MODES, 1)}
_INDUSTRIAL_KIND: Final = dict.fromkeys(_INDUSTRIAL, 1)
_PARCEL_CHANNEL: Final = {"postal": 1, "express": 1}
#: Shape (channels, modes): 1 if the mode contradicts the channel.
_CONTRADICTS: Final = np.array(
    [[mode not in _MODES_OF[channel] for mode in TRANSPORT_MODES] for channel in CHANNELS], dtype=np.uint8
)


class FilingGroup(Group):
    """Features of the filing's kind, completeness, identifiers and packages."""

    name = "filing"
    features = FEATURES

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table, text = source.table, source.table.text
        kind_columns(table, (_CHANNEL, _FILING_TYPE, _MODE), _CONTRADICTS, out)
        missing_column(table, _USUAL, out)
        state_columns(
            table,
            _INDUSTRIAL_KIND,
            _PARCEL_CHANNEL,
            s10_faults(text("house_id").values),
            waybill_faults(text("master_id").values),
            out,
        )
