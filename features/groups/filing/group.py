"""Features of the filing: kind, completeness, identifiers and packages."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.groups.base import FloatArray, Group, GroupInput
from features.groups.filing.columns import FEATURES
from features.groups.filing.rows import kind_columns, missing_column, state_columns
from features.manifest.fields import CHANNELS, FILING_TYPES, TRANSPORT_MODES
from features.reference.words import declared_words
from features.texts.identifiers import s10_faults, waybill_faults

#: Text fields that are usually declared. The count of missing fields also includes value and gross mass.
_USUAL: Final = (
    "goods_description", "hs_code", "currency", "origin_country", "export_country", "consignor_name", "consignor_address",
    "consignee_name", "consignee_address", "consignee_postcode",
)  # fmt: skip
_CHANNEL: Final = {code: number for number, code in enumerate(CHANNELS, 1)}
_FILING_TYPE: Final = {code: number for number, code in enumerate(FILING_TYPES, 1)}
_MODE: Final = {code: number for number, code in enumerate(TRANSPORT_MODES, 1)}
#: Package types of industrial goods.
_INDUSTRIAL: Final = dict.fromkeys(declared_words()["package_types"]["industrial"], 1)
_PARCEL_CHANNEL: Final = {"postal": 1, "express": 1}
#: (channels, modes): 1 if the mode contradicts the channel.
_CONTRADICTS: Final = np.array(
    [[mode not in declared_words()["modes_of_channels"][channel] for mode in TRANSPORT_MODES] for channel in CHANNELS],
    dtype=np.uint8,
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
            _INDUSTRIAL,
            _PARCEL_CHANNEL,
            s10_faults(text("house_id").values),
            waybill_faults(text("master_id").values),
            out,
        )
