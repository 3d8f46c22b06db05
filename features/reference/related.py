"""Substances beside the watch list: homologues of precursors, adulterants, drugs under other control, and street names.

`related_substances.csv` holds substances that `substances.csv` does not: they have no row in the table of listings, and
the law that covers them is not recorded. `street_names.csv` holds words of the street and of advertisements. Both
loaders raise `ReferenceDataError`, which names file, row and reason.
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
    """How a substance is related to the watched ones; the value is the group of its matches, except for a homologue."""

    HOMOLOGUE = "homologue"  # of a precursor: judged by its structure alone
    ADULTERANT = "adulterant"  # evidence of a drug mixture, no hit
    CONTROLLED = "other_controlled"  # a drug under control outside the watched families, no hit


@dataclass(frozen=True, slots=True)
class RelatedSubstance:
    """A substance beside the watch list.

    Attributes:
        name: its name.
        relation: how it is related to the watched substances.
        cas, smiles, inchikey: identifiers, empty if unknown.
        synonyms: further names.
        source: source of the CAS number, otherwise of the name.
        verified: how far it was checked.
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
        """The group of its matches, by its ``value``."""
        return self.relation


@dataclass(frozen=True, slots=True)
class StreetName:
    """A word of the street or of advertisements for watched substances.

    Attributes:
        name: as written; letter case, blanks and hyphens are ignored.
        group: group of the substances that it usually stands for.
        certain: whether the word has no other use and so needs no words of the drug trade beside it.
        source: where it was published.
        verified: how far that was checked.
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
        raise ValueError("smiles or inchikey is blank, expected the structure of a homologue")
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
    """Return the substances beside the watch list; no CAS number stands on two rows."""
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
