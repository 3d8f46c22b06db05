"""Features of the parties."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from features.groups.base import Column, declare


class PartyColumn(Column):
    """Columns of the group, in order."""

    ACCOUNT_AGE_DAYS = "NEW_CONSIGNOR", "Days between the opening of the consignor's account and the shipment", -1
    ACCOUNT_AGE_MISSING = "ACCOUNT_AGE_MISSING", "Whether the opening day of the account is missing"
    CONSIGNOR_KNOWN = "KNOWN_CONSIGNOR", "Whether the consignor is a verified known consignor; missing if not declared"
    CONSIGNOR_CONTACT = "CONTACT_MISSING", "Contacts given for the consignor: none, telephone or e-mail, both"
    CONSIGNEE_CONTACT = "CONTACT_MISSING", "Contacts given for the consignee: none, telephone or e-mail, both"
    CONSIGNOR_FREE_MAIL = "CONTACT_MISSING", "Whether the consignor's e-mail is at a free provider"
    CONSIGNOR_COMPANY = "PARTY_KIND", "Whether the consignor's name is that of a company"
    CONSIGNOR_CHEMICAL = (
        "PARTY_KIND",
        "Whether the consignor's name indicates chemistry, pharmacy, biotechnology, plastics or colours",
    )
    CONSIGNOR_LABORATORY = "PARTY_KIND", "Whether the consignor's name indicates a laboratory, standards or science"
    CONSIGNOR_MEDICAL = "PARTY_KIND", "Whether the consignor's name indicates medicine, a hospital or a pharmacy"
    CONSIGNOR_TRADER = (
        "PARTY_KIND",
        "Whether the consignor is a trader without a line of business, or a company named by a number",
    )
    CONSIGNEE_COMPANY = "PARTY_KIND", "Whether the consignee's name is that of a company or institution"
    CONSIGNEE_LABORATORY = "PARTY_KIND", "Whether the consignee's name indicates a laboratory, university or institute"
    CONSIGNEE_MEDICAL = "PARTY_KIND", "Whether the consignee's name indicates medicine, a hospital or a pharmacy"
    CONSIGNEE_CHEMICAL = (
        "PARTY_KIND",
        "Whether the consignee's name indicates chemistry, pharmacy, biotechnology, plastics or colours",
    )
    CONSIGNEE_MAKER = "PARTY_KIND", "Whether the consignee's name indicates a maker of food, machines or other goods"
    CONSIGNEE_TRADER = (
        "PARTY_KIND",
        "Whether the consignee is a trader without a line of business, or a company named by a number",
    )
    CONSIGNEE_FORWARDER = (
        "FORWARDER",
        "Whether the consignee's name or address is that of a forwarder, mailbox or storage",
    )
    CONSIGNEE_ADDRESS_MISSING = "ADDRESS_FORM", "Whether the consignee's address is missing"
    CONSIGNOR_ADDRESS_MISSING = "ADDRESS_FORM", "Whether the consignor's address is missing"
    CONSIGNEE_ADDRESS_NUMBER = "ADDRESS_FORM", "Whether the consignee's address has a number"
    CONSIGNEE_UNIT = "ADDRESS_FORM", "Whether the consignee's address names a unit, suite, flat or locker"
    PHONE_COUNTRY_CONTRADICTS = (
        "PARTY_CONTRADICTION",
        "Whether the consignor's telephone code is that of another country",
    )
    POSTCODE_MALFORMED = "PARTY_CONTRADICTION", "Whether a United States postcode does not have five or nine digits"
    SAME_NAME = "PARTY_CONTRADICTION", "Whether consignor and consignee have the same name"
    GIFT_FROM_COMPANY = "NATURE_CLAIM", "Whether a company declares a gift"
    SAMPLE_CLAIMED = "NATURE_CLAIM", "Whether a commercial sample is declared"
    GIFT_CLAIMED = "NATURE_CLAIM", "Whether a gift is declared"
    RETURN_CLAIMED = "NATURE_CLAIM", "Whether returned goods are declared"
    AGENT_PRESENT = "FORWARDER", "Whether a freight agent is named"


class Mark(IntEnum):
    """Properties that words of an address indicate, one bit each."""

    FORWARDER = 1
    UNIT = 2
    DIGIT = 4


FEATURES: Final = declare("party", PartyColumn)
