"""Substances outside the watch list: homologues of precursors, adulterants and drugs under other control; and street names.

`related_substances.csv` contains substances that are not in `substances.csv`. They have no row in the table of listings, and
the law that covers them is not recorded. `street_names.csv` contains street names and words of advertisements. Both loaders
raise `ReferenceDataError`, which names file, row and reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from features.reference.errors import ReferenceDataError
from features.reference.reading import Row, read
from features.reference.rows import Verified
from features.reference.structure_checks import skeleton

_RELATED = "related_substances.csv"
_STREET = "street_names.csv"


class Relation(StrEnum):
    """Relation of a substance to the watched ones. The value is the group of its matches, except for homologues."""

    HOMOLOGUE = "homologue"  # of a precursor: judged by its structure alone
    ADULTERANT = "adulterant"  # evidence of a drug mixture, not a hit
    CONTROLLED = "other_controlled"  # a drug under control outside the watched families, not a hit


@dataclass(frozen=True, slots=True)
class RelatedSubstance:
    """Substance outside the watch list.

    Attributes:
        name: its name.
        relation: relation to the watched substances.
        cas, smiles, inchikey: identifiers, empty if unknown.
        synonyms: further names.
        source: source of the CAS number, otherwise of the name.
        verified: how far the source was checked.
    """

    name: str
    relation: Relation
    cas: str
    smiles: str
    inchikey: str
    synonyms: tuple[str, ...]
    source: str
    verified: Verified

    @property
    def group(self) -> Relation:
        """Relation, whose ``value`` names the group of the substance's matches."""
        return self.relation


@dataclass(frozen=True, slots=True)
class StreetName:
    """Street name of watched substances, or word of advertisements for them.

    Attributes:
        name: as written; letter case, blanks and hyphens are ignored.
        group: group of the substances that the name usually means.
        certain: whether the word has no other use, so that it counts without words of the drug trade next to it.
        source: publication.
        verified: how far the source was checked.
    """

    name: str
    group: str
    certain: bool
    source: str
    verified: Verified


def _related(row: Row) -> RelatedSubstance:
    smiles, inchikey = row.blank_or_text("smiles"), row.blank_or_text("inchikey")
    relation = row.one_of("group", Relation)
    if smiles and inchikey:
        skeleton(smiles, inchikey)  # raises if the key is not that of the structure
    elif smiles or inchikey or relation is Relation.HOMOLOGUE:
        raise ValueError("smiles or inchikey is blank, expected both, or neither except for a homologue")
    return RelatedSubstance(
        name=row.text("name"),
        relation=relation,
        cas=row.cas("cas"),
        smiles=smiles,
        inchikey=inchikey,
        synonyms=row.many("synonyms"),
        source=row.text("source"),
        verified=row.one_of("verified", Verified),
    )


@cache
def related_substances() -> tuple[RelatedSubstance, ...]:
    """Return the substances outside the watch list; no two rows share a CAS number."""
    columns = ("name", "group", "cas", "smiles", "inchikey", "synonyms", "source", "verified")
    rows = read(_RELATED, columns, _related, key=lambda row: row.name)
    owner: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        if row.cas and owner.setdefault(row.cas, row.name) != row.name:
            reason = f"cas {row.cas} belongs to both {owner[row.cas]} and {row.name}"
            raise ReferenceDataError(_RELATED, number, reason)
    return rows


def _street(row: Row) -> StreetName:
    return StreetName(
        name=row.text("name"),
        group=row.text("group"),
        certain=row.flag("certain"),
        source=row.text("source"),
        verified=row.one_of("verified", Verified),
    )


@cache
def street_names() -> tuple[StreetName, ...]:
    """Return the street names, in the order of the file."""
    return read(_STREET, ("name", "group", "certain", "source", "verified"), _street, key=lambda row: row.name)
