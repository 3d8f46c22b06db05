"""Who sends and who receives: how new, how reachable, of what kind, and whether the particulars contradict each other."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import numpy as np

from features.groups.base import FloatArray, Group, declare, equal, is_value, per_text, present
from features.groups.description import folded
from features.table import TIME_MISSING, Coded, ManifestTable

FEATURES: Final = declare(
    "party",
    ("account_age_days", "NEW_CONSIGNOR", "Days between the opening of the consignor's account and the shipment", -1),
    ("account_age_missing", "NEW_CONSIGNOR_UNKNOWN", "Whether the opening day of the account is missing"),
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
    ("phone_contradicts", "PARTY_CONTRADICTION", "Whether the consignor's telephone code is that of another country"),
    ("postcode_fault", "PARTY_CONTRADICTION", "Whether a United States postcode has not five or nine digits"),
    ("same_name", "PARTY_CONTRADICTION", "Whether consignor and consignee have the same name"),
    ("gift_from_company", "NATURE_CLAIM", "Whether a company declares a gift"),
    ("sample_claimed", "NATURE_CLAIM", "Whether a commercial sample is declared"),
    ("gift_claimed", "NATURE_CLAIM", "Whether a gift is declared"),
    ("return_claimed", "NATURE_CLAIM", "Whether returned goods are declared"),
    ("agent_present", "FORWARDER", "Whether a freight agent is named"),
)
_COMPANY: Final = re.compile(
    r"\b(?:co|company|corp\w*|inc|llc|ltd|limited|gmbh|ag|sa|srl|s\.?a\.?|bv|pty|plc|trading|import\w*|export\w*|industr\w*|"
    r"technolog\w*|group|holding\w*|international|enterprises?|factory|manufactur\w*|supply|supplies|store|shop|labs?|pharma\w*|"
    r"logistics|university|hospital|clinic|institute)\b"
)
_CHEMICAL: Final = re.compile(
    r"\b(?:chem\w*|pharm\w*|bio\w*|new materials?|fine|reagent\w*|peptide\w*|ingredients?|api)\b"
)
_LABORATORY: Final = re.compile(
    r"\b(?:lab\w*|hospital\w*|universit\w*|pharm\w*|clinic\w*|institut\w*|research|analyt\w*|toxicolog\w*)\b"
)
_FORWARDER: Final = re.compile(
    r"\b(?:forward\w*|logistic\w*|freight|warehous\w*|storage|mail ?box(?:es)?|po ?box|p\.o\. ?box|pobox|fulfil\w*|parcel|locker|"
    r"reship\w*|postfach|apartado|consolidat\w*|pick ?up|cargo)\b"
)
_UNIT: Final = re.compile(r"(?:\b(?:unit|suite|ste|apt|flat|room|rm|locker|box)\b|#)\s*\w+")
_FREE_MAIL: Final = frozenset(
    {
        "gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "proton.me", "protonmail.com", "gmx.de",
        "gmx.net", "mail.ru", "yandex.ru", "qq.com", "163.com", "126.com", "aol.com",
    }
)  # fmt: skip


@lru_cache(maxsize=65536)
def _name(text: str) -> tuple[float, ...]:
    low = folded(text)
    return (
        float(_COMPANY.search(low) is not None),
        float(_CHEMICAL.search(low) is not None),
        float(_LABORATORY.search(low) is not None),
        float(_FORWARDER.search(low) is not None),
    )


@lru_cache(maxsize=65536)
def _address(text: str) -> tuple[float, ...]:
    low = folded(text)
    return (
        float(any(letter.isdigit() for letter in low)),
        float(_UNIT.search(low) is not None),
        float(_FORWARDER.search(low) is not None),
    )


# ITU-T E.164 country codes of the countries that ship most; other codes are not compared.
_DIALLING: Final = {
    "1": ("US", "CA"), "7": ("RU", "KZ"), "31": ("NL",), "32": ("BE",), "33": ("FR",), "34": ("ES",), "39": ("IT",),
    "44": ("GB",), "48": ("PL",), "49": ("DE",), "52": ("MX",), "61": ("AU",), "81": ("JP",), "82": ("KR",), "84": ("VN",),
    "86": ("CN",), "90": ("TR",), "91": ("IN",), "852": ("HK",), "853": ("MO",), "886": ("TW",), "65": ("SG",), "66": ("TH",),
}  # fmt: skip


@lru_cache(maxsize=65536)
def _dialled(phone: str) -> tuple[str, ...]:
    digits = re.sub(r"[^\d+]", "", phone)
    digits = digits[1:] if digits.startswith("+") else digits[2:] if digits.startswith("00") else ""
    return next((_DIALLING[digits[:n]] for n in (3, 2, 1) if digits[:n] in _DIALLING), ())


class PartyGroup(Group):
    """Consignor, consignee and what is claimed of the transaction."""

    name = "party"
    features = FEATURES

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        matrix = np.full((table.n_rows, len(FEATURES)), np.nan)
        opened = table.seconds("consignor_account_opened_on")
        declared = table.declared_s[table.shipment]
        age = np.floor_divide(declared - np.maximum(opened, -(10**11)), 86400).astype(np.float64)
        # An account opened after the shipment is as new as one opened that day.
        matrix[:, 0] = np.where(opened == TIME_MISSING, np.nan, np.maximum(age, 0.0))
        matrix[:, 1] = opened == TIME_MISSING
        known = table.text("consignor_known")
        matrix[:, 2] = np.where(known.codes < 0, np.nan, is_value(known, "true"))
        for at, role in ((3, "consignor"), (4, "consignee")):
            matrix[:, at] = present(table.text(f"{role}_phone")) + present(table.text(f"{role}_email"))
        email = table.text("consignor_email")
        matrix[:, 5] = per_text(email, lambda v: (float(v.rpartition("@")[2].lower() in _FREE_MAIL),), 1)[:, 0]
        consignor = per_text(table.text("consignor_name"), _name, 4)
        consignee = per_text(table.text("consignee_name"), _name, 4)
        address = per_text(table.text("consignee_address"), _address, 3)
        matrix[:, 6], matrix[:, 7] = consignor[:, 0], consignor[:, 1]
        matrix[:, 8], matrix[:, 9] = consignee[:, 0], consignee[:, 2]
        matrix[:, 10] = np.fmax(consignee[:, 3], address[:, 2])
        matrix[:, 11] = 1.0 - present(table.text("consignee_address"))
        matrix[:, 12] = 1.0 - present(table.text("consignor_address"))
        matrix[:, 13], matrix[:, 14] = address[:, 0], address[:, 1]
        matrix[:, 15] = _phone_contradicts(table)
        postcode = per_text(
            table.text("consignee_postcode"), lambda v: (float(len(re.sub(r"\D", "", v)) not in (5, 9)),), 1
        )[:, 0]
        matrix[:, 16] = np.where(is_value(table.text("consignee_country"), "US") > 0, postcode, np.nan)
        matrix[:, 17] = equal(_plain(table, "consignor_name"), _plain(table, "consignee_name"))
        nature = table.text("transaction_nature")
        gift = is_value(nature, "31")
        matrix[:, 18] = gift * np.nan_to_num(consignor[:, 0])
        matrix[:, 19], matrix[:, 20], matrix[:, 21] = is_value(nature, "32"), gift, is_value(nature, "21")
        matrix[:, 22] = present(table.text("agent_name"))
        return matrix


def _plain(table: ManifestTable, name: str) -> Coded:
    return table.text(name).mapped(lambda value: folded(value).strip())


def _phone_contradicts(table: ManifestTable) -> FloatArray:
    phone, country = table.text("consignor_phone"), table.text("consignor_country")
    result = np.full(table.n_rows, np.nan)
    pairs, inverse = np.unique(np.stack([phone.codes, country.codes]), axis=1, return_inverse=True)
    values = np.full(pairs.shape[1], np.nan)
    for position, (p, c) in enumerate(zip(*pairs.tolist(), strict=True)):
        if p >= 0 and c >= 0 and (dialled := _dialled(phone.values[p])):
            values[position] = float(country.values[c] not in dialled)
    result[:] = values[inverse]
    return result
