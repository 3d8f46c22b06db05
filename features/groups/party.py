"""Features of consignor and consignee: account age, contacts, kind, addresses, and contradictions."""

from __future__ import annotations

import re
from enum import IntEnum
from math import nan
from typing import Final

from features.groups.base import Column, FloatArray, Group, GroupInput, declare
from features.groups.shown import FLAG, NUMBER, Shown, flag, one_of
from features.kinds.parties import PartyKind
from features.reference import dialling_codes
from features.reference.words import party_words
from features.table.coded import ColumnWriter
from features.table.table import ManifestTable
from features.texts.folding import folded
from features.texts.phrases import Phrases

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


C = PartyColumn

#: Codes of ``transaction_nature`` (UPU).
_RETURN, _GIFT, _SAMPLE = "21", "31", "32"
_FREE_MAIL: Final = frozenset(party_words()["free_mail"]["domains"])
#: Dialling code -> the countries that share it.
_DIALLING: Final = dialling_codes()
_NO_DIGITS_OR_PLUS: Final = re.compile(r"[^\d+]")
_DIALLED: Final = re.compile(r"(?:\+|00)([0-9]{1,3})")
_NO_DIGITS: Final = re.compile(r"\D")
_DAY: Final = 86400
#: Lower bound of real times. `TIME_MISSING` is below it.
_NEVER: Final = -(2**62)
# Plain integers, because operations on members of an enum take longer.
_ORGANISATION, _NUMBERED, _TRADER = int(PartyKind.ORGANISATION), int(PartyKind.NUMBERED), int(PartyKind.TRADER)
_OF_FORWARDER: Final = int(PartyKind.FORWARDER)
_AT_FORWARDER, _UNIT, _DIGIT = int(Mark.FORWARDER), int(Mark.UNIT), int(Mark.DIGIT)
_WITH_BUSINESS_LINE: Final = int(PartyKind.LABORATORY | PartyKind.MEDICAL | PartyKind.CHEMICAL | PartyKind.MAKER)
#: Columns of the kinds of a party, beside that of traders.
_CONSIGNOR_KINDS: Final = {
    C.CONSIGNOR_COMPANY: int(PartyKind.ORGANISATION),
    C.CONSIGNOR_CHEMICAL: int(PartyKind.CHEMICAL),
    C.CONSIGNOR_LABORATORY: int(PartyKind.LABORATORY),
    C.CONSIGNOR_MEDICAL: int(PartyKind.MEDICAL),
}
_CONSIGNEE_KINDS: Final = {
    C.CONSIGNEE_COMPANY: int(PartyKind.ORGANISATION),
    C.CONSIGNEE_LABORATORY: int(PartyKind.LABORATORY),
    C.CONSIGNEE_MEDICAL: int(PartyKind.MEDICAL),
    C.CONSIGNEE_CHEMICAL: int(PartyKind.CHEMICAL),
    C.CONSIGNEE_MAKER: int(PartyKind.MAKER),
}


def _phrases() -> Phrases:
    marks: dict[str, int] = {}
    for name, phrases in party_words()["phrases"].items():
        for phrase in phrases:
            marks[phrase] = marks.get(phrase, 0) | Mark[name.upper()]
    # "flat 5" and "#5" denote a unit, but "flat" alone does not.
    return Phrases(marks, followed=Mark.UNIT, digit=Mark.DIGIT)


_PHRASES: Final = _phrases()


class PartyGroup(Group):
    """Features of consignor, consignee and the declared nature of the transaction."""

    name = "party"
    features = FEATURES

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table, text = source.table, source.table.text
        write = ColumnWriter(out)
        _write_account(table, write)
        _write_contacts(table, write)
        consignor, consignee = text("consignor_name"), text("consignee_name")
        senders = source.name_marks("consignor_name").tolist()
        receivers = source.name_marks("consignee_name").tolist()
        for column, kind in _CONSIGNOR_KINDS.items():
            write.by_text(column, consignor, [marks & kind > 0 for marks in senders], nan)
        write.by_text(C.CONSIGNOR_TRADER, consignor, [_is_trader(marks) for marks in senders], nan)
        for column, kind in _CONSIGNEE_KINDS.items():
            write.by_text(column, consignee, [marks & kind > 0 for marks in receivers], nan)
        write.by_text(C.CONSIGNEE_TRADER, consignee, [_is_trader(marks) for marks in receivers], nan)
        _write_addresses(table, consignee.each([marks & _OF_FORWARDER > 0 for marks in receivers], None), write)
        write.by_row(C.SAME_NAME, _same_names(consignor.to_list(), consignee.to_list()))
        organisations = [marks & _ORGANISATION > 0 for marks in senders]
        nature = text("transaction_nature")
        for column, code in ((C.RETURN_CLAIMED, _RETURN), (C.GIFT_CLAIMED, _GIFT), (C.SAMPLE_CLAIMED, _SAMPLE)):
            write.by_text(column, nature, [declared == code for declared in nature.values], 0.0)
        write.by_row(
            C.GIFT_FROM_COMPANY,
            [
                company and declared == _GIFT
                for company, declared in zip(consignor.each(organisations, False), nature.to_list(), strict=True)
            ],
        )
        write.present(C.AGENT_PRESENT, text("agent_name"))


