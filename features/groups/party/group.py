"""Who sends and who receives: how new, how reachable, of what kind, and whether the particulars contradict each other."""

from __future__ import annotations

from typing import Final

from features.groups.base import FloatArray, Group, declare
from features.groups.description.group import folded
from features.groups.party import rows as kernel
from features.table.table import ManifestTable
from features.texts.identifiers import dialled, prefix_table
from features.texts.phrases import Phrases, at_domains, decimals, numbered

FEATURES: Final = declare(
    "party",
    ("account_age_days", "NEW_CONSIGNOR", "Days between the opening of the consignor's account and the shipment", -1),
    ("account_age_missing", "ACCOUNT_AGE_MISSING", "Whether the opening day of the account is missing"),
    ("consignor_known", "KNOWN_CONSIGNOR", "Whether the consignor is a verified known consignor; missing if not said"),
    ("consignor_contact", "CONTACT_MISSING", "Contacts given for the consignor: none, telephone or e-mail, both"),
    ("consignee_contact", "CONTACT_MISSING", "Contacts given for the consignee: none, telephone or e-mail, both"),
    ("consignor_free_mail", "CONTACT_MISSING", "Whether the consignor's e-mail is at a free provider"),
    ("consignor_company", "PARTY_KIND", "Whether the consignor's name is that of a company"),
    ("consignor_chemical", "PARTY_KIND", "Whether the consignor's name speaks of chemistry, pharmacy or biotechnology"),
    ("consignee_company", "PARTY_KIND", "Whether the consignee's name is that of a company or institution"),
    (
        "consignee_laboratory",
        "PARTY_KIND",
        "Whether the consignee's name speaks of a laboratory, hospital, university or pharmacy",
    ),
    ("consignee_forwarder", "FORWARDER", "Whether name or address are those of a forwarder, mailbox or storage"),
    ("consignee_address_missing", "ADDRESS_FORM", "Whether the consignee's address is missing"),
    ("consignor_address_missing", "ADDRESS_FORM", "Whether the consignor's address is missing"),
    ("consignee_address_number", "ADDRESS_FORM", "Whether the consignee's address has a number"),
    ("consignee_unit", "ADDRESS_FORM", "Whether the consignee's address names a unit, suite, flat or locker"),
    (
        "phone_country_contradicts",
        "PARTY_CONTRADICTION",
        "Whether the consignor's telephone code is that of another country",
    ),
    ("postcode_malformed", "PARTY_CONTRADICTION", "Whether a United States postcode has not five or nine digits"),
    ("same_name", "PARTY_CONTRADICTION", "Whether consignor and consignee have the same name"),
    ("gift_from_company", "NATURE_CLAIM", "Whether a company declares a gift"),
    ("sample_claimed", "NATURE_CLAIM", "Whether a commercial sample is declared"),
    ("gift_claimed", "NATURE_CLAIM", "Whether a gift is declared"),
    ("return_claimed", "NATURE_CLAIM", "Whether returned goods are declared"),
    ("agent_present", "FORWARDER", "Whether a freight agent is named"),
)
#: Words and phrases of names and addresses by what they speak of; `features.texts.phrases.Phrases` says how they are read.
_WORDS: Final = {
    "company": (
        "co", "company", "corp*", "inc", "llc", "ltd", "limited", "gmbh", "ag", "sa", "s.a", "srl", "bv", "pty", "plc", "trading",
        "import*", "export*", "industr*", "technolog*", "group", "holding*", "international", "enterprise", "enterprises",
        "factory", "manufactur*", "supply", "supplies", "store", "shop", "lab", "labs", "pharma*", "logistics", "university",
        "hospital", "clinic", "institute",
    ),
    "chemical": (
        "chem*", "pharm*", "bio*", "new material", "new materials", "fine", "reagent*", "peptide*", "ingredient", "ingredients",
        "api",
    ),
    "laboratory": (
        "lab*", "hospital*", "universit*", "pharm*", "clinic*", "institut*", "research", "analyt*", "toxicolog*",
    ),
    "forwarder": (
        "forward*", "logistic*", "freight", "warehous*", "storage", "mailbox", "mailboxes", "mail box", "mail boxes", "po box",
        "pobox", "p.o.box", "p.o. box", "fulfil*", "parcel", "locker", "reship*", "postfach", "apartado", "consolidat*",
        "pickup", "pick up", "cargo",
    ),
    "unit": ("unit", "suite", "ste", "apt", "flat", "room", "rm", "locker", "box"),
}  # fmt: skip
_FREE_MAIL: Final = frozenset(
    {
        "gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "proton.me", "protonmail.com", "gmx.de",
        "gmx.net", "mail.ru", "yandex.ru", "qq.com", "163.com", "126.com", "aol.com",
    }
)  # fmt: skip


# ITU-T E.164 country codes of the countries that ship most; other codes are not compared.
_DIALLING: Final = {
    "1": ("US", "CA"), "7": ("RU", "KZ"), "31": ("NL",), "32": ("BE",), "33": ("FR",), "34": ("ES",), "39": ("IT",),
    "44": ("GB",), "48": ("PL",), "49": ("DE",), "52": ("MX",), "61": ("AU",), "81": ("JP",), "82": ("KR",), "84": ("VN",),
    "86": ("CN",), "90": ("TR",), "91": ("IN",), "852": ("HK",), "853": ("MO",), "886": ("TW",), "65": ("SG",), "66": ("TH",),
}  # fmt: skip
_DIALLED_NUMBER: Final = {code: number for number, code in enumerate(_DIALLING)}
_DIALLING_TABLE: Final = prefix_table(_DIALLED_NUMBER)
#: Country -> its dialling codes, as bits of their numbers.
_DIALLED_IN: Final = {
    country: sum(1 << _DIALLED_NUMBER[code] for code, shared in _DIALLING.items() if country in shared)
    for country in {country for shared in _DIALLING.values() for country in shared}
}


def _phrases() -> Phrases:
    marks: dict[str, int] = {}
    for kind, phrases in _WORDS.items():
        for phrase in phrases:
            marks[phrase] = marks.get(phrase, 0) | kernel.MARKS[kind]
    # A unit is named by a word and a number or name behind it, as by #.
    return Phrases(marks, followed=kernel.MARKS["unit"], digit=kernel.MARKS["digit"])


_PHRASES: Final = _phrases()


def _plain(text: str) -> str:
    return folded(text).strip()


class PartyGroup(Group):
    """Consignor, consignee and what is claimed of the transaction."""

    name = "party"
    features = FEATURES

    def fill(self, table: ManifestTable, history: FloatArray, out: FloatArray) -> None:
        def values(name: str) -> list[str]:
            return table.text(name).values

        kernel.account_columns(table, numbered(values("consignor_known"), {"true": 1}), out)
        kernel.contact_columns(
            table,
            at_domains(values("consignor_email"), _FREE_MAIL),
            dialled(values("consignor_phone"), _DIALLING_TABLE),
            numbered(values("consignor_country"), _DIALLED_IN),
            decimals(values("consignee_postcode")),
            numbered(values("consignee_country"), {"US": 1}),
            out,
        )
        kernel.kind_columns(
            table,
            _PHRASES.marks(values("consignor_name"), _plain),
            _PHRASES.marks(values("consignee_name"), _plain),
            _PHRASES.marks(values("consignee_address"), _plain),
            out,
        )
        kernel.same_name_column(table, _plain, out)
        kernel.claim_columns(table, numbered(values("transaction_nature"), kernel.CLAIMS), out)
