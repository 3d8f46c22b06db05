"""Consignor and consignee: their age, contacts, kind and addresses, and contradictions between their particulars."""

from __future__ import annotations

from typing import Final

from features.groups.base import FloatArray, Group, GroupInput
from features.groups.party.columns import FEATURES, Claim, Mark
from features.groups.party.rows import (
    account_columns,
    claim_columns,
    contact_columns,
    kind_columns,
    same_name_column,
)
from features.texts.folding import folded
from features.texts.identifiers import dialled, prefix_table
from features.texts.phrases import Phrases, at_domains, decimals, numbered

#: Words and phrases of names and addresses by their mark, in the notation of `features.texts.phrases.Phrases`.
_WORDS: Final = {
    Mark.COMPANY: (
        "co", "company", "corp*", "inc", "llc", "ltd", "limited", "gmbh", "ag", "sa", "s.a", "srl", "bv", "pty", "plc", "trading",
        "import*", "export*", "industr*", "technolog*", "group", "holding*", "international", "enterprise", "enterprises",
        "factory", "manufactur*", "supply", "supplies", "store", "shop", "lab", "labs", "pharma*", "logistics", "university",
        "hospital", "clinic", "institute",
    ),
    Mark.CHEMICAL: (
        "chem*", "pharm*", "bio*", "new material", "new materials", "fine", "reagent*", "peptide*", "ingredient", "ingredients",
        "api",
    ),
    Mark.LABORATORY: (
        "lab*", "hospital*", "universit*", "pharm*", "clinic*", "institut*", "research", "analyt*", "toxicolog*",
    ),
    Mark.FORWARDER: (
        "forward*", "logistic*", "freight", "warehous*", "storage", "mailbox", "mailboxes", "mail box", "mail boxes", "po box",
        "pobox", "p.o.box", "p.o. box", "fulfil*", "parcel", "locker", "reship*", "postfach", "apartado", "consolidat*",
        "pickup", "pick up", "cargo",
    ),
    Mark.UNIT: ("unit", "suite", "ste", "apt", "flat", "room", "rm", "locker", "box"),
}  # fmt: skip
#: Codes of ``transaction_nature``.
_CLAIMS: Final[dict[str, int]] = {"21": Claim.RETURN, "31": Claim.GIFT, "32": Claim.SAMPLE}
_FREE_MAIL: Final = frozenset(
    {
        "gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "proton.me", "protonmail.com", "gmx.de",
        "gmx.net", "mail.ru", "yandex.ru", "qq.com", "163.com", "126.com", "aol.com",
    }
)  # fmt: skip


# ITU-T E.164 country codes of the countries that ship most. Other codes are not compared.
_DIALLING: Final = {
    "1": ("US", "CA"), "7": ("RU", "KZ"), "31": ("NL",), "32": ("BE",), "33": ("FR",), "34": ("ES",), "39": ("IT",),
    "44": ("GB",), "48": ("PL",), "49": ("DE",), "52": ("MX",), "61": ("AU",), "81": ("JP",), "82": ("KR",), "84": ("VN",),
    "86": ("CN",), "90": ("TR",), "91": ("IN",), "852": ("HK",), "853": ("MO",), "886": ("TW",), "65": ("SG",), "66": ("TH",),
}  # fmt: skip
_DIALLED_NUMBER: Final = {code: number for number, code in enumerate(_DIALLING)}
_DIALLING_TABLE: Final = prefix_table(_DIALLED_NUMBER)
#: Country -> bits of the numbers of its dialling codes.
_DIALLED_IN: Final = {
    country: sum(1 << _DIALLED_NUMBER[code] for code, shared in _DIALLING.items() if country in shared)
    for country in {country for shared in _DIALLING.values() for country in shared}
}


def _phrases() -> Phrases:
    marks: dict[str, int] = {}
    for mark, phrases in _WORDS.items():
        for phrase in phrases:
            marks[phrase] = marks.get(phrase, 0) | mark
    # "flat 5" and "#5" name a unit, "flat" alone does not.
    return Phrases(marks, followed=Mark.UNIT, digit=Mark.DIGIT)


_PHRASES: Final = _phrases()


def _plain(text: str) -> str:
    return folded(text).strip()


class PartyGroup(Group):
    """Consignor, consignee and the declared nature of the transaction."""

    name = "party"
    features = FEATURES

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table = source.table

        def values(name: str) -> list[str]:
            return table.text(name).values

        account_columns(table, numbered(values("consignor_known"), {"true": 1}), out)
        contact_columns(
            table,
            at_domains(values("consignor_email"), _FREE_MAIL),
            dialled(values("consignor_phone"), _DIALLING_TABLE),
            numbered(values("consignor_country"), _DIALLED_IN),
            decimals(values("consignee_postcode")),
            numbered(values("consignee_country"), {"US": 1}),
            out,
        )
        kind_columns(
            table,
            _PHRASES.marks(values("consignor_name"), _plain),
            _PHRASES.marks(values("consignee_name"), _plain),
            _PHRASES.marks(values("consignee_address"), _plain),
            out,
        )
        same_name_column(table, _plain, out)
        claim_columns(table, numbered(values("transaction_nature"), _CLAIMS), out)
