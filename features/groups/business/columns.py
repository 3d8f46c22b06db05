"""Features of the parties' lines of business."""

from __future__ import annotations

from typing import Final

from features.groups.base import Column, declare


class BusinessColumn(Column):
    """Columns of the group, in order."""

    CONSIGNOR_FITS_CODE = (
        "PARTY_KIND",
        "Whether the consignor's line of business sends goods of the HS chapter: 1 its own, -1 others, 0 if its name tells none",
    )
    CONSIGNEE_FITS_CODE = (
        "PARTY_KIND",
        "Whether the consignee's line of business uses goods of the HS chapter: 1 yes, -1 no, 0 if its name tells none",
    )


FEATURES: Final = declare("business", BusinessColumn)
