"""Features of the substance that a goods item names, and of its legal status on the day of declaration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import Column, FloatArray, Group, GroupInput, TextCache, declare
from features.groups.shown import FLAG, SHARE, Shown, flag, one_of, percent
from features.reference import controlled_drugs, substances
from features.substances import BENIGN, CONTROLLED, ClassMatch, Kind, Match, era, months, status
from features.substances.rows import Resolution
from features.table.table import Coded, ManifestTable

CONFIDENCE: Final = Shown(percent, "Confidence that the text means the substance")
_NAMED: Final = ("not named", "mentioned", "declared")


class SubstanceColumn(Column):
    """Columns of the group, in order."""

    SUBSTANCE_OPIOID = (
        "SUBSTANCE_DECLARED",
        "A fentanyl, nitazene or other opioid: 2 declared, 1 mentioned, 0 not named",
        Shown(one_of(*_NAMED), "A fentanyl, nitazene or other opioid"),
        1,
    )
    SUBSTANCE_PRECURSOR = (
        "SUBSTANCE_DECLARED",
        "A fentanyl precursor: 2 declared, 1 mentioned, 0 not named",
        Shown(one_of(*_NAMED), "A fentanyl precursor"),
        1,
    )
    SUBSTANCE_WATCHED = (
        "SUBSTANCE_DECLARED",
        "An opioid or a fentanyl precursor: 2 declared, 1 mentioned, 0 not named",
        Shown(one_of(*_NAMED), "An opioid or a fentanyl precursor"),
        1,
    )
    SUBSTANCE_OTHER = (
        "SUBSTANCE_DECLARED",
        "Another substance: 2 a controlled drug is declared, 1 another listed substance or an adulterant is named, 0 neither",
        Shown(
            one_of("no", "a listed substance or an adulterant is named", "a controlled drug is declared"),
            "Another substance",
        ),
    )
    SUBSTANCE_BENIGN = "SUBSTANCE_DECLARED", "a common chemical that is on no list is named", FLAG
    SUBSTANCE_IDENTIFIER = "SUBSTANCE_DECLARED", "the substance was recognised by its CAS number or structure", FLAG
    SUBSTANCE_SYSTEMATIC = "SUBSTANCE_DECLARED", "the substance was recognised by its systematic name", FLAG
    SUBSTANCE_DISGUISED = (
        "SUBSTANCE_NAMED_OTHERWISE",
        "The name is misspelt (2) or in a language other than English (1)",
        Shown(one_of("as in English", "in another language", "misspelt"), "Spelling of the name"),
    )
    SUBSTANCE_CLASS = (
        "SUBSTANCE_CLASS",
        "A substance on no list meets a class definition: 2 yes, 1 perhaps, 0 no",
        Shown(one_of("no", "perhaps", "yes, it does"), "A substance on no list meets a class definition"),
        1,
    )
    SUBSTANCE_SIMILARITY = (
        "SUBSTANCE_SIMILAR",
        "Similarity of its structure to the nearest listed substance, if it is on no list itself",
        SHARE,
    )
    SUBSTANCE_CONFIDENCE = "SUBSTANCE_DECLARED", "Confidence that the text means the substance, 0 to 1", CONFIDENCE
    SUBSTANCE_CONTEXT_PERMIT = "SUBSTANCE_DECLARED", "the words around the substance mention a permit for it", FLAG
    SUBSTANCE_CONTEXT_STANDARD = (
        "SUBSTANCE_DECLARED",
        "the words around the substance mention an analytical standard or a trace",
        FLAG,
    )
    SUBSTANCE_CONTEXT_MENTION = (
        "SUBSTANCE_DECLARED",
        "the words around the substance deny it or mention a test, an antidote or a publication",
        FLAG,
    )
    SUBSTANCE_CHEMICAL_DECLARED = "SUBSTANCE_DECLARED", "the field for a declared chemical is filled", FLAG
    SUBSTANCE_CAS_DECLARED = "SUBSTANCE_DECLARED", "the field for a CAS number is filled", FLAG
    SUBSTANCE_HS_AGREES = (
        "SUBSTANCE_HS",
        "the declared HS code is that of the named substance",
        flag("The declared HS code is that of other goods"),
    )
    SUBSTANCE_LISTED_DESTINATION = (
        "SUBSTANCE_DECLARED",
        "it is listed in the consignee's country on the day of declaration, by name or class",
        FLAG,
    )
    SUBSTANCE_LISTED_EXPORT = (
        "SUBSTANCE_DECLARED",
        "it is listed in the country of export on the day of declaration, by name or class",
        FLAG,
    )
    SUBSTANCE_LISTED_ORIGIN = (
        "SUBSTANCE_DECLARED",
        "it is listed in the country of origin on the day of declaration, by name or class",
        FLAG,
    )
    SUBSTANCE_LISTED_UN = "SUBSTANCE_DECLARED", "it is listed by the United Nations on the day of declaration", FLAG
    SUBSTANCE_LISTED_MONTHS = "SUBSTANCE_DECLARED", "Months since it first came under control anywhere, at most 120"
    PERMIT_PRESENT = "PERMIT", "a permit number is declared", FLAG


FEATURES: Final = declare("substance", SubstanceColumn)


#: Capacity of each cache, in answers. Declarations repeat the same few substances.
_CAPACITY: Final = 8_192
#: Upper limit of the months since the first control, because only a recent listing is informative.
LONG_AGO: Final = 120.0


@dataclass(frozen=True, slots=True)
class Subject:
    """Attributes of a match that determine its legal status.

    Attributes:
        similar: True if the structure only resembles that of a listed substance.
    """

    substance: str
    inchikey: str
    classes: tuple[ClassMatch, ...]
    similar: bool

    @classmethod
    def of(cls, match: Match) -> Subject | None:
        """Return the subject of a match; None for a benign substance."""
        if match.group == BENIGN:
            return None
        return cls(match.substance, match.inchikey, match.classes, match.kind == "similar")

    def match(self) -> Match:
        """Return a match with the same legal status."""
        kind: Kind = "similar" if self.similar else "exact"
        return Match(kind, self.substance, "", "", "", self.inchikey, hit=False, classes=self.classes)


class LegalStatus:
    """Cached lookup of the legal status. Threads may share it."""

    def __init__(self) -> None:
        self._listed = lru_cache(maxsize=_CAPACITY)(_listed)
        self._listed_anywhere = lru_cache(maxsize=_CAPACITY)(_listed_anywhere)

    def on(self, subject: Subject, day: int, countries: list[str]) -> tuple[list[float], float, float]:
        """Return the legal status on a day.

        Args:
            day: proleptic Gregorian ordinal.
            countries: ISO 3166-1 alpha-2, or "" where missing.

        Returns:
            Three values: for each country 1 if it lists the substance, otherwise 0; 1 if the United Nations list it, otherwise
            0; months since its first control anywhere, at most `LONG_AGO`, or NaN if it was never controlled.
        """
        since = era(date.fromordinal(day))
        united_nations, first_day = self._listed_anywhere(subject, since)
        listed = [self._listed(subject, since, country) for country in countries]
        return listed, united_nations, np.nan if first_day is None else min(months(day - first_day), LONG_AGO)


def _listed(subject: Subject, since: date, country: str) -> float:
    """Return 1 if a country lists the subject in the legal period that begins on ``since``, otherwise 0."""
    return float(bool(country) and status(subject.match(), since, country).listed)


def _listed_anywhere(subject: Subject, since: date) -> tuple[float, int | None]:
    """Return 1 if the United Nations list the subject, otherwise 0, and the ordinal of its first day of control or None."""
    everywhere = status(subject.match(), since)
    first_day = None if everywhere.since is None else everywhere.since.toordinal()
    return float("UN" in everywhere.listed_in), first_day


_OPIOIDS: Final = frozenset({"fentanyl", "nitazene", "other_opioid"})
_EPOCH: Final = date(1970, 1, 1).toordinal()
_LAST_DAY: Final = date.max.toordinal()
#: Field with a country -> column that states whether that country lists the substance.
_LISTED_IN: Final = {
    "consignee_country": int(SubstanceColumn.SUBSTANCE_LISTED_DESTINATION),
    "export_country": int(SubstanceColumn.SUBSTANCE_LISTED_EXPORT),
    "origin_country": int(SubstanceColumn.SUBSTANCE_LISTED_ORIGIN),
}
# Plain integers, which index arrays faster than enum members.
_LISTED_UN: Final = int(SubstanceColumn.SUBSTANCE_LISTED_UN)
_LISTED_MONTHS: Final = int(SubstanceColumn.SUBSTANCE_LISTED_MONTHS)
_HS_AGREES: Final = int(SubstanceColumn.SUBSTANCE_HS_AGREES)
#: Field -> column that states whether the field is filled.
_FILLED: Final = {
    "declared_chemical": int(SubstanceColumn.SUBSTANCE_CHEMICAL_DECLARED),
    "cas_number": int(SubstanceColumn.SUBSTANCE_CAS_DECLARED),
    "permit_number": int(SubstanceColumn.PERMIT_PRESENT),
}
#: Row of a goods item that names no substance: 0, except for NaN in the columns below.
_NOTHING_NAMED: Final = np.zeros(len(FEATURES))
_NOTHING_NAMED[
    [
        SubstanceColumn.SUBSTANCE_SIMILARITY,
        SubstanceColumn.SUBSTANCE_CONFIDENCE,
        SubstanceColumn.SUBSTANCE_HS_AGREES,
        *_LISTED_IN.values(),
        SubstanceColumn.SUBSTANCE_LISTED_UN,
        SubstanceColumn.SUBSTANCE_LISTED_MONTHS,
    ]
] = np.nan
#: Number of matches with cached rows. Most goods name no substance.
_ROWS_KEPT: Final = 8_192
#: Contexts (`features.substances.context`) of goods that are related to a substance but do not contain it.
_OTHER_GOODS: Final = frozenset({"denied", "test", "antibody", "antidote", "publication"})
#: HS 2022 subheadings of fentanyls and of nitazenes, for substances that only a class definition covers.
_CLASS_HS: Final = {"fentanyl": ("293333", "293334", "293491", "293492"), "nitazene": ("293399",)}


@dataclass(frozen=True, slots=True, eq=False)
class _MatchEvidence:
    """Values that depend only on the match.

    Attributes:
        row: (F,) columns of a goods item with this match; NaN in columns that depend on the declaration.
        hs: subheadings of the substance; empty if unknown.
        subject: attributes that determine the legal status; None for an unlisted substance.
    """

    row: FloatArray
    hs: tuple[str, ...]
    subject: Subject | None


class SubstanceGroup(Group):
    """Features of the named substance and its legal status on the day of declaration."""

    name = "substance"
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        self._evidence = lru_cache(maxsize=_ROWS_KEPT)(_evidence)
        self._status = LegalStatus()

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table, resolution = source.table, source.substances
        out[:] = _NOTHING_NAMED
        if resolution.matches:
            self._fill_named(table, resolution, out)
        for name, column in _FILLED.items():
            text = table.text(name)
            if text.values:
                out[:, column] = text.codes >= 0

    def _fill_named(self, table: ManifestTable, resolution: Resolution, out: FloatArray) -> None:
        """Write the columns of the goods items that name a substance."""
        evidence = [self._evidence(match) for match in resolution.matches]
        rows = np.flatnonzero(resolution.number >= 0)
        numbers = resolution.number[rows].tolist()
        seconds = table.declared_s[table.shipment[rows]].tolist()
        hs_codes = _texts(table.text("hs_code"), rows)
        countries = zip(*(_texts(table.text(name), rows) for name in _LISTED_IN), strict=True)
        for row, number, second, code, places in zip(rows.tolist(), numbers, seconds, hs_codes, countries, strict=True):
            of_match, columns = evidence[number], out[row]
            columns[:] = of_match.row
            if of_match.subject is not None:
                day = min(max(second // 86400 + _EPOCH, 1), _LAST_DAY)
                listed, columns[_LISTED_UN], columns[_LISTED_MONTHS] = self._status.on(of_match.subject, day, [*places])
                for column, is_listed in zip(_LISTED_IN.values(), listed, strict=True):
                    columns[column] = is_listed
            if of_match.hs and code:
                columns[_HS_AGREES] = float(code[:6] in of_match.hs)


def _evidence(match: Match) -> _MatchEvidence:
    if match.kind == "street":
        # A street name has other meanings. The officer sees it, but the score does not change.
        return _MatchEvidence(_NOTHING_NAMED.copy(), (), None)
    named = 2.0 if match.hit else 1.0 if match.kind == "mention" else 0.0
    # A listed drug counts twice only if the text declares it: its name on a test or on a print is no evidence of the drug.
    listed_drug = float(match.group == CONTROLLED and match.substance in _drugs()) * (
        -1.0 if match.kind == "mention" else 1.0
    )
    met = max((2.0 if found.result == "met" else 1.0 for found in match.classes), default=0.0)
    unlisted = match.kind == "class" or match.similarity is not None
    row = _NOTHING_NAMED.copy()
    for column, value in (
        (SubstanceColumn.SUBSTANCE_OPIOID, named * (match.group in _OPIOIDS)),
        (SubstanceColumn.SUBSTANCE_PRECURSOR, named * (match.group == "precursor")),
        (SubstanceColumn.SUBSTANCE_WATCHED, named * (match.group in _OPIOIDS or match.group == "precursor")),
        (
            SubstanceColumn.SUBSTANCE_OTHER,
            float(match.group not in _OPIOIDS and match.group not in ("precursor", BENIGN)) + listed_drug,
        ),
        (SubstanceColumn.SUBSTANCE_BENIGN, float(match.group == BENIGN)),
        (SubstanceColumn.SUBSTANCE_IDENTIFIER, float(match.kind == "identifier")),
        (SubstanceColumn.SUBSTANCE_SYSTEMATIC, float(match.kind == "systematic")),
        (
            SubstanceColumn.SUBSTANCE_DISGUISED,
            2.0 if match.kind == "misspelt" else float(match.kind == "translated"),
        ),
        (SubstanceColumn.SUBSTANCE_CLASS, met if unlisted else 0.0),
        (SubstanceColumn.SUBSTANCE_SIMILARITY, match.similarity if match.similarity is not None else np.nan),
        (SubstanceColumn.SUBSTANCE_CONFIDENCE, match.confidence),
        (SubstanceColumn.SUBSTANCE_CONTEXT_PERMIT, float(match.context == "permit")),
        (SubstanceColumn.SUBSTANCE_CONTEXT_STANDARD, float(match.context == "standard")),
        (SubstanceColumn.SUBSTANCE_CONTEXT_MENTION, float(match.context in _OTHER_GOODS)),
    ):
        row[column] = value
    return _MatchEvidence(row, _expected_hs(match), Subject.of(match))


@cache
def _drugs() -> frozenset[str]:
    """Return the names of the controlled drugs that are not watched."""
    return frozenset(row.name for row in controlled_drugs())


@cache
def _hs_of_substances() -> dict[str, tuple[str, ...]]:
    return {row.name: row.hs6 for row in substances()}


def _expected_hs(match: Match) -> tuple[str, ...]:
    """Return the expected subheadings of a match; empty if unknown."""
    if match.kind == "similar":
        return ()
    return _hs_of_substances().get(match.substance) or (_CLASS_HS.get(match.group, ()) if match.kind == "class" else ())


def _texts(column: Coded, rows: NDArray[np.intp]) -> list[str]:
    """Return the texts of the given rows; "" where missing."""
    return [column.values[code] if code >= 0 else "" for code in column.codes[rows].tolist()]
