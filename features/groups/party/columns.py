"""Features of the parties."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from features.groups.base import Column, declare
from features.groups.shown import FLAG, NUMBER, Shown, flag, one_of

_CONTACTS: Final = ("none", "telephone or e-mail", "telephone and e-mail")


class PartyColumn(Column):
    """Columns of the group, in order."""

    ACCOUNT_AGE_DAYS = (
        "NEW_CONSIGNOR",
        "Days between the opening of the consignor's account and the shipment",
        NUMBER,
        -1,
    )
    ACCOUNT_AGE_MISSING = "ACCOUNT_AGE_MISSING", "the opening day of the account is missing", FLAG
    CONSIGNOR_KNOWN = "KNOWN_CONSIGNOR", "the consignor is a verified known consignor; missing if not declared", FLAG
    CONSIGNOR_CONTACT = (
        "CONTACT_MISSING",
        "Contacts given for the consignor: none, telephone or e-mail, both",
        Shown(one_of(*_CONTACTS), "Contacts given for the consignor"),
    )
    CONSIGNEE_CONTACT = (
        "CONTACT_MISSING",
        "Contacts given for the consignee: none, telephone or e-mail, both",
        Shown(one_of(*_CONTACTS), "Contacts given for the consignee"),
    )
    CONSIGNOR_FREE_MAIL = "CONTACT_MISSING", "the consignor's e-mail is at a free provider", FLAG
    CONSIGNOR_COMPANY = (
        "PARTY_KIND",
        "the consignor's name is that of a company",
        flag("The consignor's name is that of a private person"),
    )
    CONSIGNOR_CHEMICAL = (
        "PARTY_KIND",
        "the consignor's name indicates chemistry, pharmacy, biotechnology, plastics or colours",
        FLAG,
    )
    CONSIGNOR_LABORATORY = "PARTY_KIND", "the consignor's name indicates a laboratory, standards or science", FLAG
    CONSIGNOR_MEDICAL = "PARTY_KIND", "the consignor's name indicates medicine, a hospital or a pharmacy", FLAG
    CONSIGNOR_TRADER = (
        "PARTY_KIND",
        "the consignor is a trader without a line of business, or a company named by a number",
        FLAG,
    )
    CONSIGNEE_COMPANY = (
        "PARTY_KIND",
        "the consignee's name is that of a company or institution",
        flag("The consignee's name is that of a private person"),
    )
    CONSIGNEE_LABORATORY = "PARTY_KIND", "the consignee's name indicates a laboratory, university or institute", FLAG
    CONSIGNEE_MEDICAL = "PARTY_KIND", "the consignee's name indicates medicine, a hospital or a pharmacy", FLAG
    CONSIGNEE_CHEMICAL = (
        "PARTY_KIND",
        "the consignee's name indicates chemistry, pharmacy, biotechnology, plastics or colours",
        FLAG,
    )
    CONSIGNEE_MAKER = "PARTY_KIND", "the consignee's name indicates a maker of food, machines or other goods", FLAG
    CONSIGNEE_TRADER = (
        "PARTY_KIND",
        "the consignee is a trader without a line of business, or a company named by a number",
        FLAG,
    )
    CONSIGNEE_FORWARDER = (
        "FORWARDER",
        "the consignee's name or address is that of a forwarder, mailbox or storage",
        FLAG,
    )
    CONSIGNEE_ADDRESS_MISSING = "ADDRESS_FORM", "the consignee's address is missing", FLAG
    CONSIGNOR_ADDRESS_MISSING = "ADDRESS_FORM", "the consignor's address is missing", FLAG
    CONSIGNEE_ADDRESS_NUMBER = (
        "ADDRESS_FORM",
        "the consignee's address has a number",
        flag("The consignee's address has no number"),
    )
    CONSIGNEE_UNIT = "ADDRESS_FORM", "the consignee's address names a unit, suite, flat or locker", FLAG
    PHONE_COUNTRY_CONTRADICTS = "PARTY_CONTRADICTION", "the consignor's telephone code is that of another country", FLAG
    POSTCODE_MALFORMED = "PARTY_CONTRADICTION", "a United States postcode does not have five or nine digits", FLAG
    SAME_NAME = "PARTY_CONTRADICTION", "consignor and consignee have the same name", FLAG
    GIFT_FROM_COMPANY = "NATURE_CLAIM", "a company declares a gift", FLAG
    SAMPLE_CLAIMED = "NATURE_CLAIM", "a commercial sample is declared", FLAG
    GIFT_CLAIMED = "NATURE_CLAIM", "a gift is declared", FLAG
    RETURN_CLAIMED = "NATURE_CLAIM", "returned goods are declared", FLAG
    AGENT_PRESENT = "FORWARDER", "a freight agent is named", flag("No freight agent is named")


class Mark(IntEnum):
    """Properties that words of an address indicate, one bit each."""

    FORWARDER = 1
    UNIT = 2
    DIGIT = 4


FEATURES: Final = declare("party", PartyColumn)
