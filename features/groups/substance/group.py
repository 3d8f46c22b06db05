"""What the declared chemical is, and what the law of the day says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, declare
from features.groups.shared_texts import placed_descriptions
from features.groups.substance.rows import choose, write
from features.reference import substances
from features.substances import BENIGN, Match, SubstanceIndex
from features.substances.law import era, months, status
from features.substances.match import ClassMatch
from features.substances.read.opsin import opsin
from features.table.table import Coded, ManifestTable
from features.texts.cache import TextRows

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
        "SUBSTANCE_NAME_VARIANT",
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
_OPIOIDS: Final = frozenset({"fentanyl", "nitazene", "other_opioid"})
_EPOCH: Final = date(1970, 1, 1).toordinal()
#: Where a shipment goes and where it comes from.
_PLACES: Final = ("consignee_country", "export_country", "origin_country")
_HS_AGREES: Final = 15
_BY_LAW: Final = slice(16, 21)
#: What holds of a goods item that names no substance. Before the presence of fields stands what follows from the match alone.
_UNNAMED: Final = np.array([*[0.0] * 8, np.nan, np.nan, *[0.0] * 5, *[np.nan] * 6])
_NONE_NAMED: Final = np.zeros((0, 13))
#: Matches whose numbers are remembered: most goods name nothing.
_REMEMBERED: Final = 8_192
#: Contexts (`features.substances.context`) in which the goods are something else that has to do with the substance.
_OTHER_GOODS: Final = frozenset({"denied", "test", "antibody", "antidote", "publication"})
#: HS 2022 has subheadings of its own for fentanyls and their derivatives; a substance known by its class alone is in one of them.
_CLASS_HS: Final = {"fentanyl": ("293333", "293334", "293491", "293492"), "nitazene": ("293399",)}


def _rank(match: Match) -> int:
    """What matters most on a goods item: a hit, then a mention, then another listed substance, then what is only like one."""
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


#: Substance, InChIKey, classes, and whether it only resembles a listed one.
_ByLaw = tuple[str, str, tuple[ClassMatch, ...], bool]


@dataclass(frozen=True, slots=True, eq=False)
class _Named:
    """A match and what follows from it alone.

    Attributes:
        rank: how much it matters beside others.
        row: the first columns.
        hs: subheadings of the substance, empty where none are known.
        by_law: what its legal status depends on: substance, InChIKey, classes and whether it only resembles; ``None`` if it
            is on no list.
    """

    match: Match
    rank: int
    row: tuple[float, ...]
    hs: tuple[str, ...]
    by_law: _ByLaw | None


@lru_cache(maxsize=_REMEMBERED)
def _named(match: Match) -> _Named:
    by_law = match.substance, match.inchikey, match.classes, match.kind == "similar"
    return _Named(match, _rank(match), _of_match(match), _expected_hs(match), by_law if match.group != BENIGN else None)


def _unnamed(by_law: _ByLaw) -> Match:
    """A match of which the law says the same."""
    substance, inchikey, classes, similar = by_law
    return Match("similar" if similar else "exact", substance, "", "", "", inchikey, hit=False, classes=classes)


@lru_cache(maxsize=_REMEMBERED)
def _listed(by_law: _ByLaw, since: date, place: str) -> float:
    """Whether it is listed in a country, '' where that is missing, on the days of an era."""
    return float(bool(place) and status(_unnamed(by_law), since, place).listed)


@lru_cache(maxsize=_REMEMBERED)
def _listed_anywhere(by_law: _ByLaw, since: date) -> tuple[float, float]:
    """Whether the United Nations list it, and the ordinal of the day on which it first came under control."""
    everywhere = status(_unnamed(by_law), since)
    begun = np.nan if everywhere.since is None else everywhere.since.toordinal()
    return float("UN" in everywhere.listed_in), begun


def _naming(table: ManifestTable, descriptions: Coded) -> list[int]:
    """Which of the texts of a column name a substance."""
    # What was answered while systematic names could not be read holds only as long as that.
    return _NAMES[opsin().available].marked(placed_descriptions(table, descriptions))


def _resolution(table: ManifestTable) -> tuple[NDArray[np.int32], list[_Named]]:
    """(n_rows,) number of what each row names, -1 without, and the distinct matches.

    Of what description, declared chemical and CAS number name, the most important counts; of equal ones the declared
    chemical's, then the CAS number's.
    """

    def make() -> tuple[NDArray[np.int32], list[_Named]]:
        index = SubstanceIndex.load()
        distinct: list[_Named] = []
        chosen = np.full(table.n_rows, -1, dtype=np.int32)
        best = np.zeros(table.n_rows, dtype=np.int32)
        for name in ("declared_chemical", "cas_number", "goods_description"):
            column = table.text(name)
            at: Sequence[int] = range(len(column.values))
            if name == "cas_number":
                found = [index.resolve_cas(text) for text in column.values]
            elif name == "declared_chemical":
                found = index.resolve_all(column.values, chemical=True)
            else:
                at = _naming(table, column)
                found = index.resolve_all([column.values[i] for i in at])
            numbers = ranks = None
            for i, match in zip(at, found, strict=True):
                if match is not None:
                    if numbers is None or ranks is None:
                        numbers, ranks = np.zeros((2, len(column.values)), dtype=np.int32)
                    named = _named(match)
                    numbers[i], ranks[i] = len(distinct), named.rank
                    distinct.append(named)
            if numbers is not None and ranks is not None:
                choose(column.codes, numbers, ranks, chosen, best)
        return chosen, distinct

    made: tuple[NDArray[np.int32], list[_Named]] = table.derived("substances", make)
    return made


def _name_something(texts: list[str]) -> list[float]:
    """Whether each names a substance."""
    return [float(match is not None) for match in SubstanceIndex.load().resolve_all(texts)]


_NAMES: Final = {available: TextRows(_name_something, np.zeros(1)) for available in (False, True)}


def resolved(table: ManifestTable) -> list[Match | None]:
    """Per row the most important substance that description, declared chemical and CAS number name."""
    chosen, distinct = _resolution(table)
    if not distinct:
        return [None] * table.n_rows
    choices = [*(named.match for named in distinct), None]
    return [choices[number] for number in chosen.tolist()]


class SubstanceGroup(Group):
    """The declared substance and its legal status on the day."""

    name = "substance"
    features = FEATURES

    def fill(self, table: ManifestTable, history: FloatArray, out: FloatArray) -> None:
        chosen, distinct = _resolution(table)
        of_named = np.array([named.row for named in distinct]) if distinct else _NONE_NAMED
        chemical, cas, permit = (
            table.text(name).codes for name in ("declared_chemical", "cas_number", "permit_number")
        )
        write(chosen, of_named, _UNNAMED, chemical, cas, permit, out)
        if not distinct:
            return
        rows = np.flatnonzero(chosen >= 0)
        days = table.declared_s[table.shipment[rows]] // 86400 + _EPOCH
        for row, number, day, code, *places in zip(
            rows.tolist(),
            chosen[rows].tolist(),
            np.clip(days, 1, date.max.toordinal()).tolist(),
            *(_texts(table.text(name), rows) for name in ("hs_code", *_PLACES)),
            strict=True,
        ):
            named = distinct[number]
            if named.by_law is not None:
                since = era(date.fromordinal(day))
                united_nations, begun = _listed_anywhere(named.by_law, since)
                listed = [_listed(named.by_law, since, place) for place in places]
                out[row, _BY_LAW] = *listed, united_nations, months(day - begun)
            if named.hs and code:
                out[row, _HS_AGREES] = float(code[:6] in named.hs)


def _expected_hs(match: Match) -> tuple[str, ...]:
    if match.kind == "similar":
        return ()
    return _hs_of_substances().get(match.substance) or (_CLASS_HS.get(match.group, ()) if match.kind == "class" else ())


def _texts(column: Coded, rows: NDArray[np.int64]) -> list[str]:
    """The texts of some rows, '' where missing."""
    return [column.values[code] if code >= 0 else "" for code in column.codes[rows].tolist()]
