"""What the declared chemical is, and what the law of the day says of it."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, declare, present
from features.reference import substances
from features.substances import BENIGN, Match, SubstanceIndex
from features.substances.law import status
from features.table import Coded, ManifestTable

FEATURES: Final = declare(
    "substance",
    (
        "substance_opioid",
        "SUBSTANCE_DECLARED",
        "A fentanyl, nitazene or other opioid: 2 declared, 1 mentioned, 0 not named",
        1,
    ),
    ("substance_precursor", "SUBSTANCE_DECLARED", "A fentanyl precursor: 2 declared, 1 mentioned, 0 not named", 1),
    ("substance_other", "SUBSTANCE_DECLARED", "Another listed substance or an adulterant is named"),
    ("substance_benign", "SUBSTANCE_DECLARED", "A common chemical that is on no list is named"),
    (
        "substance_identifier",
        "SUBSTANCE_DECLARED",
        "The substance was recognised by its CAS number or structure",
    ),
    (
        "substance_systematic",
        "SUBSTANCE_DECLARED",
        "The substance was recognised by its systematic name",
    ),
    (
        "substance_disguised",
        "SUBSTANCE_NAMED_OTHERWISE",
        "The name is misspelt (2) or in another language than the trade's (1)",
    ),
    (
        "substance_class",
        "SUBSTANCE_CLASS",
        "A substance on no list that meets a class definition: 2 meets, 1 may meet, 0 neither",
        1,
    ),
    (
        "substance_similarity",
        "SUBSTANCE_SIMILAR",
        "Likeness of its structure to the nearest listed substance, where it is on no list itself",
    ),
    ("substance_confidence", "SUBSTANCE_DECLARED", "How surely the text means the substance"),
    (
        "substance_context_permit",
        "SUBSTANCE_DECLARED",
        "Whether the words around the substance speak of a permit for it",
    ),
    (
        "substance_context_standard",
        "SUBSTANCE_DECLARED",
        "Whether the words around the substance speak of an analytical standard or a trace",
    ),
    (
        "substance_context_mention",
        "SUBSTANCE_DECLARED",
        "Whether the words around the substance deny it or speak of a test, an antidote or a publication",
    ),
    ("substance_chemical_declared", "SUBSTANCE_DECLARED", "The field for a declared chemical is filled"),
    ("substance_cas_declared", "SUBSTANCE_DECLARED", "The field for a CAS number is filled"),
    ("substance_hs_agrees", "SUBSTANCE_HS", "Whether the declared HS code is that of the named substance"),
    (
        "substance_listed_destination",
        "SUBSTANCE_DECLARED",
        "Whether it is listed in the country of the consignee on the day, by name or class",
    ),
    (
        "substance_listed_export",
        "SUBSTANCE_DECLARED",
        "Whether it is listed in the country of export on the day, by name or class",
    ),
    (
        "substance_listed_origin",
        "SUBSTANCE_DECLARED",
        "Whether it is listed in the country of origin on the day, by name or class",
    ),
    ("substance_listed_un", "SUBSTANCE_DECLARED", "Whether it is listed by the United Nations on the day"),
    ("substance_listed_months", "SUBSTANCE_DECLARED", "Months since it first came under control anywhere"),
    ("permit_present", "PERMIT", "Whether a permit number is declared"),
)
_AT: Final = {feature.name: i for i, feature in enumerate(FEATURES)}
_OPIOIDS: Final = frozenset({"fentanyl", "nitazene", "other_opioid"})
#: What follows from the match alone, in the order of `_of_match`.
_BY_MATCH: Final = (
    "substance_opioid",
    "substance_precursor",
    "substance_other",
    "substance_benign",
    "substance_identifier",
    "substance_systematic",
    "substance_disguised",
    "substance_class",
    "substance_similarity",
    "substance_confidence",
    "substance_context_permit",
    "substance_context_standard",
    "substance_context_mention",
)
#: Contexts (`features.substances.context`) in which the goods are something else that has to do with the substance.
_OTHER_GOODS: Final = frozenset({"denied", "test", "antibody", "antidote", "publication"})
_BY_LAW: Final = (
    "substance_listed_destination",
    "substance_listed_export",
    "substance_listed_origin",
    "substance_listed_un",
    "substance_listed_months",
)
#: HS 2022 has subheadings of its own for fentanyls and their derivatives; a substance known by its class alone is in one of them.
_CLASS_HS: Final = {"fentanyl": ("293333", "293334", "293491", "293492"), "nitazene": ("293399",)}


def _rank(match: Match | None) -> int:
    """What matters most on a goods item: a hit, then a mention, then another listed substance, then what is only like one."""
    if match is None:
        return 0
    if match.hit:
        return 5
    if match.kind == "mention":
        return 4
    return 1 if match.group == BENIGN else 2 if match.kind == "similar" else 3


@lru_cache(maxsize=1)
def _hs_of_substances() -> dict[str, tuple[str, ...]]:
    return {row.name: row.hs6 for row in substances()}


def _of_match(match: Match) -> tuple[float, ...]:
    named = 2.0 if match.hit else 1.0 if match.kind == "mention" else 0.0
    met = max((2.0 if one.result == "met" else 1.0 for one in match.classes), default=0.0)
    unlisted = match.kind == "class" or match.similarity is not None
    return (
        named * (match.group in _OPIOIDS),
        named * (match.group == "precursor"),
        float(match.group not in _OPIOIDS and match.group not in ("precursor", BENIGN)),
        float(match.group == BENIGN),
        float(match.kind == "identifier"),
        float(match.kind == "systematic"),
        2.0 if match.kind == "misspelt" else float(match.kind == "translated"),
        met if unlisted else 0.0,
        match.similarity if match.similarity is not None else np.nan,
        match.confidence,
        float(match.context == "permit"),
        float(match.context == "standard"),
        float(match.context in _OTHER_GOODS),
    )


@lru_cache(maxsize=65536)
def _law(match: Match, day: int, destination: str, export: str, origin: str) -> tuple[float, ...]:
    on = date.fromordinal(day)
    everywhere = status(match, on)
    there = [float(bool(place) and status(match, on, place).listed) for place in (destination, export, origin)]
    months = np.nan if everywhere.months is None else everywhere.months
    return (*there, float("UN" in everywhere.listed_in), months)


def _resolution(table: ManifestTable) -> tuple[NDArray[np.int64], list[Match]]:
    """(n_rows,) number of each row's match, -1 without one, and the distinct matches.

    Of what description, declared chemical and CAS number name, the most important counts; of equal ones the declared
    chemical's, then the CAS number's.
    """

    def make() -> tuple[NDArray[np.int64], list[Match]]:
        index = SubstanceIndex.load()
        matches: list[Match] = []
        codes = np.full(table.n_rows, -1, dtype=np.int64)
        best = np.zeros(table.n_rows, dtype=np.int64)
        for name in ("declared_chemical", "cas_number", "goods_description"):
            column = table.text(name)
            if name == "cas_number":
                found = [index.resolve_cas(text) for text in column.values]
            else:
                found = [index.resolve(text, chemical=name == "declared_chemical") for text in column.values]
            rank = column.lookup(np.array([_rank(match) for match in found], dtype=np.int64), 0)
            number = np.full(len(found), -1, dtype=np.int64)
            for i, match in enumerate(found):
                if match is not None:
                    number[i] = len(matches)
                    matches.append(match)
            better = rank > best
            codes = np.where(better, column.lookup(number, -1), codes)
            best = np.maximum(best, rank)
        return codes, matches

    made: tuple[NDArray[np.int64], list[Match]] = table.derived("substances", make)
    return made


def resolved(table: ManifestTable) -> list[Match | None]:
    """Per row the most important substance that description, declared chemical and CAS number name."""
    codes, matches = _resolution(table)
    choices: list[Match | None] = [*matches, None]
    return [choices[code] for code in codes.tolist()]


class SubstanceGroup(Group):
    """The declared substance and its legal status on the day."""

    name = "substance"
    features = FEATURES

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        matrix = np.zeros((table.n_rows, len(FEATURES)))
        matrix[:, [_AT["substance_similarity"], _AT["substance_confidence"], _AT["substance_hs_agrees"]]] = np.nan
        matrix[:, [_AT[name] for name in _BY_LAW]] = np.nan
        matrix[:, _AT["substance_chemical_declared"]] = present(table.text("declared_chemical"))
        matrix[:, _AT["substance_cas_declared"]] = present(table.text("cas_number"))
        matrix[:, _AT["permit_present"]] = present(table.text("permit_number"))
        codes, matches = _resolution(table)
        named = np.flatnonzero(codes >= 0)
        if not len(named):
            return matrix
        by_match = np.array([_of_match(match) for match in matches])
        columns = [_AT[name] for name in _BY_MATCH]
        matrix[named[:, None], columns] = by_match[codes[named]]
        watched = np.array([match.group != BENIGN for match in matches])
        for row in named[watched[codes[named]]].tolist():
            matrix[row, [_AT[name] for name in _BY_LAW]] = _law(matches[codes[row]], *_place_and_day(table, row))
        self._hs(table, matrix, codes, matches, named)
        return matrix

    def _hs(
        self,
        table: ManifestTable,
        matrix: FloatArray,
        codes: NDArray[np.int64],
        matches: list[Match],
        named: NDArray[np.int64],
    ) -> None:
        hs = table.text("hs_code")
        expected = [_expected_hs(match) for match in matches]
        for row in named.tolist():
            if expected[codes[row]] and hs.codes[row] >= 0:
                declared = hs.values[hs.codes[row]][:6]
                matrix[row, _AT["substance_hs_agrees"]] = float(declared in expected[codes[row]])


def _expected_hs(match: Match) -> tuple[str, ...]:
    if match.kind == "similar":
        return ()
    return _hs_of_substances().get(match.substance) or (_CLASS_HS.get(match.group, ()) if match.kind == "class" else ())


def _place_and_day(table: ManifestTable, row: int) -> tuple[int, str, str, str]:
    """Day of the declaration as an ordinal, countries of consignee, export and origin; '' where missing."""
    day = int(table.declared_s[table.shipment[row]]) // 86400 + date(1970, 1, 1).toordinal()
    places = (_value(table.text(n), row) for n in ("consignee_country", "export_country", "origin_country"))
    destination, export, origin = places
    return min(max(day, 1), date.max.toordinal()), destination, export, origin


def _value(column: Coded, row: int) -> str:
    return column.values[column.codes[row]] if column.codes[row] >= 0 else ""
