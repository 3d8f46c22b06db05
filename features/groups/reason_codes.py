"""Codes of the reasons that explain a score.

Each feature has one code. A reason's weight is the sum of the contributions of the features with its code. `models.reasons`
contains the manifest fields, published typologies and wording of each code.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class ReasonCode(StrEnum):
    """Codes of reasons about the manifest. They are a public interface: answers, files and documents contain them."""

    SUBSTANCE_DECLARED = "SUBSTANCE_DECLARED"
    SUBSTANCE_NAMED_OTHERWISE = "SUBSTANCE_NAMED_OTHERWISE"
    SUBSTANCE_CLASS = "SUBSTANCE_CLASS"
    SUBSTANCE_SIMILAR = "SUBSTANCE_SIMILAR"
    SUBSTANCE_HS = "SUBSTANCE_HS"
    PERMIT = "PERMIT"
    DESCRIPTION_VAGUE = "DESCRIPTION_VAGUE"
    DESCRIPTION_FORM = "DESCRIPTION_FORM"
    DESCRIPTION_CHEMICAL = "DESCRIPTION_CHEMICAL"
    EQUIPMENT_DECLARED = "EQUIPMENT_DECLARED"
    HS_CONTRADICTS_TEXT = "HS_CONTRADICTS_TEXT"
    HS_TEXT = "HS_TEXT"
    HS_OF_INTEREST = "HS_OF_INTEREST"
    HS_CHAPTER = "HS_CHAPTER"
    HS_FORM = "HS_FORM"
    VALUE_DENSITY = "VALUE_DENSITY"
    VALUE_MISSING = "VALUE_MISSING"
    VALUE_THRESHOLD = "VALUE_THRESHOLD"
    VALUE_HISTORY = "VALUE_HISTORY"
    FREIGHT_VALUE = "FREIGHT_VALUE"
    MASS_UNUSUAL = "MASS_UNUSUAL"
    CONSIGNMENT_SIZE = "CONSIGNMENT_SIZE"
    PACKAGE_KIND = "PACKAGE_KIND"
    ROUTE_TRANSIT = "ROUTE_TRANSIT"
    ROUTE_RARE = "ROUTE_RARE"
    NEW_CONSIGNOR = "NEW_CONSIGNOR"
    ACCOUNT_AGE_MISSING = "ACCOUNT_AGE_MISSING"
    KNOWN_CONSIGNOR = "KNOWN_CONSIGNOR"
    CONTACT_MISSING = "CONTACT_MISSING"
    PARTY_KIND = "PARTY_KIND"
    PARTY_CONTRADICTION = "PARTY_CONTRADICTION"
    ADDRESS_FORM = "ADDRESS_FORM"
    ADDRESS_SHARED = "ADDRESS_SHARED"
    FORWARDER = "FORWARDER"
    NATURE_CLAIM = "NATURE_CLAIM"
    EARLIER_FINDS = "EARLIER_FINDS"
    LINKED_FINDS = "LINKED_FINDS"
    TRADE_LANE_FINDS = "TRADE_LANE_FINDS"
    CONTACT_SHARED = "CONTACT_SHARED"
    HISTORY_VOLUME = "HISTORY_VOLUME"
    GOODS_HISTORY = "GOODS_HISTORY"
    SPLIT_CONSIGNMENT = "SPLIT_CONSIGNMENT"
    FILING_KIND = "FILING_KIND"
    FILING_FAULT = "FILING_FAULT"
    FILING_COMPLETENESS = "FILING_COMPLETENESS"


class OwnReasonCode(str):
    """Code of a reason about an office's own data, generated from the name of the office's field."""

    __slots__ = ()

    @classmethod
    def of(cls, name: str) -> Self:
        """Return the code for a field or key of an office's own data, for example ``OWN_HS_NUMBER``."""
        return cls(f"OWN_{name.upper()}")
