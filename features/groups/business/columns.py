"""Features of the parties' lines of business."""

from __future__ import annotations

from typing import Final

from features.groups.base import Column, declare


class BusinessColumn(Column):
    """Columns of the group, in order."""

    CONSIGNOR_FITS_CODE = (
        "PARTY_KIND",
        "Fit of the HS chapter with what the consignor's line of business sends (1 its own goods, -1 others, 0 neither)",
    )
    CONSIGNEE_FITS_CODE = (
        "PARTY_KIND",
        "Fit of the HS chapter with what the consignee's line of business receives (1 its goods, -1 others, 0 neither)",
    )


FEATURES: Final = declare("business", BusinessColumn)
