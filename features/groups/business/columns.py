"""Features of the parties' lines of business."""

from __future__ import annotations

from typing import Final

from features.groups.base import Column, declare
from features.groups.shown import Shown
from features.kinds.parties import OUTSIDE


def _fit(value: float) -> str:
    """Return the fit of goods with a line of business in words. Between -1 and 0 they are materials, which firms rarely send."""
    if value == 0.0:
        return "neutral"
    return "its goods" if value > 0.0 else "its materials" if value > OUTSIDE else "other goods"


class BusinessColumn(Column):
    """Columns of the group, in order."""

    CONSIGNOR_FITS_CODE = (
        "PARTY_KIND",
        "Fit of the HS chapter with what the consignor's line of business sends (1 its own goods, -1 others, 0 neither)",
        Shown(_fit, "Fit of the HS chapter with what the consignor's line of business sends"),
    )
    CONSIGNEE_FITS_CODE = (
        "PARTY_KIND",
        "Fit of the HS chapter with what the consignee's line of business receives (1 its goods, -1 others, 0 neither)",
        Shown(_fit, "Fit of the HS chapter with what the consignee's line of business receives"),
    )


FEATURES: Final = declare("business", BusinessColumn)
