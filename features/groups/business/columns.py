"""Features of the parties' lines of business."""

from __future__ import annotations

from typing import Final

from features.groups.base import Column, declare


class BusinessColumn(Column):
    """Columns of the group, in order."""

    CONSIGNOR_FITS_CODE = (
        "PARTY_KIND",
        "How well goods of the HS code fit the words of the consignor's name, 0 where they say nothing",
    )
    CONSIGNEE_FITS_CODE = (
        "PARTY_KIND",
        "How well goods of the HS code fit the words of the consignee's name, 0 where they say nothing",
    )


FEATURES: Final = declare("business", BusinessColumn)
