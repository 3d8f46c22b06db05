"""Features of consignor and consignee: account age, contacts, kind, addresses, and contradictions."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.groups.base import FloatArray, Group, GroupInput
from features.groups.party.columns import FEATURES, Claim, Mark
from features.groups.party.rows import (
    account_columns,
    claim_columns,
    contact_columns,
    kind_columns,
    same_name_column,
)
from features.reference import dialling_codes
from features.reference.words import party_words
from features.texts.folding import folded
from features.texts.identifiers import dialled, prefix_table
from features.texts.phrases import Phrases, at_domains, decimals, numbers

_FLAGS: Final = {"true": 1}
#: Code of ``transaction_nature`` (UPU) -> claim about the goods.
_CLAIMS: Final[dict[str, int]] = {"21": Claim.RETURN, "31": Claim.GIFT, "32": Claim.SAMPLE}
_FREE_MAIL: Final = frozenset(party_words()["free_mail"]["domains"])
_DIALLING: Final = dialling_codes()
_DIALLED_NUMBER: Final = {code: number for number, code in enumerate(_DIALLING)}
_DIALLING_TABLE: Final = prefix_table(_DIALLED_NUMBER)
#: Country -> bit set of the numbers of its dialling codes. Several countries may share a code.
_DIALLED_IN: Final = {
    country: sum(1 << _DIALLED_NUMBER[code] for code, shared in _DIALLING.items() if country in shared)
    for country in {country for shared in _DIALLING.values() for country in shared}
}


def _phrases() -> Phrases:
    marks: dict[str, int] = {}
    for name, phrases in party_words()["phrases"].items():
        for phrase in phrases:
            marks[phrase] = marks.get(phrase, 0) | Mark[name.upper()]
    # "flat 5" and "#5" denote a unit, but "flat" alone does not.
    return Phrases(marks, followed=Mark.UNIT, digit=Mark.DIGIT)


_PHRASES: Final = _phrases()


def _plain(text: str) -> str:
    return folded(text).strip()


class PartyGroup(Group):
    """Features of consignor, consignee and the declared nature of the transaction."""

    name = "party"
    features = FEATURES

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table, text = source.table, source.table.text
        account_columns(table, _FLAGS, out)
        contact_columns(
            table,
            at_domains(text("consignor_email").values, _FREE_MAIL),
            dialled(text("consignor_phone").values, _DIALLING_TABLE),
            # Arrays, because the loop may run as Python, where elements of a memory view are no NumPy integers.
            np.asarray(numbers(text("consignor_country").values, _DIALLED_IN)),
            decimals(text("consignee_postcode").values),
            np.asarray(numbers(text("consignee_country").values, {"US": 1})),
            out,
        )
        kind_columns(
            table,
            source.name_marks("consignor_name"),
            source.name_marks("consignee_name"),
            _PHRASES.marks(text("consignee_address").values, _plain),
            out,
        )
        same_name_column(table, _plain, out)
        claim_columns(table, _CLAIMS, out)