def _write_account(table: ManifestTable, write: ColumnWriter) -> None:
    opened = table.seconds("consignor_account_opened_on").tolist()
    declared = table.declared_s.take(table.shipment).tolist()
    write.by_row(
        C.ACCOUNT_AGE_DAYS,
        # An account opened after the declaration has age 0.
        [nan if since < _NEVER else max(time - since, 0) // _DAY for since, time in zip(opened, declared, strict=True)],
    )
    write.by_row(C.ACCOUNT_AGE_MISSING, [since < _NEVER for since in opened])
    known = table.text("consignor_known")
    write.by_text(C.CONSIGNOR_KNOWN, known, [flag == "true" for flag in known.values], nan)


def _write_contacts(table: ManifestTable, write: ColumnWriter) -> None:
    text = table.text
    phone, email, country = text("consignor_phone"), text("consignor_email"), text("consignor_country")
    write.present(C.CONSIGNOR_CONTACT, phone, email)
    write.present(C.CONSIGNEE_CONTACT, text("consignee_phone"), text("consignee_email"))
    write.by_text(C.CONSIGNOR_FREE_MAIL, email, [_is_at_free_provider(address) for address in email.values], nan)
    codes = phone.each([dialling_code(number) for number in phone.values], None)
    write.by_row(
        C.PHONE_COUNTRY_CONTRADICTS,
        [
            nan if code is None or of is None else of not in _DIALLING[code]
            for code, of in zip(codes, country.to_list(), strict=True)
        ],
    )
    postcode = text("consignee_postcode")
    digits = postcode.each([len(_NO_DIGITS.sub("", code)) for code in postcode.values], None)
    write.by_row(
        C.POSTCODE_MALFORMED,
        [
            nan if of != "US" or count is None else count not in (5, 9)
            for of, count in zip(text("consignee_country").to_list(), digits, strict=True)
        ],
    )


def _write_addresses(table: ManifestTable, is_forwarder: list[bool | None], write: ColumnWriter) -> None:
    """Write the columns of addresses. ``is_forwarder`` says for each row whether the consignee's name is that of a forwarder."""
    address = table.text("consignee_address")
    marks = _PHRASES.marks(address.values, _plain).tolist()
    write.missing(C.CONSIGNEE_ADDRESS_MISSING, address)
    # Only the presence of the consignor's address counts, so it is not normalised.
    write.missing(C.CONSIGNOR_ADDRESS_MISSING, table.declared("consignor_address"))
    write.by_text(C.CONSIGNEE_ADDRESS_NUMBER, address, [mark & _DIGIT > 0 for mark in marks], nan)
    write.by_text(C.CONSIGNEE_UNIT, address, [mark & _UNIT > 0 for mark in marks], nan)
    at_forwarder = address.each([mark & _AT_FORWARDER > 0 for mark in marks], None)
    write.by_row(
        C.CONSIGNEE_FORWARDER,
        [
            nan if by_name is None and by_address is None else bool(by_name or by_address)
            for by_name, by_address in zip(is_forwarder, at_forwarder, strict=True)
        ],
    )


def _is_trader(marks: int) -> bool:
    """Return whether the kinds are those of a trader without a known line of business."""
    return marks & _NUMBERED > 0 or (marks & _TRADER > 0 and not marks & _WITH_BUSINESS_LINE)


def _is_at_free_provider(email: str) -> bool:
    return email[email.rfind("@") + 1 :].lower() in _FREE_MAIL


def dialling_code(phone: str) -> str | None:
    """Return the longest known dialling code after ``+`` or ``00``, or None. Characters other than ``+`` and digits are ignored."""
    matched = _DIALLED.match(_NO_DIGITS_OR_PLUS.sub("", phone))
    if matched is None:
        return None
    return next((code for size in (3, 2, 1) if (code := matched[1][:size]) in _DIALLING), None)


def _same_names(senders: list[str | None], receivers: list[str | None]) -> list[float]:
    """Return 1 if consignor and consignee have the same name, otherwise 0; NaN if either name is missing."""
    same = []
    for sender, receiver in zip(senders, receivers, strict=True):
        if sender is None or receiver is None:
            same.append(nan)
        elif sender.isascii() and receiver.isascii():
            same.append(len(sender) == len(receiver) and sender.lower() == receiver.lower())
        else:
            first, second = _plain(sender), _plain(receiver)
            same.append(first == second if first and second else nan)
    return same


def _plain(text: str) -> str:
    return folded(text).strip()
